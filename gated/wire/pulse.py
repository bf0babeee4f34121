"""Central's time over a gate's fresh number, and how far head, uses and trust have come.

It is the one poll of a gate: nothing new costs this one exchange (docs/reference/sync.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from gated.model.time import END_OF_TIME
from gated.wire.event import canonical
from gated.wire.forms import GATE, MAX_SEQ, NONCE, match, one_form, parse

PULSE_VERSION = 1
MAX_PULSE_BYTES = 512


@dataclass(frozen=True, slots=True)
class PulseAnswer:
    """What central signs. ``nonce`` is the 16 bytes that the gate drew for this one question."""

    sector: str
    gate: str
    nonce: bytes
    at: int  # central's time, seconds since 1970
    head: int = 0  # version of the sector's newest head; 0 = there is none, here and below
    uses: int = 0  # number of the sector's newest use record
    trust: int = 0  # version of the newest timestamp of the trust repository


def encode_pulse(pulse: PulseAnswer) -> bytes:
    """The payload of a pulse."""
    return canonical(
        {
            "v": PULSE_VERSION,
            "sector": pulse.sector,
            "gate": pulse.gate,
            "nonce": pulse.nonce.hex(),
            "at": pulse.at,
            "head": pulse.head,
            "uses": pulse.uses,
            "trust": pulse.trust,
        }
    ).encode()


def read_pulse(payload: bytes) -> PulseAnswer:
    """Read a payload. Raises ``DocumentError``."""
    top = parse(payload, MAX_PULSE_BYTES, "pulse")
    top.whole("v", least=PULSE_VERSION, most=PULSE_VERSION)
    pulse = PulseAnswer(
        sector=top.name("sector"),
        gate=match(top, "gate", GATE),
        nonce=bytes.fromhex(match(top, "nonce", NONCE)),
        at=top.whole("at", most=END_OF_TIME),
        head=top.whole("head", most=MAX_SEQ),
        uses=top.whole("uses", most=MAX_SEQ),
        trust=top.whole("trust", most=MAX_SEQ),
    )
    top.done()
    one_form(encode_pulse(pulse), payload, "pulse")
    return pulse
