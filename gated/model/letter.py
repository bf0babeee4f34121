"""What passes over a link: bytes under a topic. Nothing in it is believed: authority is in signatures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Letter:
    """Something to send. ``retain`` asks the broker to give the newest one to whoever subscribes later."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """Something that arrived. ``number`` names it on this connection, until it was taken."""

    topic: str
    payload: bytes
    number: int


@dataclass(frozen=True, slots=True)
class Answered:
    """What the broker says of a letter. No receipt: brokers acknowledge what they lose or throw away.

    ``code`` is the reason code of MQTT 5 section 2.4: from 0x80 on the letter was refused, 0x10 means
    that nobody is listening.
    """

    number: int
    code: int

    @property
    def refused(self) -> bool:
        """Whether the broker refused the letter."""
        return self.code >= 0x80


NOBODY_LISTENS = 0x10
