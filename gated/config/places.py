"""Where a gate keeps its files, and where its control socket is."""

from __future__ import annotations

import os
from pathlib import Path

from gated.model.document import DocumentError, Table

STATE_DIR = Path("/var/lib/gated")
RUNTIME = Path("/run/gated")
#: sun_path of unix(7) has 108 bytes, and a NUL at its end.
MAX_SOCKET_BYTES = 107


def read_state_dir(gate: Table, base: Path) -> Path:
    """Read ``gate.state_dir``. Raises ``DocumentError``."""
    return base / gate.text("state_dir", str(STATE_DIR))


def read_socket(control: Table, base: Path, state_dir: Path) -> Path:
    """Read ``control.socket``. Raises ``DocumentError``.

    The unit gives a gate ``RUNTIME``, which the group gated may enter; nobody else enters a state directory.
    """
    usual = (RUNTIME if state_dir == STATE_DIR else state_dir) / "control"
    path = base / control.text("socket", str(usual))
    if len(os.fsencode(path)) > MAX_SOCKET_BYTES:
        raise DocumentError(
            control.path("socket"),
            f"the path of a socket has at most {MAX_SOCKET_BYTES} bytes, {path} has more: choose a shorter",
        )
    return path
