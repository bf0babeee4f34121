"""The control socket's messages: one JSON object on a line, UTF-8 (docs/reference/control.md).

A client asks, the gate answers with one line; whoever watches is sent lines until it leaves. Every line
has ``v`` and one member more. What comes in is bounded before it is decoded; a key that stands twice, or
that nobody asked for, is a mistake.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from gated.errors import one_line
from gated.model.document import DocumentError, Table
from gated.model.order import MAX_WORDS, Order

VERSION = 1
#: Of a request with its newline; a long one has 400.
MAX_REQUEST_BYTES = 4096
#: Of any line of the gate's with its newline: the status of 16 lanes has 40 kB at most.
MAX_ANSWER_BYTES = 65_536


class Why(StrEnum):
    """Why a request is not served."""

    TOO_LONG = "too_long"  # the connection ends: where the next request would begin is not known
    MALFORMED = "malformed"
    VERSION = "version"  # one that this gate does not speak
    UNKNOWN_LANE = "unknown_lane"
    BUSY = "busy"  # too many connections
    FAILED = "failed"  # the gate could not answer; its log says why


class Kind(StrEnum):
    """The other member of a line from the gate."""

    STATUS = "status"
    ORDERS = "orders"  # what became of an order, lane by lane
    STANDS = "stands"  # a watched lane's standing, when it changes
    SHOWN = "shown"  # what a watched lane shows
    ALIVE = "alive"  # nothing happened, and the gate is there
    ERROR = "error"


class RequestError(ValueError):
    """A request that is not served. ``what`` is for people."""

    def __init__(self, why: Why, what: str) -> None:
        super().__init__(f"{why}: {what}")
        self.why = why
        self.what = what


@dataclass(frozen=True, slots=True)
class AskStatus:
    """How is this gate?"""


@dataclass(frozen=True, slots=True)
class AskWatch:
    """Tell what lanes show and how they stand, from now on."""


@dataclass(frozen=True, slots=True)
class AskOrder:
    """Order something of a lane; ``lane`` None = of every lane."""

    order: Order
    lane: str | None
    operator: str
    reason: str


Request = AskStatus | AskWatch | AskOrder


class Line(NamedTuple):
    """A line from the gate: what kind it is of, and what it tells."""

    kind: Kind | None  # None: of a later version, to be ignored
    value: Any


def read_request(line: bytes) -> Request:
    """Read a request, without its newline. Raises ``RequestError``."""
    if len(line) >= MAX_REQUEST_BYTES:
        raise RequestError(Why.TOO_LONG, f"a request has at most {MAX_REQUEST_BYTES} bytes")
    try:
        table = Table(_decode(line))
        if (version := table.whole("v")) != VERSION:
            raise RequestError(Why.VERSION, f"v is {version}; this gate speaks {VERSION}")
        request = _read(table)
        table.done()
    except DocumentError as error:
        raise RequestError(Why.MALFORMED, one_line(str(error))) from None
    return request


def _decode(line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8"), object_pairs_hook=_no_twins, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise DocumentError("request", "must be one JSON object in UTF-8 on a line") from None


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice")
    return members


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _read(table: Table) -> Request:
    match table.text("ask"):
        case "status":
            return AskStatus()
        case "watch":
            return AskWatch()
        case "order":
            return _order(table)
        case _:
            raise DocumentError("ask", "must be status, order or watch")


def _order(table: Table) -> AskOrder:
    order = table.checked("order", _which)
    lane, every = table.name_or_none("lane"), table.flag("all", default=False)
    if (lane is None) is not every:
        raise DocumentError("lane", "say either lane, or all: true")
    if every and order is Order.OPEN:
        raise DocumentError("lane", "open names exactly one lane")
    return AskOrder(order, lane, _words(table, "operator"), _words(table, "reason"))


def _which(text: str) -> Order:
    try:
        return Order(text)
    except ValueError:
        raise ValueError(f"must be one of {', '.join(Order)}") from None


def _words(table: Table, key: str) -> str:
    words = table.text(key).strip()
    if not 0 < len(words) <= MAX_WORDS:
        raise DocumentError(key, f"must have 1 to {MAX_WORDS} characters")
    return words


def request_line(request: Request) -> bytes:
    """A request as it goes over the socket."""
    members: dict[str, Any] = {"v": VERSION}
    match request:
        case AskStatus():
            members["ask"] = "status"
        case AskWatch():
            members["ask"] = "watch"
        case AskOrder(order, lane, operator, reason):
            members |= {"ask": "order", "order": order, "operator": operator, "reason": reason}
            members |= {"all": True} if lane is None else {"lane": lane}
    return _line(members)


def answer_line(kind: Kind, value: Any) -> bytes:
    """A line from the gate. One that would be too long becomes an error."""
    line = _line({"v": VERSION, kind: value})
    return line if len(line) <= MAX_ANSWER_BYTES else error_line(Why.FAILED, "the answer is too long")


def error_line(why: Why, what: str) -> bytes:
    """Why a request is not served."""
    return _line({"v": VERSION, Kind.ERROR: {"code": why, "what": what}})


def orders_line(answers: Iterable[tuple[str, str | None]]) -> bytes:
    """(lane, code of why not) of each lane."""
    return answer_line(Kind.ORDERS, [{"lane": lane, "refused": refused} for lane, refused in answers])


def read_line(line: bytes) -> Line:
    """Read a line from the gate. Raises ``ValueError``; a kind that is not known here is none."""
    if len(line) > MAX_ANSWER_BYTES:
        raise ValueError("the line is too long")
    try:
        members = json.loads(line.decode("utf-8"), object_pairs_hook=_no_twins)
    except RecursionError:
        raise ValueError("the line is no JSON of ours") from None
    if not isinstance(members, dict) or members.pop("v", None) != VERSION or len(members) != 1:
        raise ValueError("the line is not of this protocol")
    ((name, value),) = members.items()
    return Line(Kind(name) if name in set(Kind) else None, value)


def _line(members: dict[str, Any]) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode() + b"\n"
