"""The highest number of each medium: it never comes down, whatever is lost of the two places."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gated.errors import StoreError
from gated.store.rolling import RollingFloors, _record, _records
from store.test_journal import open_journal

ONE, OTHER = b"\x01" * 16, b"\x02" * 16
WAIT_S = 10.0


@pytest.fixture
def file(tmp_path):
    return tmp_path / "rolling.floors"


def in_file(file):
    """Its floors; each record must be whole."""
    raw, floors = file.read_bytes(), {}
    assert len(raw) == 24 * len(list(_records(raw)))
    for id_, counter in _records(raw):
        floors[id_] = max(counter, floors.get(id_, 0))
    return floors


def in_journal(path):
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT id, counter FROM rolling"))


def again(journal, path, file):
    """The next life of a gate: (its journal, its floors)."""
    journal.stop(WAIT_S)
    following = open_journal(path)
    floors = RollingFloors(following, file)
    following.start()
    return following, floors


def test_a_number_counts_once_and_a_lower_one_never(journal, file):
    floors = RollingFloors(journal, file)
    assert [True, False, False, True, True] == [floors.rise(ONE, n, WAIT_S) for n in (5, 5, 4, 6, 900)]
    assert floors.rise(OTHER, 0, WAIT_S)
    assert not floors.rise(OTHER, 0, WAIT_S)
    assert 0o600 == file.stat().st_mode & 0o777


def test_both_places_have_it_before_anybody_is_told(journal, path, file):
    floors = RollingFloors(journal, file)
    for number in (1, 7):
        floors.rise(ONE, number, WAIT_S)
        assert {ONE: number} == in_journal(path) == in_file(file)


@pytest.mark.parametrize("lost", ["nothing", "the file", "the journal's table", "half a record", "a byte"])
def test_a_restart_forgets_nothing_whatever_of_the_two_is_lost(journal, path, file, lost):
    floors = RollingFloors(journal, file)
    for number in range(5):
        assert floors.rise(ONE, number, WAIT_S)
    assert floors.rise(OTHER, 70, WAIT_S)
    journal.stop(WAIT_S)
    if lost == "the file":
        file.unlink()
    elif lost == "the journal's table":
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("DELETE FROM rolling")
    elif lost == "half a record":
        file.write_bytes(file.read_bytes()[:-12])
    elif lost == "a byte":
        raw = bytearray(file.read_bytes())
        raw[4 * 24 + 17] ^= 1
        file.write_bytes(raw)
    following, floors = again(journal, path, file)
    try:
        assert not floors.rise(ONE, 4, WAIT_S)
        assert not floors.rise(OTHER, 70, WAIT_S)
        assert floors.rise(ONE, 5, WAIT_S)
    finally:
        following.stop(WAIT_S)
    assert {ONE: 5, OTHER: 70} == in_journal(path) == in_file(file)


def test_a_start_leaves_one_record_for_each_medium_and_writes_nothing_where_it_is_so(journal, path, file):
    floors = RollingFloors(journal, file)
    for number in range(9):
        floors.rise(ONE, number, WAIT_S)
    assert 9 * 24 == file.stat().st_size
    following, floors = again(journal, path, file)
    following.stop(WAIT_S)
    assert _record(ONE, 8) == file.read_bytes()
    before = file.stat()
    last, floors = again(following, path, file)
    assert not floors.rise(ONE, 8, WAIT_S)
    last.stop(WAIT_S)
    assert (before.st_ino, before.st_mtime_ns) == (file.stat().st_ino, file.stat().st_mtime_ns)


def test_a_start_that_could_not_bring_the_two_together_is_made_up_for_before_anybody_passes(
    journal, path, file
):
    """The journal was lost, and the file holds what may not be shown again; it cannot be read at first."""
    floors = RollingFloors(journal, file)
    assert floors.rise(ONE, 70, WAIT_S)
    journal.stop(WAIT_S)
    path.unlink()
    aside = file.rename(file.with_suffix(".aside"))
    file.mkdir()
    following, floors = again(journal, path, file)
    try:
        with pytest.raises(StoreError):
            floors.rise(ONE, 5, WAIT_S)
        file.rmdir()
        aside.rename(file)
        assert not floors.rise(ONE, 70, WAIT_S)
        assert floors.rise(ONE, 71, WAIT_S)
    finally:
        following.stop(WAIT_S)


def test_a_file_that_cannot_be_written_lets_nobody_in(journal, path, file):
    floors = RollingFloors(journal, file)
    file.mkdir()
    with pytest.raises(StoreError, match=r"rolling\.floors"):
        floors.rise(ONE, 1, WAIT_S)
    assert {} == in_journal(path)
    file.rmdir()
    assert floors.rise(ONE, 1, WAIT_S)


def test_a_disk_that_is_not_ready_in_time_is_told_and_the_number_is_spent(journal, path, file):
    floors, held, go_on = RollingFloors(journal, file), threading.Event(), threading.Event()

    def stall(_connection):
        held.set()
        go_on.wait(WAIT_S)

    journal.do(stall)
    assert held.wait(WAIT_S)
    assert floors.rise(ONE, 3, 0.01) is None
    go_on.set()
    assert not floors.rise(ONE, 3, WAIT_S)


def test_two_lanes_that_are_shown_one_number_let_one_in(journal, file):
    floors, begun, risen = RollingFloors(journal, file), threading.Barrier(8), []

    def lane():
        begun.wait(WAIT_S)
        risen.append(floors.rise(ONE, 1, WAIT_S))

    lanes = [threading.Thread(target=lane) for _ in range(8)]
    for one in lanes:
        one.start()
    for one in lanes:
        one.join(WAIT_S)
    assert [False] * 7 + [True] == sorted(risen)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([ONE, OTHER]), st.integers(0, 2**24 - 1)), max_size=12),
    st.binary(max_size=80),
)
def test_whatever_stands_in_the_file_no_floor_is_invented(records, junk):
    raw = b"".join(_record(*one) for one in records) + junk
    assert records == list(_records(raw))


def test_nobody_passes_while_an_agreement_is_pending_or_failed(journal, path, file):
    """The journal was lost, the file cannot be read. A second lane asks for another try in between."""
    floors = RollingFloors(journal, file)
    assert floors.rise(ONE, 70, WAIT_S)
    journal.stop(WAIT_S)
    path.unlink()
    file.rename(file.with_suffix(".aside"))
    file.mkdir()
    following, floors = again(journal, path, file)
    try:
        go_on, held, told = threading.Event(), threading.Event(), []
        with pytest.raises(StoreError):
            floors.rise(OTHER, 1, WAIT_S)
        following.do(lambda _: (held.set(), go_on.wait(WAIT_S)))
        assert held.wait(WAIT_S)

        def lane():
            try:
                told.append(floors.rise(ONE, 70, WAIT_S))
            except StoreError as error:
                told.append(error)

        lanes = [threading.Thread(target=lane) for _ in range(3)]
        for one in lanes:
            one.start()
        go_on.set()
        for one in lanes:
            one.join(WAIT_S)
        assert 3 == len([error for error in told if isinstance(error, StoreError)]), told
    finally:
        following.stop(WAIT_S)


@pytest.mark.parametrize("at", [0, 1, 23, 24, 30])
def test_bytes_that_were_put_in_or_taken_out_spoil_no_other_record(at):
    raw = b"".join(_record(bytes([number]) * 16, number) for number in range(4))
    found = dict(_records(raw[:at] + b"\x99" * 7 + raw[at:]))
    assert 3 <= len(found)
    assert found.items() <= {bytes([number]) * 16: number for number in range(4)}.items()
    assert 3 == len(dict(_records(raw[:at] + raw[at + 1 :])))


def test_a_full_disk_gives_up_its_reserve_for_a_floor(journal, path, file, monkeypatch):
    floors, ballast = RollingFloors(journal, file), path.with_name("ballast")
    assert floors.rise(ONE, 1, WAIT_S)
    ballast.write_bytes(bytes(10))
    real = os.open

    def full(name, *more, **named):
        if str(name) == str(file) and ballast.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(name, *more, **named)

    monkeypatch.setattr(os, "open", full)  # the system's answer, not our code
    assert floors.rise(ONE, 2, WAIT_S)
    assert not ballast.exists()
