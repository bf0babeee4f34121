"""Whatever link and stick deliver, how often and in whatever order: each row stands once at central.

The gate's side is the real uplink on a real journal, central's the real ledger. A stick keeps whatever was
written onto it, and receipts of every age lie in every drawer.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from commanding import KnownTime
from gated.central.intake import take_in
from gated.central.ledger import Ledger
from gated.central.ledger_gates import enrol_gate
from gated.central.opening import open_letter
from gated.credential.message import MESSAGE_TYPES
from gated.daemon.beliefs import Trust
from gated.daemon.uplink import Uplink
from gated.links.memory import MemoryLink
from gated.links.memory_broker import MemoryBroker
from gated.model.backoff import Backoff
from gated.model.event import Stopped
from gated.model.letter import Letter, Received
from gated.model.statement import Kind
from gated.model.trust import Algorithm, TrustedKey
from gated.store.floors import Floors
from gated.store.journal import Journal
from gated.store.outbox import Outbox
from gated.wire import topics
from gated.wire.ack import Ack, encode_ack
from gated.wire.batch import encode_batch
from gated.wire.event import Stamp
from gated.wire.seal import SigningKey
from questions import NOW, profile

GATE, EPOCH = "bron-1", "00" * 8
FAR = 1 << 40
OFFICE, BOX = SigningKey.generate(Algorithm.EDDSA), SigningKey.generate(Algorithm.EDDSA)


def trusted(key, *kinds):
    return {
        key.kid: TrustedKey(
            key.kid, key.algorithm, key.public, frozenset({"pools"}), frozenset(kinds), 0, FAR
        )
    }


class World:
    """A gate, its office, and all letters that are under way between them."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.path, self.stack = path, stack
        self.now = NOW
        self.batches: list[bytes] = []
        self.acks: list[bytes] = []
        self.ledger = stack.enter_context(closing(Ledger(path / "central.db")))
        enrol_gate(
            self.ledger, GATE, sector="pools", venue="bron", kid=BOX.kid, public=BOX.public, serial="1", now=1
        )
        self.time = KnownTime()
        self.journal = Journal(
            path / "journal.db", gate=GATE, machine="m", epoch=EPOCH, began_at=NOW, unknown_counts=True
        )
        self.journal.start()
        stack.callback(self.journal.stop, 10)
        self.start()

    def start(self) -> None:
        """The gate's link thread begins anew: what was not made durable is forgotten."""
        self.outbox = self.stack.enter_context(closing(Outbox(self.path / "journal.db", GATE)))
        self.uplink = Uplink(
            gate=GATE,
            link=MemoryLink(MemoryBroker(), GATE),
            outbox=self.outbox,
            journal=self.journal,
            key=BOX,
            trust=Trust(trusted(OFFICE, Kind.ACK), bytes(32), profile()),
            time=self.time,
            floors=Floors(self.journal, self.path / "floors.json"),
            ack_wait_s=5.0,
            backoff=Backoff(lambda: 0.0),
        )

    def write(self, rows: int) -> None:
        for _ in range(rows):
            assert self.journal.append(Stopped(), Stamp.of(self.time.read())).wait(10)

    def export(self, most: int) -> None:
        """What the stick, or the link, takes along: signed batches from the cursor on."""
        after = self.uplink.acknowledged
        for _ in range(most):
            told = self.outbox.batch(after)
            if told is None:
                return
            self.batches.append(BOX.sign(MESSAGE_TYPES[Kind.EVENTS], encode_batch(told.batch)))
            after = told.last_id

    def deliver(self, batch: bytes) -> None:
        """One reaches the office, by either way."""
        self.now += 1
        letter = Received(topics.events(GATE), batch, 0)
        keys = trusted(BOX, Kind.EVENTS)
        told = open_letter(letter, lambda _gate: ("pools", keys), {"pools"}, self.now)
        for _, ack in take_in(self.ledger, [told], self.now).acks:
            self.acks.append(self.sealed(ack))

    def sealed(self, ack: Ack) -> bytes:
        return OFFICE.sign(MESSAGE_TYPES[Kind.ACK], encode_ack(ack))

    def carry(self, ack: bytes) -> None:
        self.uplink.carried(ack, 0.0)

    def hear(self, ack: bytes) -> None:
        self.uplink.heard(ack, 0.0)

    def connect(self) -> None:
        """A link for a moment: the greeting is answered with what the office has."""
        link = MemoryLink(broker := MemoryBroker(), GATE)
        assert broker
        link.open([topics.ack(GATE)])
        self.uplink._link = link
        self.uplink.begin("5e55105e55105e55", Letter(topics.state(GATE), b"", retain=True), 0.0)
        self.now += 1
        upto, head = self.kept()
        self.hear(self.sealed(Ack(GATE, EPOCH, upto, head, self.now, session="5e55105e55105e55")))

    def kept(self):
        rows = self.ledger.rows("SELECT upto, head FROM chain WHERE gate = ?", (GATE,))
        place = self.outbox.place(EPOCH, 0)
        return rows[0] if rows else (0, place.digest)

    def counted(self) -> list[int]:
        return [seq for (seq,) in self.ledger.rows("SELECT seq FROM counted ORDER BY seq")]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["write", "export", "deliver", "carry", "hear", "connect", "restart"]),
        st.integers(0, 30),
    ),
    min_size=5,
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_link_and_stick_in_any_order_end_in_the_same_state(steps):
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        world = World(Path(folder), stack)
        world.write(2)
        world.export(1)
        world.deliver(world.batches[0])
        for what, number in steps:
            before = world.uplink.acknowledged
            match what:
                case "write":
                    world.write(number % 5 + 1)
                case "export":
                    world.export(number % 3 + 1)
                case "deliver" if world.batches:
                    world.deliver(world.batches[number % len(world.batches)])
                case "carry" if world.acks:
                    world.carry(world.acks[number % len(world.acks)])
                    assert before <= world.uplink.acknowledged
                case "hear" if world.acks:
                    world.hear(world.acks[number % len(world.acks)])
                case "connect":
                    world.connect()
                case "restart":
                    world.uplink.save()
                    assert world.journal.do(lambda _connection: None).wait(10)
                    world.start()
            assert world.uplink.acknowledged <= world.kept()[0], "a row would be erased that central has not"
        for _ in range(3):  # the courier comes a few times more, with all that was ever written
            world.export(100)
            for batch in world.batches:
                world.deliver(batch)
            for ack in world.acks:
                world.carry(ack)
        newest = world.outbox.newest()
        assert (newest, list(range(1, newest + 1))) == (world.uplink.acknowledged, world.counted())
        assert [] == world.ledger.rows("SELECT 1 FROM alarm")
        assert not world.uplink.forked
