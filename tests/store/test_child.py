"""How a process of the gate's own stands to the lanes, read from the kernel."""

import os
import subprocess
import sys

import pytest

from gated.store.child import Child
from venue import until


@pytest.fixture
def cores():
    """All cores that this machine lets us have, and ours for the length of a test."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    yield os.sched_getaffinity(0)
    os.sched_setaffinity(0, before)


@pytest.fixture
def child(monkeypatch):
    """Starts a child; gives its process id once it has lowered itself."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    running = []

    def start():
        one = Child("lowered", {"wait_s": 60})
        running.append(one)
        assert until(one.told)
        return one.pid

    yield start
    for one in running:
        one.end()


def test_it_leaves_the_core_of_the_lanes_where_there_is_another(cores, child):
    one = min(cores)
    os.sched_setaffinity(0, {one})
    assert (cores - {one} or cores) == os.sched_getaffinity(child())


def test_it_runs_wherever_the_lanes_do_if_they_have_all(cores, child):
    assert cores == os.sched_getaffinity(child())


def test_it_is_the_last_in_every_queue(child):
    pid = child()
    assert 19 == os.getpriority(os.PRIO_PROCESS, pid)
    assert os.SCHED_IDLE == os.sched_getscheduler(pid)
    assert "idle\n" == subprocess.check_output(["ionice", "-p", str(pid)], text=True)
