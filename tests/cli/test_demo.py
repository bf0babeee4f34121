"""``gated demo``: the first thing anybody runs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gated.cli.demo_cast import visits

KEYS = {"taps", "granted", "denied", "reasons", "taken", "not_taken", "unknown", "journaled"}
KEYS |= {"unsettled", "restarts", "decide_ms", "rss_mb"}


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
    assert told["granted"] == told["taken"] + told["not_taken"] + told["unknown"]
    assert 1 == told["unknown"]
    assert 4 <= len(told["reasons"])
    assert {"p50", "p99"} == told["decide_ms"].keys()


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
