"""A process of the gate's own for work that is long: of the lowest rank, and gone when its parent is.

It is told its job by a line of JSON on its standard input and tells how far it is by lines of JSON on its
standard output, which is a file: neither side ever waits for the other to read.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import select
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from gated.errors import StoreError

_IOPRIO_SET = {"x86_64": 251, "aarch64": 30, "armv7l": 314}
_IOPRIO_WHO_PROCESS, _IOPRIO_CLASS_IDLE = 1, 3 << 13
#: The nice value of who goes last (setpriority(2)).
LOWEST = 19
_WAIT_S = 5.0
_MOST_TOLD = 4 << 20


class Child:
    """The parent's end.

    Args:
        module: what runs, as ``python -m`` finds it.
        job: what it shall do.
        inherit: descriptors that it holds too: a lock lasts as long as either of us.

    """

    def __init__(self, module: str, job: Mapping[str, Any], inherit: Sequence[int] = ()) -> None:
        self._told = tempfile.TemporaryFile()  # noqa: SIM115  # closed by end
        words = [sys.executable, "-P", "-m", module]
        silent = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
        world = {name: value for name, value in os.environ.items() if name not in silent}
        try:
            self._process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=self._told, pass_fds=inherit, env=world
            )
        except OSError as error:
            self._told.close()
            raise StoreError(f"{module} cannot be started ({error.strerror})", hint="see dmesg") from error
        self._say(json.dumps(job))

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def nudge(self) -> None:
        """There is more to do."""
        self._say("")

    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def told(self) -> dict[str, Any]:
        """The last whole line that it told; empty = none yet."""
        raw = os.pread(self._told.fileno(), _MOST_TOLD, 0)
        lines = raw[: raw.rfind(b"\n") + 1].splitlines()
        if not lines:
            return {}
        told: dict[str, Any] = json.loads(lines[-1])
        return told

    def end(self) -> None:
        """Let it go, whatever it does."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        self._process.kill()
        if self._process.poll() is None:
            self._await(_WAIT_S)
        self._told.close()

    def _await(self, timeout_s: float) -> None:
        """Not as Popen waits: in steps of sleep, of which a clock that somebody plays with makes years."""
        watched = os.pidfd_open(self._process.pid)
        try:
            select.select([watched], [], [], timeout_s)
        finally:
            os.close(watched)
        self._process.poll()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it is gone: ``is_over`` says so
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()


class Parent:
    """The child's end."""

    def __init__(self) -> None:
        self._in = sys.stdin.buffer.raw if hasattr(sys.stdin.buffer, "raw") else sys.stdin.buffer
        self._unread = b""
        self.job: dict[str, Any] = json.loads(self._line())

    def tell(self, **told: Any) -> None:
        """Tell how far it is."""
        os.write(sys.stdout.fileno(), json.dumps(told).encode() + b"\n")

    def look(self, timeout_s: float = 0.0) -> None:
        """Wait for a nudge, at most so long. Ends the process where the parent is gone."""
        if select.select([self._in], [], [], timeout_s)[0]:
            self._read()

    def _line(self) -> bytes:
        while b"\n" not in self._unread:
            self._unread += self._read()
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _read(self) -> bytes:
        read = self._in.read(1 << 16) or b""
        if not read:
            os._exit(1)  # nobody waits for what we would make
        return bytes(read)


def lower() -> None:
    """Run only where nothing else wants to, and leave the core that the parent was given, if there is
    another: the scheduler may let even the lowest run on for milliseconds while a lane is ready (ADR 0020).
    """
    with contextlib.suppress(OSError):
        os.nice(LOWEST)
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, set(range(os.cpu_count() or 1)) - os.sched_getaffinity(0))
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    number = _IOPRIO_SET.get(platform.machine())
    if number is not None:
        ctypes.CDLL(None, use_errno=True).syscall(number, _IOPRIO_WHO_PROCESS, 0, _IOPRIO_CLASS_IDLE)
