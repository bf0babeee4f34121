"""The gate's composition root: the only room that names the concrete devices.

What is named here is loaded when it is asked for: `gated lane safe` needs its boards at once, and no more.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gated.app.readers import make_reader
    from gated.app.running import RunningGate
    from gated.app.way import tls_files
    from gated.app.world import World

__all__ = ["RunningGate", "World", "make_reader", "tls_files"]

_HOMES = {
    "RunningGate": "gated.app.running",
    "World": "gated.app.world",
    "make_reader": "gated.app.readers",
    "tls_files": "gated.app.way",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(_HOMES[name]), name)
