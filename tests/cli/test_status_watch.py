"""``gated status`` of a running gate, and ``--watch``: on a terminal, as lines, as JSON."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from contextlib import contextmanager

import pytest
from rich.console import Console

from fleet import here
from gated.cli.status_view import View
from gated.devices.simulated.barrier import SimulatedBarrier
from gated.wire.control import Kind, Line
from venue import Site, medium, until


@pytest.fixture
def gate(tmp_path, serve):
    site = Site(tmp_path, lanes=("in-1", "in-2"), lane_lines='hold = "30s"')
    site.bring(site.give("alice", medium(1), "season"))
    served = serve(site, barriers={lane: SimulatedBarrier(passes=False) for lane in site.lanes})
    served.site = site
    assert until(lambda: all("ready" == lane["stage"] for lane in status(served)["lanes"].values()))
    yield served
    site.office.close()


def status(served):
    said = here("status", "--config", served.site.config, "--json")
    assert 0 == said.code, said.err
    return json.loads(said.out)


# ------------------------------------------------------------------ once


def test_the_gate_itself_and_its_files_tell_the_same_keys(gate):
    live = status(gate)
    gate.stop_now()
    files = status(gate)
    assert (True, True, False, False) == (live["live"], live["running"], files["live"], files["running"])
    assert files.keys() - live.keys() == set()
    assert live.keys() - files.keys() == {"at"}
    for lane in files["lanes"].values():
        assert {"state", "cause", "since"} == lane.keys()
    for lane in live["lanes"].values():
        assert {"state", "cause", "since", "stage", "mode", "missing", "alarm", "release"} < lane.keys()


def test_in_words_a_lane_says_how_it_stands_and_what_it_showed_last(gate):
    gate.tap(medium(2))
    here("lane", "mode", "in-2", "out_of_service", "--reason", "arm bent", "--config", gate.site.config)
    assert until(lambda: status(gate)["lanes"]["in-2"]["cause"] == "ordered")
    said = here("status", "--config", gate.site.config).out
    assert re.search(r"lane in-1: in_service \(started\) since .*, entry, ready\n", said), said
    assert re.search(r"    last: \S+ \S+ refused unknown_medium\n", said)
    assert "entry, shut by order, mode out_of_service\n" in said


def test_with_a_state_directory_the_files_alone_are_read(gate):
    told = json.loads(here("status", "--state-dir", gate.site.state, "--json").out)
    assert (False, True, None) == (told["live"], told["running"], told["inside"])


def test_a_gate_that_does_not_answer_is_told_from_its_files(gate, tmp_path):
    gate.stop_now()
    (gate.site.state / "control").write_text("no socket")
    told = status(gate)
    assert (False, "gate-1") == (told["live"], told["gate"])


def test_what_a_gate_cannot_read_of_its_files_is_told(gate):
    (gate.site.state / "delta.db").rename(gate.site.state / "gone")
    said = here("status", "--config", gate.site.config)
    (gate.site.state / "gone").rename(gate.site.state / "delta.db")
    assert 0 == said.code
    assert "TROUBLE: " in said.out
    assert "lane in-1: in_service, entry, ready" in said.out


# ------------------------------------------------------------------ lines


@contextmanager
def watching(served, *words, stdout=subprocess.PIPE, **more):
    command = [sys.executable, "-m", "gated", "status", "--watch", "--config", str(served.site.config)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "TERM": "xterm-256color", "COLUMNS": "80"}
    with subprocess.Popen(
        [*command, *words], stdout=stdout, stderr=subprocess.PIPE, env=environment, **more
    ) as watch:
        try:
            yield watch
        finally:
            if watch.poll() is None:
                watch.kill()


def test_as_json_there_is_a_line_for_each_event(gate):
    with watching(gate, "--json") as watch:
        first = json.loads(watch.stdout.readline())
        assert ("in-1", "ready") == (first["stands"]["lane"], first["stands"]["stage"])
        gate.readers["in-1"].present(medium(1))
        seen = []
        while not (seen and seen[-1].get("shown", {}).get("signal") == "granted"):
            seen.append(json.loads(watch.stdout.readline()))
        assert "in-1" == seen[-1]["shown"]["lane"]
        watch.send_signal(signal.SIGINT)
        assert 130 == watch.wait(20)


def test_into_a_pipe_it_says_it_in_words(gate):
    with watching(gate) as watch:
        assert b"lane in-1: in_service, entry, ready" in watch.stdout.readline()
        gate.readers["in-2"].present(medium(2))
        while b"lane in-2: refused unknown_medium" not in (line := watch.stdout.readline()):
            assert line


def test_a_gate_that_goes_away_ends_the_lines(gate):
    with watching(gate, "--json") as watch:
        watch.stdout.readline()
        gate.stop_now()
        assert 1 == watch.wait(20)
        assert b"is gone" in watch.stderr.read()


def test_without_a_gate_there_is_nothing_to_watch(site):
    said = here("status", "--watch", "--config", site.config)
    assert (1, True) == (said.code, "systemctl start gated" in said.err)


# ------------------------------------------------------------------ on a terminal


class Screen:
    """What stands on a terminal of 80 columns and 24 lines, as far as these tests ask."""

    def __init__(self, master: int) -> None:
        self.master, self.raw = master, ""

    def until(self, words: str) -> None:
        def there() -> bool:
            while select.select([self.master], [], [], 0.0)[0]:
                try:
                    self.raw += os.read(self.master, 65536).decode(errors="replace")
                except OSError:
                    return words in self.text
            return words in self.text

        assert until(there), self.text

    @property
    def text(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.raw)


@contextmanager
def terminal(served):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    before = termios.tcgetattr(slave)
    with watching(served, stdout=slave, stdin=slave) as watch:
        yield Screen(master), watch
    assert before == termios.tcgetattr(slave)  # the keyboard is as it was
    for end in (master, slave):
        os.close(end)


def test_on_a_terminal_it_redraws_and_q_ends_it(gate):
    with terminal(gate) as (screen, watch):
        screen.until("gate gate-1  running")
        screen.until("● ready")
        gate.readers["in-1"].present(medium(1))
        screen.until("✓ granted")
        screen.until("► released 0/1")
        os.write(screen.master, b"x")
        gate.readers["in-2"].present(medium(2))
        screen.until("unknown_medium")
        os.write(screen.master, b"q")
        assert 0 == watch.wait(20)


def test_a_gate_that_is_started_anew_is_watched_again(gate, serve):
    with terminal(gate) as (screen, watch):
        screen.until("● ready")
        gate.stop_now()
        screen.until("NOT THERE")
        screen.until("systemctl start gated")
        screen.raw = ""
        again = serve(gate.site)
        again.site = gate.site
        screen.until("running")
        screen.until("● ready")
        os.write(screen.master, b"q")
        assert 0 == watch.wait(20)


# ------------------------------------------------------------------ the picture


LANE = {
    "direction": "entry",
    "state": "in_service",
    "stage": "ready",
    "mode": "normal",
    "missing": [],
    "alarm": False,
    "release": None,
    "hung": False,
}
STATUS = {
    "gate": "bron-1",
    "running": True,
    "at": 1_800_000_000,
    "inside": {"people": 23, "confidence": "entries_only"},
    "unsent": 1234567,
    "ages_s": {"last_event": 1, "last_ack": 86400 * 9, "oldest_unsent": 86400 * 40, "signed_time": 7200},
    "link": {"up": False, "since": 1, "why": "x"},
    "cache": {"snapshot": "", "position": 0, "delta_rows": 0, "complete": False},
    "trouble": "",
    "lanes": {},
}


def drawn(view, height=24) -> list[str]:
    to = io.StringIO()
    Console(file=to, width=80, height=height, force_terminal=True, color_system="truecolor").print(
        view.picture(height)
    )
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", to.getvalue()).splitlines()


def view_of(*lines: Line, lanes=None) -> View:
    view = View()
    view.take([Line(Kind.STATUS, STATUS | {"lanes": lanes or {"in-1": LANE}}), *lines])
    return view


def stands(lane="in-1", **more) -> Line:
    return Line(Kind.STANDS, LANE | {"lane": lane} | more)


def shown(signal, reason=None, lane="in-1", at=1_800_000_000, **params) -> Line:
    return Line(
        Kind.SHOWN,
        {"lane": lane, "at": at, "signal": signal, "reason": reason, "params": params, "texts": ["Bonjour"]},
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (stands(), "● ready"),
        (stands(stage="released", release={"persons": 4, "passed": 1}), "► released 1/4"),
        (stands(stage="fire", alarm=True), "fire input active"),
        (stands(stage="fire"), "! FIRE"),
        (stands(stage="free", mode="free_passage"), "free passage"),
        (stands(stage="shut", mode="out_of_service"), "■ shut by order"),
        (stands(stage="shut", missing=["reader"]), "lost"),
        (stands(stage="shut", missing=["reader"], hung=True), "held by a medium"),
        (stands(missing=["barrier"]), "no answer"),
        (stands(missing=["fault_input"]), "fault"),
        (stands(missing=["contact"]), "contact stuck"),
        (stands(direction="exit"), " out "),
        (shown("granted"), "✓ granted"),
        (shown("look"), "✓ granted, look"),
        (shown("refused", "expired", what="entitlement"), "expired (what=entitlement)"),
        (shown("out_of_service", "out_of_service", cause="reader_lost"), "■ out of service"),
    ],
)
def test_no_colour_stands_without_its_word(line, words):
    assert words in "\n".join(drawn(view_of(line)))


def test_what_the_gate_waits_for_is_told_with_ages():
    text = "\n".join(drawn(view_of()))
    for words in (
        "23 people inside (entries only)",
        "1234567 rows unsent (the oldest 40 d ago)",
        "last receipt 9 d ago",
        "link: DOWN",
        "signed time 2 h ago",
        "cache INCOMPLETE",
        "q ends",
    ):
        assert words in text


def test_sixteen_lanes_with_long_names_stand_on_80_columns():
    name = "x" * 31
    many = {
        f"{name}{number:x}": LANE | {"missing": ["barrier", "contact", "fault_input"]} for number in range(16)
    }
    lines = [
        shown("refused", "conflicting_revision", lane=f"{name}0", at=1_800_000_000 + n, scheme="y" * 60)
        for n in range(200)
    ]
    pictured = drawn(view_of(*lines, lanes=many), height=40)
    assert 80 >= max(map(len, pictured))
    assert 40 >= len(pictured)


def test_a_smaller_terminal_shows_fewer_outcomes():
    lines = [shown("refused", "expired", at=1_800_000_000 + n) for n in range(50)]
    assert 24 >= len(drawn(view_of(*lines)))
    assert 12 <= sum("expired" in line for line in drawn(view_of(*lines), height=30))


def test_what_was_shown_before_one_came_is_there_in_order():
    def with_outcomes(*at):
        return LANE | {
            "outcomes": [{"at": one, "signal": "refused", "reason": f"r{one}", "params": {}} for one in at]
        }

    text = "\n".join(drawn(view_of(lanes={"in-1": with_outcomes(1, 4), "in-2": with_outcomes(2, 3)})))
    assert ["r1", "r2", "r3", "r4"] == re.findall(r"r\d", text)


def test_a_waiting_lane_is_no_outcome():
    assert [] == list(view_of(shown("ready")).outcomes)


def test_a_gate_prints_no_escapes_of_its_own():
    text = "\n".join(drawn(view_of(shown("refused", "x\x1b[2Jy", evil="[red]\n"))))
    assert "\x1b" not in text
    assert "[red]" in text
