"""A batch of events on its way to central: canonical JSON that carries the journal's own bodies.

``{"epoch":…,"erased":true,"events":[…],"first":…,"gate":…,"prev":…,"v":1}``; ``erased`` only where it is
true. The bodies stand in it byte for byte as the chain hashed them, and are taken out so: nothing is
encoded anew, and what another writer would have hashed differently is found (docs/reference/sync.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gated.model.document import DocumentError
from gated.wire.event import digest
from gated.wire.forms import GATE, MAX_SEQ

BATCH_VERSION = 1
MAX_EVENTS = 200
#: Bytes of a payload: with its envelope a batch stays below 64 kB, which every broker takes.
MAX_BATCH_BYTES = 65_000

_HEAD = re.compile(r'\{"epoch":"([0-9a-f]{16})",(?:"erased":(true),)?"events":\[')
_TAIL = re.compile(
    r'\],"first":([1-9][0-9]{0,15}),"gate":"([a-z0-9._-]{1,32})","prev":"([0-9a-f]{64})","v":1\}'
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive events of one epoch, as their journal holds them.

    ``first`` is the seq of the first and ``prev`` the digest before it (32 bytes). ``erased`` says that
    the gate holds nothing older any more: it was acknowledged once, and its time was over.
    """

    gate: str
    epoch: str
    first: int
    prev: bytes
    bodies: tuple[str, ...]
    erased: bool = False

    @property
    def last(self) -> int:
        """The seq of its last event."""
        return self.first + len(self.bodies) - 1

    def digests(self) -> Iterator[bytes]:
        """The digest of each event, in order."""
        link = self.prev
        for body in self.bodies:
            link = digest(link, body)
            yield link


def encode_batch(batch: Batch) -> bytes:
    """The payload of a batch."""
    erased = '"erased":true,' if batch.erased else ""
    return (
        f'{{"epoch":"{batch.epoch}",{erased}"events":[{",".join(batch.bodies)}],"first":{batch.first},'
        f'"gate":"{batch.gate}","prev":"{batch.prev.hex()}","v":{BATCH_VERSION}}}'
    ).encode()


def read_batch(payload: bytes) -> Batch:
    """Read a payload. Raises ``DocumentError`` for anything that ``encode_batch`` would not have written.

    An event may be any JSON value: which of them are events is for whoever keeps them to say.
    """
    if len(payload) > MAX_BATCH_BYTES:
        raise DocumentError("batch", f"must have at most {MAX_BATCH_BYTES} bytes")
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise DocumentError("batch", "must be UTF-8") from None
    head = _HEAD.match(text)
    if head is None:
        raise DocumentError("batch", "must begin with its epoch and events")
    bodies, at = _bodies(text, head.end())
    tail = _TAIL.fullmatch(text, at)
    if tail is None or GATE.match(tail[2]) is None:
        raise DocumentError("batch", "must end with first, gate, prev and v")
    first = int(tail[1])
    if first + len(bodies) > MAX_SEQ:
        raise DocumentError("batch.first", f"must stay below {MAX_SEQ}")
    return Batch(tail[2], head[1], first, bytes.fromhex(tail[3]), tuple(bodies), head[2] is not None)


def _bodies(text: str, at: int) -> tuple[Sequence[str], int]:
    """The events as they stand, and where their list ends."""
    bodies: list[str] = []
    while True:
        try:
            _, end = _scan(text, at)
        except (ValueError, RecursionError):
            raise DocumentError(f"batch.events[{len(bodies)}]", "must be JSON") from None
        bodies.append(text[at:end])
        if len(bodies) > MAX_EVENTS:
            raise DocumentError("batch.events", f"must be at most {MAX_EVENTS}")
        if text[end : end + 1] != ",":
            return bodies, end
        at = end + 1


def _no_constant(name: str) -> Any:
    raise ValueError(name)  # NaN and Infinity are not JSON


_scan = json.JSONDecoder(parse_constant=_no_constant).raw_decode
