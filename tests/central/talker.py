"""The gate's side of a conversation with central, as small as it can be: greet, tell, go back, believe."""

from __future__ import annotations

import secrets
import threading

from gated.credential.message import open_message
from gated.devices.clock import SystemClock
from gated.errors import LinkError
from gated.links.memory import MemoryLink
from gated.model.letter import Letter, Received
from gated.model.refusal import Refusal
from gated.model.statement import Kind
from gated.wire import topics
from gated.wire.ack import read_ack
from gated.wire.window import Window

PATIENCE_S = 20.0
STALLED_S = 0.15


class Talker:
    """Tells a box's journal over a broker in memory, ``rows`` at a time, until central has all of it."""

    def __init__(self, box, broker, keys, rows: int = 3) -> None:
        self.box, self.rows, self.keys = box, rows, keys
        self.link = MemoryLink(broker, box.gate)
        self.window = Window(0)
        self.acks: list = []
        self.session = ""
        self.opened = 0
        self.wait = threading.Event().wait
        self.monotonic = SystemClock().monotonic

    def open(self) -> None:
        self.session = secrets.token_hex(8)
        will = Letter(
            topics.state(self.box.gate), self.box.greeting(online=False, session=self.session), retain=True
        )
        self.link.open([topics.ack(self.box.gate)], will)
        greeting = self.box.greeting(session=self.session, acked=self.window.acked)
        self.link.send(Letter(topics.state(self.box.gate), greeting, retain=True))
        self.window.rewind()
        self.opened += 1

    def tell_all(self) -> None:
        """Until everything is acknowledged."""
        deadline = self.monotonic() + PATIENCE_S
        while self.window.acked < self.box.last:
            assert self.monotonic() < deadline, f"{self.window.acked} of {self.box.last} acknowledged"
            try:
                if not self.opened:
                    self.open()
                self._turn()
            except LinkError:
                self.opened = 0
                self.wait(0.01)

    def listen(self, reached, timeout_s: float = PATIENCE_S) -> bool:
        """Receive until ``reached`` of this talker is true."""
        deadline = self.monotonic() + timeout_s
        while not reached(self) and self.monotonic() < deadline:
            self.take(self.link.receive(0.02))
        return reached(self)

    def _turn(self) -> None:
        while self.window.has_room() and self.window.sent < self.box.last:
            first = self.window.sent + 1
            last = min(self.box.last, first + self.rows - 1)
            self.link.send(Letter(topics.events(self.box.gate), self.box.letter(first, last)))
            self.window.note_sent(last, self.monotonic())
        self.take(self.link.receive(0.02))
        if self.window.waited(self.monotonic()) > STALLED_S:
            self.window.rewind()

    def take(self, came) -> None:
        if not isinstance(came, Received):
            return
        payload = open_message(came.payload, Kind.ACK, self.keys, self.box.sector, 0)
        assert not isinstance(payload, Refusal), payload
        ack = read_ack(payload)
        self.acks.append(ack)
        self.link.take(came)
        own = (ack.gate, ack.epoch) == (self.box.gate, self.box.epoch) and ack.upto <= self.box.last
        if own and self.box.links[ack.upto] == ack.digest:
            if ack.session == self.session and ack.upto < self.window.acked:
                self.window.rewind(ack.upto)
            else:
                self.window.note_acked(ack.upto, self.monotonic())
