"""``gated demo``: the first thing anybody runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gated.cli.demo_cast import visits
from mosquitto import running as running_broker
from venue import PATIENCE_S

KEYS = {"taps", "granted", "denied", "reasons", "taken", "not_taken", "unknown", "journaled"}
KEYS |= {"persons", "given_back", "passes", "differing", "unsettled", "restarts", "decide_ms", "rss_mb"}
KEYS |= {"acknowledged", "at_central", "lost", "duplicates", "outages"}


def demo(*words):
    return subprocess.run(
        [sys.executable, "-m", "gated", "demo", *words], check=False, capture_output=True, text=True
    )


def test_it_survives_its_power_cut_and_its_last_line_is_one_object():
    ended = demo("--taps", "80", "--seed", "3", "--json")
    assert 0 == ended.returncode, ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    assert KEYS <= told.keys()
    assert (80, 0, 1) == (told["taps"], told["unsettled"], told["restarts"])
    assert 80 == told["granted"] + told["denied"]
    assert 1 == told["unknown"]
    everybody_is_accounted_for(told)
    assert 4 <= len(told["reasons"])
    assert {"p50", "p99"} == told["decide_ms"].keys()
    everything_arrived(told)


def everybody_is_accounted_for(told):
    assert told["persons"] == told["taken"] + told["not_taken"] + told["unknown"] > told["granted"]
    assert told["given_back"] == told["not_taken"]
    assert (told["passes"] > 8, told["differing"]) == (True, 0)


def test_a_turnstile_that_refuses_to_turn_gives_uses_back():
    ended = demo("--taps", "60", "--json", "--refuse-to-turn", "0.5")
    assert 0 == ended.returncode, ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    everybody_is_accounted_for(told)
    everything_arrived(told)
    assert told["not_taken"] > 10


@pytest.mark.parametrize("share", ["1.1", "-0.1", "often"])
def test_what_is_no_share_is_refused(share):
    ended = demo(f"--refuse-to-turn={share}")
    assert (2, True) == (ended.returncode, "--refuse-to-turn" in ended.stderr)


def everything_arrived(told):
    assert told["journaled"] == told["acknowledged"] == told["at_central"] > 60
    assert (0, 0, 1) == (told["lost"], told["duplicates"], told["outages"])


@pytest.mark.parametrize("scheme", ["mqtt", "mqtts"])
def test_it_does_the_same_through_a_real_broker(tmp_path, scheme):
    with running_broker(tmp_path, plain=True, name_is_id=False) as broker:
        port = broker.plain_port if scheme == "mqtt" else broker.port
        for name in ("gate", "central"):
            broker.pki.issue(name)
        ended = demo("--json", "--broker", f"{scheme}://localhost:{port}", "--tls", str(broker.pki.path))
    assert 0 == ended.returncode, ended.stderr
    everything_arrived(json.loads(ended.stdout.splitlines()[-1]))


def test_a_broker_that_is_not_there_is_named_before_anybody_comes(tmp_path):
    ended = demo("--json", "--broker", "mqtt://localhost:9")
    assert (1, 1) == (ended.returncode, len(ended.stderr.splitlines()))
    assert "localhost:9" in ended.stderr


@pytest.mark.parametrize("url", ["http://localhost", "mqtt://broker.example", "mqtts://"])
def test_what_is_no_broker_is_refused(url):
    ended = demo("--broker", url)
    assert 2 == ended.returncode
    assert "--broker" in ended.stderr


@pytest.mark.parametrize("seed", ["30", "33", "34", "37"])
def test_somebody_is_in_the_turnstile_at_the_power_cut_though_no_season_pass_comes_after_the_middle(seed):
    ended = demo("--taps", "20", "--seed", seed, "--json")
    assert 0 == ended.returncode, ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    assert (20, 1, 1, 0) == tuple(told[name] for name in ("taps", "restarts", "unknown", "unsettled"))


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_gate_that_dies_unasked_ends_the_demo_with_one_line():
    words = [sys.executable, "-u", "-m", "gated", "demo", "--taps", "100000"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        running.stdout.readline()  # the first visitor was served
        (gate,) = children(running.pid)
        os.kill(gate, signal.SIGKILL)
        _, told = running.communicate(timeout=PATIENCE_S)
    assert 1 == running.returncode
    (line,) = told.splitlines()
    assert line.startswith("gated: the demo's gate ended by itself after ")
    assert "of 100000 visitors (exit code -9)" in line


def test_it_tells_its_story_on_a_pipe_too(tmp_path):
    ended = demo("--taps", "30", "--keep", str(tmp_path / "kept"))
    assert 0 == ended.returncode, ended.stderr
    assert "power cut" in ended.stdout
    assert "chain whole" in ended.stdout
    assert (tmp_path / "kept" / "state" / "journal.db").exists()


def test_kept_files_of_an_earlier_demo_are_not_overwritten(tmp_path):
    (tmp_path / "precious").write_text("mine")
    ended = demo("--keep", str(tmp_path))
    assert (2, True) == (ended.returncode, "is not empty" in ended.stderr)
    assert "mine" == (tmp_path / "precious").read_text()


@pytest.mark.parametrize("taps", ["1", "many"])
def test_a_number_of_taps_that_makes_no_demo_is_refused(taps):
    assert 2 == demo("--taps", taps).returncode


def test_the_same_seed_brings_the_same_people():
    first, second = ([next(people) for _ in range(50)] for people in (visits(4), visits(4)))
    assert first == second
