"""The head of a sector's feed: the signed summary that binds all of its pages (docs/reference/feed.md)."""

from __future__ import annotations

from dataclasses import dataclass

from gated.model.document import DocumentError
from gated.model.time import END_OF_TIME
from gated.wire.event import canonical
from gated.wire.forms import DIGEST, match, one_form, parse
from gated.wire.page import MAX_NUMBER
from gated.wire.seal import ENVELOPE_BYTES

HEAD_VERSION = 1
MAX_HEAD_BYTES = 1_024
#: With its envelope.
MAX_HEAD_TOKEN_BYTES = MAX_HEAD_BYTES + ENVELOPE_BYTES
#: How long a head is believed; seconds.
LIFE_S = 8 * 86400


@dataclass(frozen=True, slots=True)
class Head:
    """Everything logged up to ``position``: ``rows`` places, whose digest as a set is ``set_``.

    ``version`` grows by one with each head of a sector, also where nothing else but the time is new.
    """

    sector: str
    version: int
    position: int
    rows: int
    set_: bytes
    manifest: bytes  # the name of the blob that names all pages
    at: int  # seconds since 1970
    expires: int  # first second in which nobody believes it any more


def encode_head(head: Head) -> bytes:
    """The payload of a head."""
    return canonical(
        {
            "v": HEAD_VERSION,
            "sector": head.sector,
            "version": head.version,
            "position": head.position,
            "rows": head.rows,
            "set": head.set_.hex(),
            "manifest": head.manifest.hex(),
            "at": head.at,
            "expires": head.expires,
        }
    ).encode()


def read_head(payload: bytes) -> Head:
    """Read a payload. Raises ``DocumentError``."""
    top = parse(payload, MAX_HEAD_BYTES, "head")
    top.whole("v", least=HEAD_VERSION, most=HEAD_VERSION)
    position = top.whole("position", most=MAX_NUMBER)
    head = Head(
        sector=top.name("sector"),
        version=top.whole("version", least=1, most=MAX_NUMBER),
        position=position,
        rows=top.whole("rows", most=position),  # each place has a statement of its own
        set_=bytes.fromhex(match(top, "set", DIGEST)),
        manifest=bytes.fromhex(match(top, "manifest", DIGEST)),
        at=top.whole("at", most=END_OF_TIME),
        expires=top.whole("expires", most=END_OF_TIME),
    )
    top.done()
    if head.expires <= head.at:
        raise DocumentError("head.expires", "must come after at")
    one_form(encode_head(head), payload, "head")
    return head
