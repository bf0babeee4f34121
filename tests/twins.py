"""The three twins of the reader port, with what the world can do to each, under the same names."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import pcscd
from gated.devices.simulated.media import Medium
from gated.devices.simulated.reader import SimulatedReader
from gated.errors import CardError
from gated.ports import CardSession, Reader
from needs import missing

PATIENCE_S = 10.0  # no test waits this long unless it fails

#: For ``@pytest.fixture(params=TWINS)``.
TWINS = ("simulated", pytest.param("pcsc", marks=pytest.mark.pcsc), "nfcpy")


class SimulatedField:
    """A field in this process."""

    def __init__(self) -> None:
        self.reader = SimulatedReader("twin")

    def insert(self, medium: Medium) -> None:
        self.reader.present(medium)

    def remove(self) -> None:
        self.reader.remove()

    def unplug(self) -> None:
        self.reader.unplug()

    def replug(self) -> None:
        self.reader.replug()


class VpcdField:
    """A virtual reader of our own pcscd. It is unplugged by stopping the service."""

    def __init__(self, service: pcscd.Service) -> None:
        from gated.devices.pcsc import PcscReader

        self.service = service
        self.slot = service.slots[0]
        self.reader = PcscReader(self.slot.reader)

    def insert(self, medium: Medium) -> None:
        self.slot.insert(medium)

    def remove(self) -> None:
        self.slot.remove()

    def unplug(self) -> None:
        self.service.stop()
        self.slot.remove()

    def replug(self) -> None:
        self.service.start()


class NfcpyField:
    """A radio field under nfcpy's own udp driver."""

    def __init__(self) -> None:
        from gated.devices.nfcpy import NfcpyReader
        from gated.devices.simulated.udpfield import UdpField

        self.field = UdpField()
        self.reader = NfcpyReader(self.field.path, self.field.frontend)

    def insert(self, medium: Medium) -> None:
        self.field.present(medium)

    def remove(self) -> None:
        self.field.remove()

    def unplug(self) -> None:
        self.field.unplug()

    def replug(self) -> None:
        self.field.replug()

    def close(self) -> None:
        self.reader.close()
        self.field.close()


Field = SimulatedField | VpcdField | NfcpyField


def nfcpy_field() -> NfcpyField:
    """A radio field; skips the test where nfcpy is missing, and fails it in CI."""
    if importlib.util.find_spec("nfc") is None:
        missing("nfcpy is not installed (pip install 'gated[nfcpy]')")
    return NfcpyField()


@contextmanager
def field(twin: str) -> Iterator[Field]:
    """The named twin, with nothing in its field."""
    if twin == "simulated":
        made = SimulatedField()
        yield made
        made.remove()
    elif twin == "nfcpy":
        radio = nfcpy_field()
        yield radio
        radio.close()
    else:
        with pcscd.running() as service:
            yield VpcdField(service)


def sensed(reader: Reader) -> CardSession:
    """The session of the next medium, waited for as the daemon does: in waits of a second.

    One that was too slow to wake up, as on a machine that has other work, gets its second chance there too.
    """
    trouble = None
    for _ in range(int(PATIENCE_S)):
        if not reader.wait_card(1.0):
            continue
        try:
            return reader.connect()
        except CardError as error:
            trouble = error
            reader.wait_removed(1.0)
    raise AssertionError(f"no medium was sensed ({trouble})")
