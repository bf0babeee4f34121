"""The gate's composition root: the only room that names the concrete devices."""

from gated.app.running import RunningGate, make_reader
from gated.app.way import tls_files
from gated.app.world import World

__all__ = ["RunningGate", "World", "make_reader", "tls_files"]
