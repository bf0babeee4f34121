"""What a gate signed can be proved from the ledger, and what somebody changed there is found."""

from __future__ import annotations

from contextlib import closing

import pytest

from central.box import NOW, Box, event
from gated.central.intake import take_in
from gated.central.ledger import Ledger
from gated.central.ledger_events import chains_of, signed_batches
from gated.central.ledger_gates import end_gate, gates
from gated.central.proof import doubts, message


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger(tmp_path / "central.db")) as made:
        yield made


def test_the_very_letters_are_made_again(ledger):
    box = Box().enrol(ledger).write(3).write_body('"noise"').write(5)
    letters = [box.told(1, 4), box.told(5, 9)]
    take_in(ledger, letters, NOW)
    (chain,) = chains_of(ledger, box.gate)
    (enrolled,) = gates(ledger)
    assert [box.letter(1, 4), box.letter(5, 9)] == [
        message(ledger, chain, batch, enrolled) for batch in signed_batches(ledger, chain)
    ]


@pytest.mark.parametrize(
    "change",
    [
        ("UPDATE event SET body = ? WHERE seq = 2", (event(2, lane="b"),)),
        ("DELETE FROM event WHERE seq = 2", ()),
        ("UPDATE event SET seq = 9 WHERE seq = 3", ()),
        ("UPDATE batch SET prev = ?", (bytes(32),)),
        ("UPDATE batch SET erased = 1", ()),
        ("UPDATE batch SET signature = ?", (bytes(64),)),
    ],
    ids=lambda change: change[0],
)
def test_what_was_changed_is_doubted(ledger, change):
    box = Box().enrol(ledger).write(3)
    take_in(ledger, [box.told()], NOW)
    assert [] == list(doubts(ledger, box.gate))
    ledger.execute(*change)
    assert "bad_signature" == next(doubts(ledger, box.gate)).why


def test_old_events_are_proved_with_the_key_of_their_time(ledger):
    box = Box().enrol(ledger).write(3)
    take_in(ledger, [box.told()], NOW)
    end_gate(ledger, box.gate, NOW)
    renewed = Box()
    renewed.bodies, renewed.links = box.bodies, box.links
    renewed.enrol(ledger).write(2)
    take_in(ledger, [renewed.told(4, 5)], NOW)
    assert [] == list(doubts(ledger, box.gate))
    ledger.execute("DELETE FROM gate WHERE enrolment = 1")
    assert ["unknown_key"] == [doubt.why for doubt in doubts(ledger, box.gate)]


def test_rows_that_nobody_signed_are_doubted(ledger):
    box = Box().enrol(ledger).write(9)
    take_in(ledger, [box.told(1, 3)], NOW)
    (chain,) = chains_of(ledger, box.gate)
    for seq in (4, 5):
        ledger.execute(
            "INSERT INTO event (chain, seq, digest, body) VALUES (?, ?, ?, ?)",
            (chain.id, seq, b"", event(seq)),
        )
    ((first, why),) = [(doubt.first, doubt.why) for doubt in doubts(ledger, box.gate)]
    assert (4, "unsigned") == (first, why)
