"""A device, as gate.toml names it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Driver:
    """A device by its driver and the driver's own name for it: ``pcsc:ACS ACR122U``."""

    name: str
    target: str = ""
