"""The whole gate as it will stand there: pcscd, a PKOC medium, ``gated run``, a denial, a pulled cable."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

import pcscd
from gated.errors import StoreError
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from venue import medium, until

pytestmark = pytest.mark.pcsc


def gated(*words):
    ended = subprocess.run(
        [sys.executable, "-m", "gated", *map(str, words)], check=False, capture_output=True, text=True
    )
    assert 0 == ended.returncode, ended.stderr
    return ended.stdout


@pytest.fixture
def city(tmp_path):
    """A founded office and a gate's configuration, made with the commands a technician has."""
    with pcscd.running() as service:
        gated(
            "central",
            "init",
            tmp_path / "city",
            "--sector",
            "pools",
            "--venue",
            "bron",
            "--product",
            "swim2:2",
        )
        files = tmp_path / "city" / "gate"
        (tmp_path / "gate.toml").write_text(
            f'[gate]\nid = "bron-1"\nstate_dir = "state"\n[trust]\nkeys = "{files}/keys.json"\n'
            f'profile = "{files}/profile-bron.json"\nsector_key = "{files}/pools.sector-key"\n'
            f'[[lane]]\nid = "in-1"\nreader = "pcsc:{service.slots[0].reader}"\nbarrier = "simulated"\n'
        )
        yield tmp_path, service


def rows(place):
    try:
        reader = JournalReader(place / "state" / JOURNAL)
    except StoreError:
        return []
    try:
        return [json.loads(row.body) for row in reader.rows()]
    finally:
        reader.close()


def test_a_day_at_the_gate(city):
    place, service = city
    carried, file = medium(1), place / "alice.gated"
    office = [place / "city", "--sector", "pools", "--out"]
    key = ["--public-key", carried.public.hex()]
    gated("central", "issue", *office, file, "--account", "alice", "--product", "swim2", *key)
    config = ["--config", place / "gate.toml"]
    gated("stick", "import", file, *config)
    words = [sys.executable, "-m", "gated", "run", "--config", str(place / "gate.toml")]
    with subprocess.Popen(words, env={**os.environ}, stderr=subprocess.PIPE, text=True) as gate:
        try:
            _the_day(place, service.slots[0], service, carried, office, key, config)
        finally:
            gate.send_signal(signal.SIGTERM)
            log = gate.stderr.read()
        assert 0 == gate.wait(20), log
    assert carried.uid.hex() not in log.lower()
    gated("journal", "verify", *config)


def _the_day(place, slot, service, carried, office, key, config):
    def happened(kind, count):
        assert until(lambda: sum(row["kind"] == kind for row in rows(place)) >= count), rows(place)
        return [row for row in rows(place) if row["kind"] == kind]

    def tap(count):
        slot.insert(carried)
        decided = happened("decided", count)[-1]
        slot.remove()
        return decided

    happened("lane", 1)
    first = tap(1)
    assert ("granted", "asymmetric", 1) == (first["outcome"], first["assurance"], first["left"])
    settled = happened("settled", 1)[-1]
    # The barrier let somebody through after, and only after, the row of the decision was there.
    assert (first["seq"], "taken") == (settled["decision"], settled["outcome"])
    assert settled["seq"] > first["seq"]
    second = tap(2)
    assert ("granted", 0) == (second["outcome"], second["left"])
    happened("settled", 2)
    assert "uses_exhausted" == tap(3)["reason"]
    gated("central", "deny", *office, place / "denial.gated", *key)
    gated("stick", "import", place / "denial.gated", *config)
    assert ("denied", "denied") == tuple(tap(4)[name] for name in ("outcome", "reason"))
    service.stop()
    assert "reader_lost" == happened("lane", 2)[-1]["cause"]
    service.start()
    assert "reader_back" == happened("lane", 3)[-1]["cause"]
    gated("central", "issue", *office, place / "bob.gated", "--account", "bob", "--product", "swim2",
          "--public-key", medium(2).public.hex())  # fmt: skip
    gated("stick", "import", place / "bob.gated", *config)
    slot.insert(medium(2))
    assert "granted" == happened("decided", 5)[-1]["outcome"]
    slot.remove()
    happened("settled", 3)
