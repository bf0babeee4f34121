"""A disk that stands still for five seconds, as SD cards do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from gated.store.uses import UsesReader
from needs import need
from venue import Site, medium

JOURNAL_WAIT_S = 1.5
PROCESS = Path(__file__).with_name("gate_process.py")


@pytest.mark.strace
def test_both_lanes_answer_in_time_and_nothing_is_counted_for_a_refused_visitor(tmp_path):
    strace = need("strace", "strace")
    # The disk stands still, not the media: a machine under load must not be taken for a hung reader.
    site = Site(tmp_path, lanes=("in-1", "in-2"), lane_lines='conversation = "10s"')
    rights = {}
    for number in (1, 2):
        rights[number], right = site.office.entitle(f"a{number}", "swim3", now=site.now)
        site.bring([*site.give(f"a{number}", medium(number), None), right])
    words = [sys.executable, str(PROCESS), "ask", str(site.config), str(tmp_path / "releases")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as gate:
        json.loads(gate.stdout.readline())
        warm = [_ask(gate, "in-1 1\n", 1), _ask(gate, "in-2 2\n", 1)]
        assert [True, True] == [answer["granted"] for (answer,) in warm]
        # From now on: the next fdatasync of the gate takes five seconds longer.
        stall = [strace, "-f", "-p", str(gate.pid), "-e", "trace=fdatasync", "-o", str(tmp_path / "trace")]
        stall += ["-e", "inject=fdatasync:delay_enter=5000000:when=1"]
        with subprocess.Popen(stall, stderr=subprocess.PIPE, text=True) as tracer:
            assert "attached" in tracer.stderr.readline()
            try:
                answers = _ask(gate, "in-1 1\nin-2 2\n", 2)
            finally:
                gate.stdin.close()  # or gate and tracer would wait for more for ever
            gate.wait(60)
            tracer.wait(60)
    assert "INJECTED" in (tmp_path / "trace").read_text() or "DELAYED" in (tmp_path / "trace").read_text()
    for answer in answers:
        assert not answer["granted"]
        assert {"reason": "out_of_service", "cause": "journal_slow"} == answer["refusal"]
        assert answer["took_s"] < JOURNAL_WAIT_S + 0.3
    uses = UsesReader(site.state / JOURNAL)
    known = uses.recall([rights[1], rights[2]], "bron", 0)
    assert [1, 1] == [known[rights[number]].uses.total for number in (1, 2)]  # the two of the warm-up alone
    uses.close()
    reader = JournalReader(site.state / JOURNAL)
    assert [] == list(reader.verify())
    events = [json.loads(row.body) for row in reader.rows()]
    reader.close()
    late = [event for event in events if event.get("by") == "late_row"]
    assert late
    assert {"not_taken"} == {event["outcome"] for event in late}
    assert 2 == len((tmp_path / "releases").read_text().splitlines())
    site.office.close()


def _ask(gate, lines: str, answers: int) -> list[dict]:
    gate.stdin.write(lines)
    gate.stdin.flush()
    return [json.loads(gate.stdout.readline()) for _ in range(answers)]
