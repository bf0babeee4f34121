"""kill -9 at random moments under load.

The short form runs in CI; the full one is ``GATED_KILLS=200 pytest tests/faults/test_kill.py``.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from faults.gate_process import PEOPLE
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from venue import Site, medium

KILLS = int(os.environ.get("GATED_KILLS", "25"))
PROCESS = Path(__file__).with_name("gate_process.py")


def test_no_kill_loses_a_row_opens_without_one_or_settles_twice(tmp_path):
    site = Site(tmp_path, lanes=("in-1", "in-2"), lane_lines='hold = "20ms"')
    for number in range(PEOPLE):
        site.bring(site.give(f"a{number}", medium(number), "season" if number % 2 else "swim3"))
    log, draw, settled_unknown = tmp_path / "releases", random.Random(11), 0
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    for _ in range(KILLS):
        words = [sys.executable, str(PROCESS), "load", str(site.config), str(log)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, env=environment) as gate:
            settled_unknown += json.loads(gate.stdout.readline())["unsettled"]
            threading.Event().wait(
                draw.uniform(0.0, 0.15)
            )  # the moment of the kill is the test's random input
            gate.kill()
        assert -signal.SIGKILL == gate.returncode
    reader = JournalReader(site.state / JOURNAL)
    assert [] == list(reader.verify())
    events = [json.loads(row.body) for row in reader.rows()]
    summary = reader.summary()
    reader.close()
    assert list(range(1, len(events) + 1)) == [event["seq"] for event in events]
    granted = Counter(event["lane"] for event in events if event.get("outcome") == "granted")
    released = Counter(log.read_text().split())
    assert sum(released.values()) > KILLS, "the load must have opened the barrier, or nothing was tested"
    for lane in site.lanes:
        # A row without its release: killed between the two, at most once a kill. Never the other way.
        assert 0 <= granted[lane] - released[lane] <= KILLS
    named = [event["decision"] for event in events if event["kind"] == "settled"]
    assert len(named) == len(set(named))
    assert settled_unknown == summary.settled.get("unknown", 0)
    assert sum(granted.values()) == len(named) + summary.unsettled
    site.office.close()
    print(f"{KILLS} kills, {len(events)} rows, {sum(released.values())} releases, {settled_unknown} unknown")
