"""``gated lane test``: what a technician is told at a lane that is well, and at one that is not."""

from __future__ import annotations

import json

import pytest

from fleet import here
from gated.app.measuring import Meter
from gated.app.trial import Trial
from gated.config.driver import Driver
from gated.devices.clock import SystemClock
from gated.devices.simulated.barrier import SimulatedBarrier
from gated.devices.simulated.board import SimulatedBoard
from gated.devices.simulated.reader import SimulatedReader
from gated.devices.wired import WiredBarrier
from gated.devices.wiring import Wiring
from gated.errors import ReaderError
from venue import medium

ALL = frozenset({"fault", "fire"})
WIRING = Wiring(17, 5, fault=6, fire=13, inverted=frozenset({"fire"}), debounce_s=0.002, poll_s=0.001)


class Hands:
    """Do what is asked for, or not; what they were told stays."""

    def __init__(self, barrier, reader, *, lazy: str = "") -> None:
        self.barrier, self.reader, self.lazy = barrier, reader, lazy
        self.told: list[str] = []
        self.counts: list[int] = []

    def do(self, what: str, act: str) -> None:
        self.told.append(what)
        if act == self.lazy:
            return
        acts = {
            "push": [self.barrier.push],
            "push twice": [self.barrier.push] * 2,
            "fault": [self.barrier.jam],
            "end fault": [self.barrier.free],
            "fire": [self.barrier.fire],
            "end fire": [self.barrier.quiet],
            "present": [lambda: self.reader.present(medium(1))],
            "remove": [self.reader.remove],
        }
        for one in acts.get(act, []):
            one()

    def count(self, seconds: int) -> None:
        self.counts.append(seconds)


class Bench:
    """A lane to try; steps that fail wait for so long."""

    def __init__(self, *, lines=ALL, lazy="", wait_s=0.05, driver="gpio") -> None:
        self.barrier, self.reader = SimulatedBarrier(passes=False), SimulatedReader("acr")
        self.hands = Hands(self.barrier, self.reader, lazy=lazy)
        self.trial = Trial(
            barrier=self.barrier,
            reader=self.reader,
            lines=lines,
            meter=Meter(Driver(driver, "tcp://10.0.0.7"), WIRING, Driver("pcsc", "acr")),
            console=self.hands,
            monotonic=SystemClock().monotonic,
            wait_s=wait_s,
        )

    def run(self) -> dict:
        return {found.step: found for found in self.trial.run()}


def test_a_lane_that_is_well_passes_every_step():
    bench = Bench()
    found = bench.run()
    assert ["rest", "turn", "shut", "free", "fault", "fire", "reader"] == list(found)
    assert {True} == {one.ok for one in found.values()}
    assert {""} == {one.measure for one in found.values()}
    assert "listen for the relay, then push the arm once" in bench.hands.told
    assert bench.hands.counts
    assert (False, False) == (bench.barrier.held, bench.barrier.released)
    bench.barrier.fire()
    assert bench.trial._events.empty()  # it was stopped


def test_inputs_that_a_lane_does_not_have_are_skipped():
    found = Bench(lines=frozenset({"fire"})).run()
    assert (None, True) == (found["fault"].ok, found["fire"].ok)


@pytest.mark.parametrize(
    ("broken", "step", "seen", "measure"),
    [
        (lambda bench: setattr(bench.barrier, "refuse_to_turn", True), "turn", "nobody", "GPIO 17"),
        (lambda bench: setattr(bench.barrier, "turns_twice", True), "turn", "counted as 2", "debounce"),
        (lambda bench: setattr(bench.barrier, "turns_twice", True), "free", "counted as", "debounce"),
        (lambda bench: bench.barrier.cut_wire(), "rest", "does not answer", "gpiochip0"),
        (lambda bench: bench.barrier.cut_wire(), "turn", "does not answer", "gpiochip0"),
        (lambda bench: bench.barrier.jam(), "rest", "jammed", "volts from GPIO 6 to ground: at rest"),
        (lambda bench: bench.barrier.stick(), "rest", "stuck", "volts from GPIO 5 to ground: at rest"),
        (lambda bench: bench.barrier.fire(), "rest", "fire input is active", "GPIO 13"),
        (lambda bench: bench.reader.unplug(), "reader", "is not there", "lsusb"),
    ],
)
def test_a_fault_is_found_and_where_to_measure_is_told(broken, step, seen, measure):
    bench = Bench()
    broken(bench)
    found = bench.run()[step]
    assert False is found.ok
    assert seen in found.seen
    assert measure in found.measure


@pytest.mark.parametrize(
    ("lazy", "step", "measure"),
    [
        ("push", "turn", "the relay's contact (release, GPIO 17)"),
        ("push twice", "free", "volts from GPIO 5 to ground: about 3.3 V at rest, below 0.8 V once"),
        ("fault", "fault", "it must become below 0.8 V"),
        ("end fault", "fault", "at rest it must be about 3.3 V"),
        ("fire", "fire", "it must become about 3.3 V"),
        ("end fire", "fire", "at rest it must be below 0.8 V"),
        ("present", "reader", "pcsc_scan"),
        ("remove", "reader", "pcsc_scan"),
    ],
)
def test_what_does_not_happen_fails_its_step_and_the_next_ones_are_tried(lazy, step, measure):
    found = Bench(lazy=lazy).run()
    assert {step} == {name for name, one in found.items() if one.ok is False}
    assert measure in found[step].measure
    assert "reader" in found


def test_an_arm_that_turns_although_it_is_shut_is_found():
    bench = Bench()
    bench.barrier.push = bench.barrier.force
    found = bench.run()["shut"]
    assert (False, True) == (found.ok, "it must be open" in found.measure)


def test_a_reader_that_breaks_is_told_and_ends_nothing():
    bench = Bench()

    def broken():
        raise ReaderError("the reader broke", hint="mend it")

    bench.reader.connect = broken
    assert "the reader broke; mend it" == bench.run()["reader"].seen


def test_on_a_module_its_lamps_are_looked_at():
    found = Bench(lazy="push", driver="modbus").run()["turn"]
    assert "release, output 17 of the module" in found.measure
    assert "the lamp of input 5" in found.measure


class WiredHands(Hands):
    """At the terminals of a board."""

    def __init__(self, board, reader) -> None:
        super().__init__(self, reader)
        self.board = board
        self.board.inputs[13] = True  # the loop is closed

    def push(self) -> None:
        if self.board.outputs[17]:
            for level in (True, False):
                self.board.inputs[5] = level
                self._poll()

    def jam(self) -> None:
        self.board.inputs[6] = True

    def free(self) -> None:
        self.board.inputs[6] = False

    def fire(self) -> None:
        self.board.inputs[13] = False

    def quiet(self) -> None:
        self.board.inputs[13] = True

    def _poll(self) -> None:
        """Until the barrier has seen it for longer than it debounces."""
        from threading import Event

        Event().wait(0.02)


def test_a_wired_barrier_is_tried_over_its_lines():
    board, reader = SimulatedBoard(), SimulatedReader("acr")
    hands = WiredHands(board, reader)
    barrier = WiredBarrier(board, WIRING, SystemClock().monotonic)
    trial = Trial(
        barrier=barrier,
        reader=reader,
        lines=frozenset(WIRING.inputs),
        meter=Meter(Driver("gpio"), WIRING, Driver("pcsc", "acr")),
        console=hands,
        monotonic=SystemClock().monotonic,
        wait_s=1.0,
    )
    found = list(trial.run())
    assert [True] * 7 == [one.ok for one in found], found
    assert not any(board.outputs.values())


# ------------------------------------------------------------------ the command


def test_a_simulated_lane_can_be_tried_by_anybody(site):
    said = here("lane", "test", "in-1", "--config", site.config, "--wait", "0.05")
    assert (0, "") == (said.code, said.err)
    assert "  -> listen for the relay, then push the arm once\n     ok  turn: " in said.out
    assert said.out.endswith("lane in-1: all is well\n")


def test_as_json_the_summary_is_one_object_and_the_rest_goes_to_stderr(site):
    said = here("lane", "test", "in-1", "--config", site.config, "--wait", "0.05", "--json")
    told = json.loads(said.out)
    assert ("in-1", 0) == (told["lane"], told["failed"])
    assert {"step": "shut", "ok": True, "seen": "it does not turn", "measure": None} in told["steps"]
    assert "push the arm once" in said.err


def test_a_step_that_fails_is_told_by_the_exit_code(site):
    text = site.config.read_text().replace('barrier = "simulated"', 'barrier = "modbus:tcp://127.0.0.1:1"')
    site.config.write_text(text + "[lane.wiring]\nrelease = 0\npassage = 0\n")
    said = here("lane", "test", "in-1", "--config", site.config, "--wait", "0.05")
    assert 3 == said.code
    assert " FAILED  turn: " in said.out
    assert "measure: is the module there" in said.out
    assert "skipped  fire: this lane has no fire input" in said.out


def test_while_the_gate_runs_it_has_the_lane(site, serve):
    serve(site)
    said = here("lane", "test", "in-1", "--config", site.config)
    assert (1, True) == (said.code, "systemctl stop gated" in said.err)


def test_no_gate_starts_while_a_lane_is_tried(site, serve):
    serve(site).stop_now()
    from gated.cli.lane_test import _alone
    from gated.store.lock import is_held

    with _alone(site.settings_and_trust()[0]):
        assert is_held(site.state / "lock")
    assert not is_held(site.state / "lock")


def test_a_lane_that_is_not_there_is_told(site):
    said = here("lane", "test", "in-9", "--config", site.config)
    assert (2, True) == (said.code, "name one of: in-1" in said.err)


@pytest.mark.parametrize("seconds", ["0", "601", "nan", "soon"])
def test_a_wait_is_a_number_of_seconds(site, seconds):
    with pytest.raises(SystemExit) as ended:
        here("lane", "test", "in-1", "--config", site.config, "--wait", seconds)
    assert 2 == ended.value.code
