"""A Modbus relay module: pymodbus's own server in front of a turnstile, over TCP or a pair of ptys."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import struct
import threading
import tty
from contextlib import closing, suppress

from pymodbus.pdu.bit_message import WriteSingleCoilRequest, WriteSingleCoilResponse
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

LINES = 32
UNIT = 3
#: As Waveshare's modules have it: a coil that takes a duration, in units of 0.1 s.
FLASH_COIL = 0x0200
#: As others have it: register 1 + relay takes 0x0600 + seconds.
FLASH_REGISTER = 1


class Module:
    """Lines 0 to 31 are those of a model. ``start`` and ``stop`` are its supply."""

    def __init__(self, model) -> None:
        self.model = model
        self.reads = 0
        self.connections = 0
        self.silent = threading.Event()
        self._thread = None

    def start(self):
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def stop(self) -> None:
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join(10)
            self._thread = None

    async def _serve(self, ready) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = self._server(
            _device(self._act),
            custom_pdu=[_flash_coil(self.model)],
            trace_packet=self._hear,
            trace_connect=self._connect,
        )
        await server.serve_forever(background=True)
        ready.set()
        await self._over.wait()
        await server.shutdown()

    def _connect(self, connected: bool) -> None:
        self.connections += connected

    def _hear(self, sending: bool, packet: bytes) -> bytes:
        """A module that hangs hears everything and says nothing."""
        return b"" if sending and self.silent.is_set() else packet

    async def _act(self, function, start, address, count, registers, values):
        if function == 2:
            self.reads += 1
            self.model.move()
            for place in range(LINES):
                word, bit = divmod(place, 16)
                registers[word] &= ~(1 << bit)
                registers[word] |= self.model.inputs.get(place, False) << bit
        elif values is None:
            return  # a write is read back by the server
        elif function == 5:
            self.model.write(address, values[0])
        elif function == 6:
            assert values[0] >> 8 == 6
            self.model.flash(address - FLASH_REGISTER, float(values[0] & 0xFF))


def _device(action):
    bits = [SimData(0, count=1, values=[False] * LINES, datatype=DataType.BITS) for _ in range(2)]
    words = [SimData(0, count=LINES + 1, values=0, datatype=DataType.REGISTERS) for _ in range(2)]
    return SimDevice(UNIT, simdata=tuple([one] for one in (*bits, *words)), action=action)


def _flash_coil(model):
    class FlashCoil(WriteSingleCoilRequest):
        def decode(self, data: bytes) -> None:
            super().decode(data)
            self.value = struct.unpack(">HH", data[:4])[1]

        async def datastore_update(self, context, device_id):
            if self.address < FLASH_COIL:
                return await super().datastore_update(context, device_id)
            model.flash(self.address - FLASH_COIL, self.value / 10)
            return WriteSingleCoilResponse(
                address=self.address, bits=self.bits, dev_id=self.dev_id, transaction_id=self.transaction_id
            )

    return FlashCoil


class TcpModule(Module):
    """On a port of its own, the same after each start."""

    def __init__(self, model) -> None:
        super().__init__(model)
        with closing(socket.create_server(("127.0.0.1", 0))) as probe:
            self.port = probe.getsockname()[1]

    @property
    def target(self) -> str:
        return f"tcp://127.0.0.1:{self.port}?unit={UNIT}"

    def _server(self, device, **more):
        return ModbusTcpServer(device, address=("127.0.0.1", self.port), **more)


class RtuModule(Module):
    """Behind a serial adapter, which is unplugged with it: its name is a link, as under /dev/serial/by-id."""

    def __init__(self, model, path) -> None:
        super().__init__(model)
        self.link = path / "adapter"

    @property
    def target(self) -> str:
        return f"rtu://{self.link}?baud=115200&unit={UNIT}"

    def start(self):
        self._cable = _Cable()
        self.link.symlink_to(self._cable.ends[0])
        return super().start()

    def stop(self) -> None:
        if self._thread is not None:
            super().stop()
            self.link.unlink()
            self._cable.cut()

    def _server(self, device, **more):
        return ModbusSerialServer(device, port=self._cable.ends[1], baudrate=115200, **more)


class _Cable:
    """Two ptys: what is written to one comes out of the other."""

    def __init__(self) -> None:
        pairs = [os.openpty() for _ in range(2)]
        self._masters = [master for master, _ in pairs]
        self._slaves = [slave for _, slave in pairs]
        for slave in self._slaves:
            tty.setraw(slave)
        self.ends = [os.ttyname(slave) for slave in self._slaves]
        self._wake, self._woken = os.pipe()
        self._thread = threading.Thread(target=self._pump, daemon=True)
        self._thread.start()

    def _pump(self) -> None:
        one, other = self._masters
        while True:
            ready = select.select([one, other, self._wake], [], [])[0]
            if self._wake in ready:
                return
            for end in ready:
                with suppress(OSError):  # the far end is closed just now
                    os.write(other if end == one else one, os.read(end, 4096))

    def cut(self) -> None:
        os.write(self._woken, b"x")
        self._thread.join(10)
        for end in (*self._masters, *self._slaves, self._wake, self._woken):
            os.close(end)
