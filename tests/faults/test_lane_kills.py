"""kill -9 at the steps of a lane: taps, parties, orders, a fault and a fire, cut off anywhere.

``.ci/run`` kills 200 times; without GATED_LANE_KILLS it is a short form of the same. The steps are spread
evenly over all that a lane's thread executes in one drill.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from faults.lane_process import ALICE, FAMILY
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from gated.store.uses import UsesReader
from turnstile import two_way
from venue import PATIENCE_S, medium

KILLS = int(os.environ.get("GATED_LANE_KILLS", "16"))
PROCESS = Path(__file__).with_name("lane_process.py")
#: Uses of the family's right: enough for every drill, and counted.
PLENTY = 100_000


def drill(site, log, *step):
    """A drill, whole or cut off at a step. Returns what it said, and how it ended."""
    words = [sys.executable, str(PROCESS), str(site.config), str(log), *map(str, step)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run(
        words, capture_output=True, text=True, env=environment, check=False, timeout=6 * PATIENCE_S
    )
    told = {}
    for line in ended.stdout.splitlines():
        told |= json.loads(line)
    return told, ended


def events(site):
    with closing(JournalReader(site.state / JOURNAL)) as reader:
        return [json.loads(row.body) for row in reader.rows()]


def check_commands(log, before, rows):
    """What moved a barrier stands in a row: no release without one, nothing held open without a reason."""
    commands = log.read_text().splitlines() if log.exists() else []
    grants = [row for row in rows if row.get("outcome") == "granted" or row.get("order") == "open"]
    of_entry = sum(row["persons"] for row in grants if row["lane"] == "in-1")
    assert commands.count("in-1 release") <= of_entry, "a pulse without a row"
    burning = commands.index("out-1 fire") if "out-1 fire" in commands else len(commands)
    if "in-1 hold_open" in commands[:burning]:  # only a fire may open before its row stands
        assert left_open(before) or any(row.get("order") == "free_passage" for row in rows)


def left_open(before):
    """Whether the rows of earlier drills leave the lane open."""
    mode, burning = "normal", False
    for row in (row for row in before if row.get("lane") == "in-1"):
        if row["kind"] == "ordered" and row["order"] != "open":
            burning = burning and row["order"] != "rearm"
            mode = mode if row["order"] == "rearm" else row["order"]
        elif row["kind"] == "lane":
            burning = burning or row["state"] == "fire"
    return burning or mode == "free_passage"


@pytest.mark.timeout(60 + 8 * KILLS)
def test_no_step_of_a_lane_can_be_cut_off_to_anybodys_harm(tmp_path):
    site = two_way(tmp_path, lane_lines='hold = "30ms"', more='wait = "30s"')
    site.bring(site.give("alice", medium(ALICE), "season"))
    site.bring(site.give("family", medium(FAMILY), "season", party=3, uses=PLENTY))
    whole, ended = drill(site, tmp_path / "whole")
    assert 0 == ended.returncode, ended.stderr
    assert whole["steps"] > 1000
    seq, unknown = len(events(site)), 0
    killed = 0
    for kill in range(KILLS):
        log = tmp_path / f"commands-{kill}"
        told, ended = drill(site, log, 1 + whole["steps"] * kill // KILLS)
        # Two drills are not the same to the line: the last step may not be reached. Nothing else may fail.
        assert ended.returncode in (-signal.SIGKILL, 0), ended.stderr
        killed += ended.returncode == -signal.SIGKILL
        unknown += told.get("unsettled", 0)
        every = events(site)
        check_commands(log, every[:seq], every[seq:])
        seq = len(every)
    assert killed >= KILLS - 1 - KILLS // 20
    after, ended = drill(site, tmp_path / "after")  # visitors may tap again, and all of it works
    assert 0 == ended.returncode, ended.stderr
    check_whole(site, unknown + after["unsettled"])
    site.office.close()
    print(f"{killed} kills at {whole['steps']} steps, {seq} rows, {unknown} unknown")


def check_whole(site, unknown):
    """The chain is whole; each release is settled once; persons and uses add up."""
    with closing(JournalReader(site.state / JOURNAL)) as reader:
        assert [] == list(reader.verify())
        assert 0 == reader.summary().unsettled
    rows = events(site)
    opened = {
        row["seq"]: row for row in rows if row.get("outcome") == "granted" or row.get("order") == "open"
    }
    settled = [row for row in rows if row["kind"] == "settled"]
    assert sorted(opened) == sorted(row["decision"] for row in settled), "each is settled, and once"
    assert unknown == sum(row["outcome"] == "unknown" and row["by"] == "restart" for row in settled)
    kept = 0
    for row in settled:
        grant = opened[row["decision"]]
        taken = row["persons"] if row["outcome"] == "taken" else 0
        lost = row["persons"] if row["outcome"] == "unknown" else row.get("unknown", 0)
        assert 0 <= taken + lost <= grant["persons"]
        if grant.get("product") == "season" and grant["persons"] == 3:
            kept += taken + lost  # what nobody knows counts, by this profile
    (cti,) = {row["cti"] for row in opened.values() if row["persons"] == 3}
    with closing(UsesReader(site.state / JOURNAL)) as reader:
        assert kept == reader.recall([bytes.fromhex(cti)], "bron", 0)[bytes.fromhex(cti)].uses.total
