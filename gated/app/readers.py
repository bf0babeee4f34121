"""The readers that a configuration names, and what a medium is told of where it is."""

from __future__ import annotations

import hashlib

from gated.config.driver import Driver
from gated.devices.simulated.reader import SimulatedReader
from gated.ports import Reader


def make_reader(driver: Driver) -> Reader:
    """The reader that a configuration names. Raises ``ConfigError`` when its driver is not installed."""
    if driver.name == "pcsc":
        from gated.devices.pcsc import PcscReader  # noqa: PLC0415  # only gates with such a reader need it

        return PcscReader(driver.target)
    if driver.name == "nfcpy":
        from gated.devices.nfcpy import NfcpyReader  # noqa: PLC0415  # likewise

        return NfcpyReader(driver.target)
    return SimulatedReader(driver.target or "simulated")


def reader_id(venue: str, lane: str) -> bytes:
    """Site and reader number for PKOC, 16 bytes each."""
    return hashlib.sha256(venue.encode()).digest()[:16] + hashlib.sha256(lane.encode()).digest()[:16]
