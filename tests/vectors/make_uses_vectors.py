"""Makes uses.json, byte for byte the same each time: ``python tests/vectors/make_uses_vectors.py``.

Use records as a gate hears them, one after the other. Envelopes come from ``tests/forge.py`` and JSON from the
standard library: no code is shared with gated's own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import forge as f  # noqa: E402

AT = f.ISSUED + 3600
USES = f.Key("pools online", kinds=("ack", "head", "uses", "time"))
OTHERS = {
    "museums": f.Key("museums online", sectors=("museums",), kinds=("uses",)),
    "receipts": f.Key("pools receipts only", kinds=("ack",)),
    "over": f.Key("pools online, over", kinds=("uses",), expires=f.ISSUED),
}
STRANGER = f.Key("stranger online", kinds=("uses",))
CARNET = "0011223344556677"


def used(taken: int, gate: str = "vaise-1", **more) -> dict[str, Any]:
    usual = {
        "cti": CARNET,
        "day": 20261124,
        "gate": gate,
        "last_at": AT - 60,
        "taken": taken,
        "venue": "vaise",
    }
    return usual | more


def person(come: int, gone: int, **more) -> dict[str, Any]:
    usual = {
        "come": come, "day": 20261124, "gate": "bron-2", "gone": gone, "last_in": AT - 9, "pass": f.sub(),
        "venue": "bron", "zone": "pool",
    }  # fmt: skip
    return usual | more


def message(
    after: int, upto: int, *records: dict, key: f.Key = USES, kind: str = "gated/uses", **more
) -> str:
    payload = {
        "after": after, "at": AT, "people": [one for one in records if "pass" in one], "sector": "pools",
        "upto": upto, "used": [one for one in records if "cti" in one], "v": 1,
    } | more  # fmt: skip
    text = json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f.token(key, kind, text.encode()).hex()


def knows(seq: int, taken: int, inside: int = 0) -> dict[str, int]:
    """The gate's own number, uses of the carnet elsewhere, and how many of the pass other gates saw come in."""
    return {"seq": seq, "elsewhere": taken, "inside": inside}


def steps() -> list[dict[str, Any]]:
    two, three = knows(4, 2, 1), knows(5, 3, 1)
    return [
        {"name": "what follows", "message": message(0, 4, used(2), person(1, 0)), "expect": two},
        {"name": "told again", "message": message(0, 4, used(2), person(1, 0)), "expect": two, "code": "stale"},
        {"name": "of another sector", "message": message(4, 5, used(9), sector="museums"), "expect": two,
         "code": "foreign"},
        {"name": "by a key of another sector", "message": message(4, 5, used(9), key=OTHERS["museums"]),
         "expect": two, "code": "out_of_scope"},
        {"name": "by a key that signs receipts alone", "message": message(4, 5, used(9), key=OTHERS["receipts"]),
         "expect": two, "code": "out_of_scope"},
        {"name": "by a key that has ended", "message": message(4, 5, used(9), key=OTHERS["over"]), "expect": two,
         "code": "key_not_valid"},
        {"name": "by a stranger", "message": message(4, 5, used(9), key=STRANGER), "expect": two,
         "code": "unknown_key"},
        {"name": "under another content type", "message": message(4, 5, used(9), kind="gated/ack"), "expect": two,
         "code": "malformed"},
        {"name": "a use yet to come", "message": message(4, 5, used(9, last_at=AT + 1)), "expect": two,
         "code": "malformed"},
        {"name": "of nothing", "message": message(4, 4, used(9)), "expect": two, "code": "malformed"},
        {"name": "of no use at all", "message": message(4, 5, used(0)), "expect": two, "code": "malformed"},
        {"name": "twenty years ahead", "message": message(4, 5, used(9), at=AT + 20 * 365 * 86400), "expect": two,
         "code": "future"},
        {"name": "one more, of a gate more", "message": message(4, 5, used(1, "bron-2", venue="bron")),
         "expect": three},
        {"name": "shrunken", "message": message(5, 6, used(1)), "expect": knows(6, 3, 1), "code": "shrunken"},
        {"name": "somebody left", "message": message(6, 7, person(1, 1)), "expect": knows(7, 3, 0)},
        {"name": "of this gate itself, which its journal lacks", "message": message(7, 8, used(4, "bron-1", venue="bron")),
         "expect": knows(8, 7, 0)},
        {"name": "with a gap: merged, and its number waits", "message": message(9, 10, used(5)),
         "expect": knows(8, 10, 0)},
        {"name": "what lay between", "message": message(8, 9, used(1, "bron-3", venue="bron")),
         "expect": knows(10, 11, 0)},
    ]  # fmt: skip


def document() -> dict[str, Any]:
    return {
        "floor": AT, "sector": "pools", "gate": "bron-1", "venue": "bron", "cti": CARNET, "zone": "pool",
        "pass": f.PASS.hex(), "day": 20261124, "keys": f.keys_document((USES, *OTHERS.values())), "steps": steps(),
    }  # fmt: skip


if __name__ == "__main__":
    (HERE / "uses.json").write_text(json.dumps(document(), indent=1) + "\n", encoding="ascii")
