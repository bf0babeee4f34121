"""A gate out of reach of every network, its office, and a stick that is carried between them."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

from gated.cli.main import main
from gated.links.stick_inbox import waits
from gated.model.event import Unbelieved
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from gated.store.outbox import Outbox
from gated.wire.stick import FOLDER
from hall import GATE, Hall
from venue import Site, until


class Courier:
    """Carries one stick; the commands are those that people use."""

    def __init__(self, site: Site, capsys) -> None:
        self.site = site
        self.hall = Hall(site)
        self.hall.broker.ban(GATE)
        self.stick = site.path / "stick"
        self.stick.mkdir()
        self._capsys = capsys

    @property
    def folder(self) -> Path:
        return self.stick / FOLDER

    def run(self, *words) -> tuple[int, dict]:
        """A command with --json; (exit code, what it printed)."""
        self._capsys.readouterr()
        code = main([*map(str, words), "--json"])
        return code, json.loads(self._capsys.readouterr().out.splitlines()[0])

    def export_events(self):
        return self.run("stick", "export", self.stick, "--config", self.site.config)

    def bring(self):
        """Import at the gate, and wait until it has taken all of it in."""
        code, told = self.run("stick", "import", self.stick, "--config", self.site.config)
        assert until(lambda: not waits(self.site.state))
        return code, told

    def visit_office(self):
        return self.run("central", "stick", "import", self.hall.directory, self.stick)

    def fetch(self, *more):
        return self.run("central", "stick", "export", self.hall.directory, "--to", self.stick, *more)

    # -------------------------------------------------------------- at the gate

    def unsent(self) -> int:
        with closing(Outbox(self.site.state / JOURNAL, GATE)) as outbox:
            return outbox.newest() - outbox.acknowledged()[0]

    def disbelieved(self) -> list[tuple[str, str]]:
        """(what, code) as the gate's journal has them."""
        with closing(JournalReader(self.site.state / JOURNAL)) as reader:
            events = [row.event for row in reader.rows()]
        return [(event["what"], event["code"]) for event in events if event["kind"] == Unbelieved.kind]
