"""Pages of the feed: one form, every limit before any byte is unpacked, and nothing else is ever raised."""

from __future__ import annotations

import tracemalloc

import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from gated.model.statement import Row
from gated.wire.blob import MAX_BLOB_BYTES, MAX_WINDOW_BYTES, BlobError, name_of, pack, read_name
from gated.wire.page import MAX_NUMBER, MAX_PAGE_BYTES, MAX_ROWS, RECORD, encode_page, read_page, size_of

keys, short = st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8)
places = st.one_of(
    st.tuples(keys, st.just(0), st.just(b"")),
    st.tuples(keys, st.just(1), short),
    st.tuples(keys, st.just(2), st.sampled_from([b"\0", b"\1"])),
    st.tuples(short, st.just(2), st.just(b"\2")),
)
numbers = st.integers(1, MAX_NUMBER)
pages = st.builds(
    lambda rows: sorted({row[:3]: row for row in rows}.values()),
    st.lists(
        st.builds(
            lambda place, rank, token, number: Row(*place, rank, token, number),
            places,
            st.integers(0, MAX_NUMBER),
            st.binary(min_size=1, max_size=60),
            numbers,
        ),
        min_size=1,
        max_size=12,
    ),
)
KEY, ID = bytes(range(16)), bytes(range(8))
BINDING = Row(KEY, 0, b"", 3, b"a binding", 7)
RIGHT = Row(KEY, 1, ID, 0, b"a right", 9)
DENIED = Row(KEY, 2, b"\1", 4, b"a denial", 2)
ROWS = [BINDING, RIGHT, DENIED]


def by_hand(*records: tuple[int, bytes, bytes, int, int, int], tokens: bytes = b"", count: int | None = None):
    """A page without gated's own encoder: form, key, id, rank, number, bytes of the token."""
    told = len(records) if count is None else count
    body = b"".join(
        bytes([form]) + key.ljust(16, b"\0") + id_.ljust(8, b"\0")
        + rank.to_bytes(8, "big") + number.to_bytes(8, "big") + size.to_bytes(2, "big")
        for form, key, id_, rank, number, size in records
    )  # fmt: skip
    return b"GP1\n" + told.to_bytes(4, "big") + body + tokens


@given(pages)
@example(
    [Row(bytes(8), 2, b"\2", 0, b"x", 1), Row(bytes(16), 0, b"", 0, b"y", 2)]
)  # padded, they are one key
def test_a_page_is_read_back(rows):
    blob = encode_page(rows)
    assert rows == read_page(blob)
    assert sum(size_of(row.token) for row in rows) + 8 == len(zstandard.decompress(blob))


def test_a_page_is_what_the_reference_says():
    raw = by_hand(
        (0, KEY, b"", 3, 7, 9),
        (1, KEY, ID, 0, 9, 7),
        (3, KEY, b"", 4, 2, 8),
        tokens=b"a bindinga righta denial",
    )
    assert raw == zstandard.decompress(encode_page(ROWS))
    assert ROWS == read_page(pack(raw))


def test_every_kind_of_denial_has_a_form_of_its_own():
    raw = by_hand((4, ID, b"", 1, 1, 1), (2, KEY, b"", 1, 2, 1), (3, KEY, b"", 1, 3, 1), tokens=b"abc")
    rows = [Row(ID, 2, b"\2", 1, b"a", 1), Row(KEY, 2, b"\0", 1, b"b", 2), Row(KEY, 2, b"\1", 1, b"c", 3)]
    assert rows == read_page(pack(raw))
    assert raw == zstandard.decompress(encode_page(rows))


ONE = (0, KEY, b"", 0, 1, 1)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"GP1", "malformed"),
        (by_hand(tokens=b""), "malformed"),
        (b"GP2\n" + by_hand(ONE, tokens=b"x")[4:], "malformed"),
        (by_hand(ONE, tokens=b"x", count=0), "malformed"),
        (by_hand(ONE, tokens=b"x", count=2), "malformed"),
        (by_hand(ONE, tokens=b"x", count=(1 << 32) - 1), "malformed"),
        (by_hand(ONE, tokens=b""), "malformed"),
        (by_hand(ONE, tokens=b"xy"), "malformed"),
        (by_hand((0, KEY, b"", 0, 1, 0)), "malformed"),
        (by_hand((0, KEY, b"", 0, 1, 1025), tokens=bytes(1025)), "malformed"),
        (by_hand((5, KEY, b"", 0, 1, 1), tokens=b"x"), "malformed"),
        (by_hand((255, KEY, b"", 0, 1, 1), tokens=b"x"), "malformed"),
        (by_hand((0, KEY, b"\1", 0, 1, 1), tokens=b"x"), "malformed"),
        (by_hand((0, KEY, b"\1", 0, 1, 1), (2, KEY, b"", 0, 1, 1), tokens=b"xy"), "malformed"),
        (by_hand((2, KEY, b"\1", 0, 1, 1), tokens=b"x"), "malformed"),
        (by_hand((4, KEY, b"", 0, 1, 1), tokens=b"x"), "malformed"),
        (by_hand((0, KEY, b"", MAX_NUMBER + 1, 1, 1), tokens=b"x"), "malformed"),
        (by_hand((0, KEY, b"", 0, 0, 1), tokens=b"x"), "malformed"),
        (by_hand((0, KEY, b"", 0, MAX_NUMBER + 1, 1), tokens=b"x"), "malformed"),
        (by_hand(ONE, ONE, tokens=b"xy"), "order"),
        (by_hand((1, KEY, ID, 0, 1, 1), ONE, tokens=b"xy"), "order"),
        (by_hand((0, b"\1" * 16, b"", 0, 1, 1), ONE, tokens=b"xy"), "order"),
        (by_hand((2, KEY, b"", 0, 1, 1), (4, KEY[:8], b"", 0, 1, 1), tokens=b"xy"), "order"),
    ],
)  # fmt: skip
def test_what_is_no_page_is_refused_with_its_code(raw, code):
    with pytest.raises(BlobError) as refused:
        read_page(pack(raw))
    assert code == refused.value.code


def test_a_row_too_many_is_refused():
    one = [(0, number.to_bytes(16, "big"), b"", 0, 1, 1) for number in range(MAX_ROWS + 1)]
    assert MAX_ROWS == len(read_page(pack(by_hand(*one[:-1], tokens=bytes(MAX_ROWS)))))
    with pytest.raises(BlobError, match="2000"):
        read_page(pack(by_hand(*one, tokens=bytes(MAX_ROWS + 1))))


GOOD = encode_page(ROWS)
RAW = zstandard.decompress(GOOD)


def frame(raw: bytes, **said: bool) -> bytes:
    return zstandard.ZstdCompressor(**said).compress(raw)


@pytest.mark.parametrize(
    ("blob", "code"),
    [
        (b"", "frame"),
        (RAW, "frame"),
        (GOOD[:-1], "frame"),
        (GOOD[:6], "frame"),
        (GOOD + b"\0", "frame"),
        (GOOD + GOOD, "frame"),
        (b"\x50\x2a\x4d\x18\x04\0\0\0GP1\n" + GOOD, "frame"),  # a frame to be skipped, before it
        (GOOD + b"\x50\x2a\x4d\x18\x00\0\0\0", "frame"),
        (frame(b""), "frame"),
        (frame(RAW, write_content_size=False), "bomb"),
        (frame(bytes(MAX_PAGE_BYTES + 1)), "bomb"),
        (frame(bytes(1 << 30)), "bomb"),
        (GOOD + bytes(MAX_BLOB_BYTES), "oversize"),
    ],
)
def test_a_frame_in_any_other_form_is_refused(blob, code):
    with pytest.raises(BlobError) as refused:
        read_page(blob)
    assert code == refused.value.code


def test_a_bomb_that_lies_of_its_size_is_not_unpacked():
    bomb = bytearray(frame(bytes(40 << 20)))
    begin = zstandard.frame_header_size(bytes(bomb))
    lying = frame(bytes(100_000))[: zstandard.frame_header_size(frame(bytes(100_000)))] + bytes(bomb[begin:])
    assert 100_000 == zstandard.frame_content_size(lying)
    tracemalloc.start()
    with pytest.raises(BlobError):
        read_page(lying)
    assert tracemalloc.get_traced_memory()[1] < 4 * MAX_PAGE_BYTES
    tracemalloc.stop()


def test_a_window_that_takes_a_gates_memory_is_refused():
    # RFC 8878 section 3.1.1.1.2: exponent 20 above 2^10 is a window of 1 GiB; 3 bytes of content size follow.
    wide = b"\x28\xb5\x2f\xfd" + b"\x80" + b"\xa0" + len(RAW).to_bytes(4, "little") + b"\1\0\0"
    assert MAX_WINDOW_BYTES < zstandard.get_frame_parameters(wide).window_size
    with pytest.raises(BlobError) as refused:
        read_page(wide)
    assert "bomb" == refused.value.code


@given(st.data())
def test_a_changed_blob_is_a_page_of_one_spelling_or_refused(data):
    at = data.draw(st.integers(0, len(GOOD) - 1))
    changed = GOOD[:at] + data.draw(st.binary(max_size=3)) + GOOD[at + data.draw(st.integers(0, 3)) :]
    try:
        rows = read_page(changed)
    except BlobError:
        return
    assert zstandard.decompress(changed) == zstandard.decompress(encode_page(rows))


@given(st.data())
def test_a_changed_page_is_a_page_of_one_spelling_or_refused(data):
    at = data.draw(st.integers(0, len(RAW) - 1))
    changed = RAW[:at] + data.draw(st.binary(max_size=3)) + RAW[at + data.draw(st.integers(0, 3)) :]
    try:
        rows = read_page(pack(changed))
    except BlobError:
        return
    assert changed == zstandard.decompress(encode_page(rows))


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [RIGHT, BINDING],
        [BINDING, BINDING],
        [BINDING._replace(key=KEY[:15])],
        [BINDING._replace(key=KEY + b"\0")],
        [BINDING._replace(id=ID)],
        [BINDING._replace(kind=3)],
        [RIGHT._replace(id=ID[:7])],
        [RIGHT._replace(id=ID + b"x")],
        [DENIED._replace(id=b"\3")],
        [DENIED._replace(id=b"\2")],
        [DENIED._replace(rank=-1)],
        [DENIED._replace(rank=MAX_NUMBER + 1)],
        [DENIED._replace(number=0)],
        [DENIED._replace(token=b"")],
        [DENIED._replace(token=bytes(1025))],
        [DENIED._replace(token=bytes(70_000))],
        [RIGHT._replace(id=bytes([at]) * 8, token=bytes(1024)) for at in range(200)],
    ],
    ids=str,
)
def test_rows_that_are_no_page_are_not_written(rows):
    with pytest.raises(ValueError):
        encode_page(rows)


def test_rows_too_large_when_compressed_are_not_written():
    import random

    noise = random.Random(1)
    rows = [RIGHT._replace(id=at.to_bytes(8, "big"), token=noise.randbytes(1000)) for at in range(150)]
    assert 150 * RECORD.size + 150_000 < MAX_PAGE_BYTES
    with pytest.raises(ValueError, match="when compressed"):
        encode_page(rows)


def test_a_name_has_one_spelling():
    assert name_of(b"") == read_name("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    for text in ("", "E" * 64, "e" * 63, "e" * 64 + "\n", "../" + "e" * 61, "e" * 65):
        with pytest.raises(ValueError):
            read_name(text)
