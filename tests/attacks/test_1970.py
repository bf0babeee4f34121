"""A real gate process whose system clock is wrong, with a real broker over TLS and a real central.

libfaketime stands between the process and its clock: OpenSSL, SQLite and Python all see 1970. The boot clock
and the monotonic one are left alone, as they are on a box without a battery.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from city import PROCESS, City, end, environment
from gated.central.office import Office
from gated.devices.clock import SystemClock
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from gated.store.floors import floors_file
from gated.store.time_note import TIME_NOTE, read_time_note
from mosquitto import running
from needs import missing
from venue import DAY, NOW, medium, until

#: Statements were issued so long ago, and nothing was signed since.
ISSUED = NOW - 3 * DAY
TODAY = medium(50)


def true() -> int:
    return SystemClock().sample().wall


def library() -> str:
    for path in sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")):
        return str(path)
    missing("libfaketime is not installed (apt-get install libfaketime)")
    return ""


class Clock:
    """A process's system clock, to be set while it runs."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def show(self, what: str) -> None:
        new = self._path.with_suffix(".new")
        new.write_text(f"{what}\n")
        new.rename(self._path)

    @property
    def environment(self) -> dict[str, str]:
        return environment() | {
            "LD_PRELOAD": library(),
            "FAKETIME_TIMESTAMP_FILE": str(self._path),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "TZ": "UTC",
        }


@pytest.fixture
def clock(tmp_path):
    made = Clock(tmp_path / "faketime")
    made.show("@1970-01-01 00:01:00")
    return made


@pytest.fixture
def city(tmp_path):
    with running(tmp_path / "broker") as broker:
        made = City(tmp_path / "city", gates=1, broker=broker, now=ISSUED, lines='ack_wait = "2s"')
        made.site.office = Office(made.directory, "pools", random.Random(1970).randbytes)
        tokens = made.site.give("today", TODAY, "season", not_before=NOW - 3600, expires=NOW + 3600)
        made.site.office.close()
        with made.statements.open("ab") as file:
            file.write(made.site.statement_file(tokens, "today.gated").read_bytes())
        made.import_statements(made.gates[0])
        yield made


@contextmanager
def serving(city):
    central = city.serve()
    try:
        yield
    finally:
        end(central)


class Door:
    """A gate process that is asked for taps."""

    def __init__(self, box, clock: Clock) -> None:
        words = [sys.executable, str(PROCESS), "ask", str(box.config), str(box.path / "releases")]
        self._log = (box.path / "gate.log").open("ab")
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=clock.environment,
            text=True,
        )
        self.process.stdout.readline()

    def tap(self, number: int) -> str | None:
        """Why somebody is not let in; None = they are."""
        self.process.stdin.write(f"in-1 {number}\n")
        self.process.stdin.flush()
        told = json.loads(self.process.stdout.readline())
        return None if told["granted"] else told["refusal"]["reason"]

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()
        self._log.close()


@contextmanager
def open_door(box, clock):
    door = Door(box, clock)
    try:
        yield door
    finally:
        door.close()


def decided(box) -> list[dict]:
    with closing(JournalReader(box.state / JOURNAL)) as reader:
        return [row.event for row in reader.rows() if row.event["kind"] == "decided"]


def told_rightly(box, clock: str) -> dict:
    """The last decision tells the true time, and what became of the system clock."""
    row = decided(box)[-1]
    assert clock == row["clock"], row
    assert abs(row["at"] - true()) <= 30, row
    return row


def test_a_gate_in_1970_learns_the_time_over_tls_and_keeps_it_whatever_its_clock_does(city, clock):
    box = city.gates[0]
    with open_door(box, clock) as door:
        assert "not_yet_valid" == door.tap(50)  # it knows no more than what was signed three days ago
        before = decided(box)[-1]
        assert (True, True) == (before["wall"] < 3600, abs(before["at"] - ISSUED) < 3600)
        with serving(city):
            assert until(lambda: door.tap(50) is None, 40)
            assert told_rightly(box, "behind")["wall"] < 3600
            for shows, quality in (("+20y", "ahead"), ("-1d", "behind"), ("+1d", "ahead"), ("+0", "good")):
                clock.show(shows)
                assert None is door.tap(50)
                told_rightly(box, quality)
        clock.show("@1970-01-01 00:01:00")  # and with the network gone
        assert None is door.tap(50)
        told_rightly(box, "behind")


def test_a_night_without_power_in_1970(city, clock):
    """The daemon of the morning holds the floor of the evening, and central ends the night."""
    box = city.gates[0]
    with serving(city):
        with open_door(box, clock) as door:
            assert until(lambda: door.tap(50) is None, 40)
        durable = floors_file(box.state / "floors.json")["time"]
        assert abs(durable - true()) < 30
        note = json.loads((box.state / TIME_NOTE).read_text())
        (box.state / TIME_NOTE).write_text(json.dumps(note | {"boot": "0123456789abcdef"}))  # another boot
        with open_door(box, clock) as door:
            assert None is door.tap(50)
            assert until(lambda: door.tap(50) is None and decided(box)[-1]["clock"] == "behind")


def test_the_command_itself_in_1970(city, clock):
    box = city.gates[0]
    with serving(city), (box.path / "run.log").open("wb") as log:
        words = [sys.executable, "-m", "gated", "run", "--config", str(box.config)]
        daemon = subprocess.Popen(words, stdout=log, stderr=log, env=clock.environment)
        try:
            assert until(lambda: (note := read_time_note(box.state / TIME_NOTE)) and note.ceiling, 40)
            note = read_time_note(box.state / TIME_NOTE)
        finally:
            daemon.terminate()
            daemon.wait(30)
    now = true()
    assert now - 60 <= note.floor <= now
    assert note.floor <= note.ceiling <= note.floor + 5
