"""A page of the feed: statements in the order of their places, compressed (docs/reference/feed.md).

A magic, a count, as many records of 43 bytes, then the tokens end to end. A gate reads a million of them,
so columns are checked as a whole, and only pages with denials, which are few, row by row.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import accumulate, islice, pairwise
from operator import lt

from gated.model.statement import KIND_NUMBERS, Kind, Row, TargetKind
from gated.wire.blob import MAX_BLOB_BYTES, BlobError, pack, unpack
from gated.wire.forms import MAX_SEQ
from gated.wire.statement_file import MAX_TOKEN_BYTES

MAX_ROWS = 2_000
MAX_PAGE_BYTES = 200_000  # before compression
#: Of numbers in the log and of ranks: every JSON reader holds it exactly.
MAX_NUMBER = MAX_SEQ - 1

MAGIC = b"GP1\n"
#: form, key, id, rank, number, bytes of the token
RECORD = struct.Struct(">B16s8sQQH")
#: What a page has besides records and tokens.
FIXED_BYTES = len(MAGIC) + 4

_BINDING, _ENTITLEMENT, _DENIAL = (
    KIND_NUMBERS[kind] for kind in (Kind.BINDING, Kind.ENTITLEMENT, Kind.DENIAL)
)
_NO_ID = bytes(8)
#: By form: kind, bytes of the key, and the id where the form says all of it.
_FORMS: tuple[tuple[int, int, bytes | None], ...] = (
    (_BINDING, 16, b""),
    (_ENTITLEMENT, 16, None),
    (_DENIAL, 16, bytes([TargetKind.CREDENTIAL])),
    (_DENIAL, 16, bytes([TargetKind.PASS])),
    (_DENIAL, 8, bytes([TargetKind.ENTITLEMENT])),
)
_FORM_OF = {(kind, fixed): form for form, (kind, _, fixed) in enumerate(_FORMS) if fixed is not None}


class PageFullError(ValueError):
    """These rows are too many or too large for one page."""


def encode_page(rows: Sequence[Row]) -> bytes:
    """A page. Raises ``PageFullError``, and ``ValueError`` for rows that are no page."""
    if len(rows) > MAX_ROWS:
        raise PageFullError(f"{len(rows)} of at most {MAX_ROWS} rows")
    try:
        records = [_record(row) for row in rows]
    except (KeyError, struct.error):
        raise ValueError("a row has no form") from None
    raw = b"".join([MAGIC, len(rows).to_bytes(4, "big"), *records, *(row.token for row in rows)])
    if len(raw) > MAX_PAGE_BYTES:
        raise PageFullError(f"these rows take {len(raw)} of at most {MAX_PAGE_BYTES} bytes")
    if _rows(raw) != list(rows):
        raise ValueError("a row is not in the form of its kind")
    blob = pack(raw)
    if len(blob) > MAX_BLOB_BYTES:
        raise PageFullError(f"these rows take {len(blob)} of at most {MAX_BLOB_BYTES} bytes when compressed")
    return blob


def size_of(token: bytes) -> int:
    """How many bytes of a page, before compression, a statement takes."""
    return RECORD.size + len(token)


def _record(row: Row) -> bytes:
    entitlement = row.kind == _ENTITLEMENT
    form = _ENTITLEMENT if entitlement else _FORM_OF[row.kind, row.id]
    id_ = row.id if entitlement else b""
    return RECORD.pack(form, row.key, id_, row.rank, row.number, len(row.token))


def read_page(blob: bytes) -> list[Row]:
    """The rows of a page, ascending by (key, kind, id). Raises ``BlobError``."""
    return _rows(unpack(blob, MAX_PAGE_BYTES, "page"))


def _rows(raw: bytes) -> list[Row]:
    count = int.from_bytes(raw[len(MAGIC) : FIXED_BYTES], "big")
    if raw[: len(MAGIC)] != MAGIC or len(raw) < FIXED_BYTES:
        raise _malformed("must begin with its magic and count")
    begin = FIXED_BYTES + count * RECORD.size
    if not 1 <= count <= MAX_ROWS or begin > len(raw):
        raise _malformed(f"must hold the 1 to {MAX_ROWS} records that it counts")
    forms, keys, ids, ranks, numbers, sizes = zip(
        *RECORD.iter_unpack(memoryview(raw)[FIXED_BYTES:begin]), strict=True
    )
    if min(sizes) == 0 or max(sizes) > MAX_TOKEN_BYTES or begin + sum(sizes) != len(raw):
        raise _malformed(f"must end with its tokens, of 1 to {MAX_TOKEN_BYTES} bytes each")
    if max(ranks) > MAX_NUMBER or max(numbers) > MAX_NUMBER or min(numbers) == 0:
        raise _malformed(f"must have ranks from 0 and numbers from 1, both to {MAX_NUMBER}")
    kinds: Sequence[int] = forms
    if max(forms) >= 2:
        kinds, keys, ids = zip(*map(_place, forms, keys, ids), strict=True)
    elif min(forms) == 0:
        if any(id_ != _NO_ID for form, id_ in zip(forms, ids, strict=True) if form == 0):
            raise _malformed("must pad with zeros")
        ids = tuple([id_ if form else b"" for form, id_ in zip(forms, ids, strict=True)])
    places: Iterable[tuple[bytes, int, bytes]] = zip(keys, kinds, ids, strict=True)
    after = zip(islice(keys, 1, None), islice(kinds, 1, None), islice(ids, 1, None), strict=True)
    if not all(map(lt, places, after)):
        raise BlobError("page", "order", "must ascend by key, kind and id")
    tokens = [raw[first:end] for first, end in pairwise(accumulate(sizes, initial=begin))]
    return list(map(Row._make, zip(keys, kinds, ids, ranks, tokens, numbers, strict=True)))


def _place(form: int, key: bytes, id_: bytes) -> tuple[int, bytes, bytes]:
    """Kind, key and id without what pads them."""
    if form >= len(_FORMS):
        raise _malformed(f"must have forms below {len(_FORMS)}")
    kind, size, fixed = _FORMS[form]
    if any(key[size:]) or (fixed is not None and id_ != _NO_ID):
        raise _malformed("must pad with zeros")
    return kind, key[:size], id_ if fixed is None else fixed


def _malformed(what: str) -> BlobError:
    return BlobError("page", "malformed", what)
