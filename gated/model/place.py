"""Where a broker is: ``mqtts://host[:8883]``, or ``mqtt://host[:1883]`` on one machine."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PLACE = re.compile(
    r"(mqtts?)://([A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?/?\Z"
)
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Place:
    """A broker's address. Without ``tls`` it can only be this machine."""

    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def read_place(text: str) -> Place:
    """Read an address. Raises ``ValueError`` with what would be right."""
    found = _PLACE.match(text)
    port = int(found[3] or _PORTS[found[1]]) if found else 0
    if not found or not 0 < port < 65536:
        raise ValueError("must be mqtts://HOST or mqtts://HOST:PORT")
    place = Place(found[2].strip("[]"), port, found[1] == "mqtts")
    if not place.tls and place.host not in _HERE:
        raise ValueError("without TLS (mqtt://) the broker can only be on this machine: use mqtts://")
    return place
