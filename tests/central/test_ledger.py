"""Central's memory: what is enrolled, what was heard, and several who use the file at once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from central.box import NOW, SESSION, Box
from gated.central.ledger import Ledger
from gated.central.ledger_gates import (
    end_alarm,
    end_gate,
    enrol_gate,
    gate_keys,
    gates,
    heard_of,
    note_heard,
    note_refused,
    note_state,
    raise_alarm,
)
from gated.errors import ConfigError, StoreError
from gated.model.statement import Kind


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger(tmp_path / "central.db")) as made:
        yield made


# ------------------------------------------------------------------ gates


def test_an_enrolled_gate_has_its_key_for_events_and_states_of_its_sector(ledger):
    box = Box()
    assert gate_keys(ledger, "bron-1") is None
    box.enrol(ledger, serial="0a1b")
    sector, keys = gate_keys(ledger, "bron-1")
    key = keys[box.key.kid]
    assert ("pools", box.key.public, {"pools"}) == (sector, key.public, key.sectors)
    assert {Kind.EVENTS, Kind.STATE, Kind.REQUEST} == key.kinds
    (one,) = gates(ledger)
    assert ("bron-1", 1, "bron", "0a1b", 1, None) == (
        one.gate, one.enrolment, one.venue, one.serial, one.enrolled_at, one.ended_at,
    )  # fmt: skip


def test_an_ended_enrolment_has_no_keys_and_another_may_follow(ledger):
    box = Box().enrol(ledger)
    assert end_gate(ledger, "bron-1", 7)
    assert not end_gate(ledger, "bron-1", 8)
    assert gate_keys(ledger, "bron-1") is None
    again = Box().enrol(ledger)
    assert {again.key.kid} == gate_keys(ledger, "bron-1")[1].keys()
    assert [(1, 7), (2, None)] == [(one.enrolment, one.ended_at) for one in gates(ledger)]
    assert box.key.public == gates(ledger)[0].public


def test_a_box_keeps_its_key_in_a_further_enrolment(ledger):
    box = Box().enrol(ledger)
    end_gate(ledger, "bron-1", 7)
    box.enrol(ledger)
    assert 2 == len(gates(ledger))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "is enrolled already"),
        ({"gate": "Bron 1"}, "need names"),
        ({"gate": "bron-2", "sector": "Pools"}, "need names"),
        ({"gate": "bron-2", "venue": ""}, "need names"),
        ({"gate": "bron-2"}, "this key belongs to another gate"),
        ({"gate": "bron-2", "public": bytes(65)}, "no gate's key"),
        ({"gate": "bron-2", "kid": b"1"}, "no gate's key"),
        ({"gate": "old-1", "sector": "museums"}, "belonged to sector 'pools'"),
        ({"gate": "old-1", "public": bytes(32)}, "this key belongs to another gate"),
    ],
)
def test_what_cannot_be_enrolled_is_refused_and_leaves_nothing(ledger, changes, told):
    box = Box().enrol(ledger)
    old = Box("old-1").enrol(ledger)
    end_gate(ledger, "old-1", 5)
    key = old.key if changes.get("gate") == "old-1" else box.key
    usual = {"gate": "bron-1", "sector": "pools", "venue": "bron", "kid": key.kid, "public": key.public}
    with pytest.raises(ConfigError, match=told):
        enrol_gate(ledger, serial="1", now=9, **(usual | changes))
    assert 2 == len(gates(ledger))


def test_ending_and_enrolling_can_be_one_step(ledger):
    box = Box().enrol(ledger)
    with pytest.raises(ConfigError, match="belonged to"), ledger.transaction():  # noqa: PT012
        end_gate(ledger, "bron-1", 7)
        Box(sector="museums").enrol(ledger)
    assert {box.key.kid} == gate_keys(ledger, "bron-1")[1].keys()


# ------------------------------------------------------------------ what is heard


def test_what_is_heard_of_a_gate_is_told_and_counted(ledger):
    box = Box().write(3)
    assert None is heard_of(ledger, "bron-1").at
    note_heard(ledger, {"bron-1": NOW})
    note_heard(ledger, {"bron-1": NOW - 5})
    assert (NOW, None) == (heard_of(ledger, "bron-1").at, heard_of(ledger, "bron-1").online)
    assert note_state(ledger, box.state(), NOW + 1)
    assert not note_state(ledger, box.state(), NOW + 2)
    heard = heard_of(ledger, "bron-1")
    assert (NOW + 1, True, box.state()) == (heard.at, heard.online, heard.state)
    assert not note_state(ledger, box.state(online=False, session=SESSION[::-1]), NOW)
    note_refused(ledger, {("bron-1", "bad_signature"): 2, ("", "unknown_gate"): 5}, NOW)
    note_refused(ledger, {("bron-1", "bad_signature"): 3}, NOW)
    assert (("bad_signature", 5),) == heard_of(ledger, "bron-1").refused
    assert (("unknown_gate", 5),) == heard_of(ledger, "").refused


def test_an_alarm_is_new_once_and_counted(ledger):
    assert [True, False] == [raise_alarm(ledger, "bron-1", "e", "forked", now) for now in (5, 9)]
    (alarm,) = heard_of(ledger, "bron-1").alarms
    assert ("forked", 5, 9, 2) == (alarm.code, alarm.since, alarm.latest, alarm.times)
    end_alarm(ledger, "bron-1", "e", "forked")
    assert () == heard_of(ledger, "bron-1").alarms


# ------------------------------------------------------------------ the file


def test_a_transaction_is_all_or_nothing_and_one_within_another_is_a_part_of_it(ledger):
    with pytest.raises(RuntimeError), ledger.transaction():  # noqa: PT012
        with ledger.transaction():
            ledger.next("pools", "x", b"")
        raise RuntimeError
    assert 0 == ledger.next("pools", "x", b"")
    with pytest.raises(StoreError, match=r"central.db cannot be used \(SQLITE_ERROR: no such table: nowhere"):
        ledger.rows("SELECT 1 FROM nowhere")


def test_a_ledger_is_flushed_at_each_commit(ledger):
    assert [("wal",)] == ledger.rows("PRAGMA journal_mode")
    assert [(2,)] == ledger.rows("PRAGMA synchronous")


def test_an_older_ledger_keeps_its_numbers(tmp_path):
    with closing(Ledger(tmp_path / "central.db")) as ledger:
        ledger.next("pools", "binding", b"x")
    connection = sqlite3.connect(tmp_path / "central.db")
    with closing(connection):  # as the first release made it
        connection.execute("DROP VIEW counted")
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for table in {name for (name,) in tables} - {"number", "revoked", "_sqlite_migrations"}:
            connection.execute(f"DROP TABLE {table}")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name > '0002_revoked'")
        connection.commit()
    with closing(Ledger(tmp_path / "central.db")) as ledger:
        assert 1 == ledger.next("pools", "binding", b"x")
        Box().enrol(ledger)


_START = """
import sys
from pathlib import Path
from gated.central.ledger import Ledger
sys.stdin.read()
ledger = Ledger(Path(sys.argv[1]))
print(ledger.next("pools", "x", b""))
ledger.close()
"""


def test_several_that_start_at_once_on_a_new_ledger_make_its_tables_once(tmp_path):
    for turn in range(3):
        words = [sys.executable, "-c", _START, str(tmp_path / f"central-{turn}.db")]
        started = [
            subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(4)
        ]
        for process in started:
            process.stdin.close()
        numbers = []
        for process in started:
            process.stdin = None
            numbers.append(int(process.communicate(timeout=60)[0]))
        assert [0, 1, 2, 3] == sorted(numbers)
