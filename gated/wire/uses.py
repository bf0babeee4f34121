"""Use records: what central knows of uses and of who is inside, told to a sector (docs/reference/sync.md).

They are state and no events: each tells how it stands, each number in it only grows, and whoever merges by
taking the larger loses nothing by loss, repetition or another order (ADR 0021).
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from gated.model.document import DocumentError, Table
from gated.model.rules import MAX_USES
from gated.model.time import END_OF_TIME
from gated.wire.event import canonical
from gated.wire.forms import MAX_SEQ, match, one_form, parse

USES_VERSION = 1
MAX_USES_BYTES = 60_000
#: Records in a message, of both kinds together.
MAX_RECORDS = 200
#: The pass of those whose pass nobody knows: they count in a venue, and in nobody's presence.
NOBODYS = bytes(16)

_CTI = re.compile(r"[0-9a-f]{16}\Z")
#: 16 bytes leave four bits of the last character: they are 0.
_PASS = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]\Z")
#: Whole days, as yyyymmdd; that a month has 31 days is for whoever needs it.
FIRST_DAY, LAST_DAY = 10_000_101, 99_991_231


@dataclass(frozen=True, slots=True)
class UseRecord:
    """Uses of a right at a gate on a calendar day of its venue. ``taken`` only grows."""

    cti: bytes  # 8 bytes
    gate: str
    day: int  # yyyymmdd
    venue: str
    taken: int
    last_at: int  # the newest entry among them, seconds since 1970


@dataclass(frozen=True, slots=True)
class PresenceRecord:
    """How many of a pass came into a zone by a gate and left by it, on a service day. Both only grow."""

    pass_: bytes  # 16 bytes; ``NOBODYS`` = of nobody's
    venue: str
    zone: str
    shift: int  # yyyymmdd of the day that it began on
    gate: str
    come: int
    gone: int
    last_in: int | None  # the newest entry, seconds since 1970; None = nobody came


@dataclass(frozen=True, slots=True)
class Uses:
    """Every record of ``sector`` whose last change has a number above ``after``, up to ``upto``."""

    sector: str
    after: int
    upto: int
    at: int  # central's time, seconds since 1970
    used: tuple[UseRecord, ...] = ()
    people: tuple[PresenceRecord, ...] = ()


def encode_uses(uses: Uses) -> bytes:
    """The payload of a message."""
    return canonical(
        {
            "v": USES_VERSION,
            "sector": uses.sector,
            "after": uses.after,
            "upto": uses.upto,
            "at": uses.at,
            "used": [
                {
                    "cti": one.cti.hex(),
                    "gate": one.gate,
                    "day": one.day,
                    "venue": one.venue,
                    "taken": one.taken,
                    "last_at": one.last_at,
                }
                for one in uses.used
            ],
            "people": [_person(one) for one in uses.people],
        }
    ).encode()


def _person(one: PresenceRecord) -> dict[str, Any]:
    members: dict[str, Any] = {
        "pass": urlsafe_b64encode(one.pass_).rstrip(b"=").decode(),
        "venue": one.venue,
        "zone": one.zone,
        "day": one.shift,
        "gate": one.gate,
        "come": one.come,
        "gone": one.gone,
    }
    if one.last_in is not None:
        members["last_in"] = one.last_in
    return members


def read_uses(payload: bytes) -> Uses:
    """Read a payload. Raises ``DocumentError``."""
    top = parse(payload, MAX_USES_BYTES, "uses")
    top.whole("v", least=USES_VERSION, most=USES_VERSION)
    after = top.whole("after", most=MAX_SEQ - 1)
    at = top.whole("at", most=END_OF_TIME)
    uses = Uses(
        sector=top.name("sector"),
        after=after,
        upto=top.whole("upto", least=after + 1, most=MAX_SEQ - 1),
        at=at,
        used=tuple(_used(table, at) for table in top.tables("used", least=0, most=MAX_RECORDS)),
        people=tuple(_present(table, at) for table in top.tables("people", least=0, most=MAX_RECORDS)),
    )
    top.done()
    if len(uses.used) + len(uses.people) > MAX_RECORDS:
        raise DocumentError("uses", f"must have at most {MAX_RECORDS} records")
    one_form(encode_uses(uses), payload, "uses")
    return uses


def _used(table: Table, at: int) -> UseRecord:
    record = UseRecord(
        cti=bytes.fromhex(match(table, "cti", _CTI)),
        gate=table.name("gate"),
        day=table.whole("day", least=FIRST_DAY, most=LAST_DAY),
        venue=table.name("venue"),
        taken=table.whole("taken", least=1, most=MAX_USES),
        last_at=table.whole("last_at", most=at),  # of what is yet to come nobody knows
    )
    table.done()
    return record


def _present(table: Table, at: int) -> PresenceRecord:
    record = PresenceRecord(
        pass_=urlsafe_b64decode(match(table, "pass", _PASS) + "=="),
        venue=table.name("venue"),
        zone=table.name("zone"),
        shift=table.whole("day", least=FIRST_DAY, most=LAST_DAY),
        gate=table.name("gate"),
        come=table.whole("come", most=MAX_USES),
        gone=table.whole("gone", most=MAX_USES),
        last_in=table.whole_or_none("last_in", most=at),
    )
    table.done()
    return record
