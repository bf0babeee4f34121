"""How a lane's barrier is wired, as gate.toml says it; and the parts that are made of it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from gated.app.parts import Boards, make_barrier, make_lane_safe
from gated.config.settings import read_settings
from gated.devices.board import Flash
from gated.devices.clock import SystemClock
from gated.devices.simulated.barrier import SimulatedBarrier
from gated.devices.wired import WiredBarrier
from gated.devices.wiring import Wiring
from gated.model.document import DocumentError
from modbus_module import TcpModule
from turnstile_model import RELEASE, TurnstileModel

TCP = "modbus:tcp://10.0.0.7?unit=3"
LEAST = "release = 17\npassage = 5"


def lane(barrier="gpio", wiring=LEAST, more="", name="in-1"):
    table = "" if wiring is None else f"[lane.wiring]\n{wiring}\n"
    return f'[[lane]]\nid = "{name}"\nreader = "simulated"\nbarrier = "{barrier}"\n{more}\n{table}'


def read(*lanes):
    return read_settings(tomllib.loads('[gate]\nid = "g"\n' + "".join(lanes)), Path("/etc/gated")).lanes


def test_a_lane_on_pins():
    (one,) = read(lane())
    assert ("gpio", "") == (one.barrier.name, one.barrier.target)
    assert Wiring(17, 5) == one.wiring


def test_a_lane_on_a_module_is_looked_at_less_often():
    (one,) = read(lane(TCP))
    assert ("modbus", "tcp://10.0.0.7?unit=3") == (one.barrier.name, one.barrier.target)
    assert 0.03 == one.wiring.poll_s


def test_every_key_of_a_wiring():
    (one,) = read(
        lane(
            TCP,
            "release = 0\nfree = 1\npassage = 0\nfault = 1\nfire = 2\ninverted = ['fire', 'free']\n"
            "pulse = '2s'\nflash = {register = 1, value = 0x0602}\n"
            "debounce = '50ms'\nstuck = '5s'\npoll = '25ms'",
        )
    )
    assert one.wiring == Wiring(
        release=0,
        free=1,
        passage=0,
        fault=1,
        fire=2,
        inverted=frozenset({"fire", "free"}),
        pulse_s=2.0,
        flash=Flash(1, 0x0602),
        debounce_s=0.05,
        stuck_s=5.0,
        poll_s=0.025,
    )


def test_a_simulated_barrier_may_keep_its_wiring_and_has_none():
    (one,) = read(lane("simulated"))
    assert one.wiring is None
    with pytest.raises(DocumentError, match="unknown key"):
        read(lane("simulated", LEAST + "\nrelease_s = 1"))


def test_a_flash_of_a_coil():
    (one,) = read(lane(TCP, LEAST + "\npulse = '500ms'\nflash = {coil = 0x0211, value = 5}"))
    assert Flash(0x0211, 5, coil=True) == one.wiring.flash


@pytest.mark.parametrize(
    ("barrier", "wiring", "where", "what"),
    [
        ("relay", LEAST, "barrier", "simulated.*gpio.*modbus:tcp"),
        ("gpio:17", LEAST, "barrier", "simulated"),
        ("modbus:tcp://?unit=1", LEAST, "barrier", "modbus:rtu"),
        ("gpio", None, "wiring", "missing"),
        ("gpio", "release = 17", "wiring.passage", "missing"),
        ("gpio", "passage = 5", "wiring.release", "missing"),
        ("gpio", "release = 1\npassage = 5", "wiring.release", "from 2 to 27"),
        ("gpio", LEAST + "\ninverted = ['fire']", "wiring.inverted", "no line"),
        ("gpio", LEAST + "\ninverted = ['pulse']", "wiring.inverted", "no line"),
        ("gpio", LEAST + "\nflash = {coil = 1, value = 1}", "wiring.flash", "Modbus"),
        ("gpio", LEAST + "\nfire_input = 6", "wiring.fire_input", "unknown key"),
        ("gpio", LEAST + "\ndebounce = '5ms'", "wiring.debounce", "shorter than poll"),
        (TCP, LEAST + "\nflash = {coil = 1, value = 1}", "wiring.pulse", "how long"),
        (TCP, LEAST + "\npulse = '1s'\nflash = {coil = 1}", "wiring.flash.value", "missing"),
        (TCP, LEAST + "\npulse = '1s'\nflash = {coil=1, register=1, value=1}", "flash.register", "unknown"),
        (
            TCP,
            LEAST + "\npulse = '1s'\ninverted = ['release']\nflash = {coil = 1, value = 1}",
            "wiring.inverted",
            "off and on",
        ),
        (TCP, LEAST + "\nfire = 2005", "wiring.passage", "within 2000"),
    ],
)
def test_mistakes_are_told_where_they_stand(barrier, wiring, where, what):
    with pytest.raises(DocumentError, match=what) as caught:
        read(lane(barrier, wiring))
    assert where in caught.value.where


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (LEAST, "release = 17\npassage = 6"),
        (LEAST, "release = 18\npassage = 5"),
        (LEAST, "release = 5\npassage = 6"),  # a pin is an output or an input
        (LEAST, "release = 18\npassage = 6\nfire = 5"),
        (LEAST + "\nfree = 5", None),
        (LEAST + "\nfault = 5", None),
    ],
)
def test_a_line_is_claimed_once(first, second):
    lanes = [lane(wiring=first)] + ([] if second is None else [lane(wiring=second, name="in-2")])
    with pytest.raises(DocumentError, match=r"line (5|17) of one board"):
        read(*lanes)


def test_two_names_of_one_module_are_one_board():
    with pytest.raises(DocumentError, match="line 17"):
        read(lane(TCP), lane("modbus:tcp://10.0.0.7:502?unit=3", "release = 17\npassage = 6", name="in-2"))


def test_a_serial_line_has_one_speed():
    with pytest.raises(DocumentError, match="two speeds on /dev/ttyUSB0"):
        read(
            lane("modbus:rtu:///dev/ttyUSB0?unit=1"),
            lane("modbus:rtu:///dev/ttyUSB0?unit=2&baud=19200", name="in-2"),
        )
    read(
        lane("modbus:rtu:///dev/ttyUSB0?unit=1"),
        lane("modbus:rtu:///dev/ttyUSB0?unit=2&baud=9600", name="in-2"),
    )


def test_lines_that_are_no_others():
    read(
        lane(TCP, "release = 0\npassage = 0\nfire = 7"),
        lane(TCP, "release = 1\npassage = 1\nfire = 7", name="in-2"),  # one fire contact for all
        lane("modbus:tcp://10.0.0.7?unit=4", "release = 0\npassage = 0", name="in-3"),
        lane("gpio", LEAST, name="in-4"),
    )


def test_an_accessible_lane_waits_longer_unless_it_says_how_long():
    plain, wide, told = read(
        lane("simulated", None),
        lane("simulated", None, "accessible = true", name="in-2"),
        lane("simulated", None, "accessible = true\nhold = '30s'", name="in-3"),
    )
    assert [8.0, 20.0, 30.0] == [one.times.hold_s for one in (plain, wide, told)]
    assert [False, True, True] == [one.accessible for one in (plain, wide, told)]


@pytest.mark.parametrize(("line", "persons"), [("", 1), ("persons_per_release = 0", 0)])
def test_how_many_go_through_at_one_release(line, persons):
    (one,) = read(lane("simulated", None, line))
    assert persons == one.persons_per_release


# ---------------------------------------------------------------- made of it


def test_lanes_on_one_board_share_it():
    lanes = read(
        lane(TCP, "release = 0\npassage = 0"),
        lane("modbus:tcp://10.0.0.7:502?unit=3", "release = 1\npassage = 1", name="in-2"),
        lane("modbus:tcp://10.0.0.7?unit=4", "release = 1\npassage = 1", name="in-3"),
        lane("gpio", LEAST, name="in-4"),
        lane("gpio", "release = 18\npassage = 6", name="in-5"),
        lane("simulated", None, name="in-6"),
    )
    boards = Boards(lanes)
    first, same, unit, pins, same_pins = (boards.board(one.barrier) for one in lanes[:5])
    assert first is same
    assert first is not unit
    assert first._line is unit._line  # one conversation with the gateway
    assert pins is same_pins
    made = [make_barrier(one, boards, SystemClock().monotonic) for one in lanes]
    assert [WiredBarrier] * 5 + [SimulatedBarrier] == [type(one) for one in made]
    boards.close()


def test_a_board_knows_the_flashes_of_all_its_lanes():
    flashing = "\npulse = '1s'\nflash = {coil = 0x0200, value = 10}"
    lanes = read(
        lane(TCP, "release = 0\npassage = 0" + flashing),
        lane(TCP, "release = 1\npassage = 1", name="in-2"),
        lane("modbus:tcp://10.0.0.7?unit=4", "release = 3\npassage = 1" + flashing, name="in-3"),
        lane("gpio", LEAST, name="in-4"),
    )
    assert {0: Flash(0x0200, 10, coil=True)} == Boards(lanes).board(lanes[1].barrier)._flashes


@pytest.mark.parametrize("held", [False, True])
def test_a_lane_is_made_safe_without_a_daemon(held):
    module = TcpModule(TurnstileModel(SystemClock().monotonic)).start()
    try:
        lanes = read(lane(f"modbus:{module.target}"), lane("simulated", None, name="in-2"))
        module.model.outputs[RELEASE] = not held
        boards = Boards(lanes)
        for one in lanes:
            make_lane_safe(one, boards, held=held)
        boards.close()
        assert held is module.model.open
    finally:
        module.stop()
