"""Makes pkoc2.json, byte for byte the same each time: ``python tests/vectors/make_pkoc2_vectors.py``.

Certificates of PKOC version 2 media, each named for what is right or wrong with it, and a whole tap. Keys and
signatures come from ``tests/forge.py`` and objects are put together here: no code is shared with gated's own.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import forge as f  # noqa: E402

AT = f.ISSUED  # 2026-11-24
ISSUER, REFERENCE = f.Key("pkoc2 issuer", alg="ES256"), "GATED00000000001"
STRANGER, STRANGERS = f.Key("pkoc2 stranger", alg="ES256"), "GATED00000000002"
CARD = f.Key("pkoc2 card", alg="ES256")
CHALLENGE = bytes(range(32))
P256, P384, RSA = "2a8648ce3d030107", "2b81040022", "2a864886f70d010101"


def tlv(tag: str, value: bytes) -> bytes:
    size = len(value)
    length = (
        bytes([size])
        if size < 128
        else bytes([0x81, size])
        if size < 256
        else b"\x82" + size.to_bytes(2, "big")
    )
    return bytes.fromhex(tag) + length + value


def key(point: bytes, curve: str = P256) -> bytes:
    return tlv("7f49", tlv("06", bytes.fromhex(curve)) + tlv("86", point))


def date(digits: str) -> bytes:
    return bytes(map(int, digits))


PARTS = {
    "5f29": tlv("5f29", b"\x00"),
    "42": tlv("42", REFERENCE.encode()),
    "7f49": key(CARD.public),
    "5f20": tlv("5f20", b"CARD000000000001"),
    "5f25": tlv("5f25", date("260101")),
    "5f24": tlv("5f24", date("301231")),
}


def body(changes: dict[str, bytes]) -> bytes:
    return tlv("7f4e", b"".join((PARTS | changes).values()))


def certificate(changes: dict[str, bytes] | None = None, by: f.Key = ISSUER) -> bytes:
    signed = body(changes or {})
    return tlv("7f21", signed + tlv("5f37", by.sign(signed)))


def good() -> dict[str, bytes]:
    uuid = tlv("73", tlv("06", bytes.fromhex("2b0601040183d2250801")) + tlv("53", bytes(16)))
    return {
        "as usual": certificate(),
        "with an extension": certificate({"65": tlv("65", uuid)}),
        "with extensions, chained by 61xx": certificate({"65": tlv("65", uuid * 5)}),
        "with an object that nobody knows": certificate({"5f50": tlv("5f50", b"example")}),
        "on its first day": certificate({"5f25": tlv("5f25", date("261124"))}),
        "on its last day": certificate({"5f24": tlv("5f24", date("261124"))}),
    }


def refused() -> dict[str, tuple[bytes, str, str]]:
    """What is wrong, the certificate, the reason and its ``what``."""
    whole = certificate()
    signed, signature = body({}), tlv("5f37", ISSUER.sign(body({})))
    compressed = bytes([2 + CARD.public[64] % 2]) + CARD.public[1:33]
    return {
        "issuer unknown": (certificate({"42": tlv("42", STRANGERS.encode())}, STRANGER), "bad_proof", "issuer"),
        "signed by a stranger in our issuer's name": (certificate(by=STRANGER), "bad_proof", "certificate"),
        "subject edited": (whole.replace(b"CARD000000000001", b"CARD000000000002"), "bad_proof", "certificate"),
        "signature edited": (whole[:-1] + bytes([whole[-1] ^ 1]), "bad_proof", "certificate"),
        "ended yesterday": (certificate({"5f24": tlv("5f24", date("261123"))}), "bad_proof", "expired"),
        "begins tomorrow": (certificate({"5f25": tlv("5f25", date("261125"))}), "bad_proof", "not_yet_valid"),
        "profile 1": (certificate({"5f29": tlv("5f29", b"\x01")}), "unreadable", "profile"),
        "curve P-384": (certificate({"7f49": key(b"\x04" + bytes(96), P384)}), "unreadable", "curve"),
        "RSA": (certificate({"7f49": key(b"", RSA)}), "unreadable", "curve"),
        "point compressed": (certificate({"7f49": key(compressed)}), "unreadable", "key"),
        "point off the curve": (certificate({"7f49": key(b"\x04" + b"\x11" * 64)}), "unreadable", "point"),
        "30 February": (certificate({"5f25": tlv("5f25", date("260230"))}), "unreadable", "dates"),
        "packed dates": (certificate({"5f25": tlv("5f25", bytes.fromhex("260101"))}), "unreadable", "dates"),
        "no expiration": (certificate({"5f24": b""}), "unreadable", "missing_5f24"),
        "two keys": (certificate({"7f49": 2 * PARTS["7f49"]}), "unreadable", "twice"),
        "two bodies": (tlv("7f21", signed + signed + signature), "unreadable", "layout"),
        "something unsigned beside": (tlv("7f21", signed + signature + tlv("65", b"")), "unreadable", "layout"),
        "signature of 63 bytes": (tlv("7f21", signed + tlv("5f37", bytes(63))), "unreadable", "signature"),
    }  # fmt: skip


def tap() -> list[dict[str, str]]:
    said = [
        ("00a4040008a00000089800000100", "5c0201009000"),
        ("00ca7f6300", "7f63045c0202009000"),
        ("00ca7f2100", certificate().hex() + "9000"),
        ("0088000020" + CHALLENGE.hex() + "00", tlv("9e", CARD.sign(CHALLENGE)).hex() + "9000"),
    ]
    return [{"command": command, "response": response} for command, response in said]


def private(one: f.Key) -> str:
    return one._private.private_numbers().private_value.to_bytes(32, "big").hex()


def document() -> dict[str, Any]:
    return {
        "at": AT,
        "issuers": {REFERENCE: ISSUER.public.hex()},
        "private_for_tests_only": {"issuer": private(ISSUER), "card": private(CARD)},
        "public": CARD.public.hex(),
        "certificates": [{"name": name, "certificate": made.hex()} for name, made in good().items()],
        "refused": [
            {"name": name, "certificate": made.hex(), "reason": reason, "what": what}
            for name, (made, reason, what) in refused().items()
        ],
        "challenge": CHALLENGE.hex(),
        "tap": tap(),
        "credential": "pkoc2:" + hashlib.sha256(CARD.public).hexdigest(),
    }


if __name__ == "__main__":
    (HERE / "pkoc2.json").write_text(json.dumps(document(), indent=1) + "\n", encoding="ascii")
