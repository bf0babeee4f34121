"""A gate that is new gets all that is in force in one file, and nothing that no longer is."""

from __future__ import annotations

import json

import pytest

from fleet import here
from gated.model.statement import DenialState, TargetKind
from gated.wire.statement_file import tokens
from venue import NOW, credential_of, medium


def export(site, *more, sector="pools"):
    return here(
        "central",
        "export",
        site.path / "central",
        "--sector",
        sector,
        "--out",
        site.path / "all.gated",
        *more,
    )


@pytest.fixture
def issued(site):
    """Alice may enter by her newest right, Bob was refused and let in again, Carol is refused."""
    one, two, three = medium(1), medium(2), medium(3)
    site.give("bob", two, "season")
    site.give("carol", three, "season")
    site.office.bind("alice", credential_of(one), now=NOW, expires=None)
    right, _ = site.office.entitle("alice", "season", now=NOW, not_before=NOW + 86400)
    newest = site.office.entitle("alice", "season", now=NOW, entitlement=right)[1]
    bob, carol = site.office.pass_of("bob"), site.office.pass_of("carol")
    site.office.deny(TargetKind.PASS, bob, DenialState.BLOCKED, now=NOW)
    site.office.deny(TargetKind.PASS, bob, DenialState.LIFTED, now=NOW)
    site.office.deny(TargetKind.PASS, carol, DenialState.REVOKED, now=NOW)
    return newest


def test_a_new_gate_takes_all_of_it_in_and_the_newest_counts(site, issued, serve):
    said = export(site, "--json")
    assert (0, 8, 0) == (said.code, said["statements"], said["left_out"])
    with (site.path / "all.gated").open("rb") as file:
        found = list(tokens(file.read))
    assert (8, 1) == (len(found), found.count(issued))
    said = here("stick", "import", said["file"], "--complete", "--config", site.config, "--json")
    assert (0, 8, 0, {}) == (said.code, said["accepted"], said["known"], said["refused"]), said.err
    gate = serve(site)
    assert [True, True, False] == [gate.tap(medium(number)).granted for number in (1, 2, 3)]


def test_what_no_key_of_today_made_is_left_out_and_told(site, issued):
    path = site.path / "central" / "gate" / "keys.json"
    whole = json.loads(path.read_bytes())
    path.write_text(json.dumps({**whole, "keys": [key | {"kinds": ["binding"]} for key in whole["keys"]]}))
    said = export(site)
    assert (3, True) == (said.code, said.err.startswith("7 statements of the log were left out")), said.err
    assert "3 statements, all that is in force" in said.out


def test_where_there_is_nothing_to_write_what_was_there_stays(site):
    (site.path / "all.gated").write_bytes(b"before")
    for sector in ("pools", "baths"):
        said = export(site, sector=sector)
        assert (2, True) == (said.code, "has issued nothing that gates believe" in said.err), said.err
    assert b"before" == (site.path / "all.gated").read_bytes()


def test_a_file_that_cannot_be_written_is_told(site, issued):
    (site.path / "all.gated").mkdir()
    said = export(site)
    assert (2, True, 1) == (said.code, "cannot be written" in said.err, len(said.err.splitlines())), said.err
    assert not (site.path / "all.gated.new").exists()
