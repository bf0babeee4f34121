"""``gated central feed``: what it shows, what it makes, and how it refuses."""

from __future__ import annotations

import json

import pytest

from fleet import here
from gated.central.blobs import Blobs


@pytest.fixture
def city(tmp_path):
    place = tmp_path / "city"
    for sector, venue in (("pools", "bron"), ("museums", "fourviere")):
        made = here("central", "init", place, "--sector", sector, "--venue", venue, "--product", "season")
        assert 0 == made.code, made.err
    return place


def issue(city, *more):
    made = here(
        "central", "issue", city, "--sector", "pools", "--account", "alice", "--product", "season", *more
    )
    assert 0 == made.code, made.err


def test_an_office_that_nothing_serves_has_its_feed_by_hand(city):
    issue(city)
    shown = here("central", "feed", city)
    assert shown.out.splitlines() == [
        "museums: no head yet, 0 statements issued; make one: --now",
        "pools: no head yet, 1 statements issued; make one: --now",
    ]
    assert not (city / "feed").exists()  # looking makes nothing
    made = here("central", "feed", city, "--sector", "pools", "--now", "--json")
    assert (0, 1) == (made.code, len(made.out.splitlines()))
    assert (1, 1, 1, 1, 0, 1, 2) == tuple(
        made[name] for name in ("version", "position", "issued", "rows", "snapshot", "deltas", "blobs")
    )
    assert 8 * 86400 == made["expires"] - made["at"]
    assert made["bytes"] == sum(path.stat().st_size for path in (city / "feed" / "pools").iterdir())
    issue(city)
    shown = here("central", "feed", city, "--sector", "pools")
    assert "pools: head 1 of " in shown.out
    assert "position 1 of 2, 1 rows; a snapshot at 0 and 1 deltas; 2 blobs, " in shown.out


def test_a_snapshot_is_made_on_request_and_mends_what_was_lost(city):
    issue(city)
    made = here("central", "feed", city, "--sector", "pools", "--snapshot", "--json")
    assert (1, 1, 0) == tuple(made[name] for name in ("version", "snapshot", "deltas"))
    for path in (city / "feed" / "pools").iterdir():
        path.unlink()
    lost = here("central", "feed", city, "--sector", "pools")
    assert "its manifest is lost: --snapshot makes another; 0 blobs" in lost.out
    again = here("central", "feed", city, "--snapshot")
    assert (0, 2) == (again.code, len(again.out.splitlines()))
    assert "head 2 of " in again.out
    assert "a snapshot at 1 and 0 deltas; 3 blobs" in again.out


def test_what_cannot_be_is_refused(city, tmp_path):
    wrong = here("central", "feed", city, "--sector", "libraries")
    assert (2, True) == (wrong.code, "has no sector 'libraries'; it has museums, pools" in wrong.err)
    nowhere = here("central", "feed", tmp_path)
    assert (2, True) == (nowhere.code, "is it an office's directory?" in nowhere.err)
    with Blobs(city, "pools").alone():
        busy = here("central", "feed", city, "--sector", "pools", "--snapshot")
    assert (1, True) == (busy.code, "another process makes a snapshot of sector 'pools' now" in busy.err)


def test_an_older_offices_key_signs_no_head_until_its_entry_is_mended(city):
    path = city / "gate" / "keys.json"
    document = json.loads(path.read_text())
    kinds = [entry for entry in document["keys"] if "ack" in entry["kinds"]]
    for entry in kinds:
        entry["kinds"] = ["ack", "time"]
    path.write_text(json.dumps(document))
    older = here("central", "feed", city, "--sector", "pools", "--now")
    assert (2, True) == (older.code, "without kind head" in older.err)
    assert "docs/how-to/run-central.md, The feed of an older office" in older.err
    for entry in kinds:
        entry["kinds"] += ["head", "uses"]
    path.write_text(json.dumps(document))
    assert 0 == here("central", "feed", city, "--sector", "pools", "--now").code
