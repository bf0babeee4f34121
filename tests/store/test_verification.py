"""Whatever was edited in the file, verification names the row and reading goes on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from gated.errors import StoreError
from gated.model.event import Exited, Forced, LaneCause, LaneChanged, LaneState, Settlement, Started, Stopped
from gated.model.time import ClockQuality
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from gated.store.journal_file import PAGE_BYTES
from gated.store.ticket import COUNTER_GRACE_S, Move
from gated.wire.event import digest, genesis
from store.test_journal import CTI, GRANT, NOW, RESERVE, STAMP, defects, open_journal, settled

E1 = "epoch 00000000000000e1"
COUNTER = f"counter {CTI.hex()} of 20270115"


def eight_rows(path):
    """Two grants, one taken and one not, and others between."""
    journal = open_journal(path)
    journal.start()
    for outcome in (Settlement.TAKEN, Settlement.NOT_TAKEN):
        seq = journal.append(GRANT, STAMP, RESERVE).wait(10)
        journal.append(Stopped(), STAMP).wait(10)
        journal.append(settled(seq, outcome), STAMP).wait(10)
        journal.append(Stopped(), STAMP).wait(10)
    journal.stop(10)
    return path


@pytest.fixture
def path(tmp_path):
    return eight_rows(tmp_path / JOURNAL)


def edit(path, sql, *values):
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(sql, values)
    connection.close()


def sql(text: str, *values) -> Callable[..., None]:
    return lambda path: edit(path, text, *values)


def body(text: object, seq: int = 3) -> Callable[..., None]:
    return sql("UPDATE event SET body = ? WHERE id = ?", text, seq)


def without(member: str, seq: int) -> Callable[..., None]:
    return sql("UPDATE event SET body = json_remove(body, ?) WHERE id = ?", f"$.{member}", seq)


def member(name: str, value: str, seq: int) -> Callable[..., None]:
    return sql("UPDATE event SET body = json_set(body, ?, json(?)) WHERE id = ?", f"$.{name}", value, seq)


def relinked(*edits: Callable[..., None]) -> Callable[..., None]:
    """An editor who computes the chain anew, as far as the head."""

    def work(path):
        for one in edits:
            one(path)
        connection = sqlite3.connect(path)
        link = genesis("gate-1", "00000000000000e1")
        rows = connection.execute("SELECT id, body FROM event ORDER BY id").fetchall()
        with connection:
            for row_id, text in rows:
                link = digest(link, text)
                connection.execute("UPDATE event SET digest = ? WHERE id = ?", (link, row_id))
            connection.execute("UPDATE head SET digest = ?", (link,))
        connection.close()

    return work


def first_row_of_the_last_page(path):
    """(seq, number of the page): bodies stand in the file as they are."""
    connection = sqlite3.connect(path)
    bodies = [text.encode() for (text,) in connection.execute("SELECT body FROM event ORDER BY id")]
    connection.close()
    pages = [path.read_bytes().index(text) // PAGE_BYTES for text in bodies]
    return pages.index(pages[-1]) + 1, pages[-1]


def noise_in_a_page(path):
    _, page = first_row_of_the_last_page(path)
    with path.open("r+b") as file:
        file.seek(page * PAGE_BYTES)
        file.write(b"\xff" * PAGE_BYTES)


@dataclass(frozen=True)
class Edit:
    work: Callable[..., None]
    told: str
    listed: int = 3  # exit code of ``journal list``: 0 where each row is still an event, 1 where reading ends


CHANGED = f"{E1}: row 3 was changed"
GRANT_CHANGED = f"{E1}: row 1 was changed"
DEEP = "[" * 100_000

EDITS = {
    "noise": Edit(body("noise"), CHANGED),
    "no text at all": Edit(body(""), CHANGED),
    "a list": Edit(body("[1]"), CHANGED),
    "a number": Edit(body("7"), CHANGED),
    "lists without end": Edit(body(DEEP), CHANGED),
    "a number without end": Edit(body('{"v":' + "9" * 5000 + "}"), CHANGED),
    "an event without members": Edit(body("{}"), CHANGED),
    "bytes for a body": Edit(sql("UPDATE event SET body = CAST(body AS BLOB) WHERE id = 3"), CHANGED),
    "text that is no UTF-8": Edit(
        sql("UPDATE event SET body = CAST(x'22ff22' AS TEXT) WHERE id = 3"), CHANGED
    ),
    "half a pair of UTF-16": Edit(member("by", '"\\ud800"', 3), CHANGED, 0),
    "text for a digest": Edit(sql("UPDATE event SET digest = 'noise' WHERE id = 3"), CHANGED, 0),
    "text of the digest's bytes": Edit(
        sql("UPDATE event SET digest = CAST(digest AS TEXT) WHERE id = 3"), CHANGED, 0
    ),
    "a settlement of nothing": Edit(without("decision", 3), CHANGED),
    "a settlement without outcome": Edit(without("outcome", 3), CHANGED),
    "a settlement in a list of epochs": Edit(member("epoch", "[1]", 3), CHANGED, 0),
    "a decision beyond SQLite's numbers": Edit(member("decision", "99999999999999999999", 3), CHANGED),
    "a decision that is a truth value": Edit(member("decision", "true", 3), CHANGED),
    "a time beyond the calendar": Edit(member("at", str(1 << 50), 3), CHANGED, 0),
    "a grant without its right": Edit(without("cti", 1), GRANT_CHANGED, 0),
    "a grant without its day": Edit(without("day", 1), GRANT_CHANGED),
    "a grant on no day": Edit(member("day", "20270199", 1), GRANT_CHANGED, 0),
    "a grant without its cost": Edit(without("cost", 1), GRANT_CHANGED, 0),
    "a grant to two lines": Edit(member("cti", '"a\\nb"', 1), GRANT_CHANGED, 0),
    "a settlement of nothing, linked anew": Edit(relinked(without("decision", 3)), CHANGED),
    "a grant without its right, linked anew": Edit(relinked(without("cti", 1)), GRANT_CHANGED, 0),
    "the head": Edit(sql("DELETE FROM head"), "the journal's head is missing", 0),
    "text in the head": Edit(sql("UPDATE head SET id = 'x'"), "the journal's head was changed", 0),
    "text in the head's digest": Edit(
        sql("UPDATE head SET digest = 'x'"), "the journal's head was changed", 0
    ),
    "the epoch": Edit(sql("DELETE FROM epoch"), "no epoch: this journal never began", 1),
    "text in the epoch": Edit(sql("UPDATE epoch SET base = 'x'"), "epoch 1: its beginning was changed", 1),
    "bytes for a gate": Edit(sql("UPDATE epoch SET gate = x'00'"), "epoch 1: its beginning was changed", 1),
    "half a gate": Edit(
        sql("UPDATE epoch SET gate = CAST(x'ff' AS TEXT)"), "epoch 1: its beginning was changed", 0
    ),
    "an epoch that begins late": Edit(
        sql("UPDATE epoch SET base = 4"), "epoch 1: its beginning was changed", 0
    ),
    "text in the anchor": Edit(
        sql("INSERT INTO anchor VALUES (1, 'x', 'y')"), "the anchor of the erased rows was changed", 0
    ),
    "an open release of no row": Edit(
        sql(
            "INSERT INTO reservation (id, lane, cti, venue, day, uses, persons)"
            " VALUES (-5, '', x'00', '', 1, 1, 1)"
        ),
        f"{E1}: row -5 is noted as open and is not",
        0,
    ),
    "text in a counter": Edit(
        sql("UPDATE counter SET taken = 'x'"), f"a counter of {CTI.hex()} was changed", 0
    ),
    "text in a counter's day": Edit(
        sql("UPDATE counter SET day = 'x' || char(10)"), f"a counter of {CTI.hex()} was changed", 0
    ),
    "counters beyond SQLite's numbers": Edit(
        sql(
            "INSERT INTO counter SELECT cti, other.value, day, 9223372036854775807, 0, NULL"
            " FROM counter, json_each('[1,2]') AS other"
        ),
        "table counter cannot be read (integer overflow), and nothing after it was verified",
        0,
    ),
    "a table": Edit(sql("DROP TABLE counter"), "table counter cannot be read", 0),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_named_on_one_line(path, name):
    EDITS[name].work(path)
    found = defects(path)
    assert any(line.startswith(EDITS[name].told) for line in found), found
    assert all(line.isprintable() for line in found)


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_a_row_that_is_no_event_is_named_once(path, seq):
    body("noise", seq)(path)
    assert [f"{E1}: row {seq} was changed"] == [line for line in defects(path) if "changed" in line]


def test_a_damaged_page_is_named_by_its_first_row(path):
    seq, _ = first_row_of_the_last_page(path)
    assert 1 < seq
    noise_in_a_page(path)
    (told,) = defects(path)
    assert told.startswith(f"{E1}: row {seq} cannot be read (")
    assert told.endswith(", and nothing after it was verified")


def test_defects_come_as_they_are_found(path):
    body("noise", 2)(path)
    noise_in_a_page(path)
    reader = JournalReader(path)
    assert f"{E1}: row 2 was changed" == next(reader.verify())
    reader.close()


# ------------------------------------------------------------------ counters

LATER = f"{COUNTER} is missing, but the rows say 1 taken"


def test_a_deleted_counter_is_named(path):
    edit(path, "DELETE FROM counter")
    assert [LATER] == defects(path)


def test_a_lowered_counter_is_named(path):
    journal = open_journal(path)
    journal.start()
    journal.append(settled(journal.append(GRANT, STAMP, RESERVE).wait(10)), STAMP).wait(10)
    journal.stop(10)
    assert [] == defects(path)
    edit(path, "UPDATE counter SET taken = 1")
    assert [f"{COUNTER}: 1 taken, but the rows say 2"] == defects(path)


def test_a_counter_moved_to_another_right_is_named_twice(path):
    edit(path, "UPDATE counter SET cti = x'ffffffffffffffff'")
    assert [
        "counter ffffffffffffffff of 20270115: 1 taken do not follow from the rows",
        LATER,
    ] == defects(path)


def test_a_counter_moved_to_another_day_is_named(path):
    edit(path, "UPDATE counter SET day = 20270116")
    assert LATER in defects(path)


@pytest.mark.parametrize("taken", [1, 2])
def test_what_is_unknown_may_count_or_not(path, taken):
    journal = open_journal(path)
    journal.start()
    seq = journal.append(GRANT, STAMP, RESERVE).wait(10)
    journal.append(settled(seq, Settlement.UNKNOWN), STAMP).wait(10)
    journal.stop(10)
    edit(path, "UPDATE counter SET taken = ?", taken)
    assert [] == defects(path)
    edit(path, "UPDATE counter SET taken = 3")
    assert [f"{COUNTER}: 3 taken do not follow from the rows"] == defects(path)


def note_floor(path, value):
    edit(path, "INSERT INTO floor VALUES ('time', ?)", value)


KEPT_UNTIL = 1_799_971_200 + COUNTER_GRACE_S  # NOW is in the morning of a day that begins then, in UTC


@pytest.mark.parametrize(("floor", "told"), [(KEPT_UNTIL - 86401, [LATER]), (KEPT_UNTIL - 86400, [])])
def test_a_counter_may_be_gone_when_the_shortest_time_to_keep_it_is_over(path, floor, told):
    note_floor(path, floor)
    edit(path, "DELETE FROM counter")
    assert told == defects(path)


def test_text_for_a_floor_excuses_nothing(path):
    note_floor(path, "x")
    edit(path, "DELETE FROM counter")
    assert [LATER] == defects(path)


def test_a_counter_whose_right_may_have_ended_before_its_use_may_be_gone(path):
    journal = open_journal(path)
    journal.start()
    unsure = STAMP._replace(clock=ClockQuality.UNSURE)
    journal.append(settled(journal.append(GRANT, unsure, RESERVE).wait(10)), STAMP).wait(10)
    journal.stop(10)
    edit(path, "DELETE FROM counter")
    assert [] == defects(path)


@pytest.mark.parametrize(("kept", "least"), [(None, 4), (4, 4), (3, 3), (0, None)])
def test_a_settlement_counts_as_many_uses_as_it_says(tmp_path, kept, least):
    path = family(tmp_path / JOURNAL, kept)
    assert [] == defects(path)
    edit(path, "UPDATE counter SET taken = taken + 1")
    told = [] if least is None else [f"{COUNTER}: {least + 1} taken do not follow from the rows"]
    assert told == defects(path)
    edit(path, "DELETE FROM counter")
    told = [] if least is None else [f"{COUNTER} is missing, but the rows say {least} taken"]
    assert told == defects(path)


def family(path, kept):
    """Four were let in for four uses, and all passed."""
    journal = open_journal(path)
    journal.start()
    seq = journal.append(replace(GRANT, persons=4, cost=4), STAMP, RESERVE._replace(uses=4, persons=4)).wait(
        10
    )
    journal.append(replace(settled(seq), persons=4, uses=kept), STAMP).wait(10)
    journal.stop(10)
    return path


@pytest.mark.parametrize("value", ["5", "-1", '"3"', "3.0", "true", "null", "[]", "1e999"])
@pytest.mark.parametrize("outcome", ["taken", "not_taken"])
def test_uses_that_a_grant_did_not_cost_are_named(tmp_path, value, outcome):
    path = family(tmp_path / JOURNAL, 3)
    edit(path, "UPDATE event SET body = replace(body, ?, ?) WHERE id = 2", '"uses":3', f'"uses":{value}')
    member("outcome", f'"{outcome}"', 2)(path) if outcome != "taken" else None
    assert f"{E1}: row 2 keeps uses that row 1 did not cost" in defects(path)


@pytest.mark.parametrize("outcome", Settlement)
def test_a_free_entry_is_whole_and_leaves_no_counter(tmp_path, outcome):
    path = tmp_path / JOURNAL
    journal = open_journal(path)
    journal.start()
    seq = journal.append(replace(GRANT, cost=0), STAMP, RESERVE._replace(uses=0)).wait(10)
    journal.append(settled(seq, outcome), STAMP).wait(10)
    journal.stop(10)
    assert [] == defects(path)
    edit(path, "INSERT INTO counter VALUES (?, 'bron', 20270115, 1, NULL, NULL)", CTI)
    assert [f"{COUNTER}: 1 taken do not follow from the rows"] == defects(path)


def test_a_grant_that_cost_less_than_nothing_is_named(path):
    member("cost", "-1", 1)(path)
    assert GRANT_CHANGED in defects(path)


def test_people_beside_the_releases_are_no_defect_whatever_was_counted(path):
    journal = open_journal(path)
    journal.start()
    journal.append(Forced("in-1", 2), STAMP, None, Move(20270115, "", None, 2)).wait(10)
    journal.append(Exited("in-1", 1, bytes(16)), STAMP, None, Move(20270115, "", bytes(16), -1)).wait(10)
    journal.stop(10)
    edit(path, "UPDATE occupancy SET inside = 99")
    assert [] == defects(path)


# ------------------------------------------------------------------ erased rows, and many of them


def erase(path, upto):
    edit(path, "INSERT INTO anchor SELECT 1, id, digest FROM event WHERE id = ?", upto)
    edit(path, "DELETE FROM event WHERE id <= ?", upto)


@pytest.mark.parametrize("upto", range(1, 9))
def test_erased_rows_are_no_defect_wherever_they_end(path, upto):
    erase(path, upto)
    assert [] == defects(path)


def test_a_grant_that_was_erased_before_its_settlement_is_settled_once(path):
    erase(path, 1)
    assert [] == defects(path)
    body(json.dumps(json.loads(text(path, 7)) | {"decision": 1}), 7)(path)
    assert f"{E1}: row 7 settles row 1 a second time" in defects(path)


def text(path, seq):
    connection = sqlite3.connect(path)
    (found,) = connection.execute("SELECT body FROM event WHERE id = ?", (seq,)).fetchone()
    connection.close()
    return found


def test_what_the_rows_left_behind_say_still_bounds_the_counter_from_below(path):
    journal = open_journal(path)
    journal.start()
    journal.append(settled(journal.append(GRANT, STAMP, RESERVE).wait(10)), STAMP).wait(10)
    journal.stop(10)
    erase(path, 4)
    assert [] == defects(path)
    edit(path, "DELETE FROM counter")
    assert [LATER] == defects(path)


def test_rows_erased_beyond_the_end_of_an_epoch_are_no_defect(path):
    moved = open_journal(path, machine="m2", epoch="00000000000000e2")
    moved.start()
    for _ in range(3):
        moved.append(Stopped(), STAMP).wait(10)
    moved.stop(10)
    erase(path, 10)
    assert [] == defects(path)


def test_an_epoch_that_is_gone_with_its_rows_is_named(path):
    moved = open_journal(path, machine="m2", epoch="00000000000000e2")
    moved.start()
    moved.append(Stopped(), STAMP).wait(10)
    moved.stop(10)
    edit(path, "DELETE FROM event WHERE id <= 8")
    edit(path, "DELETE FROM epoch WHERE no = 1")
    edit(path, "DELETE FROM counter")
    assert ["epoch 2: its beginning was changed"] == defects(path)


def test_a_settlement_cannot_name_a_row_of_a_later_epoch(path):
    moved = open_journal(path, machine="m2", epoch="00000000000000e2")
    moved.start()
    seq = moved.append(GRANT, STAMP, RESERVE).wait(10)
    moved.append(settled(seq), STAMP).wait(10)
    moved.stop(10)
    member("decision", "9", 10)(path)
    member("epoch", '"00000000000000e1"', 10)(path)
    assert "epoch 00000000000000e2: row 2 settles row 9, which granted nothing" in defects(path)


def test_grants_are_remembered_only_until_they_are_settled(path):
    from gated.store.verification import Verification

    connection = sqlite3.connect(path)
    walk = Verification(connection)
    assert [] == list(walk.run())
    assert {} == walk._open
    connection.close()


# ------------------------------------------------------------------ reading


def rows_of(path):
    reader = JournalReader(path)
    try:
        return list(reader.rows())
    finally:
        reader.close()


@pytest.mark.parametrize("name", [name for name in EDITS if EDITS[name].listed == 3])
def test_a_row_that_is_no_event_is_read_beside_the_others(path, name):
    EDITS[name].work(path)
    events = [row.event for row in rows_of(path)]
    assert (8, 1) == (len(events), events.count(None))


@pytest.mark.parametrize("name", EDITS)
def test_no_edit_of_a_row_ends_the_summary(path, name):
    EDITS[name].work(path)
    reader = JournalReader(path)
    try:
        if EDITS[name].listed == 1:
            with pytest.raises(StoreError, match="its newest epoch was changed"):
                reader.summary()
        else:
            assert 8 == reader.summary().rows
            reader.lane_changes()
    finally:
        reader.close()


def test_a_damaged_page_ends_reading_and_says_what_to_do(path):
    noise_in_a_page(path)
    with pytest.raises(StoreError, match=r"malformed\); see docs/how-to/replace-a-damaged-file.md"):
        rows_of(path)


def test_the_newest_rows_are_found_without_counting_all(path):
    reader = JournalReader(path)
    try:
        assert [7, 8] == [row.seq for row in reader.last(2)]
        assert [] == reader.last(0)
        assert 8 == len(reader.last(1 << 61))
        asked: list[str] = []
        reader._connection.set_trace_callback(asked.append)
        reader.last(2)
    finally:
        reader.close()
    assert not [words for words in asked if "count(" in words]


def test_lanes_are_told_of_this_run_alone(path):
    journal = open_journal(path)
    journal.start()
    lost = LaneChanged("in-1", LaneState.OUT_OF_SERVICE, LaneCause.READER_LOST)
    back = LaneChanged("in-2", LaneState.IN_SERVICE, LaneCause.STARTED)
    for event in (Started("1", 0), lost, back):
        journal.append(event, STAMP).wait(10)
    assert [
        ("in-1", "out_of_service", "reader_lost", NOW),
        ("in-2", "in_service", "started", NOW),
    ] == lanes(path)
    journal.append(Started("1", 0), STAMP).wait(10)
    assert [] == lanes(path)
    journal.append(back, STAMP).wait(10)
    assert [("in-2", "in_service", "started", NOW)] == lanes(path)
    journal.stop(10)


def lanes(path):
    reader = JournalReader(path)
    try:
        return reader.lane_changes()
    finally:
        reader.close()
