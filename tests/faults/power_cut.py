"""A command, killed before each step that it takes on the disk: each time on a fresh copy of a folder.

    python power_cut.py TEMPLATE PLACE WORD...

For n = 0, 1, 2, … it copies TEMPLATE to PLACE/n and runs ``gated WORD...`` there in a child that dies in
front of its n-th step: a file created, written to, renamed or removed, a folder or a link made. It ends when
the command does, and prints the number of steps and the exit code of the whole run.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path

from gated.cli.main import main

STEPS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.symlink", "os.link", "os.chmod", "os.chown"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def die_at(step: int, place: Path) -> None:
    """Kill this process in front of a step within ``place``."""
    left = step

    def look(event: str, told: tuple) -> None:
        nonlocal left
        if event == "open":
            path, _, flags = told  # of a file that is open already, the path is a number
            if not (isinstance(path, str) and flags & WRITES and Path(path).absolute().is_relative_to(place)):
                return
        elif event not in STEPS:
            return
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    sys.addaudithook(look)


def run(place: Path, step: int, words: list[str]) -> int:
    """The exit code; below 0 where it was killed."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.chdir(place)
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    die_at(step, place)
    os._exit(main(words))


if __name__ == "__main__":
    template, places, *command = sys.argv[1:]
    for number in range(1000):
        here = Path(places) / str(number)
        shutil.copytree(template, here, symlinks=True)
        code = run(here, number, command)
        if code >= 0:
            print(json.dumps({"steps": number, "code": code}))
            break
