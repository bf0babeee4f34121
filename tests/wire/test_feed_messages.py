"""Head, manifest, index and set digest: one spelling each, bounded, and read back as they were written."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from gated.model.document import DocumentError
from gated.wire.blob import BlobError, pack
from gated.wire.event import canonical
from gated.wire.head import LIFE_S, Head, encode_head, read_head
from gated.wire.manifest import (
    MAX_DELTAS,
    MAX_INDEXES,
    MAX_MANIFEST_BYTES,
    MAX_NAMES,
    MAX_RANGE,
    Delta,
    Manifest,
    Snapshot,
    encode_index,
    encode_manifest,
    read_index,
    read_manifest,
)
from gated.wire.page import MAX_NUMBER
from gated.wire.setdigest import (
    BUCKETS,
    EMPTY,
    Buckets,
    bucket_digest,
    bucket_of,
    first_key,
    set_digest,
)
from set_opinion import in_buckets, second_opinion

NOW = 1_800_000_000
NAME = bytes(range(32))
HEAD = Head("pools", 7, 12, 9, NAME, NAME, NOW, NOW + LIFE_S)
MANIFEST = Manifest(
    "pools", 12, Snapshot(8, 6, (NAME,), (NAME, NAME)), (Delta(9, 11, NAME, NAME), Delta(12, 12, None, NAME))
)
BEGINNING = Manifest("pools", 0, Snapshot(), ())

digests = st.binary(min_size=32, max_size=32)
names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}[a-z0-9]", fullmatch=True)
times = st.integers(0, 1 << 35)


@given(names, st.integers(1, MAX_NUMBER), st.integers(0, MAX_NUMBER), digests, digests, times, st.data())
def test_a_head_is_read_back(sector, version, position, set_, manifest, at, data):
    rows = data.draw(st.integers(0, position))
    head = Head(sector, version, position, rows, set_, manifest, at, at + data.draw(st.integers(1, 1 << 20)))
    assert head == read_head(encode_head(head))


deltas = st.lists(
    st.tuples(
        st.integers(1, MAX_RANGE),
        st.tuples(st.none() | digests, st.none() | digests),
    ),
    max_size=6,
)
snapshots = st.just(Snapshot()) | st.builds(
    Snapshot, st.integers(9, 99), st.integers(1, 9), st.lists(digests, max_size=2).map(tuple),
    st.lists(digests, min_size=1, max_size=3).map(tuple),
)  # fmt: skip


@given(names, snapshots, deltas)
def test_a_manifest_is_read_back(sector, snapshot, pieces):
    last, cut = snapshot.position, []
    for size, pages in pieces:
        cut.append(Delta(last + 1, last + size, *pages))
        last += size
    manifest = Manifest(sector, last, snapshot, tuple(cut))
    assert manifest == read_manifest(encode_manifest(manifest))


@pytest.mark.parametrize("manifest", [MANIFEST, BEGINNING])
def test_a_manifest_is_what_the_reference_says(manifest):
    document = {
        "v": 1, "sector": "pools", "position": 12,
        "snapshot": {"position": 8, "rows": 6, "denials": [NAME.hex()], "pages": [NAME.hex()] * 2},
        "deltas": [
            {"first": 9, "last": 11, "denials": NAME.hex(), "others": NAME.hex()},
            {"first": 12, "last": 12, "others": NAME.hex()},
        ],
    } if manifest is MANIFEST else {
        "v": 1, "sector": "pools", "position": 0, "deltas": [],
        "snapshot": {"position": 0, "rows": 0, "denials": [], "pages": []},
    }  # fmt: skip
    assert pack(canonical(document).encode()) == encode_manifest(manifest)


@given(st.binary(max_size=200))
def test_noise_is_no_message_of_the_feed(noise):
    with pytest.raises(DocumentError):
        read_head(noise)
    with pytest.raises(BlobError):
        read_manifest(noise)
    with pytest.raises(BlobError):
        read_manifest(pack(noise or b"x"))


@given(st.data())
def test_a_changed_head_has_one_spelling_or_is_refused(data):
    payload = encode_head(HEAD)
    at = data.draw(st.integers(0, len(payload) - 1))
    changed = payload[:at] + data.draw(st.binary(max_size=3)) + payload[at + data.draw(st.integers(0, 3)) :]
    try:
        head = read_head(changed)
    except DocumentError:
        return
    assert changed == encode_head(head)


@given(st.data())
def test_a_changed_manifest_has_one_spelling_or_is_refused(data):
    payload = zstandard.decompress(encode_manifest(MANIFEST))
    at = data.draw(st.integers(0, len(payload) - 1))
    changed = payload[:at] + data.draw(st.binary(max_size=3)) + payload[at + data.draw(st.integers(0, 3)) :]
    try:
        manifest = read_manifest(pack(changed))
    except BlobError:
        return
    assert changed == zstandard.decompress(encode_manifest(manifest))


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2}, {"sector": "A"}, {"version": 0}, {"version": True}, {"position": -1}, {"rows": 13},
        {"set": "00"}, {"set": NAME.hex().upper()}, {"manifest": "x" * 64}, {"at": -1}, {"at": 1 << 41},
        {"expires": NOW}, {"more": 1}, {"position": 8}, {"sector": "x" * 2000},
    ],
    ids=str,
)  # fmt: skip
def test_a_head_in_any_other_form_is_refused(change):
    with pytest.raises(DocumentError):
        read_head(canonical(json.loads(encode_head(HEAD)) | change).encode())


def of(**change):
    document = {
        "v": 1, "sector": "pools", "position": 12,
        "snapshot": {"position": 8, "rows": 6, "denials": [NAME.hex()], "pages": []},
        "deltas": [{"first": 9, "last": 12, "others": NAME.hex()}],
    }  # fmt: skip
    return document | change


def test_the_document_that_the_next_test_changes_is_a_manifest():
    assert 12 == read_manifest(pack(canonical(of()).encode())).position


HEX = NAME.hex()


@pytest.mark.parametrize(
    "document",
    [
        of(v=2), of(sector=""), of(position=11), of(position=13), of(more=1),
        of(snapshot={"position": 8, "rows": 9, "denials": [HEX], "pages": []}),
        of(snapshot={"position": 8, "rows": 0, "denials": [HEX], "pages": []}),
        of(snapshot={"position": 8, "rows": 6, "denials": [], "pages": []}),
        of(snapshot={"position": 8, "rows": 6, "denials": [HEX]}),
        of(snapshot={"position": 8, "rows": 6, "denials": [HEX.upper()], "pages": []}),
        of(snapshot={"position": 8, "rows": 6, "denials": [HEX[:-1]], "pages": []}),
        of(snapshot={"position": 8, "rows": 6, "denials": ["../" + HEX[3:]], "pages": []}),
        of(snapshot={"position": 8, "rows": 6, "denials": [HEX] * (MAX_INDEXES + 1), "pages": []}),
        of(snapshot={"position": 8, "rows": 6, "denials": [HEX], "pages": [], "more": 1}),
        of(snapshot=[]), of(deltas={}), of(deltas=[]),
        of(deltas=[{"first": 10, "last": 12, "others": HEX}]),  # a gap
        of(deltas=[{"first": 8, "last": 12, "others": HEX}]),  # an overlap
        of(deltas=[{"first": 9, "last": 10, "others": HEX}, {"first": 10, "last": 12, "others": HEX}]),
        of(deltas=[{"first": 11, "last": 12, "others": HEX}, {"first": 9, "last": 10, "others": HEX}]),
        of(deltas=[{"first": 9, "last": 8, "others": HEX}, {"first": 9, "last": 12, "others": HEX}]),
        of(deltas=[{"first": 9, "last": 12, "others": ""}]),
        of(deltas=[{"first": 9, "last": 12, "others": HEX, "more": 1}]),
        of(position=9 + MAX_RANGE, deltas=[{"first": 9, "last": 9 + MAX_RANGE, "others": HEX}]),
        of(
            position=MAX_DELTAS + 9,
            deltas=[{"first": n, "last": n, "others": HEX} for n in range(9, MAX_DELTAS + 10)],
        ),
    ],
    ids=lambda document: str(document)[:60],
)  # fmt: skip
def test_a_manifest_in_any_other_form_is_refused(document):
    with pytest.raises(BlobError) as refused:
        read_manifest(pack(canonical(document).encode()))
    assert "malformed" == refused.value.code


@pytest.mark.parametrize(
    ("blob", "code"),
    [
        (pack(canonical(of()).encode() + b" "), "malformed"),
        (pack(json.dumps(of()).encode()), "malformed"),
        (pack(b"[" * 100_000), "malformed"),
        (pack(b" " * (MAX_MANIFEST_BYTES + 1)), "bomb"),
        (encode_manifest(MANIFEST) + b"x", "frame"),
    ],
)
def test_a_manifest_that_is_not_as_carried_is_refused(blob, code):
    with pytest.raises(BlobError) as refused:
        read_manifest(blob)
    assert code == refused.value.code


def test_the_largest_manifest_is_a_blob():
    noise = [hashlib.sha256(at.to_bytes(4, "big")).digest() for at in range(2 * MAX_DELTAS + 2 * MAX_INDEXES)]
    first = 1 << 50
    full = Manifest(
        "p" * 32,
        first + MAX_DELTAS,
        Snapshot(first, first, tuple(noise[:MAX_INDEXES]), tuple(noise[MAX_INDEXES : 2 * MAX_INDEXES])),
        tuple(Delta(first + 1 + at, first + 1 + at, None, noise[-1 - at]) for at in range(MAX_DELTAS)),
    )
    assert full == read_manifest(encode_manifest(full))


def test_a_manifest_that_nobody_would_read_is_not_written():
    with pytest.raises(ValueError, match="deltas"):
        encode_manifest(replace(MANIFEST, position=13))


@given(st.lists(digests, min_size=1, max_size=5))
def test_an_index_is_read_back(pages):
    assert tuple(pages) == read_index(encode_index(pages))
    assert b"".join(pages) == encode_index(pages)


@pytest.mark.parametrize("blob", [b"", bytes(31), bytes(33), bytes(32 * (MAX_NAMES + 1))], ids=len)
def test_an_index_in_any_other_form_is_refused(blob):
    with pytest.raises(BlobError):
        read_index(blob)


@pytest.mark.parametrize("pages", [[], [bytes(31), bytes(33)], [bytes(32)] * (MAX_NAMES + 1)])
def test_an_index_that_nobody_would_read_is_not_written(pages):
    with pytest.raises(ValueError):
        encode_index(pages)


# -------------------------------------------------------------------- sets

keys = st.binary(min_size=16, max_size=16) | st.binary(min_size=8, max_size=8)
sets = st.dictionaries(
    st.tuples(keys, st.integers(0, 2), st.sampled_from([b"", b"\1", bytes(8), bytes(range(8))])),
    st.integers(0, MAX_NUMBER),
    max_size=30,
).map(lambda found: sorted((*place, rank) for place, rank in found.items()))


@given(sets)
def test_a_set_has_one_digest_however_it_is_made(places):
    kept = in_buckets(places)
    assert second_opinion(places) == kept.digest()
    assert len(places) == kept.rows


@given(sets.filter(bool), st.data())
def test_a_set_that_differs_has_another_digest(places, data):
    at = data.draw(st.integers(0, len(places) - 1))
    key, kind, id_, rank = places[at]
    other = data.draw(
        st.sampled_from([[], [(key, kind, id_, (rank + 1) % MAX_NUMBER)], [(key, kind + 1, id_, rank)]])
    )
    changed = [*places[:at], *other, *places[at + 1 :]]
    assert second_opinion(places) != second_opinion(changed)
    assert in_buckets(places).digest() != in_buckets(sorted(changed)).digest()


def test_the_empty_set_has_a_digest():
    assert second_opinion([]) == Buckets().digest() == set_digest([EMPTY] * BUCKETS)


def test_a_bucket_too_few_is_no_set():
    with pytest.raises(ValueError):
        set_digest([bucket_digest(())] * (BUCKETS - 1))


@given(keys)
def test_a_bucket_begins_with_its_first_key(key):
    bucket = bucket_of(key)
    assert first_key(bucket) <= key < first_key(bucket + 1)
