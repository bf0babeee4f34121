"""Makes pkoc.json, byte for byte the same each time: ``python tests/vectors/make_pkoc_vectors.py``.

For whoever writes an app that is a PKOC medium (docs/how-to/make-a-phone-a-medium.md): what a gate sends, what is
right to answer, and what a gate makes of wrong answers. Keys and signatures come from ``tests/forge.py`` and
objects are put together here: no code is shared with gated's own.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import forge as f  # noqa: E402

APP = f.Key("pkoc app", alg="ES256")
TRANSACTION = bytes(range(16))
#: Here r has 31 bytes and a zero before them: whoever forgets the zero has a signature of 63 bytes.
SHORT_TRANSACTION = (662).to_bytes(16, "big")
READER = bytes(range(32, 64))
SELECT = bytes.fromhex("00a4040008a00000089800000100")
SELECTED = bytes.fromhex("5c0201009000")
OK = b"\x90\x00"


def tlv(tag: int, value: bytes) -> bytes:
    return bytes([tag, len(value)]) + value


def request(transaction: bytes, version: bytes = b"\x01\x00") -> bytes:
    return tlv(0x5C, version) + tlv(0x4C, transaction) + tlv(0x4D, READER)


def authenticate(body: bytes) -> bytes:
    return bytes.fromhex("80800001") + bytes([len(body)]) + body + b"\x00"


def answer(signature: bytes, public: bytes = APP.public) -> bytes:
    return tlv(0x5A, public) + tlv(0x9E, signature) + OK


def der(signature: bytes) -> bytes:
    return encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))


def steps() -> list[dict[str, str | bool]]:
    """What to send to an app, in this order. ``response``: its only right answer; ``signs``: an answer like the
    one shown, whose signature over this number verifies; ``refuses``: any status but 9000, and nothing else.
    """
    first, short = authenticate(request(TRANSACTION)), authenticate(request(SHORT_TRANSACTION))
    truncated = tlv(0x5C, b"\x01\x00") + tlv(0x4C, TRANSACTION[:15]) + tlv(0x4D, READER)
    without = tlv(0x5C, b"\x01\x00") + tlv(0x4D, READER)
    of_another = SELECT[:12] + b"\x02" + SELECT[13:]
    return [
        {"name": "nothing was selected", "command": first.hex(), "refuses": True},
        {"name": "the application is selected", "command": SELECT.hex(), "response": SELECTED.hex()},
        {"name": "version 2 is asked for", "command": "00ca7f6300", "refuses": True},
        {"name": "it signs", "command": first.hex(), "signs": TRANSACTION.hex(),
         "response": answer(APP.sign(TRANSACTION)).hex()},
        {"name": "it signs another number, r is short", "command": short.hex(), "signs": SHORT_TRANSACTION.hex(),
         "response": answer(APP.sign(SHORT_TRANSACTION)).hex()},
        {"name": "a number of 15 bytes", "command": authenticate(truncated).hex(), "refuses": True},
        {"name": "no number", "command": authenticate(without).hex(), "refuses": True},
        {"name": "another version", "command": authenticate(request(TRANSACTION, b"\x02\x00")).hex(),
         "refuses": True},
        {"name": "another command", "command": "00b0000000", "refuses": True},
        {"name": "another application", "command": of_another.hex(), "response": "6a82"},
    ]  # fmt: skip


def mistakes() -> list[dict[str, str | list[str] | None]]:
    """What apps get wrong, and what a gate makes of it."""
    right, digest = APP.sign(TRANSACTION), hashlib.sha256(TRANSACTION).digest()
    short = APP.sign(SHORT_TRANSACTION)
    compressed = bytes([2 + APP.public[64] % 2]) + APP.public[1:33]
    long_form = b"\x5a\x81\x41" + APP.public + tlv(0x9E, right) + OK
    wrong = [
        ("the signature as DER", answer(der(right)), "unreadable", "signature"),
        ("r without its zero", answer(short[1:]), "unreadable", "signature"),
        ("the number hashed twice", answer(APP.sign(digest)), "bad_proof", None),
        ("all of the command signed", answer(APP.sign(request(TRANSACTION))), "bad_proof", None),
        ("an answer to an earlier number", answer(short), "bad_proof", None),
        ("the key compressed", answer(right, compressed), "unreadable", "key"),
        ("the key as X.509 encodes it", answer(right, spki()), "unreadable", "key"),
        ("a length in two bytes", long_form, "unreadable", "objects"),
        ("no signature", tlv(0x5A, APP.public) + OK, "unreadable", "signature"),
        ("an error", b"\x6f\x00", "unreadable", "status_6f00"),
        ("nothing", b"", "unreadable", "empty"),
    ]
    made = [
        {"name": name, "responses": [SELECTED.hex(), response.hex()], "reason": reason, "what": what}
        for name, response, reason, what in wrong
    ]
    other = [bytes.fromhex("5c0202009000").hex()]
    return [*made, {"name": "version 2 alone", "responses": other, "reason": "unreadable", "what": "version"}]


def spki() -> bytes:
    """SubjectPublicKeyInfo (RFC 5480), as ``PublicKey.getEncoded()`` of Java gives it."""
    return bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200") + APP.public


def document() -> dict[str, Any]:
    right = APP.sign(TRANSACTION)
    return {
        "private_for_tests_only": APP._private.private_numbers().private_value.to_bytes(32, "big").hex(),
        "public": APP.public.hex(),
        "credential": "pkoc:" + hashlib.sha256(APP.public).hexdigest(),
        "transaction": TRANSACTION.hex(),
        "reader": READER.hex(),
        "signatures": [
            {"transaction": number.hex(), "der": der(APP.sign(number)).hex(), "raw": APP.sign(number).hex()}
            for number in (TRANSACTION, SHORT_TRANSACTION)
        ],
        "tap": [
            {"command": SELECT.hex(), "response": SELECTED.hex()},
            {"command": authenticate(request(TRANSACTION)).hex(), "response": answer(right).hex()},
        ],
        "steps": steps(),
        "mistakes": mistakes(),
    }


if __name__ == "__main__":
    (HERE / "pkoc.json").write_text(json.dumps(document(), indent=1) + "\n", encoding="ascii")
