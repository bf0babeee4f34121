"""A gate that takes in a trust repository, killed in front of its n-th step on the disk.

    python trust_cut.py GATE.TOML FOLDER N

Reads FOLDER as a stick brings it, and ends with 0 where it came to the end before the n-th step.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from power_cut import die_at

from gated.app import RunningGate, World
from gated.config.settings import check
from gated.store.trust_files import TrustFiles
from venue import NOW


def main(config: Path, folder: Path, step: int) -> None:
    settings, trust = check(config)
    gate = RunningGate(settings, trust, World())
    keeper = gate._repository._keeper
    die_at(step, settings.state_dir)
    keeper.read_folder(TrustFiles(folder), NOW)
    os._exit(0)  # what follows is no step of it


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
