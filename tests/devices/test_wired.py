"""A barrier wired to a board in memory: pulses and levels, lines the other way round, what is safe."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest

from gated.devices.clock import SystemClock
from gated.devices.pulse import GAP_S
from gated.devices.simulated.board import SimulatedBoard
from gated.devices.simulated.clock import SimulatedClock
from gated.devices.wired import BLIND_S, HOLD_AGAIN_S, MOST_RETRY_S, WiredBarrier
from gated.devices.wiring import Wiring, make_safe
from gated.errors import BarrierError
from gated.model.barrier import Cleared, Faulted, FireAlarm, FireQuiet, Passed, Secured, Trouble
from venue import until

RELEASE, FREE, PASSAGE, FAULT, FIRE = range(1, 6)
POLL_S = 0.01


class Bench:
    """A barrier, begun, and the time that a test lets pass."""

    def __init__(self, *, board=None, begin=True, **more) -> None:
        self.board = board or SimulatedBoard()
        self.clock = SimulatedClock(0)
        self.wiring = Wiring(RELEASE, PASSAGE, **{"fault": FAULT, "fire": FIRE} | more)
        self.barrier = WiredBarrier(self.board, self.wiring, self.clock.monotonic)
        self.told = []
        if begin:
            self.barrier.begin(self.told.append)

    def go_on(self, seconds):
        for _ in range(round(seconds / POLL_S)):
            self.clock.advance(POLL_S)
            self.barrier.poll()

    def on(self, line=RELEASE):
        return self.board.outputs[line]

    def touch(self, seconds=0.1, line=PASSAGE):
        self.board.inputs[line] = True
        self.go_on(seconds)
        self.board.inputs[line] = False
        self.go_on(0.1)


def test_a_level_stays_until_it_is_shut():
    bench = Bench()
    bench.barrier.release(1)
    bench.go_on(60)
    assert bench.on()
    bench.barrier.secure()
    assert not bench.on()


def test_a_pulse_ends_when_its_time_is_over():
    bench = Bench(pulse_s=0.5)
    bench.barrier.release(1)
    bench.go_on(0.48)
    assert bench.on()
    bench.go_on(0.04)
    assert not bench.on()


def test_a_second_pulse_follows_the_first_with_a_gap():
    bench = Bench(pulse_s=0.5)
    bench.barrier.release(1)
    bench.go_on(0.2)
    bench.barrier.release(1)
    levels = []
    for _ in range(120):
        bench.go_on(POLL_S)
        levels.append(bench.on())
    runs = [levels[0]] + [now for before, now in pairwise(levels) if now is not before]
    assert [True, False, True, False] == runs
    first, second = levels.index(False), levels.index(True, levels.index(False))
    assert GAP_S - POLL_S <= (second - first) * POLL_S <= GAP_S + 2 * POLL_S


def test_shutting_ends_a_pulse_and_forgets_the_next_one():
    bench = Bench(pulse_s=0.5)
    bench.barrier.release(1)
    bench.barrier.release(1)
    bench.barrier.secure()
    for _ in range(200):
        assert not bench.on()
        bench.go_on(POLL_S)


@pytest.mark.parametrize("command", [lambda barrier: barrier.release(1), lambda barrier: barrier.hold_open()])
def test_one_that_is_opened_again_at_once_is_not_told_to_be_shut(command):
    bench = Bench()
    bench.barrier.secure()
    command(bench.barrier)
    bench.go_on(2)
    assert bench.on()
    assert [] == bench.told


def test_a_pulse_that_the_board_ends_is_not_ended_by_us():
    bench = Bench(board=SimulatedBoard(self_ending=True), pulse_s=0.5)
    bench.barrier.release(1)
    bench.board.outputs[RELEASE] = "as the module left it"
    bench.go_on(2)
    assert "as the module left it" == bench.on()
    bench.barrier.release(1)
    assert bench.on() is True


def test_what_is_held_open_is_opened_again_when_the_board_has_ended_a_pulse():
    bench = Bench(board=SimulatedBoard(self_ending=True), pulse_s=0.5)
    bench.barrier.release(1)
    bench.barrier.hold_open()
    bench.board.outputs[RELEASE] = False  # the module's own timer
    bench.go_on(0.6)
    assert bench.on()


def test_a_release_of_one_that_is_held_open_needs_no_pulse_and_shuts_nothing():
    bench = Bench(board=SimulatedBoard(self_ending=True), pulse_s=0.5)
    bench.barrier.hold_open()
    pulses, bench.board.pulse = [], lambda output: pulses.append(output) or True
    bench.barrier.release(1)
    bench.go_on(2)
    assert [] == pulses
    assert bench.on()


def test_an_output_of_its_own_holds_it_open():
    bench = Bench(free=FREE, pulse_s=0.5)
    assert not bench.on(FREE)
    bench.barrier.release(1)
    bench.barrier.hold_open()
    bench.go_on(1)
    assert bench.on(FREE)
    assert not bench.on()
    bench.barrier.secure()
    assert not bench.on(FREE)


def test_lines_that_are_active_when_off():
    bench = Bench(
        free=FREE, pulse_s=0.5, inverted=frozenset({"release", "free", "passage", "fire"}), begin=False
    )
    bench.board.inputs |= {PASSAGE: True, FIRE: True}
    bench.barrier.begin(bench.told.append)
    assert bench.on()
    assert bench.on(FREE)
    bench.barrier.release(1)
    assert not bench.on()
    bench.go_on(1)
    assert bench.on()
    bench.barrier.hold_open()
    assert not bench.on(FREE)
    bench.board.inputs[PASSAGE] = False
    bench.go_on(0.1)
    bench.board.cut.add(FIRE)  # a loop that is closed while all is well: a cut wire is a fire
    bench.go_on(0.1)
    assert [Passed(1), FireAlarm()] == bench.told
    bench.barrier.stop()
    assert bench.on()
    assert not bench.on(FREE)


def test_what_was_active_before_anybody_looked_is_no_passage_but_sticks():
    bench = Bench(begin=False, stuck_s=3.0)
    bench.board.inputs[PASSAGE] = True
    bench.barrier.begin(bench.told.append)
    bench.go_on(4)
    (stuck,) = bench.told
    assert Trouble.CONTACT_STUCK is stuck.trouble
    assert "input 3" in stuck.detail


def test_a_stuck_contact_that_came_back_while_the_board_was_gone_is_cleared():
    bench = Bench(stuck_s=3.0)
    bench.board.inputs[PASSAGE] = True
    bench.go_on(4)
    bench.barrier.secure()
    bench.board.gone = True
    bench.go_on(1)
    bench.board.gone, bench.board.inputs[PASSAGE] = False, False
    bench.go_on(2)
    assert [
        (Passed, None),
        (Faulted, Trouble.CONTACT_STUCK),
        (Faulted, Trouble.FAULT),
        (Cleared, Trouble.CONTACT_STUCK),
        (Cleared, Trouble.FAULT),
        (Secured, None),
    ] == [(type(event), getattr(event, "trouble", None)) for event in bench.told]


def test_who_passed_while_the_board_was_gone_is_nobody_we_know_of():
    bench = Bench()
    bench.board.gone = True
    bench.go_on(2)
    bench.board.gone, bench.board.inputs[PASSAGE] = False, True
    bench.go_on(2)
    assert [Faulted, Cleared] == [type(event) for event in bench.told]
    bench.board.inputs[PASSAGE] = False
    bench.go_on(0.1)
    bench.touch()
    assert Passed(1) == bench.told[-1]


def test_a_board_that_is_gone_is_tried_ever_less_often():
    bench = Bench()
    tries, write = [], bench.board.write
    bench.board.gone = True

    def count(output, on):
        tries.append(bench.clock.monotonic())
        write(output, on)

    bench.board.write = count
    bench.go_on(20)
    assert [0, 1, 3, 7, 11, 15, 19] == [round(at - tries[0]) for at in tries]
    bench.board.gone = False
    bench.go_on(MOST_RETRY_S + POLL_S)
    assert isinstance(bench.told[-1], Cleared)


def test_a_board_that_failed_once_is_made_safe_at_once():
    bench = Bench()
    bench.barrier.hold_open()
    bench.board.gone = True
    with pytest.raises(BarrierError, match="does not answer"):
        bench.barrier.release(1) if not bench.on() else bench.barrier.secure()
    bench.board.gone = False
    bench.go_on(POLL_S)
    assert [Faulted, Cleared] == [type(event) for event in bench.told]
    assert not bench.on()


def test_a_release_that_failed_is_not_made_later():
    bench = Bench(pulse_s=0.5)
    bench.board.gone = True
    with pytest.raises(BarrierError):
        bench.barrier.release(1)
    bench.board.gone = False
    bench.go_on(2)
    assert not bench.on()


def test_a_pulse_that_was_owed_when_the_board_went_is_not_made_later():
    bench = Bench(pulse_s=0.5)
    bench.barrier.release(1)
    bench.barrier.release(1)
    bench.board.gone = True
    bench.go_on(2)
    bench.board.gone = False
    while len(bench.told) < 2:
        bench.go_on(POLL_S)
    assert [Faulted, Cleared] == [type(event) for event in bench.told]
    for _ in range(200):
        assert not bench.on()
        bench.go_on(POLL_S)


def test_a_fire_that_ended_while_the_board_was_gone_is_told_to_be_over():
    bench = Bench()
    bench.board.inputs[FIRE] = True
    bench.go_on(0.1)
    bench.board.gone = True
    bench.go_on(1)
    bench.board.gone, bench.board.inputs[FIRE] = False, False
    bench.go_on(2)
    assert FireQuiet() == bench.told[-1]


def test_inputs_that_are_not_wired_are_not_read():
    bench = Bench(fault=None, fire=None)
    asked = []
    read = bench.board.read
    bench.board.read = lambda inputs: asked.append(inputs) or read(inputs)
    bench.go_on(POLL_S)
    assert [(PASSAGE,)] == asked


def test_one_that_begins_held_open_is_never_shut_for_a_moment():
    """A restart in a fire."""
    board = SimulatedBoard()
    written, write = [], board.write
    board.write = lambda output, on: written.append((output, on)) or write(output, on)
    barrier = WiredBarrier(board, Wiring(RELEASE, PASSAGE), SimulatedClock(0).monotonic)
    barrier.begin(lambda _event: None, held=True)
    assert [(RELEASE, True)] == written


@pytest.mark.parametrize("held", [False, True])
def test_made_safe_means_shut_or_open_as_asked(held):
    board = SimulatedBoard()
    board.outputs = {RELEASE: True, FREE: True}
    make_safe(board, Wiring(RELEASE, PASSAGE, free=FREE), held=held)
    assert {RELEASE: False, FREE: held} == board.outputs
    make_safe(board, Wiring(RELEASE, PASSAGE), held=held)
    assert board.outputs[RELEASE] is held


def test_one_output_that_fails_does_not_keep_the_other_from_being_made_safe():
    class Half(SimulatedBoard):
        def write(self, output, on):
            if output == RELEASE:
                raise BarrierError("no")
            super().write(output, on)

    board = Half()
    board.outputs = {FREE: True}
    with pytest.raises(BarrierError):
        make_safe(board, Wiring(RELEASE, PASSAGE, free=FREE))
    assert not board.outputs[FREE]


def test_its_own_thread_looks_ends_pulses_and_goes_away():
    board, told = SimulatedBoard(), []
    barrier = WiredBarrier(
        board, Wiring(RELEASE, PASSAGE, pulse_s=0.05, debounce_s=0.01, poll_s=0.005), SystemClock().monotonic
    )
    barrier.start(told.append)
    barrier.release(1)
    assert until(lambda: not board.outputs[RELEASE])
    board.inputs[PASSAGE] = True
    assert until(lambda: told == [Passed(1)])
    board.inputs[PASSAGE] = False
    barrier.secure()
    assert until(lambda: told == [Passed(1), Secured()])
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("barrier ")]
    barrier.stop()
    assert threads
    assert not any(thread.is_alive() for thread in threads)


def test_a_bug_of_who_is_told_does_not_end_the_thread():
    board, told = SimulatedBoard(), []

    def hear(event):
        told.append(event)
        raise RuntimeError("a bug")

    barrier = WiredBarrier(
        board, Wiring(RELEASE, PASSAGE, debounce_s=0.01, poll_s=0.005), SystemClock().monotonic
    )
    barrier.start(hear)
    for _ in range(2):
        board.inputs[PASSAGE] = True
        before = len(told)
        assert until(lambda before=before: len(told) > before)
        board.inputs[PASSAGE] = False
        assert until(lambda: not barrier._contacts["passage"].active)
    barrier.stop()
    assert [Passed(1), Passed(1)] == told


def test_a_board_that_hangs_does_not_hang_who_stops():
    hang, freed = threading.Event(), threading.Event()

    class Hanging(SimulatedBoard):
        def read(self, inputs):
            if hang.is_set():
                freed.wait(60)
            return super().read(inputs)

    barrier = WiredBarrier(Hanging(), Wiring(RELEASE, PASSAGE, poll_s=0.005), SystemClock().monotonic)
    barrier.start(lambda _event: None)
    hang.set()
    assert until(barrier._lock.locked)
    barrier.stop()
    freed.set()


def test_a_fire_that_burns_at_the_start_is_not_shut_first():
    """What ``gated lane safe`` held open stays open."""
    board = SimulatedBoard()
    board.inputs[FIRE] = True
    bench, written = Bench(board=board, begin=False), []
    write = board.write
    board.write = lambda output, on: written.append(on) or write(output, on)
    bench.barrier.begin(bench.told.append)
    bench.go_on(1)
    assert [FireAlarm()] == bench.told
    assert set(written) == {True}


def test_a_spike_at_the_start_leaves_nothing_open():
    board = SimulatedBoard()
    board.inputs[FIRE] = True
    bench = Bench(board=board, begin=False)
    bench.barrier.begin(bench.told.append)
    board.inputs[FIRE] = False
    bench.go_on(1)
    assert ([], False) == (bench.told, bench.on())


def test_one_that_another_lanes_fire_opened_before_it_began_is_not_shut():
    bench = Bench(begin=False)
    bench.barrier.hold_open()
    bench.barrier.begin(bench.told.append)
    assert bench.on()


def test_what_stands_open_is_opened_again_whatever_shut_it():
    """A module's own timer, later than ours; its reboot."""
    bench = Bench(board=SimulatedBoard(self_ending=True), pulse_s=0.5)
    bench.barrier.release(1)
    bench.barrier.release(1)
    bench.barrier.hold_open()
    bench.go_on(3)
    bench.board.outputs[RELEASE] = False
    bench.go_on(HOLD_AGAIN_S + POLL_S)
    assert bench.on()


@pytest.mark.parametrize("error", [IndexError("tuple index out of range"), TypeError("unexpected")])
def test_whatever_a_board_raises_takes_the_lane_out_of_service(error):
    bench = Bench()
    read, bench.board.read = bench.board.read, lambda _inputs: (_ for _ in ()).throw(error)
    bench.go_on(0.1)
    assert [Faulted] == [type(event) for event in bench.told]
    bench.board.read = read
    bench.go_on(MOST_RETRY_S)
    assert isinstance(bench.told[-1], Cleared)


def test_a_kept_fire_whose_input_becomes_quiet_at_the_start_stays_open():
    board = SimulatedBoard()
    board.inputs[FIRE] = True
    bench = Bench(board=board, begin=False)
    bench.barrier.begin(bench.told.append, held=True)
    board.inputs[FIRE] = False
    bench.go_on(2)
    assert bench.on()


def test_what_is_ordered_open_at_the_start_is_not_shut_for_a_spike():
    """Another lane's fire, while this one does not know yet whether it burns itself."""
    board = SimulatedBoard()
    board.inputs[FIRE] = True
    bench = Bench(board=board, begin=False)
    bench.barrier.begin(bench.told.append)
    bench.barrier.hold_open()
    board.inputs[FIRE] = False
    bench.go_on(2)
    assert bench.on()


def test_a_board_that_raises_what_it_likes_is_stopped_and_may_be_commanded_again():
    bench = Bench()
    write, bench.board.write = bench.board.write, lambda _output, _on: (_ for _ in ()).throw(TypeError("odd"))
    bench.barrier.stop()
    bench.board.write = write
    bench.barrier.hold_open()
    assert bench.on()


@pytest.mark.parametrize("blind_s", [BLIND_S + 0.05, 5.0])
def test_a_release_during_which_nobody_could_look_is_told_as_a_fault_that_is_over(blind_s):
    """Somebody else's dead unit held the line: whether anybody passed nobody knows."""
    bench = Bench()
    bench.barrier.release(1)
    bench.go_on(1)
    bench.clock.advance(blind_s)
    bench.go_on(1)
    assert [(Faulted, Trouble.FAULT), (Cleared, Trouble.FAULT)] == [
        (type(event), event.trouble) for event in bench.told
    ]
    assert f"for {blind_s + POLL_S:.1f} s" in bench.told[0].detail
    bench.clock.advance(blind_s)  # once for each release
    bench.go_on(1)
    assert 2 == len(bench.told)


@pytest.mark.parametrize(
    "before",
    [
        lambda barrier: None,
        lambda barrier: barrier.hold_open(),
        lambda barrier: (barrier.release(1), barrier.hold_open()),
    ],
    ids=["shut", "held open", "held open after a release"],
)
def test_where_nobody_was_let_through_nobody_need_have_looked(before):
    bench = Bench()
    before(bench.barrier)
    bench.go_on(1)
    bench.clock.advance(5)
    bench.go_on(1)
    assert [] == bench.told


def test_once_it_is_shut_nobody_need_have_looked():
    bench = Bench()
    bench.barrier.release(1)
    bench.barrier.secure()
    bench.go_on(1)
    assert [Secured()] == bench.told
    bench.clock.advance(5)
    bench.go_on(1)
    assert [Secured()] == bench.told


def test_a_short_delay_is_none():
    bench = Bench()
    bench.barrier.release(1)
    bench.go_on(1)
    bench.clock.advance(BLIND_S - 2 * POLL_S)
    bench.go_on(1)
    assert [] == bench.told
