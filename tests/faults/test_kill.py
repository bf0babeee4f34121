"""kill -9 under load, at random moments and at random releases.

``.ci/run`` kills 200 times; without GATED_KILLS it is a short form of the same.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from faults.gate_process import PEOPLE
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from venue import PATIENCE_S, Site, medium

KILLS = int(os.environ.get("GATED_KILLS", "25"))
#: Which kill falls into a release: every fourth, or each one where a mutant must not slip between them.
AT_RELEASE = int(os.environ.get("GATED_KILL_AT_RELEASE", "4"))
PROCESS = Path(__file__).with_name("gate_process.py")


def run_and_kill(site, log, draw, *, at_release):
    """A run under load, and its kill. Returns how many releases it found left open."""
    words = [sys.executable, str(PROCESS), "load", str(site.config), str(log)]
    words += [str(draw.randint(1, 6))] * at_release
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=environment) as gate:
        unsettled = json.loads(gate.stdout.readline())["unsettled"]
        if at_release:
            gate.wait(PATIENCE_S)
        else:
            threading.Event().wait(draw.uniform(0.0, 0.15))  # the moment is the test's random input
            gate.kill()
    assert -signal.SIGKILL == gate.returncode
    return unsettled


def rows_after(site, seq):
    reader = JournalReader(site.state / JOURNAL)
    try:
        return [json.loads(row.body) for row in reader.rows(after=seq)]
    finally:
        reader.close()


def released(log):
    """(lane, number of the medium) of each release of one run, in order."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [(lane, int(number)) for lane, number in map(str.split, lines)]


def check_run(rows, releases, lane, passes):
    """One for one and in order: each release has its row; one row at most, the last, has no release."""
    granted = [row["pass"] for row in rows if (row.get("lane"), row.get("outcome")) == (lane, "granted")]
    opened = [passes[number] for where, number in releases if where == lane]
    assert opened == granted[: len(opened)], f"{lane}: a release without its row"
    assert len(granted) <= len(opened) + 1, f"{lane}: rows without their release"


@pytest.mark.timeout(60 + 5 * KILLS)
def test_no_kill_loses_a_row_opens_without_one_or_settles_twice(tmp_path):
    # No lane gives up a row: each grant is followed by its release unless the kill comes between.
    site = Site(tmp_path, lanes=("in-1", "in-2"), lane_lines='hold = "20ms"', more='wait = "30s"')
    for number in range(PEOPLE):
        site.bring(site.give(f"a{number}", medium(number), "season" if number % 2 else "swim3"))
    passes = {number: site.office.pass_of(f"a{number}").hex() for number in range(PEOPLE)}
    draw, settled_unknown, seq, opened = random.Random(11), 0, 0, 0
    for run in range(KILLS):
        log = tmp_path / f"releases-{run}"
        settled_unknown += run_and_kill(site, log, draw, at_release=run % AT_RELEASE == AT_RELEASE - 1)
        rows, releases = rows_after(site, seq), released(log)
        for lane in site.lanes:
            check_run(rows, releases, lane, passes)
        seq, opened = seq + len(rows), opened + len(releases)
    assert opened > KILLS, "the load must have opened the barrier, or nothing was tested"
    check_whole(site, settled_unknown)
    site.office.close()
    print(f"{KILLS} kills, {seq} rows, {opened} releases, {settled_unknown} unknown")


def check_whole(site, settled_unknown):
    """The chain is whole, its numbers gapless, each grant settled once or still open."""
    reader = JournalReader(site.state / JOURNAL)
    assert [] == list(reader.verify())
    events = [json.loads(row.body) for row in reader.rows()]
    summary = reader.summary()
    reader.close()
    assert list(range(1, len(events) + 1)) == [event["seq"] for event in events]
    granted = [event["seq"] for event in events if event.get("outcome") == "granted"]
    named = [event["decision"] for event in events if event["kind"] == "settled"]
    assert len(named) == len(set(named))
    assert set(named) <= set(granted)
    assert len(granted) == len(named) + summary.unsettled
    assert settled_unknown == summary.settled.get("unknown", 0)
