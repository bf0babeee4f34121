"""The unit file, judged by systemd itself, and a gate that tells it the truth."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gated.config.places import RUNTIME, STATE_DIR
from needs import need
from venue import medium

UNIT = Path(__file__).parents[1] / "systemd" / "gated.service"
DROP_INS = sorted(UNIT.parent.glob("*.conf"))


def checked_unit(tmp_path, *drop_ins: Path):
    """The unit with commands that exist on this machine: verify looks for them."""
    path = tmp_path / "gated.service"
    words = re.sub(r"^(Exec\w+)=\S+", r"\1=/bin/true", UNIT.read_text(), flags=re.MULTILINE)
    if drop_ins:  # as systemd merges them: the later line counts; offline, security reads no folder
        words = words.replace("\n[Install]", "".join(one.read_text() for one in drop_ins) + "\n[Install]")
    path.write_text(words)
    return path


@pytest.mark.parametrize("drop_ins", [[], *([one] for one in DROP_INS), DROP_INS], ids=len)
def test_systemd_finds_no_fault_with_the_unit(tmp_path, drop_ins):
    unit = checked_unit(tmp_path, *drop_ins)
    words = [need("systemd-analyze", "systemd"), "verify", "--man=no", str(unit)]
    ended = subprocess.run(words, check=False, capture_output=True, text=True)
    assert (0, "") == (ended.returncode, ended.stderr)


@pytest.mark.parametrize(
    ("drop_ins", "most"),
    [
        # Of which 2 for seeing who orders at the control socket, 1 for a builder that makes itself the last.
        ([], 14),
        *(([one], 16) for one in DROP_INS),
        (DROP_INS, 16),
    ],
)
def test_the_unit_leaves_the_daemon_little_to_harm(tmp_path, drop_ins, most):
    words = [need("systemd-analyze", "systemd"), "security", "--offline=true", f"--threshold={most}"]
    unit = checked_unit(tmp_path, *drop_ins)
    ended = subprocess.run([*words, str(unit)], check=False, capture_output=True, text=True)
    assert 0 == ended.returncode, ended.stdout[-200:]


@pytest.mark.parametrize("drop_in", DROP_INS, ids=lambda path: path.stem)
def test_a_drop_in_opens_its_devices_and_nothing_else(drop_in):
    lines = [line for line in drop_in.read_text().splitlines() if line and not line.startswith("#")]
    assert ["[Service]", "PrivateDevices=no", "DevicePolicy=closed"] == lines[:3]
    assert {"DeviceAllow", "SupplementaryGroups"} == {line.partition("=")[0] for line in lines[3:]}
    kind = {"gated-gpio": "gpiochip", "gated-serial": "tty"}[drop_in.stem]
    allowed = [line for line in lines if line.startswith("DeviceAllow")]
    assert allowed == [line for line in allowed if line.startswith(f"DeviceAllow=char-{kind}")]


def test_what_the_score_does_not_see_is_there():
    text = UNIT.read_text()
    for line in (
        "Type=notify",
        "WatchdogSec=15s",
        "Restart=always",
        "StateDirectory=gated",
        "RuntimeDirectory=gated",
        "RuntimeDirectoryMode=0750",
        "ExecStopPost=/opt/gated/bin/gated lane safe --config /etc/gated/gate.toml",
        "User=gated",
        "CPUAffinity=0",
        "LimitCORE=0",
    ):
        assert f"\n{line}\n" in text
    assert "ProcSubset" not in text  # it would hide the boot id that every event carries
    assert "\nPrivateUsers=" not in text  # it would hide who speaks at the control socket


def test_the_control_socket_stands_where_the_unit_makes_room_for_it():
    assert (Path("/run/gated"), Path("/var/lib/gated")) == (RUNTIME, STATE_DIR)


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
