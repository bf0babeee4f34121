"""The office of the tests of central: one sector, pools, with one venue and a product."""

from __future__ import annotations

import random
from pathlib import Path

from gated.central.office import ProductRules, found
from gated.cli.main import main
from gated.model.trust import Algorithm


def founded(place: Path, now: int) -> Path:
    """The office, founded at ``now``."""
    found(
        place,
        sector="pools",
        venues=["bron"],
        products=[ProductRules("season")],
        timezone="Europe/Paris",
        algorithm=Algorithm.EDDSA,
        now=now,
        key_days=30,
        random=random.Random(1).randbytes,
    ).close()
    return place


def run(capsys, *words):
    """A command of ``gated central``: exit code, stdout and stderr."""
    code = main(["central", *map(str, words)])
    said = capsys.readouterr()
    return code, said.out, said.err
