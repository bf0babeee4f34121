"""Packages for Node: installed outside of this tree, once for each package.json; their scripts do not run."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from needs import missing, need

INSTALL_S = 300


def modules(package: Path) -> Path:
    """The ``node_modules`` of what the package.json in a folder asks for."""
    npm = need("npm", "nodejs npm")
    wanted = [(package / name).read_bytes() for name in ("package.json", ".npmrc")]
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gated-tests"
    made = caches / f"node-{hashlib.sha256(b''.join(wanted)).hexdigest()[:16]}"
    if not made.exists():
        caches.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=caches) as folder:
            _install(npm, package, Path(folder) / "new")
            try:
                (Path(folder) / "new").rename(made)  # whole or not at all, also beside another run
            except OSError:
                if not made.exists():
                    raise
    return made / "node_modules"


def _install(npm: str, package: Path, folder: Path) -> None:
    folder.mkdir()
    for name in ("package.json", ".npmrc"):
        shutil.copy(package / name, folder)
    command = [npm, "install", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"]
    ended = subprocess.run(
        command, cwd=folder, check=False, capture_output=True, text=True, timeout=INSTALL_S
    )
    if ended.returncode != 0:
        missing(f"npm cannot install what {package} asks for (is there a network?): {ended.stderr[-500:]}")
