"""The unit file, judged by systemd itself, and a gate that tells it the truth."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

from needs import need
from venue import medium

UNIT = Path(__file__).parents[1] / "systemd" / "gated.service"


def checked_unit(tmp_path):
    """The unit with a command that exists on this machine: verify looks for it."""
    path = tmp_path / "gated.service"
    path.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.MULTILINE))
    return path


def test_systemd_finds_no_fault_with_the_unit(tmp_path):
    words = [need("systemd-analyze", "systemd"), "verify", "--man=no", str(checked_unit(tmp_path))]
    ended = subprocess.run(words, check=False, capture_output=True, text=True)
    assert (0, "") == (ended.returncode, ended.stderr)


def test_the_unit_leaves_the_daemon_little_to_harm(tmp_path):
    words = [need("systemd-analyze", "systemd"), "security", "--offline=true", "--threshold=12"]
    ended = subprocess.run([*words, str(checked_unit(tmp_path))], check=False, capture_output=True, text=True)
    assert 0 == ended.returncode, ended.stdout[-200:]


def test_what_the_score_does_not_see_is_there():
    text = UNIT.read_text()
    for line in (
        "Type=notify",
        "WatchdogSec=15s",
        "Restart=always",
        "StateDirectory=gated",
        "User=gated",
        "CPUAffinity=0",
        "LimitCORE=0",
    ):
        assert f"\n{line}\n" in text
    assert "ProcSubset" not in text  # it would hide the boot id that every event carries


def test_a_gate_says_ready_lives_and_stops_when_asked(site, tmp_path):
    site.bring(site.give("alice", medium(1), "season"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        words = [sys.executable, "-m", "gated", "run", "--config", str(site.config)]
        with subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL) as gate:
            assert [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"] == [manager.recv(100) for _ in range(3)]
            gate.send_signal(signal.SIGTERM)
            assert 0 == gate.wait(20)
