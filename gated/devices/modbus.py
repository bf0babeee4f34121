"""Relay and input modules on Modbus, TCP or RTU, through pymodbus.

Coils are outputs, discrete inputs are contacts; both are numbered from 0, as they stand in the frame. Nothing
is sent twice: a write that was not answered may have been done. After any failure the connection is opened
anew, so that a late answer cannot be taken for that of the next question.
"""

from __future__ import annotations

import logging
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from gated.devices.board import Flash
from gated.errors import BarrierError

#: Seconds for a connection, and for an answer.
TIMEOUT_S = 0.5
#: A read of discrete inputs names at most this many (Modbus Application Protocol 1.1b3, 6.2).
MAX_SPAN = 2000
MODBUS_FORM = '"modbus:tcp://HOST:PORT?unit=1" or "modbus:rtu:///dev/ttyUSB0?baud=9600&unit=1"'


@dataclass(frozen=True, slots=True)
class ModbusPlace:
    """A TCP host or a serial line: one conversation at a time, with one or several units."""

    host: str = ""
    port: int = 502
    device: str = ""  # of a serial line; then there is no host
    baud: int = 9600
    parity: str = "N"  # N, E or O; one stop bit

    def __str__(self) -> str:
        return f"rtu://{self.device}" if self.device else f"tcp://{self.host}:{self.port}"


def modbus_place(text: str) -> tuple[ModbusPlace, int]:
    """Read ``tcp://HOST[:PORT][?unit=N]`` or ``rtu:///dev/…[?baud=…&parity=…&unit=N]``: a place and a unit.

    Raises ``ValueError`` with what would be right.
    """
    try:
        url = urlsplit(text)
        asked = dict(parse_qsl(url.query, strict_parsing=True)) if url.query else {}
        unit = _number(asked.pop("unit", "1"), 0, 247)
        if (
            url.scheme == "tcp"
            and url.hostname
            and not url.path.strip("/")
            and not asked
            and not url.username
        ):
            return ModbusPlace(host=url.hostname, port=502 if url.port is None else url.port), unit
        if url.scheme == "rtu" and not url.netloc and url.path.startswith("/"):
            baud = _number(asked.pop("baud", "9600"), 1200, 230400)
            parity = asked.pop("parity", "N")
            if parity in ("N", "E", "O") and not asked:
                return ModbusPlace(device=url.path, baud=baud, parity=parity), unit
    except ValueError:
        pass
    raise ValueError(f"must be {MODBUS_FORM}")


def _number(text: str, least: int, most: int) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise ValueError(text)
    return int(text)


class ModbusLine:
    """The one client of a place, under a lock. Connects when it is used."""

    def __init__(self, place: ModbusPlace) -> None:
        self.place = place
        self._lock = threading.Lock()
        self._client: Any = None

    def ask(self, what: str, exchange: Callable[[Any], Any]) -> Any:
        """Let ``exchange`` speak through a connected client; its response. Raises ``BarrierError``."""
        with self._lock:
            try:
                if self._client is None:
                    self._client = _client(self.place)
                if not self._client.connect():
                    raise ConnectionError("no connection")
                response = exchange(self._client)
            except Exception as error:  # pymodbus's and pyserial's own, OSError, termios.error, ImportError
                self._drop()
                raise self._broken(what, str(error)) from error
            if response.isError():
                raise self._broken(what, f"the module refuses (exception {response.exception_code})")
            return response

    def close(self) -> None:
        """Hang up."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _broken(self, what: str, why: str) -> BarrierError:
        return BarrierError(
            f"modbus:{self.place}, {what}: {why}",
            hint="check the module's supply, its cable, its address and unit, and that it has this line",
        )


class ModbusBoard:
    """One unit at a place."""

    def __init__(self, line: ModbusLine, unit: int, flashes: Mapping[int, Flash] | None = None) -> None:
        self._line = line
        self._unit = unit
        self._flashes = flashes or {}
        self.name = f"modbus:{line.place} unit {unit}"

    def read(self, inputs: Sequence[int]) -> tuple[bool, ...]:
        """Which of the inputs are on, by one read from the first to the last."""
        first, count = min(inputs), max(inputs) - min(inputs) + 1
        response = self._line.ask(
            f"unit {self._unit}, inputs {first} to {first + count - 1}",
            lambda client: client.read_discrete_inputs(first, count=count, device_id=self._unit),
        )
        if len(response.bits) < count:
            raise BarrierError(
                f"{self.name}: {len(response.bits)} of {count} inputs answered",
                hint="check the module's manual",
            )
        return tuple(bool(response.bits[line - first]) for line in inputs)

    def write(self, output: int, on: bool) -> None:  # noqa: FBT001  # see ``Board``
        """Set a coil (function 5)."""
        self._line.ask(
            f"unit {self._unit}, output {output}",
            lambda client: client.write_coil(output, on, device_id=self._unit),
        )

    def pulse(self, output: int) -> bool:
        """Let the module switch a relay on for a while, where it was said how; else switch it on."""
        flash = self._flashes.get(output)
        if flash is None:
            self.write(output, on=True)
            return False
        self._line.ask(
            f"unit {self._unit}, flash of output {output}", lambda client: self._flash(client, flash)
        )
        return True

    def close(self) -> None:
        """Hang up; other units at the place connect again when they need to."""
        self._line.close()

    def _flash(self, client: Any, flash: Flash) -> Any:
        if not flash.coil:
            return client.write_register(flash.address, flash.value, device_id=self._unit)
        return client.execute(False, _raw_coil(flash, self._unit))


def _client(place: ModbusPlace) -> Any:
    """A client that tries once and is not patient."""
    from pymodbus.client import ModbusSerialClient, ModbusTcpClient  # noqa: PLC0415  # only gates with such a board

    # It logs every failure as an error of its own; ours says it once, with what to do.
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    if place.device:
        return ModbusSerialClient(
            place.device, baudrate=place.baud, parity=place.parity, timeout=TIMEOUT_S, retries=0
        )
    return ModbusTcpClient(place.host, port=place.port, timeout=TIMEOUT_S, retries=0)


def _raw_coil(flash: Flash, unit: int) -> Any:
    """A write of a coil (function 5) with a duration in place of on (FF00) or off (0000)."""
    from pymodbus.pdu.bit_message import WriteSingleCoilRequest  # noqa: PLC0415

    class FlashRequest(WriteSingleCoilRequest):
        """As Waveshare's modules take it: coil 0x0200 + relay, units of 0.1 s."""

        def encode(self) -> bytes:
            return struct.pack(">HH", flash.address, flash.value)

    return FlashRequest(address=flash.address, dev_id=unit)
