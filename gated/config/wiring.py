"""How a lane's barrier is wired: the driver, and the lines of its board."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gated.config.driver import Driver
from gated.devices.board import Flash
from gated.devices.gpio import FIRST_LINE, LAST_LINE
from gated.devices.lights import LightLines
from gated.devices.modbus import MAX_SPAN, MODBUS_FORM, ModbusPlace, modbus_place
from gated.devices.wiring import Wiring
from gated.model.document import DocumentError, Table

_DRIVER = re.compile(r"(simulated|gpio)\Z|(modbus):(.{1,128})\Z")
#: How often the inputs are looked at, by driver.
_POLL = {"simulated": "10ms", "gpio": "10ms", "modbus": "30ms"}
#: The highest coil, input or register that a frame can name.
MAX_LINE = 0xFFFF


@dataclass(frozen=True, slots=True)
class Wired:
    """A lane's claim to lines of a board."""

    lane: str
    driver: Driver
    wiring: Wiring | LightLines


def barrier_driver(text: str) -> Driver:
    """Read ``lane.barrier``. Raises ``ValueError`` with what would be right."""
    match = _DRIVER.match(text)
    if match is None:
        raise ValueError(f'must be "simulated", "gpio", {MODBUS_FORM}')
    if match[1]:
        return Driver(match[1])
    modbus_place(match[3])
    return Driver(match[2], match[3])


def read_wiring(lane: Table, driver: Driver) -> Wiring | None:
    """Read ``[lane.wiring]``; None for a simulated barrier, which may keep it for the day it gets real.

    Raises ``DocumentError``.
    """
    if not lane.has("wiring"):
        if driver.name == "simulated":
            return None
        raise DocumentError(lane.path("wiring"), "is missing: it says which line is what")
    table = lane.table("wiring")
    least, most = (FIRST_LINE, LAST_LINE) if driver.name == "gpio" else (0, MAX_LINE)
    wiring = Wiring(
        release=table.whole("release", least=least, most=most),
        passage=table.whole("passage", least=least, most=most),
        free=table.whole_or_none("free", least=least, most=most),
        fault=table.whole_or_none("fault", least=least, most=most),
        fire=table.whole_or_none("fire", least=least, most=most),
        inverted=frozenset(table.texts_or_none("inverted") or ()),
        pulse_s=table.seconds("pulse", "0s", least=0.0, most=60.0),
        flash=_flash(table, driver),
        debounce_s=table.seconds("debounce", "30ms", least=0.001, most=1.0),
        stuck_s=table.seconds("stuck", "10s", least=1.0, most=600.0),
        poll_s=table.seconds("poll", _POLL[driver.name], least=0.005, most=0.2),
    )
    table.done()
    _check(table, driver, wiring)
    return None if driver.name == "simulated" else wiring


def _flash(table: Table, driver: Driver) -> Flash | None:
    if not table.has("flash"):
        return None
    if driver.name == "gpio":
        raise DocumentError(table.path("flash"), "only a Modbus module ends a pulse by itself")
    flash = table.table("flash")
    coil = flash.whole_or_none("coil", most=MAX_LINE)
    address = flash.whole("register", most=MAX_LINE) if coil is None else coil
    value = flash.whole("value", most=0xFFFF)
    flash.done()
    return Flash(address, value, coil=coil is not None)


def _check(table: Table, driver: Driver, wiring: Wiring) -> None:
    for name in wiring.inverted - {*wiring.outputs, *wiring.inputs}:
        raise DocumentError(table.path("inverted"), f"{name!r} is no line of this lane")
    if wiring.flash is not None and wiring.pulse_s == 0:
        raise DocumentError(table.path("pulse"), "say how long the module's flash lasts")
    if wiring.flash is not None and "release" in wiring.inverted:
        raise DocumentError(
            table.path("inverted"), "a flash switches on and off again: an inverted release needs off and on"
        )
    if wiring.debounce_s < wiring.poll_s:
        raise DocumentError(table.path("debounce"), "must not be shorter than poll")
    inputs = wiring.inputs.values()
    if driver.name == "modbus" and max(inputs) - min(inputs) >= MAX_SPAN:
        raise DocumentError(table.path("passage"), f"inputs must lie within {MAX_SPAN} of each other")


def check_lines(lanes: Iterable[Wired]) -> None:
    """Refuse a line of a board that is claimed twice, and two speeds of one serial line.

    All lanes may listen to one fire contact.

    Raises ``DocumentError``.
    """
    claimed: dict[tuple[object, str, int], tuple[str, str]] = {}
    devices: dict[str, ModbusPlace] = {}
    for lane in lanes:
        if lane.driver.name == "modbus":
            at, _ = modbus_place(lane.driver.target)
            if at.device and devices.setdefault(at.device, at) != at:
                raise DocumentError("lane", f"two lanes speak at two speeds on {at.device}")
        board, shared = _board(lane.driver), lane.driver.name == "gpio"
        for kind, lines in (("output", lane.wiring.outputs), ("input", lane.wiring.inputs)):
            for name, line in lines.items():
                place = board, "line" if shared else kind, line
                owner, what = claimed.setdefault(place, (lane.lane, name))
                if (owner, what) != (lane.lane, name) and (name, what) != ("fire", "fire"):
                    raise DocumentError(
                        "lane", f"{lane.lane} {name} and {owner} {what} are both on line {line} of one board"
                    )


def _board(driver: Driver) -> object:
    return modbus_place(driver.target) if driver.name == "modbus" else driver.name
