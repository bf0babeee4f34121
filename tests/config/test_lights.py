"""What a lane shows people with, as gate.toml says it; and what is made of it."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from gated.app.lamps import make_indicator
from gated.app.parts import Boards
from gated.config.driver import Driver
from gated.config.lights import LightSettings
from gated.config.settings import read_settings
from gated.devices.clock import SystemClock
from gated.devices.lights import LightLines
from gated.model.document import DocumentError
from gated.ports import Signal
from indicators import TerminalWorld
from modbus_module import TcpModule
from turnstile_model import TurnstileModel
from venue import until

TCP = "modbus:tcp://10.0.0.7?unit=3"
LEAST = "green = 22\nred = 23"


def lane(lights=LEAST, barrier="gpio", more="", name="in-1", wiring="release = 17\npassage = 5"):
    tables = "" if lights is None else f"[lane.lights]\n{lights}\n"
    tables += f"[lane.wiring]\n{wiring}\n"
    return f'[[lane]]\nid = "{name}"\nreader = "simulated"\nbarrier = "{barrier}"\n{more}\n{tables}'


def read(*lanes):
    return read_settings(tomllib.loads('[gate]\nid = "g"\n' + "".join(lanes)), Path("/etc/gated")).lanes


def test_lights_are_on_the_board_of_the_barrier():
    (one,) = read(lane())
    assert LightSettings(Driver("gpio"), LightLines(22, 23)) == one.lights
    (one,) = read(lane("green = 1\nred = 2", TCP))
    assert LightSettings(Driver("modbus", "tcp://10.0.0.7?unit=3"), LightLines(1, 2)) == one.lights


def test_or_on_another():
    (one,) = read(lane(f'board = "{TCP}"\n{LEAST}', "simulated"))
    assert Driver("modbus", "tcp://10.0.0.7?unit=3") == one.lights.board


def test_every_line_of_the_lights():
    (one,) = read(lane(LEAST + "\namber = 24\nbuzzer = 25\ninverted = ['buzzer', 'red']"))
    assert LightLines(22, 23, 24, 25, frozenset({"red", "buzzer"})) == one.lights.lines


def test_without_lights_there_are_none_and_those_of_a_simulated_board_are_not_used():
    (one,) = read(lane(None))
    assert (None, "") == (one.lights, one.display)
    (one,) = read(lane(LEAST, "simulated"))
    assert one.lights is None


def test_a_display_is_a_terminal():
    (one,) = read(lane(None, more='display = "terminal:/dev/tty1"'))
    assert "/dev/tty1" == one.display


@pytest.mark.parametrize(
    ("lights", "where", "what"),
    [
        ("green = 22", "lights.red", "missing"),
        ("red = 22", "lights.green", "missing"),
        ("green = 1\nred = 2", "lights.green", "from 2 to 27"),
        (LEAST + "\ninverted = ['amber']", "lights.inverted", "no line of these lights"),
        (LEAST + "\nblue = 24", "lights.blue", "unknown key"),
        (LEAST + "\nboard = 'relay'", "lights.board", "modbus:tcp"),
        (LEAST + "\nboard = 'modbus:udp://1'", "lights.board", "modbus:tcp"),
        ("green = 22\nred = 22", "lane", "in-1 red and in-1 green are both on line 22"),
        ("green = 17\nred = 22", "lane", "line 17 of one board"),
        ("green = 22\nred = 5", "lane", "line 5 of one board"),
    ],
)
def test_mistakes_are_told_where_they_stand(lights, where, what):
    with pytest.raises(DocumentError, match=what) as caught:
        read(lane(lights))
    assert where in caught.value.where


@pytest.mark.parametrize(
    "display", ["/dev/tty1", "terminal:", "terminal:tty1", "terminal:/etc/passwd", "terminal:/dev/../etc/x"]
)
def test_only_a_device_is_a_terminal(display):
    with pytest.raises(DocumentError, match="terminal:/dev/tty1") as caught:
        read(lane(None, more=f'display = "{display}"'))
    assert caught.value.where.endswith("display")


def test_two_lanes_have_no_lamp_and_no_display_in_common():
    with pytest.raises(DocumentError, match="line 23 of one board"):
        read(lane(), lane("green = 24\nred = 23", name="in-2", wiring="release = 18\npassage = 6"))
    other = lane("green = 1\nred = 2", TCP, 'display = "terminal:/dev/tty2"', name="in-2")
    read(lane(more='display = "terminal:/dev/tty1"'), other)
    with pytest.raises(DocumentError, match="two lanes have one display"):
        read(lane(more='display = "terminal:/dev/tty2"'), other)


# ---------------------------------------------------------------- made of it


@pytest.fixture
def module():
    made = TcpModule(TurnstileModel(SystemClock().monotonic)).start()
    yield made
    made.stop()


def on_module(module, more=""):
    lights = f'board = "modbus:{module.target}"\ngreen = 20\nred = 21\nbuzzer = 22\ninverted = ["green"]'
    (one,) = read(lane(lights, "simulated", more))
    return one


def test_a_lane_shows_on_what_it_has_until_it_is_closed(module, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    world = TerminalWorld(tmp_path)
    settings = on_module(module, f'display = "terminal:{os.ttyname(world.other)}"')
    boards = Boards((settings,))
    indicator = make_indicator(settings, boards, SystemClock().monotonic)
    indicator.show(Signal.REFUSED, None, ("Please go to the desk.",))
    assert until(lambda: module.model.outputs == {20: True, 21: True, 22: True})
    assert until(lambda: (world.look(), "Please go to the desk." in world.screen.words)[1])
    assert {"1"} == world.screen.styles  # bold, and no colour
    indicator.close()
    boards.close()
    assert {20: True, 21: False, 22: False} == module.model.outputs
    world.look()
    assert "" == world.screen.words
    world.close()


def test_a_lane_without_any_shows_nothing():
    (one,) = read(lane(None))
    indicator = make_indicator(one, Boards((one,)), SystemClock().monotonic)
    assert () == indicator.indicators
    indicator.show(Signal.READY)
    indicator.close()
