"""Makes the vectors, byte for byte the same each time: ``python tests/vectors/make_vectors.py``.

Each is named for its defect. The tokens are put together by ``tests/forge.py``, which shares no code
with gated's own signing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import forge as f  # noqa: E402

Case = tuple[str, bytes, str]

EIGHT = {
    3: [f"venue-{number}" for number in range(8)],
    7: {f"venue-{number}": 2147483647 for number in range(8)},
}
CONFIRMATIONS: dict[str, object] = {
    "that is no map": bytes(32), "without a member": {}, "with a short identifier": {3: bytes(31)},
    "with a long identifier": {3: bytes(33)}, "with a text": {3: "0" * 32}, "with a key": {1: bytes(32)},
    "with a key beside": {1: bytes(32), 3: bytes(32)},
}  # fmt: skip
LIMITS: dict[str, dict[int, object]] = {
    "no use in a day": {6: 0}, "as many a day as can be said": {6: 2147483647},
    "hours of one character": {8: "0"}, "hours of 255 characters": {8: "é" * 255},
    "a party of one": {9: 1}, "a party of 200": {9: 200}, "a party costs a use each": {10: 0},
    "re-entry within a second": {11: 1}, "re-entry within 31 days": {11: 2678400},
}  # fmt: skip


def good() -> Iterator[Case]:
    yield "binding", f.token(f.POOLS, f.BINDING, f.binding()), "binding"
    yield "binding, ES256", f.token(f.POOLS_P256, f.BINDING, f.binding()), "binding"
    yield "binding without end", f.token(f.POOLS, f.BINDING, f.binding({4: ...})), "binding"
    confirmed = f.binding({4: ..., 8: {3: bytes(range(32))}})
    yield "binding that names a key (cnf)", f.token(f.POOLS, f.BINDING, confirmed), "binding"
    yield "entitlement", f.token(f.POOLS, f.ENTITLEMENT, f.entitlement()), "entitlement"
    yield "entitlement, ES256", f.token(f.POOLS_P256, f.ENTITLEMENT, f.entitlement()), "entitlement"
    yield "entitlement that says all", f.token(f.POOLS, f.ENTITLEMENT, f.full_entitlement()), "entitlement"
    venues = f.entitlement({}, {3: [f"{number}-{'v' * 29}" for number in range(8)]})
    yield "entitlement with eight long venues", f.token(f.POOLS, f.ENTITLEMENT, venues), "entitlement"
    shares = f.entitlement({}, {7: {"bron": 0, "nord": 2147483647, "vaise": 1}})
    yield (
        "entitlement with shares and no venues of its own",
        f.token(f.POOLS, f.ENTITLEMENT, shares),
        "entitlement",
    )
    most = f.entitlement({5: f.ISSUED + 60}, f.FULL | EIGHT | {8: "Mo-Su 08:00-20:00; " * 13 + "PH off__"})
    yield "entitlement as full as can be", f.token(f.POOLS, f.ENTITLEMENT, most), "entitlement"
    for name, private in LIMITS.items():
        yield (
            f"entitlement: {name}",
            f.token(f.POOLS, f.ENTITLEMENT, f.entitlement({}, private)),
            "entitlement",
        )
    yield "denial of a pass", f.token(f.POOLS, f.DENIAL, f.denial()), "denial"
    lifted = f.denial(private={1: 2, 2: f.ID, 3: 0, 4: 7})
    yield "lift of an entitlement's denial", f.token(f.POOLS_P256, f.DENIAL, lifted), "denial"
    of_credential = f.denial(private={1: 0, 2: f.INDEX, 3: 1})
    yield "block of a credential", f.token(f.POOLS, f.DENIAL, of_credential), "denial"


def badly_signed() -> Iterator[Case]:
    whole = f.token(f.POOLS, f.ENTITLEMENT, f.entitlement())
    payload = f.encode(f.entitlement())
    protected = f.header(f.POOLS, f.ENTITLEMENT)
    yield "unsigned: bare claims", payload, "unsigned"
    yield "unsigned: empty signature", f.assemble(protected, payload, b""), "unsigned"
    yield "unknown key", f.token(f.STRANGER, f.ENTITLEMENT, f.entitlement()), "unknown_key"
    crossed = f.encode({1: -7, 3: f.ENTITLEMENT, 4: f.POOLS.kid})
    yield "header's algorithm is not the key's", f.token(f.POOLS, "", f.entitlement(), crossed), "unknown_key"
    flipped = payload.replace(b"swim10", b"swim11")
    yield (
        "edited payload",
        f.assemble(protected, flipped, f.sign(f.POOLS, protected, payload)),
        "bad_signature",
    )
    yield "edited signature", whole[:-1] + bytes([whole[-1] ^ 1]), "bad_signature"
    of_other = f.sign(f.POOLS, f.header(f.POOLS, f.BINDING), payload)
    yield "signed under another type", f.assemble(protected, payload, of_other), "bad_signature"
    p256 = f.header(f.POOLS_P256, f.ENTITLEMENT)
    for name, signature in (("r is zero", bytes(32) + b"\x01" * 32), ("s is zero", b"\x01" * 32 + bytes(32))):
        yield f"ES256: {name}", f.assemble(p256, payload, signature), "bad_signature"
    for size in (63, 65, 128):
        yield f"signature of {size} bytes", f.assemble(protected, payload, b"\x01" * size), "malformed"


def out_of_scope() -> Iterator[Case]:
    yield "key may not sign this kind", f.token(f.ENTITLEMENTS_ONLY, f.BINDING, f.binding()), "out_of_scope"
    yield "key of another sector", f.token(f.MUSEUMS, f.ENTITLEMENT, f.entitlement()), "out_of_scope"
    museum = f.entitlement({1: "museums"})
    yield "right key, wrong sector", f.token(f.POOLS, f.ENTITLEMENT, museum), "out_of_scope"
    late = f.entitlement({6: f.ISSUED + 7200})
    yield "issued after the key's end", f.token(f.OVER, f.ENTITLEMENT, late), "key_not_valid"
    yield "issued before the key's begin", f.token(f.FUTURE, f.ENTITLEMENT, f.entitlement()), "key_not_valid"


def badly_enveloped() -> Iterator[Case]:
    whole = f.token(f.POOLS, f.ENTITLEMENT, f.entitlement())
    protected, payload = f.header(f.POOLS, f.ENTITLEMENT), f.encode(f.entitlement())
    signature = f.sign(f.POOLS, protected, payload)
    yield "empty", b"", "truncated"
    for size in (1, 2, 3, 20, len(whole) - 65, len(whole) - 1):
        yield f"cut after {size} bytes", whole[:size], "truncated"
    yield "oversize", f.token(f.POOLS, f.ENTITLEMENT, bytes(1100)), "oversize"
    yield "trailing byte", whole + b"\x00", "malformed"
    yield "other tag", b"\xd1" + whole[1:], "malformed"
    yield "no tag", whole[1:], "malformed"
    yield "array of three", whole[:1] + b"\x83" + whole[2:], "malformed"
    yield "array of unknown length", whole[:1] + b"\x9f" + whole[2:] + b"\xff", "malformed"
    kid_outside = f.assemble(protected, payload, signature, f.encode({4: f.POOLS.kid}))
    yield "unprotected header", kid_outside, "malformed"
    yield "payload is text", whole.replace(f.bstr(payload)[:1], b"\x78", 1), "malformed"
    headers = {
        "no algorithm": {3: f.ENTITLEMENT, 4: f.POOLS.kid},
        "unknown algorithm": {1: -37, 3: f.ENTITLEMENT, 4: f.POOLS.kid},
        "algorithm as text": {1: "EdDSA", 3: f.ENTITLEMENT, 4: f.POOLS.kid},
        "no key id": {1: -8, 3: f.ENTITLEMENT},
        "key id as text": {1: -8, 3: f.ENTITLEMENT, 4: "abcd"},
        "type as number": {1: -8, 3: 61, 4: f.POOLS.kid},
        "unknown type": {1: -8, 3: "gated/everything", 4: f.POOLS.kid},
        "critical header": {1: -8, 2: [1], 3: f.ENTITLEMENT, 4: f.POOLS.kid},
        "list": [1, 2],
    }
    for name, fields in headers.items():
        yield f"header: {name}", f.token(f.POOLS, "", f.entitlement(), f.encode(fields)), "malformed"


def badly_encoded() -> Iterator[Case]:
    claims = f.encode(f.entitlement())
    payloads = {
        "trailing byte": claims + b"\x00",
        "key twice": b"\xa2\x01\x01\x01\x02",
        "keys not sorted": b"\xa2\x02\x01\x01\x01",
        "key is text": b"\xa1\x61a\x01",
        "key is a byte string": b"\xa1\x41a\x01",
        "text key twice": b"\xa2\x61a\x01\x61a\x02",
        "text keys not sorted": b"\xa2\x61b\x01\x61a\x01",
        "text keys not sorted by length first": b"\xa2\x62aa\x01\x61b\x01",
        "text key before a number": b"\xa2\x61a\x01\x01\x01",
        "text key that is no UTF-8": b"\xa1\x61\xff\x01",
        "map of unknown length": b"\xbf\x01\x01\xff",
        "text of unknown length": b"\xa1\x01\x7f\x61a\xff",
        "number not in shortest form": b"\xa1\x01\x18\x05",
        "length not in shortest form": b"\xa1\x01\x59\x00\x05hello",
        "float": b"\xa1\x01\xf9\x3c\x00",
        "undefined": b"\xa1\x01\xf7",
        "tag": b"\xa1\x01\xc0\x61a",
        "too deep": b"\xa1\x01\x81\x81\x81\x81\x01",
        "too many": b"\x98\x41" + b"\x01" * 65,
        "too many in all": b"\x98\x28\x98\x1e" + b"\x01" * 69,
        "more announced than allowed": b"\x9a\xff\xff\xff\xff",
        "text that is no UTF-8": b"\xa1\x01\x61\xff",
        "list": b"\x81\x01",
    }
    for name, payload in payloads.items():
        yield f"payload: {name}", f.token(f.POOLS, f.ENTITLEMENT, payload), "malformed"
    for name, payload in {
        "cut": claims[:-1],
        "cut in a number": b"\xa1\x01\x19\x01",
        "head only": b"\xa1",
        "cut in a text": b"\xa1\x01\x65hell",
        "cut in a key": b"\xa1\x65hell",
        "nothing": b"",
    }.items():
        yield f"payload: {name}", f.token(f.POOLS, f.ENTITLEMENT, payload), "truncated"


WRONG_RULES: dict[str, dict[int, object]] = {
    "negative uses a day": {6: -1}, "too many uses a day": {6: 2147483648}, "uses a day as text": {6: "1"},
    "uses a day, said by null": {6: None}, "no share": {7: {}}, "shares as a list": {7: [["bron", 4]]},
    "nine shares": {7: {f"v{number}": 1 for number in range(9)}}, "share of what is no name": {7: {"Bron": 1}},
    "share of a number": {7: {1: 1}}, "negative share": {7: {"bron": -1}}, "too large a share": {7: {"bron": 2147483648}},
    "share as truth": {7: {"bron": True}}, "share without end": {7: {"bron": None}},
    "share elsewhere": {3: ["bron"], 7: {"bron": 1, "vaise": 1}}, "shares, said by null": {7: None},
    "no hours": {8: ""}, "hours of 256 characters": {8: "0" * 256}, "hours with a line's end": {8: "Mo 10:00-12:00\n"},
    "hours as bytes": {8: b"24/7"}, "hours, said by null": {8: None}, "a party of none": {9: 0}, "a party of 201": {9: 201},
    "a party as truth": {9: True}, "unknown cost of a party": {10: 2}, "cost of a party in words": {10: "once"},
    "re-entry within no time": {11: 0}, "re-entry within more than 31 days": {11: 2678401},
    "re-entry in words": {11: "PT30M"}, "concession is no name": {12: "Étudiant"}, "no concession": {12: ""},
}  # fmt: skip


def badly_shared() -> Iterator[Case]:
    """Entitlements with nothing wrong but how the map of their shares is encoded."""
    payload = f.encode(f.entitlement({}, {7: {"bron": 1, "nord": 2}}))
    right = b"\xa2\x64bron\x01\x64nord\x02"
    for name, wrong in {
        "not sorted": b"\xa2\x64nord\x02\x64bron\x01",
        "the longer name first": b"\xa2\x65aaaaa\x02\x64bron\x01",
        "one venue twice": b"\xa2\x64bron\x01\x64bron\x02",
        "a name as bytes": b"\xa2\x44bron\x01\x64nord\x02",
        "a number before the names": b"\xa2\x01\x01\x64nord\x02",
        "length not in shortest form": b"\xa2\x78\x04bron\x01\x64nord\x02",
        "map of unknown length": b"\xbf\x64bron\x01\x64nord\x02\xff",
    }.items():
        token = f.token(f.POOLS, f.ENTITLEMENT, payload.replace(right, wrong))
        yield f"shares: {name}", token, "malformed"


def badly_claimed() -> Iterator[Case]:
    wrong = {
        "no sector": ({1: ...}, None), "sector is no name": ({1: "Pools!"}, None), "no pass": ({2: ...}, None),
        "pass too short": ({2: "abc"}, None), "pass with spare bits": ({2: f.sub()[:-1] + "x"}, None),
        "pass with padding": ({2: f.sub()[:-1] + "="}, None), "pass with a foreign digit": ({2: "*" * 22}, None),
        "pass beyond ASCII": ({2: "é" * 22}, None), "pass as bytes": ({2: f.PASS}, None),
        "no time of issue": ({6: ...}, None), "negative time": ({6: -1}, None), "time as text": ({6: "now"}, None),
        "time as truth": ({6: True}, None), "time beyond reason": ({4: 1 << 41}, None),
        "ends before it begins": ({4: f.ISSUED}, None), "no id": ({7: ...}, None), "id too long": ({7: bytes(9)}, None),
        "unknown claim": ({9: 1}, None), "unknown private claim": ({}, {13: 1}), "private is a list": ({f.PRIVATE: [1]}, None),
        "no product": ({}, {1: ...}), "no revision": ({}, {2: ...}), "no venue in the list": ({}, {3: []}),
        "nine venues": ({}, {3: ["a"] * 9}), "venue is no name": ({}, {3: ["a b"]}), "venues as text": ({}, {3: "bron"}),
        "no end, said by null": ({4: None}, None), "every venue, said by null": ({}, {3: None}),
        "negative uses": ({}, {4: -1}), "unknown assurance": ({}, {5: 6}), "assurance zero": ({}, {5: 0}),
    }  # fmt: skip
    for name, (claims, private) in (wrong | {name: ({}, rule) for name, rule in WRONG_RULES.items()}).items():
        yield (
            f"entitlement: {name}",
            f.token(f.POOLS, f.ENTITLEMENT, f.entitlement(claims, private)),
            "malformed",
        )
    yield "binding under the entitlement's type", f.token(f.POOLS, f.ENTITLEMENT, f.binding()), "malformed"
    yield (
        "binding: index too short",
        f.token(f.POOLS, f.BINDING, f.binding(private={1: bytes(15)})),
        "malformed",
    )
    yield "binding: unknown claim", f.token(f.POOLS, f.BINDING, f.binding({9: 1})), "malformed"
    for name, cnf in CONFIRMATIONS.items():
        yield f"binding: cnf {name}", f.token(f.POOLS, f.BINDING, f.binding({8: cnf})), "malformed"
    stray = f.entitlement({8: {3: bytes(32)}})
    yield "entitlement: cnf", f.token(f.POOLS, f.ENTITLEMENT, stray), "malformed"
    for name, private in {
        "unknown target kind": {1: 3}, "target of another size": {1: 2}, "unknown state": {3: 3}, "no number": {4: ...},
    }.items():  # fmt: skip
        yield f"denial: {name}", f.token(f.POOLS, f.DENIAL, f.denial(private=private)), "malformed"
    yield "denial: no private claims", f.token(f.POOLS, f.DENIAL, f.denial({f.PRIVATE: ...})), "malformed"


GROUPS = (good, badly_signed, out_of_scope, badly_enveloped, badly_encoded, badly_shared, badly_claimed)


def files() -> dict[str, str]:
    """Name and content of each file."""
    cases = [
        {"name": name, "token": token.hex(), "expect": expect}
        for group in GROUPS
        for name, token, expect in group()
    ]
    return {
        "keys.json": json.dumps(f.keys_document(), indent=1) + "\n",
        "statements.json": json.dumps({"floor": f.ISSUED, "statements": cases}, indent=1) + "\n",
    }


if __name__ == "__main__":
    for name, content in files().items():
        (HERE / name).write_text(content, encoding="utf-8")
