"""While a gate says that its knowledge is stale or expired, there is an alarm, and no longer."""

from __future__ import annotations

import pytest

from central.box import NOW, Box
from gated.central.intake import take_in
from gated.central.ledger import Ledger
from gated.central.ledger_gates import heard_of
from gated.wire.event import canonical


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path / "central.db")
    yield made
    made.close()


def says(box: Box, state: str) -> Box:
    header = {
        "v": 1,
        "seq": box.last + 1,
        "at": NOW,
        "wall": NOW,
        "boot": box.epoch,
        "up": 1,
        "clock": "good",
    }
    return box.write_body(canonical(header | {"kind": "knowledge", "state": state, "known_at": NOW - 99}))


def alarms(ledger, box):
    return {alarm.code: alarm.times for alarm in heard_of(ledger, box.gate).alarms}


def test_an_alarm_follows_what_the_gate_says(ledger):
    box, told = Box().enrol(ledger), 0
    for state, expected in (
        ("fresh", {}),
        ("stale", {"knowledge_stale": 1}),
        ("stale", {"knowledge_stale": 2}),
        ("expired", {"knowledge_expired": 1}),
        ("fresh", {}),
        ("expired", {"knowledge_expired": 1}),
        ("stale", {"knowledge_stale": 1}),
    ):
        says(box, state)
        first = take_in(ledger, [box.told(told + 1)], NOW).alarms
        told = box.last
        assert expected == alarms(ledger, box)
        assert [code for *_, code in first] == [code for code, times in expected.items() if times == 1]


def test_of_several_rows_of_a_batch_the_last_counts(ledger):
    box = says(says(says(Box().enrol(ledger).write(2), "stale"), "expired"), "fresh").write(2)
    take_in(ledger, [box.told()], NOW)
    assert {} == alarms(ledger, box)
    take_in(ledger, [box.told()], NOW)  # told again, it is known
    assert {} == alarms(ledger, box)


def test_a_fresh_journal_ends_the_alarm_of_the_one_that_was_lost(ledger):
    box = says(Box().enrol(ledger), "expired")
    take_in(ledger, [box.told()], NOW)
    other = Box(epoch="8899aabbccddeeff")
    other.key = box.key
    take_in(ledger, [says(other, "fresh").told()], NOW)
    assert {} == alarms(ledger, box)


@pytest.mark.parametrize("spoilt", [{"state": "old"}, {"state": 7}, {"kind": "knowledge"}])
def test_what_is_no_such_row_raises_nothing(ledger, spoilt):
    box = Box().enrol(ledger).write(1, note='"kind":"knowledge"', **spoilt)
    take_in(ledger, [box.told()], NOW)
    assert {} == alarms(ledger, box)


def test_a_copied_disk_and_rows_kept_aside_raise_nothing(ledger):
    box = Box().enrol(ledger).write(3)
    take_in(ledger, [box.told()], NOW)
    copy = says(box.copy(), "stale")
    take_in(ledger, [says(box.write(1), "fresh").told(4)], NOW)
    take_in(ledger, [copy.told(4)], NOW)
    assert {"forked": 1} == alarms(ledger, box)
