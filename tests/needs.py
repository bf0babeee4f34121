"""What a test needs of the machine. Missing: skipped aloud on a laptop, a failure in CI."""

from __future__ import annotations

import os
import shutil

import pytest


def need(program: str, package: str) -> str:
    """The path of a program; its Debian package is named where it is not there."""
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found is None:
        missing(f"{program} is not installed (apt-get install {package})")
    return str(found)


def missing(what: str) -> None:
    """Skip, or fail in CI, where nothing may be skipped."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"in CI nothing is skipped: {what}")
    pytest.skip(what)
