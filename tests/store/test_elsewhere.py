"""Uses and people at other gates: merged by the larger in whatever order, recalled beside what is here."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gated.errors import StoreError
from gated.model.decision import Presence, Uses
from gated.store.cache import Cache
from gated.store.elsewhere import _BOTH_SOME, NOT_ELSEWHERE, ElsewhereReader, together
from gated.store.elsewhere_store import ElsewhereStore
from gated.store.intake import StatementStore
from gated.store.uses import Seen
from gated.wire.uses import NOBODYS, PresenceRecord, UseRecord
from gated.wire.uses import Uses as Told
from store.test_journal import CTI, GRANT, NOW, RESERVE, STAMP, open_journal, settled

DAY = 20270115
PASS = b"p" * 16
OWN, OTHER, THIRD = "gate-1", "gate-2", "gate-3"


class Place:
    """A state directory with a journal, the writer, and a reader within a picture."""

    def __init__(self, path) -> None:
        self.path = path
        StatementStore(path, "pools").close()
        self.journal = open_journal(path / "journal.db")
        self.journal.start()
        self.store = ElsewhereStore(path, OWN, "bron", path / "journal.db")
        self.cache = Cache(path)
        self.reader = ElsewhereReader(self.cache)

    def close(self) -> None:
        self.cache.close()
        self.store.close()
        self.journal.stop(10)

    def merge(self, *records, seq: int = 1):
        """How many had shrunk."""
        used = tuple(one for one in records if isinstance(one, UseRecord))
        people = tuple(one for one in records if isinstance(one, PresenceRecord))
        return self.store.merge(Told("pools", 0, seq, NOW, used, people), seq).shrunk

    def used(self, cti=CTI, venue="bron", day=DAY):
        with self.cache:
            return self.reader.recall([cti], venue, day, None)[0].get(cti, NOT_ELSEWHERE)

    def people(self, pass_=PASS, zone="pool", shift=DAY):
        with self.cache:
            return self.reader.recall([], "bron", DAY, (pass_, zone, shift))[1]

    def take(self, uses: int = 1, **more) -> None:
        """Uses of this gate's own, taken."""
        new = RESERVE._replace(uses=uses, **more)
        seq = self.journal.append(GRANT, STAMP, new).wait(10)
        self.journal.append(settled(seq), STAMP).wait(10)


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    made.close()


def use(gate=OTHER, taken=1, *, cti=CTI, day=DAY, venue="bron", last_at=NOW) -> UseRecord:
    return UseRecord(cti, gate, day, venue, taken, last_at)


def person(gate=OTHER, come=1, gone=0, *, pass_=PASS, zone="pool", shift=DAY, venue="bron", last_in=NOW):
    return PresenceRecord(pass_, venue, zone, shift, gate, come, gone, last_in)


# ------------------------------------------------------------------ recalled


def test_uses_of_other_gates_are_told_in_all_of_the_day_and_of_the_venue(place):
    place.merge(
        use(OTHER, 2),
        use(THIRD, 4, last_at=NOW + 5),
        use(OTHER, 8, day=DAY - 1),
        use("far-1", 16, venue="vaise", last_at=NOW + 99),
        use(OTHER, 32, cti=b"another."),
    )
    assert (Uses(30, 22, 14), NOW + 5, 0) == place.used()
    assert (Uses(30, 8, 16), NOW + 99, 0) == place.used(venue="vaise", day=DAY - 1)
    assert NOT_ELSEWHERE == place.used(b"unknown.")


@pytest.mark.parametrize("count", [1, 5, 16, 17, 40])
def test_many_rights_are_told_apart_with_one_statement_for_sixteen(place, count):
    rights = [bytes([number]) * 8 for number in range(count)]
    place.merge(*(use(taken=number + 1, cti=cti) for number, cti in enumerate(rights)), person())
    asked: list[str] = []
    place.cache._connection.set_trace_callback(asked.append)
    with place.cache:
        before = len(asked)
        used, people = place.reader.recall(rights, "bron", DAY, (PASS, "pool", DAY))
        assert -(-count // 16) == len(asked) - before
    assert [number + 1 for number in range(count)] == [used[cti].uses.total for cti in rights]
    assert 1 == people.of_pass.come


def test_nothing_is_asked_where_nothing_was_told_or_nobody_asks(place):
    asked: list[str] = []
    place.cache._connection.set_trace_callback(asked.append)

    def statements(rights, inside) -> int:
        with place.cache:
            before = len(asked)
            place.reader.recall(rights, "bron", DAY, inside)
            return len(asked) - before

    assert 0 == statements([CTI], (PASS, "pool", DAY))
    place.merge(use())
    assert 0 == statements([], None)
    assert 1 == statements([CTI], (PASS, "pool", DAY))


def test_recalling_sorts_nothing_and_reads_no_other_rights_and_people(place):
    values = (DAY, PASS, "pool", DAY, CTI, CTI)
    plan = place.cache.select(f"EXPLAIN QUERY PLAN {_BOTH_SOME[2]}", values)
    assert [
        "SEARCH main.used USING PRIMARY KEY (cti=?)",
        "SEARCH main.people USING PRIMARY KEY (pass=? AND zone=? AND shift=?)",
        "SEARCH main.people USING PRIMARY KEY (pass=? AND zone=? AND shift=?)",
    ] == [step[3] for step in plan if not step[3].endswith(("QUERY", "SUBQUERY", "ALL"))]


def test_a_picture_that_was_begun_sees_nothing_that_is_merged_meanwhile(place):
    place.merge(use(taken=1))
    with place.cache:
        place.merge(use(taken=5))
        assert 1 == place.reader.recall([CTI], "bron", DAY, None)[0][CTI].uses.total
    assert 5 == place.used().uses.total


def test_people_are_told_of_the_pass_and_of_the_venue(place):
    place.merge(
        person(OTHER, 3, 1),
        person(THIRD, 0, 1, last_in=None),
        person(OTHER, 8, 0, pass_=b"q" * 16),
        person(OTHER, 0, 2, pass_=NOBODYS, last_in=None),
        person(OTHER, 16, 0, zone="sauna"),
        person(OTHER, 32, 0, shift=DAY + 1),
        person("far-1", 64, 0, venue="vaise"),
    )
    told = place.people()
    assert ((3, 2, NOW), (27, 4)) == (told.of_pass[1:], told.of_venue[1:3])
    assert (None, None) == place.people(shift=DAY + 2)


# ------------------------------------------------------------------ merged

GATES, DAYS = (OWN, OTHER, THIRD), (DAY, DAY + 1)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_in_whatever_order_and_how_often_records_come_the_largest_stand(tmp_path_factory, data):
    keys = data.draw(
        st.lists(st.tuples(st.sampled_from(GATES), st.sampled_from(DAYS)), min_size=1, unique=True)
    )
    histories = {key: sorted(data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))) for key in keys}
    told = [(key, count) for key, counts in histories.items() for count in counts]
    order = data.draw(st.permutations(told + data.draw(st.lists(st.sampled_from(told), max_size=4))))
    place = Place(tmp_path_factory.mktemp("place"))
    try:
        for (gate, day), count in order:
            place.merge(
                use(gate, count, day=day, last_at=NOW + count), person(gate, count, count // 2, shift=day)
            )
        most = {key: counts[-1] for key, counts in histories.items()}
        for day in DAYS:
            today = sum(count for key, count in most.items() if key[1] == day)
            assert (
                Uses(sum(most.values()), today, sum(most.values())),
                NOW + max(most.values()),
                0,
            ) == place.used(day=day)
            come = sum(count for key, count in most.items() if key[1] == day)
            gone = sum(count // 2 for key, count in most.items() if key[1] == day)
            people = place.people(shift=day)
            if come:
                assert (come, gone) == people.of_pass[1:3] == people.of_venue[1:3]
    finally:
        place.close()


def test_a_record_that_shrank_is_told_and_changes_nothing(place):
    assert 0 == place.merge(use(taken=5), person(come=4, gone=3), seq=7)
    before = place.used(), place.people()
    assert 2 == place.merge(use(taken=4), person(come=4, gone=2), seq=8)
    assert before == (place.used(), place.people())
    assert 1 == place.merge(use(taken=5, last_at=NOW - 1), seq=9)
    assert before == (place.used(), place.people())
    assert 9 == place.store.seq()
    assert 0 == place.merge(use(taken=5), person(come=4, gone=3))


def test_numbers_and_records_stand_together_or_not_at_all(place):
    place.merge(use(taken=1), seq=3)
    place.store._connection.execute(
        "CREATE TEMP TRIGGER broken BEFORE UPDATE ON main.elsewhere BEGIN SELECT raise(ABORT, 'no'); END"
    )
    with pytest.raises(StoreError):
        place.merge(use(taken=9), seq=4)
    assert (1, 3) == (place.used().uses.total, place.store.seq())


def test_where_central_lost_its_records_all_are_asked_for_and_none_is_forgotten(place):
    place.merge(use(taken=4), seq=30)
    place.store.start_again()
    assert (0, 4) == (place.store.seq(), place.used().uses.total)


# ------------------------------------------------------------------ what central has of this gate


def test_what_the_own_journal_has_is_not_counted_a_second_time(place):
    place.take(3)
    place.merge(use(OWN, 2), use(OTHER, 1))
    assert (Uses(1, 1, 1), NOW, 2) == place.used()


def test_what_the_own_journal_lost_counts(place):
    place.take(1)
    place.merge(use(OWN, 5), use(OTHER, 1))
    assert (Uses(5, 5, 5), NOW, 1) == place.used()
    place.take(2)
    place.merge(use(OWN, 7))  # central has them now: what was lost is as much as before
    assert (Uses(5, 5, 5), NOW, 3) == place.used()


def test_a_journal_that_begins_anew_is_compared_with_what_central_had(place, tmp_path):
    place.take(3)
    place.merge(use(OWN, 3), use(OTHER, 1), person(OWN, 2, 1))
    place.store.compare("00000000000000e1")
    assert 1 == place.used().uses.total
    place.journal.stop(10)
    for path in tmp_path.glob("journal.db*"):
        path.unlink()
    place.journal = open_journal(tmp_path / "journal.db", epoch="00000000000000e2")
    place.journal.start()
    place.store.compare("00000000000000e1")  # known: nothing is looked at
    assert 1 == place.used().uses.total
    place.store.compare("00000000000000e2")
    assert (4, 0) == (place.used().uses.total, place.used().confirmed)
    assert (2, 1) == place.people().of_pass[1:3]
    place.take(1)
    place.store.compare("00000000000000e2")
    assert 4 == place.used().uses.total


def test_people_of_this_gate_whose_pass_nobody_knows_are_in_its_own_count(place):
    place.merge(person(OWN, 0, 5, pass_=NOBODYS, last_in=None))
    assert (None, None) == place.people()


# ------------------------------------------------------------------ forgotten, older, broken


def test_what_is_old_is_forgotten(place):
    place.merge(use(day=DAY), use(day=DAY - 1), person(shift=DAY), person(shift=DAY - 1))
    place.store.forget(DAY, DAY)
    assert (Uses(1, 1, 1), Uses(1, 0, 1)) == (place.used().uses, place.used(day=DAY - 1).uses)
    assert place.people().of_venue
    assert (None, None) == place.people(shift=DAY - 1)


def test_tables_that_are_noise_are_a_breakage_and_not_an_empty_list(place):
    place.merge(use())
    with closing(sqlite3.connect(place.path / "delta.db")) as other, other:
        other.execute("DROP TABLE used")
    with pytest.raises(StoreError), place.cache:
        pass


# ------------------------------------------------------------------ together


@pytest.mark.parametrize(
    ("seen", "elsewhere", "expected"),
    [
        (Seen(2, 3, 4, 7), None, Presence(2, 7)),  # alone its own count is the better one
        (Seen(1, 1, 0, 7), Seen(0, 0, 1, None), Presence(0, 7)),
        (Seen(0, 0, 1, None), Seen(0, 2, 0, 9), Presence(1, 9)),
        (Seen(0, 0, 5, None), Seen(0, 2, 0, 9), Presence(0, 9)),
        (Seen(3, 3, 0, 5), Seen(0, 2, 1, 9), Presence(4, 9)),
    ],
)
def test_who_is_inside_is_the_sum_over_all_gates(seen, elsewhere, expected):
    assert expected == together(seen, elsewhere)
