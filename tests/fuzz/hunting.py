"""Hunting without a coverage-guided fuzzer, and making what was caught small."""

from __future__ import annotations

import random
import resource
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from fuzz.supply import mutated

#: Of one input, as libFuzzer is told: past this it hangs, or eats the machine.
TIMEOUT_S = 2
MEMORY_MB = 512
#: Tries at making a crash smaller; one of a few hundred bytes takes some thousands.
SHRINKING = 20_000

Run = Callable[[bytes], None]


class TooSlow(BaseException):  # no parser's ``except Exception`` may catch it
    """An input took longer than ``TIMEOUT_S``."""


class Caught(NamedTuple):
    """How often a target was run, and the input that broke it."""

    executions: int
    crash: bytes | None


@contextmanager
def bounded() -> Iterator[None]:
    """As much memory as libFuzzer would allow, and an alarm for each input that is started."""

    def late(_number: int, _frame: object) -> None:
        raise TooSlow(f"took more than {TIMEOUT_S} s")

    before, limit = signal.signal(signal.SIGALRM, late), resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_MB << 20, limit[1]))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_DATA, limit)


def broken_by(run: Run, data: bytes) -> str | None:
    """How a target fails at this input, and where; None = it holds. Call it within ``bounded``."""
    signal.setitimer(signal.ITIMER_REAL, TIMEOUT_S)
    try:
        run(data)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as broken:
        last = traceback.extract_tb(broken.__traceback__)[-1]
        # An alarm rings in another place each time, so its place tells nothing.
        return "TooSlow" if isinstance(broken, TooSlow) else f"{type(broken).__name__} at {last.name}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return None


def hunt(run: Run, seeds: Sequence[bytes], chance: random.Random, goes_on: Callable[[int], bool]) -> Caught:
    """Mutations of the seeds, after the seeds themselves, until one breaks the target or the time is over."""
    executions = 0
    while goes_on(executions):
        data = seeds[executions] if executions < len(seeds) else mutated(chance, seeds)
        executions += 1
        if broken_by(run, data) is not None:
            return Caught(executions, data)
    return Caught(executions, None)


def shrunk(run: Run, data: bytes) -> bytes:
    """A smaller input that breaks the target in the same way: pieces taken out, then bytes made plain."""
    how, tries = broken_by(run, data), SHRINKING
    if how is None:
        return data
    size = len(data)
    while size and tries:
        at, smaller = 0, False
        while at < len(data) and tries:
            tries -= 1
            less = data[:at] + data[at + size :]
            if broken_by(run, less) == how:
                data, smaller = less, True
            else:
                at += size
        if not smaller:
            size //= 2
        size = min(size, len(data))
    for at in range(min(len(data), tries)):
        plain = data[:at] + b"\x00" + data[at + 1 :]
        if broken_by(run, plain) == how:
            data = plain
    return data
