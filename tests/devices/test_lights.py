"""How lamps and a buzzer are switched: by whom, when, and what becomes of a lane whose lamp is broken."""

from __future__ import annotations

import logging
import threading

import pytest

from gated.devices.clock import SystemClock
from gated.devices.lights import REFRESH_S, RETRY_S, LightLines, Lights, darken
from gated.devices.signs import Lamp
from gated.ports import Signal
from indicators import LINES, LOOK_MS, LightsWorld, Outlets
from venue import PATIENCE_S, until

OFF = {5: False, 6: True, 7: False, 8: False}  # red is inverted


@pytest.fixture
def world(tmp_path):
    made = LightsWorld(tmp_path)
    yield made
    made.close()


def test_all_are_off_before_the_first_signal_and_after_the_last(world):
    world.watch(0.1)
    assert world.board.outputs == OFF
    world.indicator.show(Signal.FIRE)
    assert set() != set(world.watch(0.1)[0])
    world.indicator.close()
    assert world.board.outputs == OFF
    world.indicator.show(Signal.FIRE)
    world.watch(1.0)
    assert world.board.outputs == OFF


@pytest.mark.parametrize(
    ("signal", "beeps"),
    [
        (Signal.READY, []),
        (Signal.GRANTED, [150]),
        (Signal.LOOK, [150, 150]),
        (Signal.REFUSED, [1000]),
        (Signal.OUT_OF_SERVICE, [350, 350, 350]),
        (Signal.FREE, []),
        (Signal.FIRE, [1000] * 20),
    ],
)
def test_each_sound_is_heard_once_and_ends(world, signal, beeps):
    world.indicator.show(signal)
    assert beeps == world.beeps(60.0)


def test_each_tap_is_heard_even_if_it_comes_to_the_same(world):
    for _ in range(3):
        world.indicator.show(Signal.REFUSED)
        assert [1000] == world.beeps(2.0)


def test_the_sound_of_a_tap_is_heard_to_its_end_though_the_lane_is_ready_before(world):
    world.indicator.show(Signal.LOOK)
    world.watch(0.2)
    world.indicator.show(Signal.READY)
    assert [150] == world.beeps(2.0)  # the second of two


def test_another_sound_ends_the_one_before_it(world):
    world.indicator.show(Signal.REFUSED)
    world.watch(0.4)
    world.indicator.show(Signal.GRANTED)
    assert [150] == world.beeps(2.0)


def test_no_sound_of_a_fire_is_left_when_it_is_over(world):
    world.indicator.show(Signal.FIRE)
    world.watch(0.4)
    world.indicator.show(Signal.READY)
    assert [] == world.beeps(2.0)


def test_a_short_beep_is_heard_though_the_thread_came_late(world):
    world.indicator.show(Signal.GRANTED)
    world.clock.advance(0.4)
    assert [150] == world.beeps(1.0)


def test_it_says_when_it_is_due_and_nothing_changes_before(tmp_path):
    """Woken only when it asked for it, it writes all that it writes when it is asked all the time."""
    often, seldom = LightsWorld(tmp_path), LightsWorld(tmp_path)
    seen = []
    for one in (often, seldom):
        one.indicator.show(Signal.LOOK)
    began = often.clock.monotonic()
    due = began
    while often.clock.monotonic() < began + 9.0:
        often.indicator.step(often.clock.monotonic())
        if seldom.clock.monotonic() >= due - 1e-6:
            due = seldom.indicator.step(seldom.clock.monotonic())
        seen.append(often.active())
        assert often.active() == seldom.active()
        for one in (often, seldom):
            one.clock.advance(0.01)
    assert len(set(seen)) > 2
    assert often.board.writes == seldom.board.writes


def test_off_comes_before_on(world):
    world.indicator.show(Signal.GRANTED)
    world.watch(0.05)
    del world.board.writes[:]
    world.indicator.show(Signal.REFUSED)
    world.watch(0.05)
    assert [(5, False), (6, False)] == [write for write in world.board.writes if write[0] in (5, 6)]


def test_only_changes_are_written_and_all_of_it_now_and_then(world):
    world.indicator.show(Signal.READY)
    world.watch(REFRESH_S - 0.1)
    assert 4 == len(world.board.writes)
    world.board.outputs.clear()  # the module was without power
    world.watch(0.2)
    assert world.board.outputs == OFF | {7: True}


@pytest.mark.parametrize("output", [5, 6, 7, 8])
def test_one_broken_lamp_darkens_no_other_is_told_once_and_tried_seldom(world, caplog, output):
    caplog.set_level(logging.INFO)
    world.board.broken = {output}
    tries = []
    write = world.board.write
    world.board.write = lambda line, on: (tries.append(line), write(line, on))
    for signal in Signal:
        world.indicator.show(signal)
        world.watch(1.0)
    assert set(world.board.outputs) == {5, 6, 7, 8} - {output}
    assert tries.count(output) <= len(Signal) / RETRY_S + 1
    (record,) = caplog.records
    name = next(name for name, line in LINES.outputs.items() if line == output)
    assert f"lights in-1: {name} cannot be switched, the lane goes on" in record.getMessage()
    assert "look at its cable" in record.getMessage()
    world.board.broken = set()
    world.watch(RETRY_S + 0.1)
    assert output in world.board.outputs
    assert "can be switched again" in caplog.records[-1].getMessage()


def test_closing_tries_nothing_again_that_failed(world):
    world.board.broken = {6}
    world.indicator.show(Signal.FIRE)
    world.watch(0.1)
    world.board.broken = set()
    del world.board.writes[:]
    world.indicator.close()
    assert [(5, False), (7, False), (8, False)] == sorted(world.board.writes)


def test_without_amber_and_buzzer_the_others_do_it(tmp_path):
    world = LightsWorld(tmp_path, LightLines(green=5, red=6))
    world.indicator.show(Signal.LOOK)
    assert {Lamp.GREEN} == frozenset().union(*world.watch(2.0))
    world.indicator.show(Signal.READY)
    assert frozenset() == world.watch(1.0)[-1]
    assert {5, 6} == set(world.board.outputs)


def test_darken_switches_off_whatever_becomes_of_one_of_them(caplog):
    board = Outlets()
    board.broken = {6}
    darken(board, LINES)
    assert board.outputs == {line: level for line, level in OFF.items() if line != 6}
    assert "red cannot be switched off" in caplog.text


# ------------------------------------------------------------------ its thread


class Held(Outlets):
    """A board that does not come back from a write until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.writing, self.free = threading.Event(), threading.Event()

    def write(self, output, on) -> None:
        self.writing.set()
        assert self.free.wait(PATIENCE_S)
        super().write(output, on)


def test_its_thread_shows_ends_a_beep_and_leaves_all_off():
    board = Outlets()
    lights = Lights(board, LINES, SystemClock().monotonic)
    lights.start()
    assert until(lambda: board.outputs == OFF)
    lights.show(Signal.GRANTED)
    assert until(lambda: (8, True) in board.writes and not board.outputs[8], REFRESH_S / 2)
    assert (5, True) in board.writes
    lights.show(Signal.READY)
    assert until(lambda: board.outputs == OFF | {7: True}, REFRESH_S / 2)  # it is woken
    lights.close()
    assert board.outputs == OFF


def test_a_board_that_hangs_holds_up_nobody():
    board = Held()
    lights = Lights(board, LINES, SystemClock().monotonic)
    lights.start()
    assert board.writing.wait(PATIENCE_S)
    for signal in (*Signal, Signal.READY):
        lights.show(signal)  # would never return
    board.free.set()
    assert until(lambda: board.outputs == OFF | {7: True})
    assert (8, True) not in board.writes or until(lambda: not board.outputs[8])
    lights.close()


def test_closing_waits_for_no_board_that_hangs(monkeypatch):
    monkeypatch.setattr("gated.devices.lights._STOP_S", 0.01)
    board = Held()
    lights = Lights(board, LINES, SystemClock().monotonic)
    lights.start()
    assert board.writing.wait(PATIENCE_S)
    lights.close()
    board.free.set()
    assert until(lambda: len(board.writes) == 1)  # the one that hung; closed, it writes no other
    assert not lights._beat._thread.is_alive() or until(lambda: not lights._beat._thread.is_alive())
    assert 1 == len(board.writes)


class Broken:
    asked = 0

    def at(self, now):
        self.asked += 1
        raise ZeroDivisionError


def test_a_bug_ends_no_thread_and_is_told_once(caplog):
    clock = SystemClock()
    lights = Lights(Outlets(), LINES, clock.monotonic, "in-1")
    lights._light = broken = Broken()
    lights.start()
    assert until(lambda: (lights._beat.wake(), broken.asked > 3)[1])
    assert 1 == caplog.text.count("lights in-1: unexpected")
    lights.show(Signal.READY)
    assert until(lambda: lights._board.outputs == OFF | {7: True})
    lights.close()


def test_looks_are_no_longer_than_the_shortest_beat():
    from gated.devices.signs import SIGNS

    beats = {beat for sign in SIGNS.values() for one in (sign.light, sign.sound) if one for beat in one.beats}
    assert all(beat % LOOK_MS == 0 for beat in beats)
