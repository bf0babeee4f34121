"""Light and buzzer of the ACR122U, by pseudo-APDUs that the reader answers itself.

Source: ACS, ACR122U Application Programming Interface, "Bi-color LED and Buzzer Control" and "Set Buzzer
Output During Card Detection". Written from the document: no such reader was at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gated.ports import Signal

#: What a name must contain for us to send such orders: to another reader they may mean anything.
NAME = "ACR122U"
#: No beep of the reader's own when it senses a medium: it would sound like a grant.
SILENCE = bytes.fromhex("FF00520000")

_RED, _GREEN = 0x01, 0x02


def _order(lamp: int, flashes: int = 0, pause: int = 1) -> bytes:
    """``FF 00 40 P2 04 T1 T2 n link``: ``flashes`` of 100 ms, each with a beep, then ``lamp`` alone, steady.

    P2 has two bits for each of: the state in the end, whether to change it, the state while it flashes,
    whether it flashes. The reader holds the call until the flashes are over.
    """
    p2 = lamp | 0x0C
    if not flashes:
        return bytes([0xFF, 0x00, 0x40, p2, 4, 0, 0, 0, 0])
    return bytes([0xFF, 0x00, 0x40, p2 | lamp << 4 | lamp << 6, 4, 1, pause, flashes, 1])


ORDERS: Mapping[Signal, bytes] = MappingProxyType(
    {
        Signal.READY: _order(0),
        Signal.GRANTED: _order(_GREEN, flashes=1, pause=0),
        Signal.LOOK: _order(_GREEN, flashes=3),
        Signal.REFUSED: _order(_RED, flashes=2),
        Signal.OUT_OF_SERVICE: _order(_RED),
        Signal.FREE: _order(_GREEN),
        Signal.FIRE: _order(_GREEN, flashes=5),
        Signal.ALARM: _order(_RED, flashes=5),
    }
)


def duration_s(order: bytes) -> float:
    """How long the reader is busy with an order."""
    on, off, flashes = order[5:8]
    return (on + off) * flashes / 10


def obeyed(response: bytes) -> bool:
    """Whether it did as told: 90 and the state of its lamps."""
    return len(response) == 2 and response[0] == 0x90
