"""Recalling uses beside the journal's writer: what breaks is told as a breakage of the store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gated.errors import StoreError
from gated.model.decision import Presence, Uses
from gated.model.event import Exited, Settlement
from gated.store.ticket import Move, Reservation
from gated.store.uses import _RECALL_SOME, Counted, UsesReader
from store.test_journal import CTI, GRANT, NOW, RESERVE, STAMP, open_journal, settled


def test_a_journal_that_is_not_there_cannot_be_recalled_from(tmp_path):
    with pytest.raises(StoreError, match=r"journal\.db cannot be read"):
        UsesReader(tmp_path / "journal.db")


def test_a_journal_that_becomes_noise_under_the_reader_is_told(tmp_path):
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    journal.start()
    journal.append(GRANT, STAMP, RESERVE).wait(10)
    journal.stop(10)
    uses = UsesReader(path)
    assert Uses(1, 1, 1) == uses.recall([CTI], "bron", 20270115)[CTI].uses
    path.write_bytes(b"\x55" * path.stat().st_size)
    uses._connection.execute("PRAGMA shrink_memory")  # a page that is known is not read again
    with pytest.raises(StoreError, match=r"journal\.db cannot be read"):
        uses.recall([bytes(8)], "bron", 20270115)
    uses.close()


SHIFT = 20270115
PASS = bytes(16)
FAMILY = Reservation("in-1", CTI, "bron", 20270115, 2, 3, None, PASS, "pool", SHIFT, NOW)


@pytest.fixture
def uses(journal, path):
    made = UsesReader(path)
    yield made
    made.close()


def reserve(journal, **more):
    return journal.append(GRANT, STAMP, FAMILY._replace(**more)).wait(10)


def take(journal, **more):
    seq = reserve(journal, **more)
    persons = more.get("persons", FAMILY.persons)
    journal.append(replace(settled(seq), persons=persons), STAMP).wait(10)


def test_a_right_that_was_never_used_is_recalled_as_that(uses):
    assert {CTI: Counted(Uses(0, 0, 0), None)} == uses.recall([CTI], "bron", 20270115)
    assert {} == uses.recall([], "bron", 20270115)


def test_uses_are_told_in_all_of_the_day_and_of_the_venue(journal, uses):
    take(journal, at=NOW)
    take(journal, day=20270114, at=NOW - 86400)
    take(journal, venue="vaise", uses=4, at=NOW + 9)
    reserve(journal, venue="vaise", uses=8, at=NOW + 10)
    reserve(journal, uses=16, at=NOW + 11)
    reserve(journal, cti=b"another.", uses=32)
    assert {CTI: Counted(Uses(32, 30, 20), NOW)} == uses.recall([CTI], "bron", 20270115)
    assert {CTI: Counted(Uses(32, 2, 12), NOW + 9)} == uses.recall([CTI], "vaise", 20270114)
    assert {CTI: Counted(Uses(32, 0, 0), None)} == uses.recall([CTI], "gerland", 20270116)


def test_what_is_given_back_is_recalled_no_more(journal, uses):
    seq = reserve(journal)
    assert Uses(2, 2, 2) == uses.recall([CTI], "bron", 20270115)[CTI].uses
    journal.append(settled(seq, Settlement.NOT_TAKEN), STAMP).wait(10)
    assert {CTI: Counted(Uses(), None)} == uses.recall([CTI], "bron", 20270115)


@pytest.mark.parametrize("count", [1, 5, 16, 17, 40])
def test_many_rights_are_told_apart_however_many_they_are(journal, uses, count):
    rights = [bytes([number]) * 8 for number in range(count)]
    for number, cti in enumerate(rights):
        (take if number % 2 else reserve)(journal, cti=cti, uses=number + 1, at=NOW + number)
    asked: list[str] = []
    uses._connection.set_trace_callback(asked.append)
    told = uses.recall([*rights, CTI, rights[0]], "bron", 20270115)
    assert -(-count // 16) == len(asked)
    assert [number + 1 for number in range(count)] == [told[cti].uses.total for cti in rights]
    assert [NOW + number if number % 2 else None for number in range(count)] == [
        told[cti].paid_at for cti in rights
    ]


def test_recalling_sorts_nothing_and_reads_no_other_rights(uses):
    plan = uses._connection.execute(f"EXPLAIN QUERY PLAN {_RECALL_SOME[5]}", (0, *[b""] * 5)).fetchall()
    assert [
        "SEARCH counter USING PRIMARY KEY (cti=?)",
        "SCAN reservation",  # a row for each lane at most
    ] == [step[3] for step in plan if not step[3].endswith(("QUERY", "SUBQUERY", "ALL"))]


def test_whoever_is_let_in_counts_as_inside_until_it_is_settled(journal, uses):
    assert (Presence(0, None), 0) == uses.inside(PASS, "pool", SHIFT)
    first = reserve(journal, at=NOW + 5)
    assert (Presence(3, NOW + 5), 3) == uses.inside(PASS, "pool", SHIFT)
    take(journal, at=NOW)
    assert (Presence(6, NOW + 5), 6) == uses.inside(PASS, "pool", SHIFT)
    journal.append(settled(first, Settlement.NOT_TAKEN), STAMP).wait(10)
    assert (Presence(3, NOW), 3) == uses.inside(PASS, "pool", SHIFT)
    journal.append(Exited("out-1", 3, PASS), STAMP, None, Move(SHIFT, "pool", PASS, -3)).wait(10)
    assert (Presence(0, NOW), 0) == uses.inside(PASS, "pool", SHIFT)


@pytest.mark.parametrize("how", [reserve, take])
def test_a_pass_a_zone_and_a_service_day_are_asked_for_apart(journal, uses, how):
    how(journal, persons=1)
    how(journal, persons=2, zone="sauna", at=NOW + 1)
    how(journal, persons=4, pass_=b"p" * 16, at=NOW + 2)
    how(journal, persons=8, pass_=None, at=NOW + 3)
    how(journal, persons=16, shift=SHIFT + 1, at=NOW + 4)
    for pass_, zone, shift, expected, people in (
        (PASS, "pool", SHIFT, Presence(1, NOW), 15),
        (PASS, "sauna", SHIFT, Presence(2, NOW + 1), 15),
        (b"p" * 16, "pool", SHIFT, Presence(4, NOW + 2), 15),
        (PASS, "pool", SHIFT + 1, Presence(16, NOW + 4), 16),
        (PASS, "pool", SHIFT + 2, Presence(0, None), 0),
    ):
        assert (expected, people) == uses.inside(pass_, zone, shift)
