"""A gate that never synced, with a real pcscd: a phone, an NTAG 424, a ticket, a SUN address, and kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing, contextmanager

import pytest

import pcscd
from gated.card import ndef
from gated.card.identify import Scheme
from gated.central.office import ProductRules
from gated.config.secrets import DIRECTORY
from gated.errors import StoreError
from gated.model.credential import Assurance
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from gated.wire.statement_file import frame
from kinds import (
    CREDENTIALS,
    META_KEY,
    OTHER_UID,
    UID,
    UID_KEY,
    VENUE_KEY,
    applet_of,
    ntag424,
    phone,
    schemes,
    showing,
    tables,
    tag,
)
from venue import NOW, PATIENCE_S, Site, until

pytestmark = pytest.mark.pcsc
ANY = ProductRules("any", min_assurance=Assurance.STATIC_SIGNED)


class Box:
    """A gate with one lane on a virtual reader, and its ``gated run``. Its keys are systemd credentials."""

    def __init__(self, path, slot) -> None:
        self.slot = slot
        self.keys = path / "credentials"
        self.keys.mkdir()
        media = tables(self.keys)
        for name in ("venue", "meta", "uid"):
            media = media.replace(f'"{name}.key"', f'"credential:{name}.key"')
        self.site = Site(path, lane_lines=schemes(*Scheme), more=media, products=(ANY,))
        text = self.site.config.read_text()
        self.site.config.write_text(text.replace('reader = "simulated"', f'reader = "pcsc:{slot.reader}"'))

    def carried(self, account, name):
        """The statements that a medium bears; this gate has never heard of them."""
        office = self.site.office
        binding = office.bind(account, CREDENTIALS[name], now=NOW, expires=None, carried=True)
        return frame(binding) + frame(office.entitle(account, "any", now=NOW)[1])

    @contextmanager
    def running(self, end=signal.SIGTERM):
        """``gated run`` until the block ends, and then ended so; what it logged is kept."""
        log = self.site.path / "log"
        words = [sys.executable, "-m", "gated", "run", "--log", "debug", "--config", str(self.site.config)]
        served = len(self.rows("lane"))
        with log.open("ab") as out:
            process = subprocess.Popen(words, stderr=out, env={**os.environ, DIRECTORY: str(self.keys)})
        try:
            assert until(lambda: len(self.rows("lane")) > served), log.read_text()
            yield
        finally:
            process.send_signal(end)
            process.wait(PATIENCE_S)

    def rows(self, kind):
        try:
            reader = JournalReader(self.site.state / JOURNAL)
        except StoreError:  # not made yet
            return []
        with closing(reader):
            events = [json.loads(row.body) for row in reader.rows()]
        return [event for event in events if event["kind"] == kind]

    def tap(self, medium):
        """(outcome, assurance or reason) of a tap, once its row is there."""
        before = len(self.rows("decided"))
        self.slot.insert(medium)
        assert until(lambda: len(self.rows("decided")) > before)
        self.slot.remove()
        row = self.rows("decided")[before]
        if row["outcome"] == "granted":
            assert until(lambda: row["seq"] in {settled["decision"] for settled in self.rows("settled")})
            return row["outcome"], row["assurance"]
        return row["outcome"], row["reason"]


def test_media_at_a_gate_that_never_synced(tmp_path):
    with pcscd.running() as service:
        box = Box(tmp_path, service.slots[0])
        sun = ntag424(uid=OTHER_UID)
        applet_of(sun).versions.clear()  # one that is for SUN alone
        with box.running():
            assert ("granted", "asymmetric") == box.tap(phone(box.carried("alice", "pkoc carrying")))
            ticket = tag(box.carried("bob", "tag"))
            assert ("granted", "static-signed") == box.tap(ticket)
            assert ("denied", "copied") == box.tap(tag(box.carried("bob", "tag"), OTHER_UID))
            office, card = box.site.office, ntag424(ndef.carrying(b""))
            binding = office.bind("carol", CREDENTIALS["ntag424"], now=NOW, expires=None)
            of_sun = office.bind(
                "dora", type(CREDENTIALS["sun"])("sun", OTHER_UID, Assurance.SYMMETRIC_ROLLING),
                now=NOW, expires=None,
            )  # fmt: skip
            rights = [office.entitle(account, "any", now=NOW)[1] for account in ("carol", "dora")]
            box.site.bring([binding, of_sun, *rights])
            assert ("granted", "symmetric-mutual") == box.tap(card)
        with box.running(end=signal.SIGKILL):
            assert ("granted", "symmetric-rolling") == box.tap(sun)
            recording = showing(applet_of(sun).sun.message(OTHER_UID), OTHER_UID)
        with box.running():
            assert ("denied", "replayed") == box.tap(recording)
            assert ("granted", "symmetric-rolling") == box.tap(sun)
        box.site.office.close()
    log = (tmp_path / "log").read_text().lower()
    raw = b"".join(path.read_bytes() for path in box.site.state.iterdir() if path.is_file())
    for secret in (UID, OTHER_UID, VENUE_KEY, META_KEY, UID_KEY):
        assert secret.hex() not in log
        assert secret not in raw
        assert secret.hex().encode() not in raw
