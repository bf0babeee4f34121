"""The pins of a Raspberry Pi: gpiozero's mock pins, and its lgpio pins over calls that are written down."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from gated.devices.gpio import GpioBoard, pi_pins
from gated.errors import BarrierError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def pins():
    return MockFactory()


@pytest.fixture
def board(pins):
    made = GpioBoard(lambda: pins)
    yield made
    made.close()


def test_an_output_is_on_when_its_pin_is_high(board, pins):
    board.write(17, on=True)
    assert "output" == pins.pin(17).function
    assert pins.pin(17).state
    board.write(17, on=False)
    assert not pins.pin(17).state


def test_an_input_has_a_pull_up_and_is_on_when_tied_to_ground(board, pins):
    assert (False, False) == board.read([5, 6])
    assert "up" == pins.pin(5).pull
    pins.pin(6).drive_low()
    assert (False, True) == board.read([5, 6])
    assert (True,) == board.read([6])


def test_a_pulse_is_ours_to_end(board, pins):
    assert not board.pulse(17)
    assert pins.pin(17).state


def test_lanes_share_it(board, pins):
    board.write(17, on=True)
    board.write(27, on=False)
    assert pins.pin(17).state
    assert (False,) == board.read([5])


@pytest.mark.parametrize("use", [lambda board: board.write(17, on=True), lambda board: board.read([17])])
def test_an_error_names_board_line_and_the_next_move(use):
    def nothing():
        raise OSError(2, "No such file or directory", "/dev/gpiochip0")

    with pytest.raises(BarrierError, match=r"gpio, (out|in)put 17: .*gpiochip0") as caught:
        use(GpioBoard(nothing))
    assert "gpioinfo" in caught.value.hint


def test_a_line_that_another_one_uses_is_told_and_free_again_later(board, pins):
    other = GpioBoard(lambda: pins)
    other.write(17, on=True)
    with pytest.raises(BarrierError, match="in use"):
        board.write(17, on=True)
    other.close()
    board.write(17, on=True)
    assert pins.pin(17).state


def test_closing_twice_and_going_on(board):
    board.write(17, on=True)
    board.close()
    board.close()
    board.write(17, on=False)


# ---------------------------------------------------------------- the real pins, without the chip


class Chip:
    """What lgpio is asked to do to a chip that has no metal: (call, line, level or flags)."""

    def __init__(self) -> None:
        self.calls = []
        self.outputs = {}
        self.open = True

    def gpiochip_open(self, number):
        return 7

    def gpiochip_close(self, handle):
        self.open = False

    def gpio_claim_input(self, handle, line, flags=0):
        self.calls.append(("input", line, flags))
        self.outputs.pop(line, None)

    def gpio_claim_output(self, handle, line, level=0, flags=0):
        self.calls.append(("output", line, level))
        self.outputs[line] = level

    def gpio_write(self, handle, line, level):
        self.calls.append(("write", line, int(level)))
        self.outputs[line] = int(level)

    def gpio_read(self, handle, line):
        return 1

    def gpio_free(self, handle, line):
        pass

    def gpio_get_mode(self, handle, line):
        return 2 if line in self.outputs else 1


@pytest.fixture
def chip(monkeypatch):
    """lgpio's calls, written down: gpiozero's own pins do the rest."""
    import gpiozero.pins.local
    import lgpio

    made = Chip()
    for name in dir(made):
        if name.startswith("gpio"):
            monkeypatch.setattr(lgpio, name, getattr(made, name))
    monkeypatch.setattr(gpiozero.pins.local, "get_pi_revision", lambda: 0xA02082)  # a Pi 3B
    return made


@pytest.mark.parametrize("on", [True, False])
def test_an_output_has_its_first_level_from_the_beginning(chip, on):
    board = GpioBoard(pi_pins)
    board.write(17, on=on)
    # A low level in between would switch a relay that pulls in at a low level.
    assert [("output", 17, int(on))] == [call for call in chip.calls if call[0] != "input"]
    board.close()


def test_an_output_keeps_its_level_when_it_is_given_back(chip):
    board = GpioBoard(pi_pins)
    board.write(17, on=True)
    calls = list(chip.calls)
    board.close()
    assert not chip.open
    assert calls == chip.calls
    assert {17: 1} == chip.outputs


def test_real_inputs_have_a_pull_up(chip):
    import lgpio

    board = GpioBoard(pi_pins)
    assert (False,) == board.read([5])
    assert ("input", 5, lgpio.SET_PULL_UP) == chip.calls[-1]
    board.close()


def test_a_machine_without_pins_says_so():
    with pytest.raises(BarrierError, match="gpio, output 17: ") as caught:
        GpioBoard().write(17, on=False)
    assert caught.value.hint


def test_it_can_be_opened_where_nothing_can_be_written_and_leaves_the_directory_alone():
    script = (
        "import os\nfrom gated.devices.gpio import GpioBoard\nfrom gated.errors import BarrierError\n"
        "try:\n    GpioBoard().read([5])\nexcept BarrierError as error:\n    print(error)\n"
        "print(os.getcwd(), 'LG_WD' in os.environ)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd="/proc",  # nobody makes a pipe there, as nobody does in / under systemd
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    )
    said, where = ended.stdout.splitlines()
    assert "lgd-nfy" not in said
    assert "/proc False" == where
