"""Modbus modules: frames as their manuals have them, one question at a time, nothing sent twice."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace

import pytest

from barriers import FLASHES, PULSE_S, world
from gated.devices.board import Flash
from gated.devices.clock import SystemClock
from gated.devices.modbus import TIMEOUT_S, ModbusBoard, ModbusLine, ModbusPlace, modbus_place
from gated.errors import BarrierError
from gated.model.barrier import Passed, Secured
from modbus_module import UNIT
from turnstile_model import RELEASE

MODBUS = ("modbus-tcp", "modbus-rtu")


@pytest.mark.parametrize(
    ("text", "place", "unit"),
    [
        ("tcp://10.0.0.7", ModbusPlace(host="10.0.0.7"), 1),
        ("tcp://10.0.0.7:1502?unit=3", ModbusPlace(host="10.0.0.7", port=1502), 3),
        ("tcp://[fd00::7]:502", ModbusPlace(host="fd00::7"), 1),
        ("rtu:///dev/ttyUSB0", ModbusPlace(device="/dev/ttyUSB0"), 1),
        (
            "rtu:///dev/serial/by-id/usb-x?baud=19200&parity=E&unit=247",
            ModbusPlace(device="/dev/serial/by-id/usb-x", baud=19200, parity="E"),
            247,
        ),
    ],
)
def test_places(text, place, unit):
    assert (place, unit) == modbus_place(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tcp://",
        "10.0.0.7",
        "tcp://10.0.0.7/1",
        "tcp://10.0.0.7:http",
        "tcp://10.0.0.7:99999",
        "tcp://10.0.0.7?unit=248",
        "tcp://10.0.0.7?unit=-1",
        "tcp://10.0.0.7?units=1",
        "tcp://10.0.0.7?baud=9600",
        "tcp://me@10.0.0.7",
        "udp://10.0.0.7",
        "rtu:/dev/ttyUSB0?unit",
        "rtu://dev/ttyUSB0",
        "rtu:///dev/ttyUSB0?parity=M",
        "rtu:///dev/ttyUSB0?baud=1",
    ],
)
def test_what_is_no_place_is_told_with_what_would_be(text):
    with pytest.raises(ValueError, match=r"must be .*modbus:tcp.*modbus:rtu"):
        modbus_place(text)


@pytest.fixture(params=MODBUS)
def name(request):
    return request.param


@pytest.mark.parametrize("flash", FLASHES)
def test_the_module_ends_a_pulse_though_we_are_dead(name, flash, tmp_path):
    with world(name, tmp_path, pulse_s=PULSE_S, flash=FLASHES[flash]) as twin:
        before = list(twin.model.written)
        twin.barrier.release(1)
        assert [(RELEASE, PULSE_S)] == twin.model.flashes
        assert twin.open
        twin.alone(PULSE_S / 2)
        assert twin.open
        twin.alone(PULSE_S / 2)
        assert not twin.open
        assert before == twin.model.written  # and nobody else did


@pytest.mark.parametrize("flash", FLASHES)
def test_each_flash_lets_one_through(name, flash, tmp_path):
    with world(name, tmp_path, pulse_s=PULSE_S, flash=FLASHES[flash]) as twin:
        for _ in range(2):
            twin.barrier.release(1)
            twin.push()
            twin.go_on(2)
        twin.barrier.secure()
        twin.go_on(1)
        assert [Passed(1), Passed(1), Secured()] == twin.told
        assert 2 == len(twin.model.flashes)


def test_without_a_flash_we_end_the_pulse(name, tmp_path):
    with world(name, tmp_path, pulse_s=PULSE_S) as twin:
        twin.barrier.release(1)
        twin.go_on(PULSE_S - 0.1)
        assert twin.open
        twin.go_on(0.2)
        assert not twin.open


def test_a_flash_does_not_shut_what_is_held_open_meanwhile(name, tmp_path):
    with world(name, tmp_path, pulse_s=PULSE_S, flash=FLASHES["coil"]) as twin:
        twin.barrier.release(1)
        twin.barrier.hold_open()
        twin.model._flash_ends[RELEASE] = twin.clock.monotonic() + PULSE_S  # its timer goes on
        twin.go_on(2)
        assert twin.open


def test_frames_are_those_of_the_manual(tmp_path):
    """Waveshare: relay 0, unit 1, on for 0.7 s is 01 05 02 00 00 07; others: 01 06 00 01 06 02 for 2 s."""
    from gated.devices.modbus import _client, _raw_coil

    with closing(_client(ModbusPlace(device=str(tmp_path / "none")))) as client:
        frame = client.framer.buildFrame(_raw_coil(Flash(0x0200, 7, coil=True), 1))
        assert "0105020000078db0" == frame.hex()
        sent = []
        client.execute = lambda _quiet, request: sent.append(client.framer.buildFrame(request))
        client.write_register(1, 0x0602, device_id=1)
        assert "010600010602" == sent[0].hex()[:12]


def test_inputs_are_read_at_once(name, tmp_path):
    with world(name, tmp_path) as twin:
        reads = twin.module.reads
        twin.barrier.poll()
        assert reads + 1 == twin.module.reads
        twin.model.inputs |= {3: True, 20: True}
        assert (True, False, True) == twin.board.read([20, 5, 3])


@pytest.mark.parametrize("place", MODBUS)
def test_a_silent_module_costs_little_time_and_nothing_is_sent_twice(place, tmp_path):
    clock = SystemClock()
    with world(place, tmp_path) as twin:
        written = len(twin.model.written)
        twin.module.silent.set()
        began = clock.monotonic()
        with pytest.raises(BarrierError, match="output 17"):
            twin.barrier.release(1)
        assert clock.monotonic() - began < 3 * TIMEOUT_S  # one of them, on a slow machine
        assert written + 1 == len(twin.model.written)
        began = clock.monotonic()
        with pytest.raises(BarrierError):
            twin.barrier.release(1)  # known to be gone: not even tried
        assert clock.monotonic() - began < TIMEOUT_S
        twin.module.silent.clear()
        twin.go_on(2)
        assert not twin.open
        twin.barrier.release(1)


def test_after_a_silence_the_connection_is_a_new_one(tmp_path):
    """A late answer must not be taken for that of the next question."""
    with world("modbus-tcp", tmp_path) as twin:
        twin.module.silent.set()
        with pytest.raises(BarrierError):
            twin.board.read([5])
        twin.module.silent.clear()
        before = twin.module.connections
        assert (False,) == twin.board.read([5])
        assert before + 1 == twin.module.connections


def test_all_who_come_at_once_share_one_connection(tmp_path):
    with world("modbus-tcp", tmp_path) as twin:
        twin.board.close()
        before, together = twin.module.connections, threading.Barrier(8)

        def use():
            together.wait()
            twin.board.read([5])

        users = [threading.Thread(target=use) for _ in range(8)]
        for user in users:
            user.start()
        for user in users:
            user.join()
        assert before + 1 == twin.module.connections


def test_a_line_that_the_module_does_not_have_is_its_own_fault(name, tmp_path):
    with world(name, tmp_path) as twin:
        with pytest.raises(BarrierError, match=r"output 99: the module refuses \(exception 2\)") as caught:
            twin.board.write(99, on=True)
        assert "has this line" in caught.value.hint
        twin.board.write(RELEASE, on=True)  # and the connection goes on


def test_several_units_and_lanes_share_one_place(name, tmp_path):
    with world(name, tmp_path) as twin:
        line = twin.board._line
        stranger = ModbusBoard(line, UNIT + 1)
        with pytest.raises(BarrierError, match=f"unit {UNIT + 1}"):
            stranger.write(0, on=True)
        failed = []

        def use(place):
            try:
                for _ in range(20):
                    twin.board.write(place, on=True)
                    twin.board.read([5, 6])
            except BarrierError as error:
                failed.append(error)

        users = [threading.Thread(target=use, args=(place,)) for place in range(4)]
        for user in users:
            user.start()
        for user in users:
            user.join()
        assert [] == failed
        assert {0: True, 1: True, 2: True, 3: True}.items() <= twin.model.outputs.items()


def test_closing_is_for_now_and_can_be_done_twice(name, tmp_path):
    with world(name, tmp_path) as twin:
        twin.board.close()
        twin.board.close()
        assert (False,) == twin.board.read([5])


def test_nobody_at_home_is_told_with_place_and_unit():
    line = ModbusLine(replace(ModbusPlace(), host="127.0.0.1", port=1))
    with pytest.raises(BarrierError, match=r"modbus:tcp://127.0.0.1:1, unit 4, inputs 2 to 5") as caught:
        ModbusBoard(line, 4).read([2, 5])
    assert "supply" in caught.value.hint
