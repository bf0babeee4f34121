"""What of gate.toml it takes to make outputs safe: as much as can be read of it, and quickly."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from gated.config.driver import Driver
from gated.config.lights import LightSettings, read_lights
from gated.config.places import STATE_DIR, read_state_dir
from gated.config.reading import load_toml
from gated.config.wiring import barrier_driver, read_wiring
from gated.devices.wiring import Wiring
from gated.model.document import DocumentError, Table

#: As many as ``gated.config.settings`` allows; more are a mistake, and are made safe all the same.
_MOST = 64


class LaneOutputs(NamedTuple):
    """One lane's barrier, and its lamps; None = it has no such outputs, or nobody can read which."""

    id: str
    barrier: Driver
    wiring: Wiring | None
    lights: LightSettings | None = None


class Outputs(NamedTuple):
    """Every lane that can be read, and what is wrong with the others."""

    state_dir: Path
    lanes: tuple[LaneOutputs, ...]
    mistakes: tuple[str, ...]


def load_outputs(path: Path) -> Outputs:
    """Read gate.toml as far as it goes. Raises ``ConfigError`` where nothing can be read at all."""
    return load_toml(path, lambda document: _outputs(Table(document), path.absolute().parent))


def _outputs(top: Table, base: Path) -> Outputs:
    state_dir = STATE_DIR
    with suppress(DocumentError):  # without it nobody knows what burns; outputs are known all the same
        state_dir = read_state_dir(top.table("gate"), base)
    lanes, mistakes = [], []
    for table in top.tables("lane", most=_MOST):
        try:
            lanes.append(_lane(table))
        except DocumentError as error:
            mistakes.append(str(error))
    return Outputs(state_dir, tuple(lanes), tuple(mistakes))


def _lane(table: Table) -> LaneOutputs:
    driver = table.checked("barrier", barrier_driver)
    name: Any = table.path("")[:-1]
    with suppress(DocumentError):
        name = table.name("id")
    lights = None
    with suppress(DocumentError):  # a lamp must not keep a barrier from being shut
        lights = read_lights(table, driver)
    return LaneOutputs(name, driver, read_wiring(table, driver), lights)
