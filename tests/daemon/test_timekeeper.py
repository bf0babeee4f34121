"""What of the time becomes durable, and when: each step costs a flush."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from gated.daemon.timekeeper import LEAP_S, PERSIST_S, TimeKeeper
from gated.devices.simulated.clock import SimulatedClock
from gated.store.floors import TIME, Floors, floors_file
from gated.store.journal import Journal
from gated.store.time_note import read_time_note
from venue import NOW


class Box:
    """A gate's time and its files."""

    def __init__(self, path) -> None:
        self.path = path
        self.clock = SimulatedClock(NOW)
        self.start()

    def start(self) -> None:
        journal = Journal(
            self.path / "journal.db",
            gate="gate-1",
            machine="m1",
            epoch="00" * 8,
            began_at=NOW,
            unknown_counts=True,
        )
        floors = Floors(journal, self.path / "floors.json")
        self.journal, self.time = journal, TimeKeeper(self.clock, floors, self.path / "time.json")
        journal.start()

    @contextmanager
    def off(self):
        assert self.journal.stop(10)
        yield
        self.start()

    @property
    def durable(self) -> int:
        return floors_file(self.path / "floors.json").get(TIME, 0)

    @property
    def note(self):
        return read_time_note(self.path / "time.json")


@pytest.fixture
def box(tmp_path):
    made = Box(tmp_path)
    yield made
    made.journal.stop(10)


def test_an_answer_is_in_force_at_once_and_the_first_is_durable_at_the_next_turn(box):
    box.time.answered(NOW, 0.1)
    assert (NOW, NOW + 2) == (box.time.read().floor, box.time.read().ceiling)
    assert (0, None) == (box.durable, box.note)
    box.time.persist_if_due()
    assert (NOW, NOW, NOW + 2) == (box.durable, box.note.floor, box.note.ceiling)


def test_answers_that_tell_nothing_new_are_not_written_each_time(box):
    box.time.answered(NOW, 0.1)
    box.time.persist_if_due()
    for _ in range(int(PERSIST_S // 15) - 1):
        box.clock.advance(15)
        box.time.answered(int(box.clock.wall), 0.1)
        box.time.persist_if_due()
        assert NOW == box.durable
    box.clock.advance(15)
    box.time.persist_if_due()
    assert box.durable >= NOW + PERSIST_S - 1


def test_a_leap_is_durable_soon_and_no_more_often_than_that(box):
    box.time.answered(NOW, 0.1)
    box.time.persist_if_due()
    for _ in range(9):
        box.clock.advance(LEAP_S / 10)
        box.time.answered(box.time.read().floor + 3600, 0.1)
        box.time.persist_if_due()
        assert NOW == box.durable
    box.clock.advance(LEAP_S / 10)
    box.time.persist_if_due()
    assert NOW + 9 * 3600 <= box.durable


def test_an_answer_that_came_late_bounds_from_below_alone(box):
    box.time.answered(NOW + 50, None)
    assert (NOW + 50, None) == (box.time.read().floor, box.time.read().ceiling)


def test_within_a_boot_a_daemon_goes_on_and_after_it_the_floor_alone_is_left(box):
    box.time.answered(NOW, 0.1)
    box.time.persist()
    with box.off():
        box.clock.advance(500)
    reading = box.time.read()
    assert (NOW + 499, NOW + 504) == (reading.floor, reading.ceiling)
    with box.off():
        box.clock.reboot(NOW + 36_000)
    reading = box.time.read()
    assert (NOW, None, NOW + 36_000) == (reading.floor, reading.ceiling, reading.estimate)
