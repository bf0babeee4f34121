"""A gate hears the acks of sync.json as they say: the real uplink, on a journal with two epochs."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import ExitStack, closing

import pytest

from gated.daemon.beliefs import Trust
from gated.daemon.timekeeper import TimeKeeper
from gated.daemon.uplink import Uplink
from gated.devices.simulated.clock import SimulatedClock
from gated.links.memory import MemoryLink
from gated.links.memory_broker import MemoryBroker
from gated.model.backoff import Backoff
from gated.model.letter import Letter, Received
from gated.model.trust import Algorithm
from gated.store.floors import Floors
from gated.store.journal import Journal
from gated.store.outbox import Outbox, note_cursor
from gated.wire import topics
from gated.wire.batch import read_batch
from gated.wire.seal import SigningKey
from questions import profile
from vectors.make_sync_vectors import MAIN, NEXT
from vectors.test_sync_vectors import FILE, key_set, message, named

GATE, NOW = FILE["journal"]["gate"], FILE["floor"]
SESSION = FILE["journal"]["session"]
TRUST = Trust(key_set(FILE["central"]), bytes(32), profile())


def open_journal(path):
    return Journal(path, gate=GATE, machine="m1", epoch=MAIN.epoch, began_at=NOW, unknown_counts=True)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """The journal of the vectors: two epochs, and the first rows erased."""
    path = tmp_path_factory.mktemp("journal") / "journal.db"
    open_journal(path).stop(10)
    with closing(sqlite3.connect(path)) as connection, connection:
        base = 0
        for number, (told, chain) in enumerate(zip(FILE["journal"]["epochs"], (MAIN, NEXT), strict=True), 1):
            links = [bytes.fromhex(link) for link in chain.digests]
            connection.execute(
                "INSERT OR REPLACE INTO epoch VALUES (?, ?, ?, 'm1', ?, ?, ?)",
                (number, chain.epoch, GATE, base, links[0], NOW),
            )
            for seq in range(told["oldest"], told["last"] + 1):
                connection.execute(
                    "INSERT INTO event VALUES (?, ?, ?)", (base + seq, chain.bodies[seq - 1], links[seq])
                )
            if told["oldest"] > 1:
                at = told["oldest"] - 1
                connection.execute("INSERT OR REPLACE INTO anchor VALUES (1, ?, ?)", (base + at, links[at]))
            base += told["last"]
            connection.execute("INSERT OR REPLACE INTO head VALUES (1, ?, ?)", (base, links[told["last"]]))
    return path


class Gate:
    """The uplink of a gate, and what it sends."""

    def __init__(self, path, cursor, stack):
        journal = open_journal(path)
        journal.start()
        stack.callback(journal.stop, 10)
        self.outbox = stack.enter_context(closing(Outbox(path, GATE)))
        row_id = self.outbox.place(cursor["epoch"], cursor["acked"]).id
        assert journal.do(lambda connection: note_cursor(connection, row_id, NOW, NOW)).wait(10)
        broker = MemoryBroker()
        self.central, self.link = MemoryLink(broker, "central"), MemoryLink(broker, GATE)
        for link, places in (
            (self.central, [topics.shared_events("central")]),
            (self.link, [topics.ack(GATE)]),
        ):
            link.open(places)
            stack.callback(link.close)
        floors = Floors(journal, path.parent / "floors")
        time = TimeKeeper(SimulatedClock(NOW), floors)
        time.learn(NOW)
        self.uplink = Uplink(
            gate=GATE,
            link=self.link,
            outbox=self.outbox,
            journal=journal,
            key=SigningKey.generate(Algorithm.EDDSA),
            trust=TRUST,
            time=time,
            floors=floors,
            ack_wait_s=5.0,
            backoff=Backoff(lambda: 0.0),
        )
        self.uplink.begin(SESSION, Letter(topics.state(GATE), b"", retain=True), 0.0)
        # The greeting was answered, with what is acknowledged; the vectors begin there.
        self.uplink._answered_at = dict.fromkeys((MAIN.epoch, NEXT.epoch), 0)

    def hear(self, token):
        """What is told next, whether a fork is reported, and what was not believed."""
        self.uplink.heard(token, 0.0)
        got = {"next": self.next()}
        refused = [
            code for code in self.uplink.refused if code not in ("ack_old", "ack_early", "ack_unknown_row")
        ]
        if refused:
            code = refused[0].removeprefix("ack_")
            got["refused"] = "foreign_gate" if code == "foreign" else code
        return got | ({"forked": True} if self.uplink.forked else {})

    def next(self):
        self.uplink.pump(0.0)
        heard = self.central.receive(0.1)
        if not isinstance(heard, Received):
            return None
        sealed = heard.payload
        batch = read_batch(sealed[sealed.index(b'{"epoch"') : -66])
        erased = {"erased": True} if batch.erased else {}
        return {"epoch": batch.epoch, "first": batch.first} | erased


@pytest.mark.parametrize("case", named("acks"))
def test_a_gate_hears_an_ack_as_it_says(template, tmp_path, case):
    path = tmp_path / "journal.db"
    shutil.copy(template, path)
    with ExitStack() as stack:
        gate = Gate(path, case["cursor"], stack)
        assert case["expect"] == gate.hear(message(case["message"]))
