"""The manifest of a head, which names all pages, and the index, which names many (docs/reference/feed.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gated.model.document import DocumentError, Table
from gated.wire.blob import MAX_BLOB_BYTES, BlobError, pack, read_name, unpack
from gated.wire.event import canonical
from gated.wire.forms import DIGEST, match, one_form, parse
from gated.wire.page import MAX_NUMBER, MAX_ROWS

MANIFEST_VERSION = 1
MAX_MANIFEST_BYTES = 400_000  # before compression
NAME_BYTES = 32
#: Names in one index.
MAX_NAMES = 3_000
#: Indexes of the snapshot's denials, and of its other statements.
MAX_INDEXES = 32
#: Central makes a new snapshot long before.
MAX_DELTAS = 1_500
#: Statements of one delta.
MAX_RANGE = MAX_ROWS


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything up to ``position``, ``rows`` places: indexes of pages, denials apart, each part in order.

    Position 0 is the beginning, where nothing is.
    """

    position: int = 0
    rows: int = 0
    denials: tuple[bytes, ...] = ()
    pages: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Delta:
    """Logged from ``first`` to ``last``: a page of denials and one of the others, if there are any."""

    first: int
    last: int
    denials: bytes | None
    others: bytes | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A snapshot and, in order, without gap or overlap, all that was logged after it up to ``position``."""

    sector: str
    position: int
    snapshot: Snapshot
    deltas: tuple[Delta, ...]


def encode_index(names: Sequence[bytes]) -> bytes:
    """An index. Raises ``ValueError`` for none or too many names."""
    index = b"".join(names)
    if read_index(index) != tuple(names):
        raise ValueError(f"a name has {NAME_BYTES} bytes")
    return index


def read_index(blob: bytes) -> tuple[bytes, ...]:
    """The names of pages in an index, in order. Raises ``BlobError``."""
    if len(blob) > MAX_NAMES * NAME_BYTES:
        raise BlobError("index", "oversize", f"must have at most {MAX_NAMES} names")
    if not blob or len(blob) % NAME_BYTES:
        raise BlobError("index", "malformed", f"must hold names of {NAME_BYTES} bytes")
    return tuple(blob[at : at + NAME_BYTES] for at in range(0, len(blob), NAME_BYTES))


def encode_manifest(manifest: Manifest) -> bytes:
    """A manifest. Raises ``ValueError`` for one that nobody would read."""
    raw = _encoded(manifest)
    if len(raw) > MAX_MANIFEST_BYTES or len(blob := pack(raw)) > MAX_BLOB_BYTES:
        raise ValueError("a manifest that names so many pages is too large")
    _read(raw)
    return blob


def read_manifest(blob: bytes) -> Manifest:
    """Read a blob. Raises ``BlobError``."""
    raw = unpack(blob, MAX_MANIFEST_BYTES, "manifest")
    try:
        return _read(raw)
    except DocumentError as error:
        raise BlobError(error.where, "malformed", error.what) from None


def _encoded(manifest: Manifest) -> bytes:
    snapshot = manifest.snapshot
    return canonical(
        {
            "v": MANIFEST_VERSION,
            "sector": manifest.sector,
            "position": manifest.position,
            "snapshot": {
                "position": snapshot.position,
                "rows": snapshot.rows,
                "denials": [name.hex() for name in snapshot.denials],
                "pages": [name.hex() for name in snapshot.pages],
            },
            "deltas": [_delta_document(delta) for delta in manifest.deltas],
        }
    ).encode()


def _delta_document(delta: Delta) -> dict[str, Any]:
    document: dict[str, Any] = {"first": delta.first, "last": delta.last}
    for key, name in (("denials", delta.denials), ("others", delta.others)):
        if name is not None:
            document[key] = name.hex()
    return document


def _read(raw: bytes) -> Manifest:
    top = parse(raw, MAX_MANIFEST_BYTES, "manifest")
    top.whole("v", least=MANIFEST_VERSION, most=MANIFEST_VERSION)
    sector, position = top.name("sector"), top.whole("position", most=MAX_NUMBER)
    snapshot, deltas = _snapshot(top.table("snapshot")), []
    after = snapshot.position
    for table in top.tables("deltas", least=0, most=MAX_DELTAS):
        delta = _delta(table, after)
        deltas.append(delta)
        after = delta.last
    top.done()
    if after != position:
        raise DocumentError("manifest.position", "must be where its deltas end")
    manifest = Manifest(sector, position, snapshot, tuple(deltas))
    one_form(_encoded(manifest), raw, "manifest")
    return manifest


def _snapshot(table: Table) -> Snapshot:
    position = table.whole("position", most=MAX_NUMBER)
    snapshot = Snapshot(
        position=position,
        rows=table.whole("rows", most=position),  # each place has a statement of its own
        denials=_names(table, "denials"),
        pages=_names(table, "pages"),
    )
    table.done()
    if bool(snapshot.rows) != bool(snapshot.denials or snapshot.pages):
        raise DocumentError(table.path("rows"), "must be 0 where there is nothing, and only there")
    return snapshot


def _names(table: Table, key: str) -> tuple[bytes, ...]:
    texts = table.texts(key, least=0)
    if len(texts) > MAX_INDEXES:
        raise DocumentError(table.path(key), f"must have at most {MAX_INDEXES} names")
    try:
        return tuple(map(read_name, texts))
    except ValueError as error:
        raise DocumentError(table.path(key), str(error)) from None


def _delta(table: Table, after: int) -> Delta:
    first = table.whole("first", least=after + 1, most=after + 1)
    delta = Delta(
        first=first,
        last=table.whole("last", least=first, most=first + MAX_RANGE - 1),
        denials=bytes.fromhex(match(table, "denials", DIGEST)) if table.has("denials") else None,
        others=bytes.fromhex(match(table, "others", DIGEST)) if table.has("others") else None,
    )
    table.done()
    return delta
