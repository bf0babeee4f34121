"""Makes sync.json, byte for byte the same each time: ``python tests/vectors/make_sync_vectors.py``.

Conversations with an empty central system, each named for what is right or wrong with it, and receipts as a
gate reads them. Envelopes come from ``tests/forge.py`` and JSON from the standard library: no code is shared
with gated's own batches, receipts, states and signing.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import forge as f  # noqa: E402

EVENTS, STATE, ACK = "gated/events", "gated/state", "gated/ack"
EPOCH, LATER = "00112233445566aa", "8899aabbccddeeff"
SESSION, EARLIER = "5e55105e55105e55", "0000000000000bad"
BOOT = "00000000000000b1"
AT = 1_795_500_000

_GATES = {"kinds": ("events", "state")}
BRON = f.Key("gate bron-1", **_GATES)
VAISE = f.Key("gate vaise-1", **_GATES)
GATES = {
    "bron-1": BRON,
    "vaise-1": VAISE,
    "museum-1": f.Key("gate museum-1", sectors=("museums",), **_GATES),
    "over-1": f.Key("gate over-1", expires=f.ISSUED, **_GATES),
    "greets-1": f.Key("gate greets-1", kinds=("state",)),
}
RECEIPTS = f.Key("pools receipts", kinds=("ack", "time"))
RECEIPTS_P256 = f.Key("pools receipts p256", alg="ES256", kinds=("ack",))
MUSEUMS = f.Key("museums receipts", sectors=("museums",), kinds=("ack", "time"))
LAPSED = f.Key("pools receipts, over", kinds=("ack",), expires=f.ISSUED)
CENTRAL = (RECEIPTS, RECEIPTS_P256, MUSEUMS, LAPSED, f.POOLS)

HEADER = {"at": 1_795_478_400, "boot": BOOT, "clock": "good", "v": 1, "wall": 1_795_478_400}
STARTED = {"kind": "started", "unsettled": 0, "version": "0.1.0"}
GRANTED = {
    "kind": "decided", "lane": "in-1", "outcome": "granted", "day": 20261124, "scheme": "pkoc",
    "assurance": "asymmetric", "pass": f.PASS.hex(), "cti": f.ID.hex(), "product": "swim10", "persons": 1,
    "cost": 1, "left": 9,
}  # fmt: skip
TAKEN = {"kind": "settled", "lane": "in-1", "decision": 2, "outcome": "taken", "by": "passage", "persons": 1}
DENIED = {
    "kind": "decided", "lane": "in-1", "outcome": "denied", "day": 20261124, "reason": "uses_exhausted",
    "params": {"limit": 10, "used": 10}, "scheme": "pkoc", "assurance": "asymmetric",
}  # fmt: skip
FOREIGN = {"kind": "foreign", "minute": 1_795_478_400, "count": 3}
LANE = {"kind": "lane", "lane": "in-1", "state": "out_of_service", "cause": "reader_lost"}
STOPPED = {"kind": "stopped"}


def canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def event(seq: int, own: dict, **changes) -> dict:
    members = {**HEADER, "seq": seq, "up": 59 + seq, **own, **changes}
    return {name: value for name, value in members.items() if value is not ...}


def body(seq: int, own: dict, **changes) -> str:
    return canonical(event(seq, own, **changes))


def genesis(gate: str, epoch: str) -> str:
    return hashlib.sha256(canonical({"epoch": epoch, "gate": gate, "v": 1}).encode()).hexdigest()


def link(prev: str, text: str) -> str:
    return hashlib.sha256(bytes.fromhex(prev) + text.encode()).hexdigest()


@dataclass(frozen=True)
class Chain:
    """Bodies of one journal, with the digest of each; ``digests[0]`` is the genesis."""

    gate: str
    epoch: str
    bodies: tuple[str, ...]
    digests: tuple[str, ...] = field(init=False)

    def __post_init__(self):
        digests = [genesis(self.gate, self.epoch)]
        for text in self.bodies:
            digests.append(link(digests[-1], text))
        object.__setattr__(self, "digests", tuple(digests))

    def but(self, seq: int, *bodies: str) -> Chain:
        """The same up to ``seq``, then others."""
        return Chain(self.gate, self.epoch, self.bodies[:seq] + bodies)

    def payload(self, begin: int, end: int, /, **changes: str) -> str:
        """The batch of two rows and all between them, member by member; an empty one is left out."""
        members: dict[str, Any] = {
            "epoch": json.dumps(self.epoch),
            "events": f"[{','.join(self.bodies[begin - 1 : end])}]",
            "first": str(begin),
            "gate": json.dumps(self.gate),
            "prev": json.dumps(self.digests[begin - 1]),
            "v": "1",
            **changes,
        }
        return "{" + ",".join(f'"{name}":{members[name]}' for name in sorted(members) if members[name]) + "}"


ROWS = tuple(
    body(seq, own)
    for seq, own in enumerate(
        (STARTED, GRANTED, TAKEN, DENIED, FOREIGN, LANE, STOPPED, STARTED, DENIED, STOPPED), start=1
    )
)
MAIN = Chain("bron-1", EPOCH, ROWS)
NEXT = Chain("bron-1", LATER, (*ROWS[:1], body(2, STOPPED)))
TWIN = Chain("vaise-1", EPOCH, ROWS)
#: A copied disk: the same up to row 3, then a life of its own.
COPY = MAIN.but(3, body(4, GRANTED, left=8), body(5, TAKEN, decision=4), body(6, STOPPED))


def signed(payload: str | bytes, key: f.Key = BRON, content_type: str = EVENTS) -> bytes:
    return f.token(key, content_type, payload if isinstance(payload, bytes) else payload.encode())


# ------------------------------------------------------------------ conversations

Step = dict[str, Any]


def told(message: bytes, expect: dict, gate: str = "bron-1", place: str = "events") -> Step:
    return {"topic": f"gated/v1/gate/{gate}/up/{place}", "message": message.hex(), "expect": expect}


def ack(chain: Chain, upto: int, quarantined=(), **more) -> dict:
    """What an ack says but for its time."""
    return {
        "gate": chain.gate,
        "epoch": chain.epoch,
        "upto": upto,
        "digest": chain.digests[upto],
        "quarantined": [{"seq": seq, "code": code} for seq, code in quarantined],
        **more,
    }


def acked(*acks: dict, or_: list[list[dict]] | None = None) -> dict:
    return {"acks": list(acks)} | ({"or": or_} if or_ else {})


NOTHING = {"acks": []}


def rows(chain: Chain, first: int, last: int, expect: dict | None = None, **changes) -> Step:
    """A batch; without a word it is acknowledged up to its end."""
    message = signed(chain.payload(first, last, **changes), GATES[chain.gate])
    return told(message, acked(ack(chain, last)) if expect is None else expect, chain.gate)


def erased(chain: Chain, first: int, last: int, expect: dict | None = None) -> Step:
    return rows(chain, first, last, expect, erased="true")


def refused(code: str, message: bytes, gate: str = "bron-1", place: str = "events") -> Step:
    return told(message, {"refused": code}, gate, place)


def state(*epochs: tuple[str, int, int, int], gate: str = "bron-1", **changes) -> dict:
    members = {
        "v": 1, "gate": gate, "session": SESSION, "online": True, "at": AT, "boot": BOOT, "version": "0.1.0",
        "position": 12, "refused": [{"code": "bad_signature", "count": 2}],
        "epochs": [dict(zip(("epoch", "oldest", "last", "acked"), one, strict=True)) for one in epochs],
        **changes,
    }  # fmt: skip
    return {name: value for name, value in members.items() if value is not ...}


def greeting(expect: dict, *epochs: tuple[str, int, int, int], gate: str = "bron-1", **changes) -> Step:
    message = signed(canonical(state(*epochs, gate=gate, **changes)), GATES[gate], STATE)
    return told(message, expect, gate, "state")


def held(chain: Chain, counted: list[int], **more) -> dict:
    """What the central system holds of an epoch afterwards."""
    return {"gate": chain.gate, "epoch": chain.epoch, "counted": counted, **more}


Conversation = tuple[str, list[Step], list[dict]]


def told_well() -> Iterator[Conversation]:
    yield "a batch from the beginning", [rows(MAIN, 1, 3)], [held(MAIN, [1, 2, 3])]
    yield (
        "batches that follow",
        [rows(MAIN, 1, 3), rows(MAIN, 4, 4), rows(MAIN, 5, 10)],
        [held(MAIN, list(range(1, 11)))],
    )
    yield "the same batch twice", [rows(MAIN, 1, 3), rows(MAIN, 1, 3)], [held(MAIN, [1, 2, 3])]
    either = acked(ack(MAIN, 5), or_=[[ack(MAIN, 4)]])
    yield (
        "the same rows within other borders",
        [rows(MAIN, 1, 3), rows(MAIN, 1, 5), rows(MAIN, 2, 4, either), rows(MAIN, 5, 6)],
        [held(MAIN, [1, 2, 3, 4, 5, 6])],
    )
    early = acked(or_=[[ack(MAIN, 0)]])
    closed = acked(ack(MAIN, 5), or_=[[ack(MAIN, 3)]])
    yield (
        "a later batch first",
        [rows(MAIN, 4, 5, early), rows(MAIN, 1, 3, closed), rows(MAIN, 4, 5)],
        [held(MAIN, [1, 2, 3, 4, 5])],
    )
    yield (
        "two epochs",
        [rows(MAIN, 1, 2), rows(NEXT, 1, 2), rows(MAIN, 3, 3)],
        [
            held(MAIN, [1, 2, 3]),
            held(NEXT, [1, 2]),
        ],
    )
    yield (
        "two gates with an epoch of one name",
        [rows(MAIN, 1, 2), rows(TWIN, 1, 3), rows(MAIN, 3, 3)],
        [
            held(MAIN, [1, 2, 3]),
            held(TWIN, [1, 2, 3]),
        ],
    )
    accents = MAIN.but(1, body(2, LANE, lane="entrée \U0001f6b6"), body(3, LANE, lane='"\\\n\u2028\u007f'))
    yield "text beyond ASCII", [rows(accents, 1, 3)], [held(accents, [1, 2, 3])]
    longest = MAIN.but(1, body(2, LANE, lane="\U0001f6b6" * 64))
    yield "64 characters of four bytes each", [rows(longest, 1, 2)], [held(longest, [1, 2])]


def erased_rows() -> Iterator[Conversation]:
    yield (
        "rows erased at the gate",
        [rows(MAIN, 1, 2), erased(MAIN, 5, 6), rows(MAIN, 7, 7)],
        [held(MAIN, [1, 2, 5, 6, 7], missing=[[3, 4]])],
    )
    yield "rows erased from the first on", [erased(MAIN, 4, 5)], [held(MAIN, [4, 5], missing=[[1, 3]])]
    late = acked(ack(MAIN, 6), or_=[[ack(MAIN, 4)]])
    yield (
        "rows that were missing come after all",
        [rows(MAIN, 1, 2), erased(MAIN, 5, 6), rows(MAIN, 3, 4, late)],
        [held(MAIN, [1, 2, 3, 4, 5, 6])],
    )
    overlapping = acked(ack(MAIN, 5), or_=[[ack(MAIN, 6)]])
    yield (
        "missing rows come late, in a batch that overlaps known ones",
        [rows(MAIN, 1, 2), erased(MAIN, 5, 6), rows(MAIN, 2, 5, overlapping)],
        [held(MAIN, [1, 2, 3, 4, 5, 6])],
    )
    yield (
        "erased, and nothing is missing",
        [rows(MAIN, 1, 4), erased(MAIN, 5, 6)],
        [held(MAIN, [1, 2, 3, 4, 5, 6])],
    )
    yield (
        "erased, and told twice",
        [erased(MAIN, 4, 5), erased(MAIN, 4, 5), rows(MAIN, 6, 6)],
        [held(MAIN, [4, 5, 6], missing=[[1, 3]])],
    )
    yield (
        "erased, and the central system has more",
        [rows(MAIN, 1, 6), erased(MAIN, 5, 8)],
        [held(MAIN, [1, 2, 3, 4, 5, 6, 7, 8])],
    )


def kept_aside() -> Iterator[Conversation]:
    spoilt = {
        "not canonical: spaces": ("not_canonical", json.dumps(event(2, LANE))),
        "not canonical: a member twice": ("not_canonical", body(2, LANE).replace('{"at":1', '{"at":1,"at":1')),
        "not canonical: keys not sorted": ("not_canonical", body(2, LANE).replace('"v":1,', "")[:-1] + ',"v":1}'),
        "not canonical: a fraction": ("not_canonical", body(2, LANE, at=1.5)),
        "not canonical: a fraction of zero": ("not_canonical", body(2, LANE, at=1.0)),
        "not canonical: an exponent": ("not_canonical", body(2, FOREIGN).replace(":3,", ":3e0,", 1)),
        "not canonical: minus zero": ("not_canonical", body(2, FOREIGN).replace(":3,", ":-0,", 1)),
        "not canonical: 2^53": ("not_canonical", body(2, FOREIGN, count=1 << 53)),
        "not canonical: an escape that need not be": ("not_canonical", body(2, LANE).replace("in-1", "in\\u002d1")),
        "not canonical: half of a pair": ("not_canonical", body(2, LANE).replace("in-1", "\\ud800")),
        "not canonical: a key beyond ASCII": ("not_canonical", body(2, LANE, é=1)),
        "no event: a number": ("not_an_event", "7"),
        "no event: null": ("not_an_event", "null"),
        "no event: a list": ("not_an_event", canonical([event(2, LANE)])),
        "unknown kind": ("unknown_kind", body(2, {"kind": "opened"})),
        "no kind": ("unknown_kind", body(2, {})),
        "kind as a number": ("unknown_kind", body(2, {"kind": 1})),
        "a member that nobody knows: a UID": ("not_in_schema", body(2, LANE, uid="04a1b2c3d4e5f6")),
        "a member named __proto__": ("not_in_schema", body(2, LANE, __proto__={})),
        "a member is missing": ("not_in_schema", body(2, LANE, up=...)),
        "a truth value where a number belongs": ("not_in_schema", body(2, LANE, at=True)),
        "null where a text belongs": ("not_in_schema", body(2, LANE, lane=None)),
        "an unknown outcome": ("not_in_schema", body(2, GRANTED, outcome="perhaps")),
        "a line break after the boot": ("not_in_schema", body(2, LANE, boot=BOOT + "\n")),
        "65 characters": ("not_in_schema", body(2, LANE, lane="x" * 65)),
        "a later version": ("not_in_schema", body(2, LANE, v=2)),
        "the number of another row": ("wrong_seq", body(3, LANE)),
    }  # fmt: skip
    for name, (code, text) in spoilt.items():
        chain = MAIN.but(1, text, ROWS[2])
        aside = acked(ack(chain, 3, [(2, code)]))
        yield f"kept aside: {name}", [rows(chain, 1, 3, aside)], [held(chain, [1, 3], aside=[2])]
    chain = MAIN.but(1, "7", ROWS[2], "null", ROWS[4])
    aside = acked(ack(chain, 3, [(2, "not_an_event")]))
    yield (
        "kept aside: each answer tells those of its batch, also the second time",
        [
            rows(chain, 1, 3, aside),
            rows(chain, 1, 3, aside),
            rows(chain, 4, 5, acked(ack(chain, 5, [(4, "not_an_event")]))),
            rows(chain, 5, 5),
        ],
        [held(chain, [1, 3, 5], aside=[2, 4])],
    )
    most = Chain("bron-1", EPOCH, ("1",) * 200)
    yield (
        "kept aside: 200 of 200",
        [rows(most, 1, 200, acked(ack(most, 200, [(seq, "not_an_event") for seq in range(1, 201)])))],
        [held(most, [], aside=list(range(1, 201)))],
    )


def broken_chains() -> Iterator[Conversation]:
    """What follows a break is believed again: from a changed journal, every use still arrives, or is named."""
    broken = [(4, "chain_broken"), (5, "chain_broken")]
    changed = Chain("bron-1", EPOCH, (*ROWS[:2], body(3, TAKEN, persons=2), *ROWS[3:]))
    aside = acked(ack(changed, 5, broken))
    yield (
        "chain broken: row 3 was changed at the gate after it was told",
        [rows(MAIN, 1, 3), rows(changed, 4, 5, aside), rows(changed, 6, 7)],
        [held(MAIN, [1, 2, 3, 6, 7], aside=[4, 5])],
    )
    yield (
        "chain broken: and told twice",
        [rows(MAIN, 1, 3), rows(changed, 4, 5, aside), rows(changed, 4, 5, aside), rows(changed, 6, 6)],
        [held(MAIN, [1, 2, 3, 6], aside=[4, 5])],
    )
    elsewhere = Chain("vaise-1", EPOCH, ROWS)
    first = Chain("bron-1", EPOCH, ROWS)
    object.__setattr__(first, "digests", elsewhere.digests)
    yield (
        "chain broken: the first row does not follow from the genesis",
        [
            rows(first, 1, 2, acked(ack(first, 2, [(1, "chain_broken"), (2, "chain_broken")]))),
            rows(first, 3, 3),
        ],
        [held(MAIN, [3], aside=[1, 2])],
    )


def forks() -> Iterator[Conversation]:
    def both(chain: Chain, upto: int) -> dict:
        """The first teller may be told too, or not."""
        return acked(ack(chain, upto, forked=True), or_=[[ack(chain, upto)]])

    of_copy = acked(ack(COPY, 5, forked=True))
    yield (
        "forked: a copied disk tells other rows under the same numbers",
        [rows(MAIN, 1, 5), rows(COPY, 4, 5, of_copy), rows(COPY, 4, 5, of_copy)],
        [held(MAIN, [1, 2, 3, 4, 5], forked=[4, 5])],
    )
    yield (
        "forked: within a batch that begins with rows of both",
        [rows(MAIN, 1, 5), rows(COPY, 2, 5, of_copy)],
        [held(MAIN, [1, 2, 3, 4, 5], forked=[4, 5])],
    )
    yield (
        "forked: both go on",
        [
            rows(MAIN, 1, 4),
            rows(COPY, 4, 5, of_copy),
            rows(MAIN, 5, 6, both(MAIN, 6)),
            rows(COPY, 6, 6, acked(ack(COPY, 6, forked=True))),
            rows(MAIN, 7, 7, both(MAIN, 7)),
        ],
        [held(MAIN, [1, 2, 3, 4, 5, 6, 7], forked=[4, 5, 6])],
    )
    anew = Chain("bron-1", EPOCH, (body(1, STARTED, version="0.1.1"), ROWS[1]))
    yield (
        "forked: from the first row",
        [rows(MAIN, 1, 3), rows(anew, 1, 2, acked(ack(anew, 2, forked=True)))],
        [held(MAIN, [1, 2, 3], forked=[1, 2])],
    )
    told_first = acked(ack(COPY, 6), or_=[[ack(COPY, 6, forked=True)]])
    yield (
        "forked: branch 0 is what was told first",
        [rows(COPY, 1, 5), rows(MAIN, 4, 5, acked(ack(MAIN, 5, forked=True))), rows(COPY, 6, 6, told_first)],
        [held(MAIN, [1, 2, 3, 4, 5, 6], forked=[4, 5])],
    )


def refused_batches() -> Iterator[Conversation]:
    good = MAIN.payload(1, 2)
    whole = signed(good)

    def one(name: str, code: str, message: bytes, gate: str = "bron-1") -> Conversation:
        """Refused, and nothing has changed: the good batch is taken afterwards."""
        return f"refused: {name}", [refused(code, message, gate), rows(MAIN, 1, 1)], [held(MAIN, [1])]

    yield one("edited signature", "bad_signature", whole[:-1] + bytes([whole[-1] ^ 1]))
    edited = whole.replace(b'"left":9', b'"left":8')
    yield one("edited event", "bad_signature", edited)
    yield one("unsigned: bare JSON", "malformed", good.encode())
    protected = f.header(BRON, EVENTS)
    yield one("unsigned: empty signature", "unsigned", f.assemble(protected, good.encode(), b""))
    yield one("cut off", "truncated", whole[:-1])
    yield one("a byte too many", "malformed", whole + b"\0")
    kid_outside = f.assemble(
        protected, good.encode(), f.sign(BRON, protected, good.encode()), f.encode({4: BRON.kid})
    )
    yield one("unprotected header", "malformed", kid_outside)
    parts = protected, good.encode(), f.sign(BRON, protected, good.encode())
    for name, place in (("header", 0), ("payload", 1), ("signature", 2)):
        yield one(f"{name} as text", "malformed", _as_text(parts, place))
    yield one("a stranger's key", "unknown_key", signed(good, f.STRANGER))
    yield one("another gate's key, under this gate's topic", "unknown_key", signed(good, VAISE))
    of_twin = signed(TWIN.payload(1, 2), VAISE)
    yield one("another gate's batch, under this gate's topic", "unknown_key", of_twin)
    yield one("a batch that names another gate", "foreign_gate", signed(TWIN.payload(1, 2)))
    yield one("a receipt's key", "unknown_key", signed(good, RECEIPTS))
    yield one("a greeting where batches belong", "malformed", signed(canonical(state()), BRON, STATE))
    yield one("a batch signed as a greeting", "malformed", signed(good, BRON, STATE))
    for gate, code in (
        ("museum-1", "out_of_scope"),
        ("over-1", "key_not_valid"),
        ("greets-1", "out_of_scope"),
    ):
        chain = Chain(gate, EPOCH, ROWS)
        why = {
            "museum-1": "of another sector",
            "over-1": "that is over",
            "greets-1": "that may not sign events",
        }
        yield one(f"a key {why[gate]}", code, signed(chain.payload(1, 2), GATES[gate]), gate)
    yield one("a gate that nobody knows", "unknown_gate", signed(good.replace("bron-1", "nobody")), "nobody")


def _as_text(parts: tuple[bytes, ...], place: int) -> bytes:
    """The envelope with a text string where a byte string belongs; only the signature is no text at all."""
    heads = [
        bytes([f.bstr(part)[0] | (0x20 if at == place else 0)]) + f.bstr(part)[1:]
        for at, part in enumerate(parts)
    ]
    if place == 2:
        heads[2] = f.encode("x" * 64)
    return b"\xd2\x84" + heads[0] + b"\xa0" + heads[1] + heads[2]


def badly_formed_batches() -> Iterator[Conversation]:
    good = MAIN.payload(1, 2)
    wrong: dict[str, str | bytes] = {
        "a space after it": good + " ",
        "a space in front of the events": good.replace("[", "[ ", 1),
        "a space between two events": good.replace("},{", "}, {", 1),
        "a byte order mark": b"\xef\xbb\xbf" + good.encode(),
        "no UTF-8": good.replace("in-1", "\xff", 1).encode("latin-1"),
        "UTF-16": good.encode("utf-16-le"),
        "erased, and false": MAIN.payload(1, 2, erased="false"),
        "erased as a number": MAIN.payload(1, 2, erased="1"),
        "keys not sorted": good.replace(f'"gate":"{MAIN.gate}",', "").replace(
            "}]", f'}}],"gate":"{MAIN.gate}"', 1
        ),
        "a member that nobody knows": MAIN.payload(1, 2, more="1"),
        "a member twice": good[:-1] + ',"v":1}',
        "no events": MAIN.payload(1, 2, events="[]"),
        "201 events": MAIN.payload(1, 2, events=f"[{','.join('1' * 201)}]"),
        "events are no list": MAIN.payload(1, 2, events="{}"),
        "an event that is no JSON": MAIN.payload(1, 2, events="[{]"),
        "an event that is NaN": MAIN.payload(1, 2, events="[NaN]"),
        "a comma after the last event": MAIN.payload(1, 2, events=f"[{ROWS[0]},]"),
        "first is zero": MAIN.payload(1, 2, first="0"),
        "first with a zero in front": MAIN.payload(1, 2, first="01"),
        "first as text": MAIN.payload(1, 2, first='"1"'),
        "first beyond what every reader holds exactly": MAIN.payload(1, 2, first="9007199254740991"),
        "version 2": MAIN.payload(1, 2, v="2"),
        "epoch in capitals": MAIN.payload(1, 2, epoch=json.dumps(EPOCH.upper())),
        "epoch too short": MAIN.payload(1, 2, epoch=json.dumps(EPOCH[1:])),
        "prev too short": MAIN.payload(1, 2, prev=json.dumps("00" * 31)),
        "prev as null": MAIN.payload(1, 2, prev="null"),
        "gate is no name": MAIN.payload(1, 2, gate='"bron-"'),
        "no prev": MAIN.payload(1, 2, prev=""),
        "a list": f"[{good}]",
        "nothing": "",
    }
    for name, payload in wrong.items():
        yield (
            f"not in form: {name}",
            [refused("malformed", signed(payload)), rows(MAIN, 1, 1)],
            [held(MAIN, [1])],
        )
    long = MAIN.payload(1, 1, events='["@"]')
    room = 65_000 - len(long) + 1
    for name, size, expect in (
        ("65,000 bytes", room, None),
        ("not in form: 65,001 bytes", room + 1, {"refused": "malformed"}),
    ):
        text = '"' + "x" * size + '"'
        chain = Chain("bron-1", EPOCH, (text,))
        step = rows(chain, 1, 1, expect or acked(ack(chain, 1, [(1, "not_an_event")])))
        step["message"] = _shorter(step["message"], "78" * size)
        yield name, [step], [] if expect else [held(chain, [], aside=[1])]
    oversize = refused("oversize", b"")
    oversize["message"] = [["d284", 1], ["00", 65_535]]
    yield "refused: 65,537 bytes", [oversize], []


def _shorter(message: str, run: str) -> list:
    """A message as pieces, each with how often it stands there."""
    before, _, after = message.partition(run)
    return [[before, 1], [run[:2], len(run) // 2], [after, 1]]


def greetings() -> Iterator[Conversation]:
    def answer(chain: Chain, upto: int, **more) -> dict:
        return ack(chain, upto, session=SESSION, **more)

    nothing = answer(MAIN, 0)
    yield (
        "a greeting to a central system that has nothing",
        [
            greeting(acked(nothing), (EPOCH, 1, 5, 0)),
            rows(MAIN, 1, 5),
        ],
        [held(MAIN, [1, 2, 3, 4, 5])],
    )
    yield (
        "a greeting after batches",
        [rows(MAIN, 1, 3), greeting(acked(answer(MAIN, 3)), (EPOCH, 1, 5, 3))],
        [held(MAIN, [1, 2, 3])],
    )
    yield (
        "a greeting is answered each time",
        [
            rows(MAIN, 1, 3),
            greeting(acked(answer(MAIN, 3)), (EPOCH, 1, 3, 3)),
            greeting(acked(ack(MAIN, 3, session=EARLIER)), (EPOCH, 1, 3, 3), session=EARLIER),
        ],
        [held(MAIN, [1, 2, 3])],
    )
    two = (EPOCH, 1, 5, 5), (LATER, 1, 2, 0)
    yield (
        "a greeting that tells of two epochs",
        [
            rows(MAIN, 1, 5),
            greeting(acked(answer(MAIN, 5), answer(NEXT, 0)), *two),
            rows(NEXT, 1, 2),
            greeting(acked(answer(MAIN, 5), answer(NEXT, 2)), *two),
        ],
        [held(MAIN, [1, 2, 3, 4, 5]), held(NEXT, [1, 2])],
    )
    yield "a greeting that tells of no epoch", [greeting(NOTHING)], []
    yield (
        "a will is not answered",
        [rows(MAIN, 1, 3), greeting(NOTHING, (EPOCH, 1, 3, 3), online=False)],
        [held(MAIN, [1, 2, 3])],
    )
    yield (
        "a greeting to a central system restored from an older backup",
        [
            rows(MAIN, 1, 3),
            greeting(acked(answer(MAIN, 3)), (EPOCH, 6, 8, 8)),
            erased(MAIN, 6, 8),
        ],
        [held(MAIN, [1, 2, 3, 6, 7, 8], missing=[[4, 5]])],
    )
    told_first, of_copy = answer(MAIN, 5, forked=True), answer(COPY, 6, forked=True)
    yield (
        "a greeting after a fork: each history, or the first",
        [
            rows(MAIN, 1, 5),
            rows(COPY, 4, 6, acked(ack(COPY, 6, forked=True))),
            greeting(acked(told_first, of_copy, or_=[[told_first], [answer(MAIN, 5)]]), (EPOCH, 1, 6, 6)),
        ],
        [held(MAIN, [1, 2, 3, 4, 5], forked=[4, 5, 6])],
    )
    museum = Chain("greets-1", EPOCH, ROWS)
    yield (
        "a greeting by a key that may sign greetings alone",
        [greeting(acked(answer(museum, 0)), (EPOCH, 1, 2, 0), gate="greets-1")],
        [],
    )


def refused_greetings() -> Iterator[Conversation]:
    def one(name: str, code: str, message: bytes, gate: str = "bron-1") -> Conversation:
        return f"refused greeting: {name}", [refused(code, message, gate, "state")], []

    usual = (EPOCH, 1, 5, 0)
    good = canonical(state(usual))
    whole = signed(good, BRON, STATE)
    yield one("edited", "bad_signature", whole.replace(b'"last":5', b'"last":6'))
    yield one("signed as a batch", "malformed", signed(good, BRON, EVENTS))
    yield one("another gate's key", "unknown_key", signed(good, VAISE, STATE))
    yield one(
        "names another gate", "foreign_gate", signed(canonical(state(usual, gate="vaise-1")), BRON, STATE)
    )
    yield one("a receipt's key", "unknown_key", signed(good, RECEIPTS, STATE))
    wrong = {
        "no session": {"session": ...}, "session too short": {"session": "5e55"}, "online as a number": {"online": 1},
        "nine epochs": {"epochs": [{"epoch": EPOCH, "oldest": 1, "last": 5, "acked": 0}] * 9},
        "version 2": {"v": 2}, "a member that nobody knows": {"more": 1}, "time beyond reason": {"at": (1 << 40) + 1},
        "no list of epochs": {"epochs": ...}, "a negative number": {"position": -1}, "no version": {"version": ""},
        "an epoch twice": {"epochs": [{"epoch": EPOCH, "oldest": 1, "last": last, "acked": 0} for last in (5, 6)]},
        "oldest is zero": {"epochs": [{"epoch": EPOCH, "oldest": 0, "last": 5, "acked": 0}]},
    }  # fmt: skip
    for name, change in wrong.items():
        yield one(name, "malformed", signed(canonical(state(usual, **change)), BRON, STATE))
    yield one("not canonical", "malformed", signed(json.dumps(state(usual)), BRON, STATE))


TOLD_TO_CENTRAL = (
    told_well,
    erased_rows,
    kept_aside,
    broken_chains,
    forks,
    refused_batches,
    badly_formed_batches,
    greetings,
    refused_greetings,
)


# ------------------------------------------------------------------ receipts, as a gate reads them


def receipt(chain: Chain, upto: int, quarantined=(), **more) -> dict:
    members = {"v": 1, "at": AT, **ack(chain, upto, quarantined, **more)}
    return {name: value for name, value in members.items() if value is not ...}


def sealed(members: dict, key: f.Key = RECEIPTS, content_type: str = ACK) -> bytes:
    return signed(canonical(members), key, content_type)


#: Two epochs of one journal: rows 1 to 7 and 1 to 2. Rows 1 and 2 of the first are erased, row 2 is the anchor.
JOURNAL = [
    {"epoch": EPOCH, "oldest": 3, "last": 7, "digests": [*MAIN.digests[:1], None, *MAIN.digests[2:8]]},
    {"epoch": LATER, "oldest": 1, "last": 2, "digests": list(NEXT.digests)},
]
Receipt = tuple[str, tuple[str, int], bytes, dict]


def comes(chain: Chain, first: int, **more) -> dict:
    """What the gate tells next."""
    return {"next": {"epoch": chain.epoch, "first": first}, **more}


def believed_receipts() -> Iterator[Receipt]:
    at4 = (EPOCH, 4)
    yield "moves the cursor", at4, sealed(receipt(MAIN, 6)), comes(MAIN, 7)
    yield "signed with ES256", at4, sealed(receipt(MAIN, 6), RECEIPTS_P256), comes(MAIN, 7)
    yield "tells of rows kept aside", at4, sealed(receipt(MAIN, 6, [(5, "not_an_event")])), comes(MAIN, 7)
    yield "known already", at4, sealed(receipt(MAIN, 4)), comes(MAIN, 5)
    yield "the end of an epoch", at4, sealed(receipt(MAIN, 7)), comes(NEXT, 1)
    yield "of the next epoch", (EPOCH, 7), sealed(receipt(NEXT, 1)), comes(NEXT, 2)
    yield "of all there is", (LATER, 1), sealed(receipt(NEXT, 2)), {"next": None}
    yield (
        "answers the greeting, and nothing is lost",
        at4,
        sealed(receipt(MAIN, 4, session=SESSION)),
        comes(MAIN, 5),
    )
    yield (
        "answers the greeting, and central has more",
        at4,
        sealed(receipt(MAIN, 6, session=SESSION)),
        comes(MAIN, 7),
    )
    yield (
        "answers another greeting, and central has more",
        at4,
        sealed(receipt(MAIN, 6, session=EARLIER)),
        comes(MAIN, 7),
    )
    back = receipt(MAIN, 3, session=SESSION)
    yield "answers the greeting, and goes back", (EPOCH, 6), sealed(back), comes(MAIN, 4)
    yield "answers the greeting, and goes back to an earlier epoch", (LATER, 2), sealed(back), comes(MAIN, 4)
    gone = {"next": {"epoch": EPOCH, "first": 3, "erased": True}}
    yield "goes back behind what is left", (EPOCH, 6), sealed(receipt(MAIN, 1, session=SESSION)), gone
    yield "goes back to the beginning", (EPOCH, 6), sealed(receipt(MAIN, 0, session=SESSION)), gone
    yield (
        "says that the journal is forked",
        at4,
        sealed(receipt(MAIN, 6, forked=True)),
        comes(MAIN, 7, forked=True),
    )


def receipts_without_effect() -> Iterator[Receipt]:
    at4 = (EPOCH, 4)
    stays = comes(MAIN, 5)
    yield "old: an answer to an earlier batch", at4, sealed(receipt(MAIN, 3)), stays
    yield "old: an answer to an earlier greeting", at4, sealed(receipt(MAIN, 3, session=EARLIER)), stays
    yield "old: the beginning, of an earlier greeting", at4, sealed(receipt(MAIN, 0, session=EARLIER)), stays
    unknown = Chain("bron-1", "ffffffffffffffff", ROWS)
    yield "of an epoch that is not in the journal", at4, sealed(receipt(unknown, 6)), stays
    yield "of a later epoch, while an earlier one is not acknowledged", at4, sealed(receipt(NEXT, 2)), stays
    greeted = sealed(receipt(NEXT, 0, session=SESSION))
    yield (
        "answers the greeting for a later epoch, while an earlier one is not acknowledged",
        at4,
        greeted,
        stays,
    )
    yield "of an earlier epoch, and known", (LATER, 1), sealed(receipt(MAIN, 7)), comes(NEXT, 2)
    yield "of an earlier epoch, and old", (LATER, 1), sealed(receipt(MAIN, 6)), comes(NEXT, 2)
    yield "of a row that is not there yet", at4, sealed(receipt(MAIN, 8)), stays
    other = comes(MAIN, 5, forked=True)
    yield "another digest: somebody else told this row", at4, sealed(receipt(COPY, 5)), other
    beyond = sealed(receipt(MAIN, 8, session=SESSION))
    yield "of a row that is not there, in answer to the greeting: somebody else told it", at4, beyond, other
    yield "another digest, and forked", at4, sealed(receipt(COPY, 5, forked=True)), other
    yield "another digest, in answer to the greeting", at4, sealed(receipt(COPY, 4, session=SESSION)), other


def refused_receipts() -> Iterator[Receipt]:
    def one(name: str, code: str, message: bytes) -> Receipt:
        return f"refused: {name}", (EPOCH, 4), message, comes(MAIN, 5, refused=code)

    good = receipt(MAIN, 6)
    whole = sealed(good)
    yield one("edited", "bad_signature", whole.replace(b'"upto":6', b'"upto":7'))
    yield one("signed as a batch", "malformed", sealed(good, RECEIPTS, EVENTS))
    yield one("a stranger's key", "unknown_key", sealed(good, f.STRANGER))
    yield one("the gate's own key", "unknown_key", sealed(good, BRON))
    yield one("a key that may not sign receipts", "out_of_scope", sealed(good, f.POOLS))
    yield one("a key of another sector", "out_of_scope", sealed(good, MUSEUMS))
    yield one("a key that is over", "key_not_valid", sealed(good, LAPSED))
    yield one("of another gate", "foreign_gate", sealed(receipt(TWIN, 6)))
    yield one("cut off", "truncated", whole[:-1])
    yield one("unsigned", "malformed", canonical(good).encode())
    wrong = {
        "version 2": {"v": 2}, "no gate": {"gate": ...}, "upto below zero": {"upto": -1}, "upto as text": {"upto": "6"},
        "digest too short": {"digest": "00"}, "digest in capitals": {"digest": MAIN.digests[6].upper()},
        "forked, and false": {"forked": False}, "session as null": {"session": None}, "no time": {"at": ...},
        "no list of rows kept aside": {"quarantined": ...}, "a code in capitals": {"quarantined": [{"seq": 5, "code": "X"}]},
        "201 rows kept aside": {"quarantined": [{"seq": 5, "code": "x"}] * 201}, "a member that nobody knows": {"more": 1},
    }  # fmt: skip
    for name, change in wrong.items():
        members = {key: value for key, value in (good | change).items() if value is not ...}
        yield one(name, "malformed", sealed(members))
    yield one("not canonical", "malformed", signed(json.dumps(good), RECEIPTS, ACK))


TOLD_TO_A_GATE = (believed_receipts, receipts_without_effect, refused_receipts)


# ------------------------------------------------------------------ the file


def _key(key: f.Key, **more: str) -> dict:
    seed = hashlib.sha256(b"gated test key: " + key.name.encode()).hexdigest()
    return {**more, **key.entry(), "private_for_tests_only": seed}


def document() -> dict[str, Any]:
    """All of it."""
    return {
        "floor": f.ISSUED,
        "sector": "pools",
        "gates": [_key(key, gate=gate) for gate, key in GATES.items()],
        "central": [_key(key) for key in CENTRAL if key.alg == "EdDSA"] + [RECEIPTS_P256.entry()],
        "genesis": [
            {
                "gate": gate,
                "epoch": epoch,
                "json": canonical({"epoch": epoch, "gate": gate, "v": 1}),
                "digest": genesis(gate, epoch),
            }
            for gate in ("bron-1", "vaise-1", "a")
            for epoch in (EPOCH, LATER)
        ],
        "chain": {
            "gate": MAIN.gate,
            "epoch": MAIN.epoch,
            "genesis": MAIN.digests[0],
            "rows": [
                {"body": text, "digest": digest}
                for text, digest in zip(MAIN.bodies, MAIN.digests[1:], strict=True)
            ],
        },
        "conversations": [
            {"name": name, "steps": steps, "after": after}
            for group in TOLD_TO_CENTRAL
            for name, steps, after in group()
        ],
        "journal": {"gate": "bron-1", "session": SESSION, "epochs": JOURNAL},
        "acks": [
            {
                "name": name,
                "cursor": {"epoch": cursor[0], "acked": cursor[1]},
                "message": message.hex(),
                "expect": expect,
            }
            for group in TOLD_TO_A_GATE
            for name, cursor, message, expect in group()
        ],
    }


def files() -> dict[str, str]:
    """Name and content of each file."""
    return {"sync.json": json.dumps(document(), indent=1) + "\n"}


if __name__ == "__main__":
    for name, content in files().items():
        (HERE / name).write_text(content, encoding="utf-8")
