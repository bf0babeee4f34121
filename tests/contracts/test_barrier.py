"""The contract of the barrier port, kept by every twin: simulated, GPIO, Modbus over TCP and over RTU.

GPIO is gpiozero on its own mock pins, Modbus is pymodbus against its own server. Behind each stands the same
turnstile, whose contact bounces. Time passes when a test says so.
"""

from __future__ import annotations

import threading

import pytest

from barriers import TWINS, world
from gated.errors import BarrierError
from gated.model.barrier import Cleared, Faulted, FireAlarm, FireQuiet, Passed, Secured, Trouble

TURN_S = 1.0  # for somebody to go through, and the contact to come to rest


@pytest.fixture(params=TWINS)
def twin(request, tmp_path):
    with world(request.param, tmp_path) as made:
        yield made


def kinds(told):
    return [(type(event), getattr(event, "trouble", None)) for event in told]


def told_of(told, trouble):
    return [type(event) for event in told if getattr(event, "trouble", None) is trouble]


def test_it_begins_shut_and_has_nothing_to_tell(twin):
    twin.go_on(TURN_S)
    assert not twin.open
    assert [] == twin.told


def test_nobody_passes_a_shut_one(twin):
    twin.push()
    twin.go_on(TURN_S)
    assert [] == twin.told


def test_release_pass_shut_in_this_order(twin):
    twin.barrier.release(1)
    assert twin.open
    twin.push()
    twin.go_on(TURN_S)
    twin.barrier.secure()
    assert not twin.open
    twin.go_on(TURN_S)
    assert [Passed(1), Secured()] == twin.told
    twin.push()
    twin.go_on(TURN_S)
    assert [Passed(1), Secured()] == twin.told


def test_a_release_that_nobody_takes_is_shut(twin):
    twin.barrier.release(1)
    twin.go_on(TURN_S)
    twin.barrier.secure()
    twin.go_on(TURN_S)
    assert [Secured()] == twin.told
    assert not twin.open


def test_who_is_passing_as_it_is_shut_is_told_before_that(twin):
    twin.barrier.release(1)
    twin.push()
    twin.barrier.secure()
    twin.go_on(TURN_S)
    assert [Passed(1), Secured()] == twin.told


def test_each_passage_counts_once_whatever_its_contact_does(twin):
    for _ in range(3):
        twin.barrier.release(1)
        twin.push()
        twin.go_on(TURN_S)
    assert [Passed(1)] * 3 == twin.told


def test_it_stands_open_until_it_is_shut(twin):
    twin.barrier.hold_open()
    for _ in range(2):
        twin.push()
        twin.go_on(TURN_S)
        assert twin.open
    assert [Passed(1)] * 2 == twin.told
    twin.barrier.secure()
    twin.go_on(TURN_S)
    assert not twin.open
    assert Secured() == twin.told[-1]


def test_shutting_a_shut_one_is_told_too(twin):
    twin.barrier.secure()
    twin.go_on(TURN_S)
    assert [Secured()] == twin.told


def test_a_barrier_that_says_it_has_a_fault_is_told_once(twin):
    twin.jam()
    twin.go_on(TURN_S)
    twin.go_on(TURN_S)
    assert [Faulted] == told_of(twin.told, Trouble.FAULT_INPUT)
    assert twin.told[0].detail
    twin.free()
    twin.go_on(TURN_S)
    assert [Faulted, Cleared] == told_of(twin.told, Trouble.FAULT_INPUT)


def test_a_contact_that_sticks_is_told_and_nothing_is_secured_meanwhile(twin):
    twin.barrier.release(1)
    twin.push()
    twin.stick()
    twin.barrier.secure()
    twin.go_on(12)
    assert [(Passed, None), (Faulted, Trouble.CONTACT_STUCK)] == kinds(twin.told)
    assert not twin.open
    twin.unstick()
    twin.go_on(TURN_S)
    assert [(Cleared, Trouble.CONTACT_STUCK), (Secured, None)] == kinds(twin.told[2:])


def test_a_fire_is_told_whatever_the_barrier_does(twin):
    twin.barrier.release(1)
    twin.fire()
    twin.go_on(TURN_S)
    assert [FireAlarm()] == twin.told
    twin.barrier.hold_open()
    twin.quiet()
    twin.go_on(TURN_S)
    assert [FireAlarm(), FireQuiet()] == twin.told
    assert twin.open  # nothing is shut for that


@pytest.mark.parametrize("name", TWINS)
def test_a_fire_that_burns_at_the_start_is_told(name, tmp_path):
    with world(name, tmp_path, begin=False) as twin:
        twin.fire()
        twin.begin()
        twin.go_on(TURN_S)
        assert [FireAlarm()] == twin.told


def test_one_that_is_gone_for_ten_seconds_needs_nobody(twin):
    twin.barrier.hold_open()
    twin.go_on(TURN_S)
    twin.lose()
    twin.go_on(10)
    assert [(Faulted, Trouble.FAULT)] == kinds(twin.told)
    for command in (lambda: twin.barrier.release(1), twin.barrier.hold_open, twin.barrier.secure):
        with pytest.raises(BarrierError) as caught:
            command()
        assert caught.value.hint
    twin.back()
    twin.go_on(5)
    assert [(Faulted, Trouble.FAULT), (Cleared, Trouble.FAULT)] == kinds(twin.told)
    assert not twin.open
    twin.barrier.release(1)
    twin.push()
    twin.go_on(TURN_S)
    assert Passed(1) == twin.told[-1]


def test_one_that_is_to_stand_open_comes_back_open(twin):
    twin.barrier.hold_open()
    twin.go_on(TURN_S)
    twin.lose()
    twin.go_on(2)
    twin.back()
    twin.go_on(2)
    assert [(Faulted, Trouble.FAULT), (Cleared, Trouble.FAULT)] == kinds(twin.told)
    assert twin.open


def test_one_that_is_told_to_open_while_it_is_gone_comes_back_open(twin):
    twin.lose()
    twin.go_on(2)
    with pytest.raises(BarrierError):
        twin.barrier.hold_open()
    twin.back()
    twin.go_on(2)
    assert twin.open


def test_one_that_is_told_to_shut_while_it_is_gone_comes_back_shut(twin):
    twin.barrier.hold_open()
    twin.lose()
    twin.go_on(2)
    with pytest.raises(BarrierError):
        twin.barrier.secure()
    twin.back()
    twin.go_on(2)
    assert not twin.open


def test_one_that_breaks_as_it_is_commanded_says_so_to_both(twin):
    twin.lose()
    with pytest.raises(BarrierError):
        twin.barrier.release(1)
    twin.go_on(TURN_S)
    assert [Faulted] == told_of(twin.told, Trouble.FAULT)


@pytest.mark.parametrize("name", TWINS)
def test_one_that_is_not_there_at_the_start_comes_later(name, tmp_path):
    with world(name, tmp_path, begin=False) as twin:
        twin.lose()
        twin.begin()
        assert [(Faulted, Trouble.FAULT)] == kinds(twin.told)
        twin.go_on(2)
        twin.back()
        twin.go_on(2)
        assert [(Faulted, Trouble.FAULT), (Cleared, Trouble.FAULT)] == kinds(twin.told)
        twin.barrier.release(1)
        assert twin.open


def test_stopping_shuts_and_ends_the_telling(twin):
    twin.barrier.release(1)
    twin.barrier.stop()
    assert not twin.open
    twin.fire()
    twin.go_on(TURN_S)
    twin.barrier.stop()
    assert [] == twin.told


def test_stopping_leaves_open_what_is_held_open(twin):
    twin.barrier.hold_open()
    twin.barrier.stop()
    assert twin.open


def test_stopping_one_that_is_gone_raises_nothing(twin):
    twin.lose()
    twin.go_on(TURN_S)
    twin.barrier.stop()
    twin.barrier.stop()


def test_a_fire_while_others_go_through_is_told_once_and_loses_nobody(twin):
    """The lane commands from its thread while the barrier looks in another."""
    rounds, over = 20, threading.Event()

    def look():
        while not over.is_set():
            twin.go_on(0.1)

    twin.barrier.hold_open()
    looking = threading.Thread(target=look)
    looking.start()
    try:
        for round_ in range(rounds):
            twin.barrier.release(1)
            if round_ == rounds // 2:
                twin.fire()
                twin.barrier.hold_open()
    finally:
        over.set()
        looking.join()
    twin.go_on(TURN_S)
    twin.barrier.secure()
    twin.go_on(TURN_S)
    assert [FireAlarm(), Secured()] == twin.told
