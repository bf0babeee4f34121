"""The whole gate as it will stand there: pcscd, a PKOC medium, ``gated run``, a denial, a pulled cable."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

import pcscd
from gated.errors import StoreError
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from needs import need
from venue import medium, until

pytestmark = pytest.mark.pcsc


def gated(*words):
    ended = subprocess.run(
        [sys.executable, "-m", "gated", *map(str, words)], check=False, capture_output=True, text=True
    )
    assert 0 == ended.returncode, ended.stderr
    return ended.stdout


class City:
    """A founded office and a gate of two lanes, made with the commands a technician has."""

    def __init__(self, place, service):
        self.place, self.service = place, service
        gated("central", "init", place / "city", "--sector", "pools", "--venue", "bron",
              "--product", "swim3:3", "--product", "swim1:1")  # fmt: skip
        files = place / "city" / "gate"
        self.slots = {"in-1": service.slots[0], "in-2": service.slots[2]}  # each on a reader of its own
        lanes = "".join(
            f'[[lane]]\nid = "{lane}"\nreader = "pcsc:{slot.reader}"\nbarrier = "simulated"\n'
            for lane, slot in self.slots.items()
        )
        self.config = place / "gate.toml"
        self.config.write_text(
            f'[gate]\nid = "bron-1"\nstate_dir = "state"\n[trust]\nkeys = "{files}/keys.json"\n'
            f'profile = "{files}/profile-bron.json"\nsector_key = "{files}/pools.sector-key"\n{lanes}'
        )

    def bring(self, command, *words):
        """Have central make statements, and import them."""
        file = self.place / "statements.gated"
        file.unlink(missing_ok=True)
        gated("central", command, self.place / "city", "--sector", "pools", "--out", file, *words)
        gated("stick", "import", file, "--config", self.config)

    def give(self, account, carried, product):
        self.bring("issue", "--account", account, "--product", product, "--public-key", carried.public.hex())

    @contextmanager
    def running(self, *before):
        """``gated run``, and what it logged once it has ended."""
        words = [*before, sys.executable, "-m", "gated", "run", "--log", "debug", "--config", self.config]
        log = []
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as gate:
            try:
                yield log
            finally:
                gate.send_signal(signal.SIGTERM)
                log.append(gate.stderr.read())
            assert 0 == gate.wait(20), log

    def rows(self, kind):
        try:
            reader = JournalReader(self.place / "state" / JOURNAL)
        except StoreError:  # not made yet
            return []
        try:
            events = [json.loads(row.body) for row in reader.rows()]
        finally:
            reader.close()
        return [event for event in events if event["kind"] == kind]

    def happened(self, kind, count):
        """The newest row of a kind, once there are ``count`` of them."""
        assert until(lambda: len(self.rows(kind)) >= count), self.rows(kind)
        return self.rows(kind)[count - 1]

    def tap(self, carried, lane="in-1"):
        """Present a medium, wait for the row of the decision, take it away."""
        before = len(self.rows("decided"))
        self.slots[lane].insert(carried)
        decided = self.happened("decided", before + 1)
        self.slots[lane].remove()
        assert lane == decided["lane"]
        return decided


@pytest.fixture
def city(tmp_path):
    with pcscd.running() as service:
        yield City(tmp_path, service)


def test_a_day_at_the_gate(city):
    alice, bob = medium(1), medium(2)
    city.give("alice", alice, "swim3")
    with city.running() as log:
        city.happened("lane", 2)
        first = city.tap(alice)
        assert ("granted", "asymmetric", 2) == (first["outcome"], first["assurance"], first["left"])
        settled = city.happened("settled", 1)
        assert (first["seq"], "taken") == (settled["decision"], settled["outcome"])
        second = city.tap(alice)
        assert ("granted", 1) == (second["outcome"], second["left"])
        city.happened("settled", 2)
        _denied_with_a_use_left(city, alice)
        city.give("bob", bob, "swim1")
        _cable_pulled(city, bob)
        _service_restarted(city)
        assert "uses_exhausted" == city.tap(bob)["reason"]
    for secret in (alice.uid, bob.uid, alice.public[1:33], bob.public[1:33]):
        assert secret.hex() not in log[0].lower()
    gated("journal", "verify", "--config", city.config)


def _denied_with_a_use_left(city, alice):
    city.bring("deny", "--public-key", alice.public.hex())
    told = city.tap(alice)
    assert ("denied", "denied", {"state": "revoked", "target": "credential"}) == tuple(
        told[name] for name in ("outcome", "reason", "params")
    )


def _cable_pulled(city, bob):
    """The one reader leaves a living pcscd; the other lane goes on; the reader comes back by itself."""
    city.service.pull()
    lost = city.happened("lane", 3)
    assert ("in-1", "reader_lost") == (lost["lane"], lost["cause"])
    assert "granted" == city.tap(bob, "in-2")["outcome"]
    city.happened("settled", 3)
    city.service.plug()
    back = city.happened("lane", 4)
    assert ("in-1", "reader_back") == (back["lane"], back["cause"])


def _service_restarted(city):
    city.service.stop()
    city.happened("lane", 6)
    city.service.start()
    city.happened("lane", 8)
    causes = sorted(row["cause"] for row in city.rows("lane")[4:])
    assert ["reader_back", "reader_back", "reader_lost", "reader_lost"] == causes


@pytest.mark.strace
def test_the_barrier_is_released_only_after_the_row_was_flushed_to_the_disk(city):
    """As the kernel saw it: row written to the journal's log, fdatasync of it done, release."""
    strace, trace = need("strace", "strace"), city.place / "trace"
    carried = medium(1)
    city.give("alice", carried, "swim3")
    # -D: the gate stays our own child, and gets our signals.
    with city.running(strace, "-D", "-f", "-qq", "-y", "-s", "4096", "-e", "signal=none",
                      "-e", "trace=write,pwrite64,fdatasync", "-o", trace) as log:  # fmt: skip
        city.happened("lane", 2)
        seqs = [city.tap(carried)["seq"], city.tap(carried)["seq"]]
        city.happened("settled", 2)
    assert 2 == log[0].count("simulated barrier: released")
    steps = list(_steps(trace.read_text()))
    releases = [at for at, (what, _) in enumerate(steps) if what == "released"]
    assert len(seqs) == len(releases)
    for seq, release in zip(seqs, releases, strict=True):
        written = next(at for at, (_, text) in enumerate(steps) if f'\\"seq\\":{seq},' in text)
        assert ("flushed", "") in steps[written:release], f"row {seq} was not on the disk when it opened"


def _steps(trace):
    """In order: (written, its bytes) and (flushed, "") of the journal's log, and (released, "")."""
    flushing = set()
    for line in trace.splitlines():
        thread, call = line.split(maxsplit=1)
        if f"{JOURNAL}-wal>" in call and call.startswith("pwrite64("):
            yield "written", call
        elif f"{JOURNAL}-wal>" in call and call.startswith("fdatasync("):
            flushing.add(thread)  # begun; done when it returns, in this line or in a later one
        if thread in flushing and re.search(r"\) += 0$", call):
            flushing.discard(thread)
            yield "flushed", ""
        if call.startswith("write(") and "simulated barrier: released" in call:
            yield "released", ""
