"""A disk that fails now and then: nothing is settled twice, nothing is settled never, and writing goes on."""

from __future__ import annotations

import resource
import sqlite3
from contextlib import closing

import pytest

from gated.errors import StoreError
from gated.model.event import Decided, Outcome, Settlement, Stopped
from gated.model.refusal import Reason
from store.test_journal import GRANT, RESERVE, STAMP, defects, open_journal, rows, settled, used
from venue import until


class Failing:
    """A connection that does what it is told to and reports a failure of ``sql`` all the same, once."""

    def __init__(self, connection, sql, *, before=False, meanwhile=lambda: None):
        self._connection, self._sql = connection, sql
        self._before, self._meanwhile = before, meanwhile

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def execute(self, sql, *more):
        if sql != self._sql:
            return self._connection.execute(sql, *more)
        self._sql = ""
        if not self._before:
            self._connection.execute(sql, *more)
        self._meanwhile()
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_IOERR, "SQLITE_IOERR"
        raise error


def fail(journal, sql, **more):
    journal._file.connection = Failing(journal._file.connection, sql, **more)


def outcomes(path):
    return [(row["decision"], row["outcome"]) for row in rows(path) if row["kind"] == "settled"]


def test_a_settlement_that_another_process_held_up_is_written_when_it_lets_go(journal, path):
    seq = journal.append(GRANT, STAMP, RESERVE).wait(10)
    with closing(sqlite3.connect(path, isolation_level=None)) as other, other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="SQLITE_BUSY"):
            journal.append(settled(seq, Settlement.NOT_TAKEN), STAMP).wait(10)
        other.execute("ROLLBACK")
    assert until(lambda: used(path) == 0)  # nobody tapped: it came by itself
    assert [(seq, "not_taken")] == outcomes(path)
    assert [] == defects(path)


def test_what_is_owed_is_written_before_the_next_row(journal, path):
    seq = journal.append(GRANT, STAMP, RESERVE).wait(10)
    fail(journal, "COMMIT", before=True)
    with pytest.raises(StoreError, match="SQLITE_IOERR"):
        journal.append(settled(seq, Settlement.NOT_TAKEN), STAMP).wait(10)
    assert seq + 2 == journal.append(Stopped(), STAMP).wait(10)
    assert [(seq, "not_taken")] == outcomes(path)


def test_a_settlement_that_stands_though_its_commit_failed_is_not_written_again(journal, path):
    seq = journal.append(GRANT, STAMP, RESERVE).wait(10)
    fail(journal, "COMMIT")
    with pytest.raises(StoreError):
        journal.append(settled(seq), STAMP).wait(10)
    journal.append(Stopped(), STAMP).wait(10)
    assert [(seq, "taken")] == outcomes(path)
    assert 1 == used(path)
    assert [] == defects(path)


def test_a_grant_that_stands_though_its_commit_failed_is_given_back(journal, path):
    fail(journal, "COMMIT")
    with pytest.raises(StoreError):
        journal.append(GRANT, STAMP, RESERVE).wait(10)
    assert until(lambda: used(path) == 0)
    assert [(1, "not_taken")] == outcomes(path)
    assert [] == defects(path)


def test_such_a_grant_is_given_back_even_if_the_file_cannot_be_opened_for_a_while(journal, path):
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)

    def no_more_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))

    fail(journal, "COMMIT", meanwhile=no_more_files)
    try:
        with pytest.raises(StoreError):
            journal.append(GRANT, STAMP, RESERVE).wait(10)
        with pytest.raises(StoreError, match="SQLITE_CANTOPEN"):
            journal.append(Stopped(), STAMP).wait(10)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert until(lambda: used(path) == 0)
    assert [(1, "not_taken")] == outcomes(path)
    assert [] == defects(path)


def test_a_settlement_that_fails_for_a_while_is_written_when_the_gate_stops(path):
    journal = open_journal(path)
    journal.start()
    seq = journal.append(GRANT, STAMP, RESERVE).wait(10)
    fail(journal, "BEGIN IMMEDIATE", before=True)
    with pytest.raises(StoreError):
        journal.append(settled(seq), STAMP).wait(10)
    assert journal.stop(10)
    assert [(seq, "taken")] == outcomes(path)


def test_a_second_settlement_is_refused_and_holds_nothing_up(journal, path):
    seq = journal.append(GRANT, STAMP, RESERVE).wait(10)
    journal.append(settled(seq), STAMP).wait(10)
    with pytest.raises(StoreError, match="nothing to settle"):
        journal.append(settled(seq), STAMP).wait(10)
    assert 3 == journal.append(Stopped(), STAMP).wait(10)


def test_a_row_that_cannot_be_written_at_all_fails_alone(journal, path):
    spoilt = Decided("in-1", Outcome.DENIED, 20270115, reason=Reason.EXPIRED, params={"share": 0.5})
    with pytest.raises(StoreError, match="unexpected ValueError"):
        journal.append(spoilt, STAMP).wait(10)
    assert journal.alive()
    assert 1 == journal.append(Stopped(), STAMP).wait(10)
    assert [] == defects(path)
