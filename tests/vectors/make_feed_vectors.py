"""Makes feed.json, byte for byte the same each time: ``python tests/vectors/make_feed_vectors.py``.

Pages, manifests, indexes, heads and set digests, each named for what is right or wrong with it, and a whole
small feed. No code is shared with gated's own; frames of zstd are made by hand of raw blocks (RFC 8878 section
3.1.1.2.2), so that no compressor has a say in the bytes.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import forge as f  # noqa: E402

HEAD = f.Key("pools serving", kinds=("ack", "head", "uses", "time"))
HEAD_P256 = f.Key("pools serving p256", alg="ES256", kinds=("head",))
RECEIPTS = f.Key("pools receipts alone", kinds=("ack", "time"))
MUSEUMS = f.Key("museums serving", sectors=("museums",), kinds=("head",))
LAPSED = f.Key("pools serving, over", kinds=("head",), expires=f.ISSUED)
BRON = f.Key("gate bron-1", kinds=("events", "state", "request"))
TRUSTED = (HEAD, HEAD_P256, RECEIPTS, MUSEUMS, LAPSED, f.POOLS)
AT = f.ISSUED + 60
LIFE = 8 * 86400

#: (form, key, id, rank, number, token)
Record = tuple[int, bytes, bytes, int, int, bytes]


def raw_block(content: bytes, *, last: bool = True) -> bytes:
    return ((len(content) << 3) | last).to_bytes(3, "little") + content


def frame_header(size: int, magic: bytes = b"\x28\xb5\x2f\xfd") -> bytes:
    """Of a frame in a single segment: its window is its size."""
    if size < 256:
        return magic + b"\x20" + bytes([size])
    if size < 65_792:
        return magic + b"\x60" + (size - 256).to_bytes(2, "little")
    return magic + b"\xa0" + size.to_bytes(4, "little")


def frame(content: bytes) -> bytes:
    """A zstd frame of raw blocks."""
    blocks = [content[at : at + 131_072] for at in range(0, len(content), 131_072)] or [b""]
    return frame_header(len(content)) + b"".join(
        raw_block(block, last=number == len(blocks)) for number, block in enumerate(blocks, 1)
    )


def repeated(size: int, told: int) -> bytes:
    """A frame of as many zeros in blocks of one byte each, that tells another size: a bomb."""
    blocks = []
    while size > 0:
        part = min(size, 131_072)
        size -= part
        blocks.append(((part << 3) | 2 | (size == 0)).to_bytes(3, "little") + b"\0")
    return frame_header(told) + b"".join(blocks)


def page(*records: Record, count: int | None = None, magic: bytes = b"GP1\n", after: bytes = b"") -> bytes:
    """A page before compression, right or wrong."""
    heads = b"".join(
        bytes([form]) + key.ljust(16, b"\0") + id_.ljust(8, b"\0")
        + rank.to_bytes(8, "big") + number.to_bytes(8, "big") + len(token).to_bytes(2, "big")
        for form, key, id_, rank, number, token in records
    )  # fmt: skip
    told = len(records) if count is None else count
    return magic + told.to_bytes(4, "big") + heads + b"".join(record[5] for record in records) + after


def name(blob: bytes) -> str:
    return hashlib.sha256(blob).hexdigest()


def canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


BOUND = f.token(f.POOLS, f.BINDING, f.binding())
RIGHT = f.token(f.POOLS, f.ENTITLEMENT, f.entitlement())
REVISED = f.token(f.POOLS, f.ENTITLEMENT, f.entitlement(private={2: 1}))
DENIED_MEDIUM = f.token(f.POOLS, f.DENIAL, f.denial(private={1: 0, 2: f.INDEX}))
DENIED_PASS = f.token(f.POOLS, f.DENIAL, f.denial())
DENIED_RIGHT = f.token(f.POOLS, f.DENIAL, f.denial(private={1: 2, 2: f.ID, 3: 1}))

R_BOUND: Record = (0, f.INDEX, b"", 0, 1, BOUND)
R_RIGHT: Record = (1, f.PASS, f.ID, 0, 2, RIGHT)
R_REVISED: Record = (1, f.PASS, f.ID, 1, 6, REVISED)
R_MEDIUM: Record = (2, f.INDEX, b"", 2, 3, DENIED_MEDIUM)
R_PASS: Record = (3, f.PASS, b"", 2, 4, DENIED_PASS)
R_DENIED_RIGHT: Record = (4, f.ID, b"", 1, 5, DENIED_RIGHT)

_KINDS = {0: ("binding", b""), 2: ("denial", b"\0"), 3: ("denial", b"\1"), 4: ("denial", b"\2")}


def row(record: Record) -> dict[str, Any]:
    form, key, id_, rank, number, token = record
    kind, told = _KINDS.get(form, ("entitlement", id_))
    return {
        "key": key.hex(), "kind": kind, "id": told.hex(), "rank": rank, "number": number, "token": token.hex(),
    }  # fmt: skip


def pages() -> Iterator[dict[str, Any]]:
    for what, records in {
        "a binding": [R_BOUND],
        "a right": [R_RIGHT],
        "every kind, in order": [R_DENIED_RIGHT, R_RIGHT, R_PASS, R_BOUND, R_MEDIUM],
        "a key that is another's beginning": [
            (4, bytes(8), b"", 0, 2, b"short"),
            (0, bytes(16), b"", 0, 1, b"long"),
        ],
        "the largest rank and number": [(0, f.INDEX, b"", (1 << 53) - 1, (1 << 53) - 1, b"t")],
        "the longest token": [(0, f.INDEX, b"", 0, 1, bytes(1024))],
    }.items():
        yield {
            "name": what,
            "blob": frame(page(*records)).hex(),
            "expect": {"rows": [row(one) for one in records]},
        }
    good = page(R_BOUND)
    token: Record = (0, f.INDEX, b"", 0, 1, b"t")
    for what, code, blob in (
        ("no bytes", "frame", b""),
        ("not compressed", "frame", good),
        ("cut off", "frame", frame(good)[:-1]),
        ("one byte more", "frame", frame(good) + b"\0"),
        ("two frames", "frame", frame(good) * 2),
        ("a frame to be skipped, before it", "frame", b"\x50\x2a\x4d\x18\4\0\0\0GP1\n" + frame(good)),
        ("holds less than it says", "frame", frame_header(len(good) + 1) + raw_block(good)),
        ("holds more than it says", "frame", frame_header(len(good) - 1) + raw_block(good)),
        ("a dictionary", "frame", b"\x28\xb5\x2f\xfd\x21\x07" + bytes([200]) + raw_block(bytes(200))),
        ("does not say how much it holds", "bomb", b"\x28\xb5\x2f\xfd\x00\x58" + raw_block(good)),
        ("a window of 2 MiB", "bomb", b"\x28\xb5\x2f\xfd\x80\x58" + len(good).to_bytes(4, "little") + raw_block(good)),
        ("holds 200001 bytes", "bomb", repeated(200_001, 200_001)),
        ("holds a gigabyte, and says so", "bomb", frame_header(1 << 30) + raw_block(good)),
        ("holds 100 MB, and says 100 kB", "frame", repeated(100_000_000, 100_000)),
        ("another magic", "malformed", frame(page(R_BOUND, magic=b"GP2\n"))),
        ("no row", "malformed", frame(page())),
        ("counts a row too few", "malformed", frame(page(R_BOUND, R_MEDIUM, count=1))),
        ("counts a row too many", "malformed", frame(page(R_BOUND, count=2))),
        ("counts four thousand million rows", "malformed", frame(page(R_BOUND, count=(1 << 32) - 1))),
        ("bytes behind the last token", "malformed", frame(page(R_BOUND, after=b"\0"))),
        ("a token without bytes", "malformed", frame(page((0, f.INDEX, b"", 0, 1, b"")))),
        ("a token of 1025 bytes", "malformed", frame(page((0, f.INDEX, b"", 0, 1, bytes(1025))))),
        ("form 5", "malformed", frame(page((5, f.INDEX, b"", 0, 1, b"t")))),
        ("a binding with an id", "malformed", frame(page((0, f.INDEX, f.ID, 0, 1, b"t")))),
        ("a denial with an id", "malformed", frame(page((3, f.PASS, f.ID, 0, 1, b"t")))),
        ("a denied right whose key goes on", "malformed", frame(page((4, f.PASS, b"", 0, 1, b"t")))),
        ("rank 2^53", "malformed", frame(page((0, f.INDEX, b"", 1 << 53, 1, b"t")))),
        ("number 0", "malformed", frame(page((0, f.INDEX, b"", 0, 0, b"t")))),
        ("number 2^53", "malformed", frame(page((0, f.INDEX, b"", 0, 1 << 53, b"t")))),
        ("2001 rows", "malformed", frame(page(*((0, at.to_bytes(16, "big"), b"", 0, 1, b"t") for at in range(2001))))),
        ("rows out of order", "order", frame(page(R_BOUND, R_RIGHT))),
        ("a place twice", "order", frame(page(token, token))),
        ("a denial before the binding of its medium", "order", frame(page(R_MEDIUM, R_BOUND))),
        ("120001 bytes", "oversize", frame(bytes(119_989))),
    ):  # fmt: skip
        yield {"name": what, "blob": pieces(blob), "expect": {"refused": code}}


def pieces(blob: bytes) -> Any:
    """Hex, or where it is long and dull, pieces with how often each stands there."""
    if len(blob) < 90_000 and len(set(blob)) > 20:
        return blob.hex()
    runs: list[list[Any]] = []
    at = 0
    while at < len(blob):
        for size in (4, 1):
            unit = blob[at : at + size]
            times = 1
            while blob[at + times * size : at + (times + 1) * size] == unit:
                times += 1
            if times > 64:
                break
        else:
            unit, times = blob[at : at + 1], 1
        if times == 1 and runs and runs[-1][1] == 1:
            runs[-1][0] += unit.hex()
        else:
            runs.append([unit.hex(), times])
        at += len(unit) * times
    return runs


def index(pages_: list[str]) -> bytes:
    return b"".join(map(bytes.fromhex, pages_))


def indexes() -> Iterator[dict[str, Any]]:
    names = [name(bytes([at])) for at in range(3)]
    yield {"name": "three names", "blob": index(names).hex(), "expect": {"names": names}}
    yield {"name": "no name", "blob": "", "expect": {"refused": "malformed"}}
    yield {"name": "half a name", "blob": index(names)[:-16].hex(), "expect": {"refused": "malformed"}}
    yield {"name": "3001 names", "blob": [["00", 3001 * 32]], "expect": {"refused": "oversize"}}


# A whole feed: a snapshot at 4, and deltas to 6.
SNAPSHOT_DENIALS, SNAPSHOT_OTHERS = frame(page(R_PASS, R_MEDIUM)), frame(page(R_RIGHT, R_BOUND))
DENIAL_INDEX, OTHER_INDEX = index([name(SNAPSHOT_DENIALS)]), index([name(SNAPSHOT_OTHERS)])
DELTA_5, DELTA_6 = frame(page(R_DENIED_RIGHT)), frame(page(R_REVISED))
MANIFEST = {
    "v": 1,
    "sector": "pools",
    "position": 6,
    "snapshot": {"position": 4, "rows": 4, "denials": [name(DENIAL_INDEX)], "pages": [name(OTHER_INDEX)]},
    "deltas": [
        {"first": 5, "last": 5, "denials": name(DELTA_5)},
        {"first": 6, "last": 6, "others": name(DELTA_6)},
    ],
}
IN_FORCE = [R_DENIED_RIGHT, R_REVISED, R_PASS, R_BOUND, R_MEDIUM]


def but(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**MANIFEST, **changes}.items() if value is not ...}


def snapshot(**changes: Any) -> dict[str, Any]:
    return but(snapshot={**MANIFEST["snapshot"], **changes})  # type: ignore[dict-item]


def deltas(*told: tuple[int, int], **more: Any) -> dict[str, Any]:
    return but(
        deltas=[{"first": first, "last": last, "others": name(DELTA_6), **more} for first, last in told]
    )


def manifests() -> Iterator[dict[str, Any]]:
    begin = {
        "v": 1, "sector": "pools", "position": 0, "deltas": [],
        "snapshot": {"position": 0, "rows": 0, "denials": [], "pages": []},
    }  # fmt: skip
    for what, document in {
        "a snapshot and two deltas": MANIFEST,
        "the beginning": begin,
        "deltas from the beginning": {**begin, "position": 2, "deltas": deltas((1, 2))["deltas"]},
        "a snapshot alone": but(position=4, deltas=[]),
        "a delta of statements that nobody can read": but(deltas=[{"first": 5, "last": 6}]),
    }.items():
        yield {"name": what, "blob": frame(canonical(document)).hex(), "expect": document}
    for what, document in {
        "another version": but(v=2),
        "no sector": but(sector=...),
        "a name that is none": but(sector="Pools"),
        "a member more": but(more=1),
        "position behind its deltas": but(position=5),
        "position ahead of its deltas": but(position=7),
        "a gap between deltas": deltas((5, 5), (7, 7)) | {"position": 7},
        "a gap before the first": deltas((6, 6)),
        "an overlap": deltas((5, 6), (6, 6)),
        "deltas out of order": deltas((6, 6), (5, 5)),
        "a delta that ends before it begins": deltas((5, 4), (5, 6)),
        "a delta of 2001 statements": deltas((5, 2005)) | {"position": 2005},
        "a name in capitals": deltas((5, 6), denials=name(DELTA_5).upper()),
        "a path in place of a name": deltas((5, 6), denials="../" + "0" * 61),
        "more rows than statements": snapshot(rows=5),
        "rows and no page": snapshot(denials=[], pages=[]),
        "pages and no row": snapshot(rows=0),
        "33 indexes": snapshot(pages=[name(OTHER_INDEX)] * 33),
    }.items():
        yield {"name": what, "blob": frame(canonical(document)).hex(), "expect": {"refused": "malformed"}}
    spaced = json.dumps(MANIFEST, sort_keys=True).encode()
    deep = b"[" * 100_000
    for what, code, blob in (
        ("not canonical: spaces", "malformed", frame(spaced)),
        ("no JSON", "malformed", frame(b"{")),
        ("a hundred thousand brackets", "malformed", frame(deep)),
        ("holds 400001 bytes", "bomb", repeated(400_001, 400_001)),
        ("not compressed", "frame", canonical(MANIFEST)),
    ):
        yield {"name": what, "blob": pieces(blob), "expect": {"refused": code}}


def set_digest(records: list[Record]) -> str:
    buckets = [b""] * 16_384
    for record in records:
        told = row(record)
        key, id_ = bytes.fromhex(told["key"]), bytes.fromhex(told["id"])
        kind = ("binding", "entitlement", "denial").index(told["kind"])
        leaf = bytes([len(key)]) + key + bytes([kind, len(id_)]) + id_ + told["rank"].to_bytes(8, "big")
        buckets[(key[0] << 6) | (key[1] >> 2)] += leaf
    digests = b"".join(hashlib.sha256(bucket).digest() for bucket in buckets)
    return hashlib.sha256(b"gated set 1\0" + digests).hexdigest()


def sets() -> Iterator[dict[str, Any]]:
    other_bucket: Record = (0, b"\xff" * 16, b"", 7, 9, b"t")
    for what, records in {
        "nothing": [],
        "a binding": [R_BOUND],
        "a binding of another rank": [(0, f.INDEX, b"", 1, 1, BOUND)],
        "all that is in force": IN_FORCE,
        "two buckets": [R_RIGHT, other_bucket],
    }.items():
        places = [{key: row(one)[key] for key in ("key", "kind", "id", "rank")} for one in records]
        yield {"name": what, "places": places, "digest": set_digest(records)}


def head_document(**changes: Any) -> dict[str, Any]:
    members = {
        "v": 1, "sector": "pools", "version": 7, "position": 6, "rows": 5, "set": set_digest(IN_FORCE),
        "manifest": name(frame(canonical(MANIFEST))), "at": AT, "expires": AT + LIFE, **changes,
    }  # fmt: skip
    return {key: value for key, value in members.items() if value is not ...}


def head(key: f.Key = HEAD, content_type: str = "gated/head", /, **changes: Any) -> bytes:
    return f.token(key, content_type, canonical(head_document(**changes)))


def heads() -> Iterator[dict[str, Any]]:
    yield {"name": "a head", "token": head().hex(), "expect": head_document()}
    yield {"name": "by a P-256 key", "token": head(HEAD_P256).hex(), "expect": head_document()}
    nothing = {"position": 0, "rows": 0, "set": set_digest([]), "version": 1}
    yield {"name": "of nothing", "token": head(**nothing).hex(), "expect": head_document(**nothing)}
    spoilt = bytearray(head())
    spoilt[-1] ^= 1
    protected = f.header(HEAD, "gated/head")
    later = canonical(head_document(version=8))
    for what, code, token in (
        ("a signature that is none", "bad_signature", bytes(spoilt)),
        ("another payload under the same signature", "bad_signature",
         f.assemble(protected, later, f.sign(HEAD, protected, canonical(head_document())))),
        ("a key that nobody knows", "unknown_key", head(f.STRANGER)),
        ("a key for receipts", "out_of_scope", head(RECEIPTS)),
        ("a key for statements", "out_of_scope", head(f.POOLS)),
        ("a key of another sector", "out_of_scope", head(MUSEUMS)),
        ("a key whose time is over", "key_not_valid", head(LAPSED)),
        ("the type of a receipt", "malformed", head(HEAD, "gated/ack")),
        ("another sector", "foreign_sector", head(sector="museums")),
        ("no bytes", "truncated", b""),
        ("another version of the form", "malformed", head(v=2)),
        ("version 0", "malformed", head(version=0)),
        ("more rows than statements", "malformed", head(rows=7)),
        ("no set", "malformed", head(set=...)),
        ("a set in capitals", "malformed", head(set=set_digest(IN_FORCE).upper())),
        ("half a name", "malformed", head(manifest="00" * 16)),
        ("ends before it begins", "malformed", head(expires=AT)),
        ("a time beyond the end of time", "malformed", head(at=1 << 41, expires=1 << 42)),
        ("a member more", "malformed", head(more=1)),
        ("not canonical: spaces", "malformed",
         f.token(HEAD, "gated/head", json.dumps(head_document(), sort_keys=True).encode())),
    ):  # fmt: skip
        yield {"name": what, "token": token.hex(), "expect": {"refused": code}}


QUESTION = bytes(range(8))


def questions() -> Iterator[dict[str, Any]]:
    wanted = name(frame(canonical(MANIFEST)))
    for what, members in {
        "asks for the head": {"want": "head"},
        "asks for a manifest": {"want": "blob", "name": wanted},
    }.items():
        document = {"v": 1, "gate": "bron-1", "id": QUESTION.hex(), **members}
        yield {
            "name": what,
            "message": f.token(BRON, "gated/request", canonical(document)).hex(),
            "expect": document,
        }


def answers() -> Iterator[dict[str, Any]]:
    for what, code, body in (
        ("here is an index", 0, DENIAL_INDEX),
        ("there is no such thing", 1, b""),
        ("later", 2, b""),
    ):
        message = (QUESTION + bytes([code]) + body).hex()
        yield {
            "name": what,
            "message": message,
            "expect": {"id": QUESTION.hex(), "code": code, "body": body.hex()},
        }
    for what, message in (
        ("an answer without its code", QUESTION),
        ("here it is, and nothing is", QUESTION + b"\0"),
        ("there is no such thing, and a body", QUESTION + b"\1x"),
        ("a code that nobody knows", QUESTION + b"\3"),
    ):
        yield {"name": what, "message": message.hex(), "expect": {"refused": "malformed"}}


def document() -> dict[str, Any]:
    """All of it."""
    blobs = [
        frame(canonical(MANIFEST)), DENIAL_INDEX, OTHER_INDEX, SNAPSHOT_DENIALS, SNAPSHOT_OTHERS, DELTA_5, DELTA_6,
    ]  # fmt: skip
    return {
        "floor": f.ISSUED,
        "sector": "pools",
        "keys": [key.entry() for key in TRUSTED],
        "pages": list(pages()),
        "indexes": list(indexes()),
        "manifests": list(manifests()),
        "heads": list(heads()),
        "sets": list(sets()),
        "gate": {"gate": "bron-1", **BRON.entry()},
        "questions": list(questions()),
        "answers": list(answers()),
        "feed": {
            "head": head().hex(),
            "blobs": {name(blob): blob.hex() for blob in blobs},
            "rows": [row(record) for record in IN_FORCE],
        },
    }


def files() -> dict[str, str]:
    """Name and content of each file."""
    return {"feed.json": json.dumps(document(), indent=1) + "\n"}


if __name__ == "__main__":
    for file, content in files().items():
        (HERE / file).write_text(content, encoding="utf-8")
