"""What the simulated barrier does only to order; what it does as every barrier is in the contract."""

from __future__ import annotations

import threading

import pytest

from gated.devices.simulated.barrier import SimulatedBarrier
from gated.model.barrier import Cleared, Faulted, FireAlarm, Passed, Secured, Trouble


@pytest.fixture
def told():
    return []


@pytest.fixture
def barrier(told):
    made = SimulatedBarrier(passes=False)
    made.start(told.append)
    return made


def test_somebody_passes_at_each_release_unless_told_otherwise(told):
    barrier = SimulatedBarrier()
    barrier.start(told.append)
    barrier.release(1)
    barrier.release(1)
    assert [Passed(1)] * 2 == told
    assert 2 == barrier.releases
    assert not barrier.released


def test_one_that_refuses_to_turn_lets_nobody_through(barrier, told):
    barrier.passes = barrier.refuse_to_turn = True
    barrier.release(1)
    barrier.push()
    assert [] == told
    barrier.refuse_to_turn = False
    barrier.push()
    assert [Passed(1)] == told


def test_one_that_turns_twice_lets_two_through(barrier, told):
    barrier.turns_twice = True
    barrier.release(1)
    barrier.push()
    barrier.push()
    assert [Passed(1)] * 2 == told


def test_a_party_goes_through_at_one_release(barrier, told):
    barrier.release(3)
    for _ in range(4):
        barrier.push()
    assert [Passed(1)] * 3 == told


def test_a_jammed_one_lets_nobody_through(barrier, told):
    barrier.release(1)
    barrier.jam()
    barrier.push()
    assert [Faulted] == [type(event) for event in told]
    barrier.free()
    barrier.push()
    assert Passed(1) == told[-1]


def test_one_that_is_forced_tells_though_it_is_shut(barrier, told):
    barrier.force()
    assert [Passed(1)] == told


def test_what_stands_at_the_start_is_told_then(told):
    barrier = SimulatedBarrier()
    barrier.stick()
    barrier.jam()
    barrier.fire()
    barrier.start(told.append)
    assert [Trouble.CONTACT_STUCK, Trouble.FAULT_INPUT] == [event.trouble for event in told[:2]]
    assert [FireAlarm()] == told[2:]
    barrier.unstick()
    assert [Cleared(Trouble.CONTACT_STUCK)] == told[3:]


def test_a_broken_one_says_nothing_and_a_cut_one_does(barrier, told):
    barrier.break_down()
    barrier.repair()
    assert [] == told
    barrier.hold_open()
    barrier.cut_wire()
    barrier.mend_wire()
    assert [Faulted, Cleared] == [type(event) for event in told]
    assert barrier.held  # a fire must not shut for a moment
    barrier.secure()
    assert not barrier.held
    assert Secured() == told[-1]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("begin", [True, False], ids=["at the start", "later"])
def test_two_that_burn_at_once_open_each_other(begin):
    """Whoever hears of one opens the other, from that one's thread: neither may wait for the other."""
    barriers, met = (SimulatedBarrier(), SimulatedBarrier()), threading.Barrier(2)

    def hear(other):
        def tell(event):
            if event == FireAlarm():
                met.wait(5)  # both tell at the same moment
                other.hold_open()

        return tell

    def burn(barrier, other):
        if begin:
            barrier.fire()
            barrier.start(hear(other))
        else:
            barrier.start(hear(other))
            barrier.fire()

    threads = [threading.Thread(target=burn, args=pair, daemon=True) for pair in (barriers, barriers[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
