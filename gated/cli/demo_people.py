"""Who was let in, who passed and who got a use back: at the gate, and person by person at central."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from gated.central.ledger import Ledger
from gated.central.ledger_events import bodies, chains_of
from gated.cli.demo_cast import VENUE
from gated.cli.demo_central import GATE
from gated.model.event import Settlement
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from gated.store.uses import UsesReader

_FIELDS = ("persons", *Settlement)


class _Told(NamedTuple):
    """What rows tell."""

    of_pass: Counter[tuple[str, str]]  # by pass, and persons let in, taken, not taken or unknown
    cost: Counter[str]  # by right: uses reserved


def count_people(state: Path, central: Path) -> dict[str, int]:
    """``persons`` let in, and of them ``taken``, ``not_taken`` and ``unknown``; ``given_back``: the uses that
    were reserved and that no counter holds; ``passes`` that were let in, and of them ``differing``: those of
    whom central's ledger tells otherwise.
    """
    with closing(JournalReader(state / JOURNAL)) as reader:
        here = _read(row.body for row in reader.rows())
    with closing(Ledger(central / "central.db")) as ledger:
        there = _read(
            body
            for chain in chains_of(ledger, GATE)
            for body in bodies(ledger, chain, chain.base + 1, chain.upto)
        )
    sums = {field: sum(n for (_, of), n in here.of_pass.items() if of == field) for field in _FIELDS}
    differing = {pass_ for pass_, of in here.of_pass.keys() | there.of_pass.keys()
                 if here.of_pass[pass_, of] != there.of_pass[pass_, of]}  # fmt: skip
    return {
        **{str(field): total for field, total in sums.items()},
        "given_back": sum(here.cost.values()) - _counted(state, here.cost),
        "passes": len({pass_ for pass_, _ in here.of_pass}),
        "differing": len(differing),
    }


def _counted(state: Path, rights: Iterable[str]) -> int:
    with closing(UsesReader(state / JOURNAL)) as reader:
        recalled = reader.recall([bytes.fromhex(right) for right in rights], VENUE, 0)
    return sum(one.uses.total for one in recalled.values())


def _read(rows: Iterable[str | bytes]) -> _Told:
    told = _Told(Counter(), Counter())
    open_: dict[int, tuple[str, int]] = {}  # by row: pass and persons; there is one epoch
    for event in map(json.loads, rows):
        if event.get("outcome") == "granted":
            open_[event["seq"]] = event["pass"], event["persons"]
            told.of_pass[event["pass"], "persons"] += event["persons"]
            told.cost[event["cti"]] += event["cost"]
        elif event["kind"] == "settled":
            pass_, persons = open_.pop(event["decision"])
            for of, number in _settled(event, persons):
                told.of_pass[pass_, of] += number
    return told


def _settled(event: dict[str, int | str], persons: int) -> Iterable[tuple[str, int]]:
    if event["outcome"] != Settlement.TAKEN:
        return [(str(event["outcome"]), persons)]
    taken, unknown = int(event["persons"]), int(event.get("unknown", 0))
    return [
        (Settlement.TAKEN, taken),
        (Settlement.UNKNOWN, unknown),
        (Settlement.NOT_TAKEN, persons - taken - unknown),
    ]
