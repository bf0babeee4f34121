"""How a lane's barrier is wired: the driver, and the lines of its board."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gated.config.driver import Driver
from gated.devices.board import Flash
from gated.devices.gpio import FIRST_LINE, LAST_LINE
from gated.devices.modbus import MAX_SPAN, MODBUS_FORM, modbus_place
from gated.devices.wiring import Wiring
from gated.model.document import DocumentError, Table

_DRIVER = re.compile(r"(simulated|gpio)\Z|(modbus):(.{1,128})\Z")
_LINES = ("release", "passage", "free", "fault", "fire")
#: How often the inputs are looked at, by driver.
_POLL = {"gpio": "10ms", "modbus": "30ms"}


@dataclass(frozen=True, slots=True)
class Wired:
    """A lane's claim to lines of a board."""

    lane: str
    driver: Driver
    wiring: Wiring


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
    """Read ``[lane.wiring]``; None for a barrier without a board. Raises ``DocumentError``."""
    if driver.name == "simulated":
        if lane.has("wiring"):
            raise DocumentError(lane.path("wiring"), "a simulated barrier has no wires: leave this table out")
        return None
    if not lane.has("wiring"):
        raise DocumentError(lane.path("wiring"), "is missing: it says which line is what")
    table = lane.table("wiring")
    least, most = (FIRST_LINE, LAST_LINE) if driver.name == "gpio" else (0, 65535)
    lines = {name: table.whole_or_none(name, least=least, most=most) for name in _LINES}
    release, passage = (
        table.whole(name, least=least, most=most) if line is None else line
        for name, line in list(lines.items())[:2]
    )
    wiring = Wiring(
        release=release,
        passage=passage,
        free=lines["free"],
        fault=lines["fault"],
        fire=lines["fire"],
        inverted=_inverted(table, lines),
        pulse_s=table.seconds("pulse", "0s", least=0.0, most=60.0),
        flash=_flash(table, driver),
        debounce_s=table.seconds("debounce", "30ms", least=0.001, most=1.0),
        stuck_s=table.seconds("stuck", "10s", least=1.0, most=600.0),
        poll_s=table.seconds("poll", _POLL[driver.name], least=0.005, most=0.2),
    )
    table.done()
    _check(table, driver, wiring)
    return wiring


def _inverted(table: Table, lines: dict[str, int | None]) -> frozenset[str]:
    named = table.texts_or_none("inverted") or []
    for name in named:
        if lines.get(name) is None:
            raise DocumentError(table.path("inverted"), f"{name!r} is no line of this lane")
    return frozenset(named)


def _flash(table: Table, driver: Driver) -> Flash | None:
    if not table.has("flash"):
        return None
    if driver.name != "modbus":
        raise DocumentError(table.path("flash"), "only a Modbus module ends a pulse by itself")
    flash = table.table("flash")
    coil = flash.whole_or_none("coil", most=65535)
    address = flash.whole("register", most=65535) if coil is None else coil
    value = flash.whole("value", most=65535)
    flash.done()
    return Flash(address, value, coil=coil is not None)


def _check(table: Table, driver: Driver, wiring: Wiring) -> None:
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
    """Refuse a line of a board that is claimed twice; all lanes may listen to one fire contact.

    Raises ``DocumentError``.
    """
    claimed: dict[tuple[object, str, int], tuple[str, str]] = {}
    for lane in lanes:
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
