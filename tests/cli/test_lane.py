"""Orders to lanes, as people type them, at a gate that really runs."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from contextlib import closing

import pytest

from fleet import here
from gated.devices.simulated.barrier import SimulatedBarrier
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from venue import Site, until

WHY = ("--reason", "a pram")


@pytest.fixture
def gate(tmp_path, serve):
    site = Site(tmp_path, lanes=("in-1", "in-2"), lane_lines='hold = "30s"')
    barriers = {lane: SimulatedBarrier(passes=False) for lane in site.lanes}
    served = serve(site, barriers=barriers)
    served.site = site
    assert until(lambda: all("ready" == lane["stage"] for lane in status(served)["lanes"].values()))
    yield served
    site.office.close()


def status(served):
    return json.loads(here("status", "--config", served.site.config, "--json").out)


def lane(served, *words):
    return here("lane", *words, "--config", served.site.config)


def ordered(served):
    with closing(JournalReader(served.site.state / JOURNAL)) as reader:
        return [row.event for row in reader.rows() if row.event["kind"] == "ordered"]


def test_a_lane_is_opened_for_one_person_and_it_is_written_by_whom_and_why(gate):
    said = lane(gate, "open", "in-1", "--operator", "Mia", *WHY)
    assert (0, "lane in-1: open: done\n", "") == (said.code, said.out, said.err)
    assert gate.barriers["in-1"].released
    (row,) = ordered(gate)
    assert ("Mia", os.geteuid(), "a pram") == (row["operator"], row["user"], row["reason"])


def test_who_calls_sudo_is_named_and_else_the_login_name(gate, monkeypatch):
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert 0 == lane(gate, "open", "in-1", *WHY).code
    monkeypatch.setenv("SUDO_USER", "mia")
    assert 0 == lane(gate, "open", "in-2", *WHY).code
    assert [pwd.getpwuid(os.getuid()).pw_name, "mia"] == [row["operator"] for row in ordered(gate)]


def test_a_mode_for_one_lane_and_for_all(gate):
    assert 0 == lane(gate, "mode", "in-2", "out_of_service", *WHY).code
    assert ["normal", "out_of_service"] == [one["mode"] for one in status(gate)["lanes"].values()]
    said = lane(gate, "mode", "--all", "free_passage", *WHY, "--json")
    assert [
        {"lane": "in-1", "order": "free_passage", "refused": None},
        {"lane": "in-2", "order": "free_passage", "refused": None},
    ] == list(map(json.loads, said.out.splitlines()))
    assert all(barrier.held for barrier in gate.barriers.values())
    assert 0 == lane(gate, "mode", "--all", "normal", *WHY).code
    assert not any(barrier.held for barrier in gate.barriers.values())


def test_what_is_not_done_is_told_in_words_and_by_the_exit_code(gate):
    gate.barriers["in-2"].fire()
    assert until(lambda: {"fire"} == {one["stage"] for one in status(gate)["lanes"].values()})
    said = lane(gate, "rearm", "--all", *WHY)
    assert 3 == said.code
    for one in ("in-1", "in-2"):  # of a gate whose fire input is active no lane is shut
        assert f"lane {one}: NOT done: The fire input is still active" in said.out
    said = lane(gate, "open", "in-2", *WHY, "--json")
    assert (3, "stands_open") == (said.code, json.loads(said.out)["refused"])
    gate.barriers["in-2"].quiet()
    assert until(lambda: not status(gate)["lanes"]["in-2"]["alarm"])
    assert 0 == lane(gate, "rearm", "in-2", *WHY).code


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("open", "in-9", *WHY), "name one of: in-1, in-2"),
        (("open", "in-1", "--reason", " "), "reason: must"),
        (("open", "In 1", *WHY), "lane: must be 1 to 32"),
        (("open", "in-1", "--reason", "x" * 65), "1 to 64 characters"),
        (("open", "in-1", "--operator", "a\nb", *WHY), "operator: must"),
        (("mode", "in-1", *WHY), "'in-1' is no mode"),
        (("mode", "in-1", "open", *WHY), "'open' is no mode"),
        (("mode", "normal", *WHY), "which lane?"),
        (("mode", "in-1", "normal", "--all", *WHY), "which lane?"),
        (("mode", "in-1", "in-2", "normal", *WHY), "which lane?"),
        (("rearm", *WHY), "which lane?"),
    ],
)
def test_what_cannot_be_meant_is_a_mistake(gate, words, told):
    said = lane(gate, *words)
    assert (2, True, 1) == (said.code, told in said.err, said.err.count("\n"))
    assert [] == ordered(gate)


@pytest.mark.parametrize("words", [("open", "in-1"), ("mode", "in-1", "normal"), ("rearm", "--all")])
def test_whoever_changes_something_says_why(gate, words, capsys):
    with pytest.raises(SystemExit) as ended:
        lane(gate, *words)
    assert 2 == ended.value.code


def test_without_a_running_gate_the_next_move_is_told(gate):
    gate.stop_now()
    said = lane(gate, "open", "in-1", *WHY)
    assert 1 == said.code
    assert str(gate.site.state / "control") in said.err
    assert "systemctl start gated" in said.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("shut", ["config", "socket"])
def test_who_is_not_of_the_group_is_told_how_to_be(gate, tmp_path, shut):
    """As on a real gate: both the configuration and the socket are for the group."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        config = Path(folder) / "gate.toml"
        text = gate.site.config.read_text().replace('state_dir = "state"', 'state_dir = "/var/none"')
        socket = Path(folder) / "control"
        socket.hardlink_to(gate.site.state / "control")
        config.write_text(text + f'\n[control]\nsocket = "{socket}"\n')
        config.chmod(0o640 if shut == "config" else 0o644)
        program = (
            "import locale, os, sys\n"  # argparse asks for it late
            "from gated.cli.main import main\n"
            "import gated.cli.asking, gated.config.settings, gated.links.control_client, gated.wire.control\n"
            "os.setgroups([]); os.setgid(12345); os.setuid(12346)\n"
            f"sys.exit(main(['lane', 'open', 'in-1', '--reason', 'x', '--config', {str(config)!r}]))\n"
        )
        ended = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert "sudo usermod -aG gated $USER" in ended.stderr
    assert (2 if shut == "config" else 1) == ended.returncode
