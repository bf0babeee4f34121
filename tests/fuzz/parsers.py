"""Targets that are one call: bytes in, a value or the parser's own refusal out."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

import cbor2

import forge as f
from fuzz.cards import CARRIED, CONTAINER, MESSAGE
from fuzz.supply import Supply, edited
from gated.card import ndef, tlv, type2, type4
from gated.card.apdu import CardFault
from gated.central.sign import sign_statement
from gated.credential import cbor
from gated.credential.cose import MAX_TOKEN_BYTES, split
from gated.credential.keys import read_keys
from gated.credential.refused import Refused
from gated.credential.statement import open_statement
from gated.model.refusal import Reason, Refusal
from gated.wire.seal import SigningKey
from gated.wire.statement_file import frame, tokens

Seeds = dict[str, bytes]

# ------------------------------------------------------------------ data objects


_PATHS = ((0x6F, 0xA5, 0xBF0C, 0xC7), (0x7F4E, 0x5F20), (0x30,))


def tlv_target(data: bytes, parser: Any = tlv) -> None:
    try:
        found = list(parser.objects(data))
    except CardFault:
        found = []
    else:
        _rejoined(data, found)
    for path in _PATHS:
        try:
            value = parser.find(data, *path)
        except CardFault:
            continue
        assert value is None or value in data


def _rejoined(data: bytes, found: list[Any]) -> None:
    assert len(found) <= tlv.MAX_OBJECTS
    for one in found:
        data = data.lstrip(b"\x00")
        assert data.startswith(one.whole)
        assert one.whole.endswith(one.value)
        assert one.whole.startswith(one.tag.to_bytes((one.tag.bit_length() + 7) // 8, "big"))
        data = data[len(one.whole) :]
    assert not any(data)


FCI = bytes.fromhex("6F228408315449432E494341A516BF0C13C708000000000012345653070A3C2005141001")


def tlv_seeds() -> Seeds:
    return {
        "calypso": FCI,
        "certificate": bytes.fromhex("7F4E0E5F29010042014142200042015F200143"),
        "long-lengths": b"\x30\x81\x80" + bytes(128) + b"\x31\x82\x01\x00" + bytes(256),
        "padded": b"\x00\x00\x5a\x01\x07\x00\x00",
        "most": b"\x01\x00" * tlv.MAX_OBJECTS,
    }


# ------------------------------------------------------------------ NDEF and capability containers


def ndef_target(data: bytes) -> None:
    assert ndef.carried_in(ndef.carrying(data)) == data
    try:
        found = list(ndef.records(data))
        carried = ndef.carried_in(data)
    except CardFault:
        return
    assert 0 < len(found) <= ndef.MAX_RECORDS
    assert sum(3 + len(one.type) + len(one.payload) for one in found) <= len(data)
    ours = [one.payload for one in found if (one.format, one.type) == (4, ndef.RECORD_TYPE)]
    assert ours == ([] if carried is None else [carried])


def ndef_seeds() -> Seeds:
    address = ndef.record(1, b"U", b"\x04gated.example")
    begins, ends = (
        (lambda one: bytes([one[0] & ~0x40]) + one[1:]),
        (lambda one: bytes([one[0] & ~0x80]) + one[1:]),
    )
    return {
        "carried": MESSAGE,
        "short": ndef.carrying(b"\x43abc"),
        "address": address,
        "two": begins(address) + ends(ndef.carrying(b"\x41a")),
        "with-id": b"\xd9\x01\x03\x02Uid\x04a.",
    }


def container_target(data: bytes) -> None:
    with contextlib.suppress(CardFault):
        file, chunk, _size = type4.capability(data)
        assert file in data
        assert len(file) == 2
        assert 15 <= chunk <= 255
    with contextlib.suppress(CardFault):
        # Its caller has read a block of 16 bytes, and hands on the four of the page.
        assert 0 <= type2.capacity(data[:4].ljust(4, b"\x00")) <= 255 * 8


def container_seeds() -> Seeds:
    return {
        "type4": CONTAINER,
        "ntag424": bytes.fromhex("001720010000FF0406E104010000000506E10500808283000000"),
        "ntag216": bytes.fromhex("E1106D00"),
        "ntag213": bytes.fromhex("E1101200"),
    }


# ------------------------------------------------------------------ CBOR and tokens


def encoded(value: Any) -> bytes:
    """Deterministic CBOR (RFC 8949). cbor2's ``canonical`` sorts keys by length first, as RFC 7049 did."""
    if isinstance(value, list):
        return _head(cbor2.dumps(len(value)), 4) + b"".join(map(encoded, value))
    if isinstance(value, dict):
        members = sorted((encoded(key), encoded(member)) for key, member in value.items())
        return _head(cbor2.dumps(len(value)), 5) + b"".join(key + member for key, member in members)
    return cbor2.dumps(value, canonical=True)


def _head(counted: bytes, major: int) -> bytes:
    return bytes([counted[0] | major << 5]) + counted[1:]


def cbor_target(data: bytes, parser: Any = cbor) -> None:
    try:
        value = parser.load(data)
    except Refused:
        return
    assert encoded(value) == data


def cbor_seeds() -> Seeds:
    return {
        "binding": f.encode(f.binding()),
        "full": f.encode(f.full_entitlement()),
        "denial": f.encode(f.denial()),
        "header": f.header(f.POOLS, f.DENIAL),
        "kinds": bytes.fromhex("84F4F6381863E282AC"),
        "key-order": bytes.fromhex("A3010218640320F5"),
    }


KEYS = read_keys(f.keys_document((f.POOLS,)))
_OUR_KEY = SigningKey(f.POOLS._private)
GOOD = [
    f.token(f.POOLS, f.BINDING, f.binding()),
    f.token(f.POOLS, f.ENTITLEMENT, f.full_entitlement()),
    f.token(f.POOLS, f.DENIAL, f.denial()),
]
_CLAIMS = [f.binding(), f.full_entitlement(), f.denial()]


def cose_target(data: bytes, opening: Callable[..., Any] = open_statement) -> None:
    supply = Supply(data)
    kind = supply.byte()
    number = kind >> 2 & 3
    if kind & 3 == 0:
        _as_it_stands(supply.rest(), opening)
    elif kind & 3 == 1:
        token = GOOD[number % 3]
        for _ in range(1 + supply.byte() % 3):
            token = edited(token, supply)
        _as_it_stands(token, opening)
    else:  # the key signs whatever it is handed: what opens must mean one thing all the same
        payload, protected = (
            (supply.rest(), None) if kind & 1 else (f.encode(_CLAIMS[number % 3]), supply.rest())
        )
        token = f.token(f.POOLS, f.TYPES[number % 3], payload, protected)
        opened = opening(token, KEYS, f.ISSUED)
        if not isinstance(opened, Refusal):
            # Not the same bytes: a beginning may be said although it is that of the issue.
            assert opened == opening(sign_statement(_OUR_KEY, opened), KEYS, f.ISSUED)


def _as_it_stands(token: bytes, opening: Callable[..., Any]) -> None:
    try:
        parts = split(token)
    except Refused:
        assert isinstance(opening(token, KEYS, f.ISSUED), Refusal)
        return
    assert len(token) <= MAX_TOKEN_BYTES
    assert token == f.assemble(parts.protected, parts.payload, parts.signature)
    opened = opening(token, KEYS, f.ISSUED)
    assert isinstance(opened, Refusal) != (token in GOOD)


def cose_seeds() -> Seeds:
    return {
        "binding": b"\x00" + GOOD[0],
        "full": b"\x00" + GOOD[1],
        "denial": b"\x00" + GOOD[2],
        "another-algorithm": b"\x00" + f.token(f.POOLS_P256, f.BINDING, f.binding()),
        "edits": b"\x01\x00\x00\x00\x30\x01",
        "more-edits": b"\x05\x02\x04\x00\x10\x02ab\x03\x00\x20\x01\x05\x00\x07",
        "claims": b"\x03" + f.encode(f.binding()),
        "full-claims": b"\x07" + f.encode(f.full_entitlement()),
        "denied-claims": b"\x0b" + f.encode(f.denial()),
        "header": b"\x02" + f.header(f.POOLS, f.BINDING),
    }


# ------------------------------------------------------------------ a file of statements


def statements_target(data: bytes) -> None:
    found = list(tokens(io.BytesIO(data).read))
    whole = [one for one in found if isinstance(one, bytes)]
    assert all(len(one) <= MAX_TOKEN_BYTES for one in whole)
    assert sum(map(len, whole)) + len(whole) <= len(data)
    # Only over what is too long does reading go on: past any other defect nobody knows where the next begins.
    assert all(isinstance(one, bytes) or one.reason is Reason.OVERSIZE for one in found[:-1])
    assert whole == list(tokens(io.BytesIO(b"".join(map(frame, whole))).read))


def statements_seeds() -> Seeds:
    return {
        "two": CARRIED,
        "empty-one": b"\x40\x41a",
        "too-long": b"\x59\x04\x01" + bytes(1025) + b"\x41a",
        "far-too-long": b"\x5a\x00\x10\x00\x01\x41a",
        "torn": frame(GOOD[0])[:-1],
    }
