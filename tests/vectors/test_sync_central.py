"""The reference central answers the conversations of sync.json as they say."""

from __future__ import annotations

from contextlib import closing
from functools import partial

import pytest

from gated.central.intake import take_in
from gated.central.ledger import Ledger
from gated.central.ledger_events import chains, gaps
from gated.central.ledger_gates import enrol_gate, gate_keys
from gated.central.opening import Greeting, Unbelieved, open_letter
from gated.model.letter import Received
from gated.wire import topics
from vectors.test_sync_vectors import FILE, SECTOR, message, named

NOW = FILE["floor"]
#: The reference enrols a gate for one sector and both kinds, without an end: these three cannot be here.
NEVER_ENROLLED = {"museum-1", "over-1", "greets-1"}


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger(tmp_path / "central.db")) as made:
        for entry in FILE["gates"]:
            if entry["gate"] not in NEVER_ENROLLED:
                kid, public = bytes.fromhex(entry["kid"]), bytes.fromhex(entry["public"])
                enrol_gate(
                    made,
                    entry["gate"],
                    sector=SECTOR,
                    venue="bron",
                    kid=kid,
                    public=public,
                    serial="1",
                    now=1,
                )
        yield made


def answered(ledger, step):
    """What is acknowledged, but for the time, or why nothing is."""
    letter = Received(step["topic"], message(step["message"]), 1)
    told = open_letter(letter, partial(gate_keys, ledger), {SECTOR}, NOW)
    if isinstance(told, Unbelieved):
        return {"refused": told.code}
    if isinstance(told, Greeting):
        acks = take_in(ledger, [], NOW, [(SECTOR, told.state)]).acks
    else:
        acks = take_in(ledger, [told], NOW).acks
    return {"acks": [shown(ack) for _, ack in acks]}


def shown(ack):
    made = {
        "gate": ack.gate,
        "epoch": ack.epoch,
        "upto": ack.upto,
        "digest": ack.digest.hex(),
        "quarantined": [{"seq": seq, "code": code} for seq, code in ack.quarantined],
    }
    more = {"forked": ack.forked, "session": ack.session}
    return made | {name: value for name, value in more.items() if value}


def here(talk):
    return not any(topics.gate_of(step["topic"])[0] in NEVER_ENROLLED for step in talk["steps"])


@pytest.mark.parametrize("talk", [case for case in named("conversations") if here(case.values[0])])
def test_the_reference_central_answers_as_it_says(ledger, talk):
    for step in talk["steps"]:
        expect, got = step["expect"], answered(ledger, step)
        right = [expect.get("acks"), *expect.get("or", [])]
        assert got.get("refused") == expect.get("refused")
        assert got.get("acks") in right
    for after in talk["after"]:
        assert after == held(ledger, after)


def held(ledger, after):
    gate, epoch = after["gate"], after["epoch"]
    rows = ledger.rows(
        "SELECT branch, seq, code FROM event JOIN chain ON chain.id = event.chain"
        " WHERE gate = ? AND epoch = ? ORDER BY seq",
        (gate, epoch),
    )
    first = next(chain for chain in chains(ledger, gate, epoch) if chain.branch == 0)
    more = {
        "aside": [seq for branch, seq, code in rows if branch == 0 and code],
        "missing": [[gap.first, gap.last] for gap in gaps(ledger, first)],
        "forked": [seq for branch, seq, _ in rows if branch],
    }
    counted = [seq for branch, seq, code in rows if branch == 0 and not code]
    return {"gate": gate, "epoch": epoch, "counted": counted} | {
        name: seqs for name, seqs in more.items() if seqs
    }
