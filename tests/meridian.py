"""Central's pulse, played by hand beside a desk: it knows the true time, and says what a test wants."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from desk import GATE, SECTOR, Desk
from gated.credential.message import MESSAGE_TYPES, open_message
from gated.daemon.pulse import PULSE_S
from gated.devices.simulated.clock import SimulatedClock
from gated.errors import LinkError
from gated.links.memory import MemoryLink
from gated.model.letter import Letter, Received
from gated.model.statement import Kind
from gated.model.trust import TrustedKey
from gated.wire import topics
from gated.wire.pulse import PulseAnswer, encode_pulse
from gated.wire.request import HERE, Answer, PulseWanted, encode_answer, read_request
from gated.wire.seal import SigningKey
from venue import until

#: Makes the body of an answer of what would be the right one.
Saying = Callable[["Meridian", PulseAnswer], bytes]


def truly(meridian: Meridian, pulse: PulseAnswer) -> bytes:
    """The right answer."""
    return meridian.signed(pulse)


def but(**changes) -> Saying:
    """The right answer but for some members."""
    return lambda meridian, pulse: meridian.signed(replace(pulse, **changes))


class Meridian:
    """Answers pulses in a thread of its own. The true time goes on with ``clock``, whatever that one shows.

    ``before_s`` and ``after_s``: how long question and answer are on their way.
    """

    def __init__(self, desk: Desk, clock: SimulatedClock, true: int) -> None:
        self.desk = desk
        self.clock = clock
        self.says: Saying = truly
        self.before_s = self.after_s = 0.0
        self.answered: list[bytes] = []  # bodies, in order
        self.silent = False
        self.versions = {"head": 0, "uses": 0, "trust": 0}
        self._true, self._begun = true, clock.monotonic()
        self._link = MemoryLink(desk.broker, "meridian")
        self._open()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def true(self) -> int:
        """Seconds since 1970."""
        return int(self._true + self.clock.monotonic() - self._begun)

    def signed(self, pulse: PulseAnswer, key: SigningKey | None = None, kind: Kind = Kind.TIME) -> bytes:
        return (key or self.desk.key).sign(MESSAGE_TYPES[kind], encode_pulse(pulse))

    def pulse(self) -> None:
        """Let the next one be due, and wait until it is answered."""
        before = len(self.answered)
        self.clock.advance(PULSE_S)
        assert until(lambda: len(self.answered) > before)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)

    # -------------------------------------------------------------- the thread

    def _open(self) -> None:
        self._link.open([topics.shared_requests("central")])

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                came = self._link.receive(0.02)
            except LinkError:
                self._open()
                continue
            if isinstance(came, Received):
                self._link.take(came)
                self._answer(came)

    def _answer(self, came: Received) -> None:
        key = self.desk.gate_key
        kinds, sectors = frozenset({Kind.REQUEST}), frozenset({SECTOR})
        keys = {key.kid: TrustedKey(key.kid, key.algorithm, key.public, sectors, kinds, 0, 1 << 40)}
        request = read_request(open_message(came.payload, Kind.REQUEST, keys, SECTOR, 0))
        if self.silent or not isinstance(request.want, PulseWanted):
            return
        self.clock.advance(self.before_s)
        pulse = PulseAnswer(SECTOR, GATE, request.want.nonce, self.true, **self.versions)
        body = self.says(self, pulse)
        self.clock.advance(self.after_s)
        answer = encode_answer(Answer(request.id, HERE, body))
        self.desk.broker.publish(Letter(topics.response(GATE), answer))
        self.answered.append(body)
