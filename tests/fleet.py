"""An office and boxes to enrol with it, by the commands as people type them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

GATED = Path(sys.executable).with_name("gated")
BROKER = "mqtts://localhost:8883"


@dataclass
class Said:
    """What a command said."""

    code: int
    out: str
    err: str

    def __getitem__(self, key):
        return json.loads(self.out)[key]


def gated(*words, cwd=None, **environment) -> Said:
    """Run a command in a process of its own."""
    ended = subprocess.run(
        [str(GATED), *map(str, words)],
        cwd=cwd,
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    return Said(ended.returncode, ended.stdout, ended.stderr)


def here(*words) -> Said:
    """Run a command in this process: fast."""
    import io
    from contextlib import redirect_stderr, redirect_stdout

    from gated.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([str(word) for word in words])
    return Said(code, out.getvalue(), err.getvalue())


@dataclass
class Office:
    """A founded office with the sectors pools (venue bron) and museums (venue fourviere)."""

    path: Path
    products: tuple[str, ...] = ("season",)

    def __post_init__(self) -> None:
        products = [word for product in self.products for word in ("--product", product)]
        for sector, venue in (("pools", "bron"), ("museums", "fourviere")):
            said = here("central", "init", self.path, "--sector", sector, "--venue", venue, *products)
            assert 0 == said.code, said.err

    @property
    def fingerprint(self) -> str:
        return here("central", "fingerprint", self.path, "--json")["central"]

    def enrol(self, request, fingerprint, out, *more, sector="pools", venue="bron", broker=BROKER) -> Said:
        words = ["--sector", sector, "--venue", venue, "--request", request, "--fingerprint", fingerprint]
        return here("central", "enrol", self.path, *words, "--broker", broker, "--out", out, "--json", *more)


@dataclass
class Box:
    """A box that is to become a gate: its folder stands for /etc/gated."""

    path: Path
    gate: str = "bron-1"
    fingerprint: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)

    @property
    def identity(self) -> Path:
        return self.path / "identity"

    @property
    def config(self) -> Path:
        return self.path / "gate.toml"

    @property
    def asked(self) -> Path:
        """The file of its request, as it is carried."""
        return self.path.with_name(f"{self.path.name}.request")

    @property
    def answer(self) -> Path:
        """The file of its enrolment, as it is carried."""
        return self.path.with_name(f"{self.path.name}.enrolment")

    def request(self, *more) -> Said:
        words = ["--gate", self.gate, "--identity", self.identity, "--out", self.asked, "--json"]
        said = here("enrol", "request", *words, *more)
        if said.code == 0:
            self.fingerprint = said["fingerprint"]
        return said

    def install(self, central, *more, file=None) -> Said:
        words = ["--central", central, "--config", self.config, "--identity", self.identity, "--json"]
        return here("enrol", "install", file or self.answer, *words, *more)

    def enrol(self, office: Office, *more, again=False, **wanted) -> None:
        """All three steps."""
        said = self.request(*["--again"] * again)
        assert 0 == said.code, said.err
        said = office.enrol(self.asked, self.fingerprint, self.answer, *more, **wanted)
        assert 0 == said.code, said.err
        said = self.install(office.fingerprint)
        assert 0 == said.code, said.err

    def files(self) -> dict[str, bytes]:
        """What a daemon would read here, by the names under which it reads it."""
        names = ["gate.toml", "keys.json", "profile.json", "sector.key"]
        names += [
            f"identity/{name}" for name in ("ca.crt", "gate.crt", "gate.key", "signing.key", "enrolment.json")
        ]
        return {name: (self.path / name).read_bytes() for name in names if (self.path / name).exists()}
