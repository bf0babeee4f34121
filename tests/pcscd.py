"""A pcscd of our own with virtual readers: its own socket, its own list of readers, no root, no systemd.

pcscd takes its socket by activation, as systemd hands it over; clients find it by PCSCLITE_CSOCK_NAME.
libpcsclite reads that name once in a process, so there is one such service for all tests of a process.
It can be stopped and started again on the same path, and the cable of its first reader can be pulled
while the service and the other readers live on.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gated.devices.clock import SystemClock
from gated.devices.simulated.media import Medium
from gated.devices.simulated.vpcd import VpcdPresentation
from needs import need

PCSCD = shutil.which("pcscd") or "/usr/sbin/pcscd"
DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
PULLED = "pulled"
LIT = "lit"
READERS = 2
PATIENCE_S = 10.0

#: Hands over the socket as fd 3. LISTEN_PID must be the number of the process that becomes pcscd.
_LAUNCH = """\
import os, sys
os.dup2(int(sys.argv[1]), 3, inheritable=True)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execv(sys.argv[2], sys.argv[2:])
"""


def missing() -> str:
    """What this machine lacks for a pcscd of our own; empty = nothing."""
    if not Path(PCSCD).exists() or not DRIVER.exists():
        return "pcscd or its vpcd driver is missing: apt install pcscd vsmartcard-vpcd"
    if importlib.util.find_spec("smartcard") is None:
        return "pyscard is missing: apt install gcc python3-dev libpcsclite-dev; pip install 'gated[pcsc]'"
    if os.geteuid() != 0 and not Path("/run/pcscd").is_dir():
        return "/run/pcscd is missing, and only root's pcscd makes it: sudo mkdir /run/pcscd"
    return ""


@functools.cache
def service() -> Service:
    """The service of this process. Skips the test where there can be none; fails it in CI."""
    lacks = missing()
    if lacks and os.environ.get("CI") == "true":
        pytest.fail(f"CI must test real readers: {lacks}")
    if lacks:
        pytest.skip(lacks)
    made = Service()
    atexit.register(made.end)
    return made


@contextmanager
def running() -> Iterator[Service]:
    """The service at work, with empty slots before and after."""
    shared = service()
    shared.start()
    try:
        yield shared
    finally:
        shared.plug()
        shared.disobey()
        for slot in shared.slots:
            slot.remove()


class Slot:
    """A slot of a virtual reader."""

    def __init__(self, made: Service, entry: int, number: int) -> None:
        self._service = made
        self._entry, self._number = entry, number
        self._presentation: VpcdPresentation | None = None
        self.reader = f"{_name(entry)} 00 {number:02d}"

    def insert(self, medium: Medium) -> None:
        """Put a medium in. pcscd sees it at its next poll, within 0.4 s."""
        assert self._presentation is None, "take the last medium out first"
        self._presentation = VpcdPresentation(medium, self._service.ports[self._entry] + self._number)

    @property
    def presentation(self) -> VpcdPresentation:
        """Of the medium that is in it."""
        assert self._presentation is not None
        return self._presentation

    @property
    def orders(self) -> list[bytes]:
        """What the reader was told to do with its light while this medium was in it."""
        return self.presentation.orders

    def wait_seen(self) -> None:
        """Wait until pcscd has seen the medium."""
        _wait_for(self.reader, "SCARD_STATE_PRESENT")

    def remove(self) -> None:
        """Take the medium out and wait until pcscd has seen it: it can miss a swap between two polls."""
        if self._presentation is not None:
            self._presentation.remove()
            self._presentation = None
            if self._service.alive:
                _wait_for(self.reader, "SCARD_STATE_EMPTY")


class Service:
    """pcscd with ``READERS`` readers of two slots each."""

    def __init__(self) -> None:
        # Not pytest's tmp_path: the path of a socket has 108 bytes at most.
        self._directory = Path(tempfile.mkdtemp(prefix="gated-", dir="/tmp"))
        self._process: subprocess.Popen[bytes] | None = None
        self._socket = self._directory / "comm"
        self.log = self._directory / "log"
        os.environ["PCSCLITE_CSOCK_NAME"] = str(self._socket)
        self.ports: list[int] = []
        self.slots = [Slot(self, entry, number) for entry in range(READERS) for number in range(2)]

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it unless it runs. Clients find it where it was."""
        for _ in range(0 if self.alive else 3):
            self._configure()
            self._spawn()
            if {slot.reader for slot in self.slots} <= set(_listed()):
                return
            self.stop()  # somebody took a port between our look and pcscd's
        assert self.alive, f"pcscd lists no virtual readers; see {self.log}"

    def stop(self) -> None:
        """Stop it, as when pcscd is updated or dies: no reader is left."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(1.0)
            except subprocess.TimeoutExpired:  # it waits for a medium that hangs
                self._process.kill()
                self._process.wait()
            self._process = None

    def pull(self) -> None:
        """Pull the cable of the first reader. Skips the test where the cable could not be built."""
        need("gcc", "gcc")
        (self._directory / PULLED).touch()

    def plug(self) -> None:
        """Put it back."""
        (self._directory / PULLED).unlink(missing_ok=True)

    def obey(self) -> None:
        """From now on, the first reader takes orders without a medium: no reader does by default."""
        need("gcc", "gcc")
        (self._directory / LIT).touch()

    def orders(self) -> list[bytes]:
        """What the first reader was told to do without a medium, since ``obey``."""
        return [bytes.fromhex(order) for order in (self._directory / LIT).read_text("ascii").split()]

    def disobey(self) -> None:
        """It takes orders no longer."""
        (self._directory / LIT).unlink(missing_ok=True)

    def end(self) -> None:
        """Stop it for good."""
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _configure(self) -> None:
        entries = self._directory / "readers"
        entries.mkdir(exist_ok=True)
        self.ports = [_free_pair() for _ in range(READERS)]
        lines = []
        for entry, port in enumerate(self.ports):
            library = self._driver(entry)
            lines += [f'FRIENDLYNAME "{_name(entry)}"', f"DEVICENAME /dev/null:0x{port:X}"]
            lines += [f"LIBPATH {library}", f"CHANNELID 0x{port:X}", ""]
        (entries / "vpcd").write_text("\n".join(lines), encoding="ascii")

    def _driver(self, entry: int) -> Path:
        # The driver keeps its slots in one array per loaded library: each reader needs a copy of its
        # own, or the last entry takes the slots of all others.
        compiler = shutil.which("gcc")
        if entry or compiler is None:
            return shutil.copy(DRIVER, self._directory / f"vpcd{entry}.so")
        # Under the name that the linker notes (its SONAME: three of the file's four parts).
        behind = self._directory / ".".join(DRIVER.resolve().name.split(".")[:3])
        shutil.copy(DRIVER, behind)
        library = self._directory / "cable.so"
        words = [compiler, "-shared", "-fPIC", "-o", library]
        words += [f'-D{name.upper()}="{self._directory / name}"' for name in (PULLED, LIT)]
        words += [Path(__file__).with_name("cable.c"), "-Wl,--no-as-needed,-rpath,$ORIGIN", behind]
        subprocess.run(words, check=True)
        return library

    def _spawn(self) -> None:
        self._socket.unlink(missing_ok=True)
        words = [PCSCD, "--foreground", "--config", str(self._directory / "readers"), *_polkit()]
        with socket.socket(socket.AF_UNIX) as listening, self.log.open("ab") as log:
            listening.bind(str(self._socket))
            listening.listen(64)  # clients queue from here on: nothing has to wait until pcscd is up
            launch = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(listening.fileno())]
            self._process = subprocess.Popen(
                launch + words,
                pass_fds=(listening.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


def _name(entry: int) -> str:
    """The first one is named as a reader whose light takes orders."""
    return f"Gate {'Virtual' if entry else 'ACR122U'} {entry}"


@functools.cache
def _polkit() -> tuple[str, ...]:
    """pcsc-lite from 2.0.1 on asks polkit, which a container does not have."""
    told = subprocess.run([PCSCD, "--help"], capture_output=True, text=True, check=False)
    return ("--disable-polkit",) if "--disable-polkit" in told.stdout + told.stderr else ()


def _free_pair() -> int:
    """A port that is free together with the next: vpcd takes one per slot."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def _listed() -> list[str]:
    from smartcard import scard

    code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    if code != scard.SCARD_S_SUCCESS:
        return []
    names = scard.SCardListReaders(context, [])
    scard.SCardReleaseContext(context)
    return names[1] if names[0] == scard.SCARD_S_SUCCESS else []


def _wait_for(reader: str, flag_name: str) -> None:
    from smartcard import scard

    flag: int = getattr(scard, flag_name)
    clock = SystemClock()
    code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    assert code == scard.SCARD_S_SUCCESS
    deadline, state = clock.monotonic() + PATIENCE_S, scard.SCARD_STATE_UNAWARE
    while not state & flag:
        assert clock.monotonic() < deadline, f"{reader}: never {flag_name}"
        code, states = scard.SCardGetStatusChange(context, 1000, [(reader, state)])
        assert code in (scard.SCARD_S_SUCCESS, scard.SCARD_E_TIMEOUT), hex(code)
        state = states[0][1]
    scard.SCardReleaseContext(context)
