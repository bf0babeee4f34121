"""The thread of the link stands back behind the lanes; read from the kernel and the interpreter."""

import os
import sys
import threading

from desk import Desk


def nices():
    """The nice values of this process's threads by name."""
    return {
        thread.name: os.getpriority(os.PRIO_PROCESS, thread.native_id)
        for thread in threading.enumerate()
        if thread.native_id is not None
    }


def test_the_thread_of_the_link_ranks_behind_all_others(site, serve):
    own = os.getpriority(os.PRIO_PROCESS, 0)
    desk = Desk(site)
    serve(site, link=desk.gate_link())
    desk.greeted()
    found = nices()
    assert 19 == found.pop("sync")
    assert {"journal"} < set(found)
    assert {own} == set(found.values())


def test_a_gate_that_serves_lets_no_thread_keep_the_interpreter(site, serve):
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.005)
    try:
        serve(site)
        assert sys.getswitchinterval() <= 0.0005
    finally:
        sys.setswitchinterval(before)
