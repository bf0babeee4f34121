"""Central's time, asked for again and again over fresh numbers: what was recorded answers none of them."""

from __future__ import annotations

import math
from collections.abc import Callable

from gated.credential.message import open_message, signer
from gated.daemon.asking import Asking
from gated.daemon.beliefs import Trust
from gated.daemon.knowledge import Knowledge, Pulse
from gated.daemon.timekeeper import TimeKeeper
from gated.daemon.unbelieved import UnbelievedCounter
from gated.model.document import DocumentError
from gated.model.refusal import Reason, Refusal
from gated.model.statement import Kind
from gated.policy.reckoning import SURE_RTT_S, TOLERATED_BEHIND_S, is_leap
from gated.wire.pulse import MAX_PULSE_BYTES, PulseAnswer, read_pulse
from gated.wire.request import HERE, NONCE_BYTES, Answer, PulseWanted
from gated.wire.seal import ENVELOPE_BYTES

#: How often central is asked while the link is open; seconds.
PULSE_S = 15.0
_WHAT = "pulse"


class PulseFollower:
    """Asks, verifies, and moves the gate's time. Used by the sync thread."""

    topics: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        gate: str,
        asking: Asking,
        trust: Trust,
        time: TimeKeeper,
        knowledge: Knowledge,
        unbelieved: UnbelievedCounter,
        monotonic: Callable[[], float],
        random: Callable[[int], bytes],
    ) -> None:
        self._gate = gate
        self._asking = asking
        self._trust = trust
        self._time = time
        self._knowledge = knowledge
        self._unbelieved = unbelieved
        self._monotonic = monotonic
        self._random = random
        self._due = 0.0
        self._waits = False

    def begin(self, now: float) -> None:
        """A link was opened: ask at once."""
        self._due, self._waits = now, False

    def turn(self, now: float) -> None:
        """Ask when it is due. While one question is out there is no other."""
        if self._waits or now < self._due:
            return
        self._waits, self._due = True, now + PULSE_S
        nonce, asked_at = self._random(NONCE_BYTES), self._monotonic()
        self._asking.ask(PulseWanted(nonce), lambda answer: self._told(answer, nonce, asked_at))

    def heard(self, topic: str, payload: bytes, now: float) -> None:
        """It listens nowhere."""

    def ended(self) -> None:
        """The link is lost: what others do is not known from now on."""
        self._knowledge.link_lost()

    # -------------------------------------------------------------- what came

    def _told(self, answer: Answer | None, nonce: bytes, asked_at: float) -> None:
        self._waits = False
        if answer is None:
            self._due = 0.0  # it was waited for long enough
            return
        if answer.code != HERE:
            return
        heard_at = self._monotonic()
        pulse = self._open(answer.body, nonce)
        if isinstance(pulse, str):
            self._unbelieved.note(_WHAT, pulse)
            return
        rtt_s = heard_at - asked_at
        reading = self._time.read()
        if is_leap(pulse.at, reading):
            self._unbelieved.note(_WHAT, "leap")
            return
        if rtt_s >= SURE_RTT_S:  # it is true, but nobody knows how long it was on its way
            self._unbelieved.note(_WHAT, "late")
        elif pulse.at + math.ceil(rtt_s) < reading.floor - TOLERATED_BEHIND_S:
            self._unbelieved.note(_WHAT, "before_floor")
        self._time.answered(pulse.at, rtt_s if rtt_s < SURE_RTT_S else None)
        self._knowledge.pulse = Pulse(pulse.at, pulse.head, pulse.uses, pulse.trust, heard_at)

    def _open(self, token: bytes, nonce: bytes) -> PulseAnswer | str:
        """What central signed over our number, or why it is not believed."""
        keys, sector = self._trust.keys, self._trust.profile.sector
        limit = MAX_PULSE_BYTES + ENVELOPE_BYTES
        payload = open_message(token, Kind.TIME, keys, sector, self._time.read().floor, limit)
        if isinstance(payload, Refusal):
            return str(payload.reason)
        try:
            pulse = read_pulse(payload)
        except DocumentError:
            return str(Reason.MALFORMED)
        if (pulse.sector, pulse.gate) != (sector, self._gate):
            return "foreign"
        if pulse.nonce != nonce:
            return "nonce"
        if not signer(token, keys).holds(pulse.at):
            return str(Reason.KEY_NOT_VALID)
        return pulse
