"""Network namespaces: places with a network each, joined by virtual cables that can be pulled. As root.

A namespace lives as long as a process in it does: a ``cat`` that ends with this process, however that ends.
Nothing of it can be seen from outside: no name, no address and no route of the machine is touched.
"""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from needs import missing, need
from venue import until

_CLONE_NEWNET = 0x40000000  # setns(2)
_NO_ROOT = "network namespaces need root and CAP_SYS_ADMIN, CAP_NET_ADMIN (sudo sh tests/run)"


class Namespace:
    """A network with nothing in it but its own loopback; where there can be none, ``missing`` tells."""

    def __init__(self) -> None:
        self._enter, self._ip = need("nsenter", "util-linux"), need("ip", "iproute2")
        self._holder = subprocess.Popen(
            [need("unshare", "util-linux"), "--net", "cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._path = Path(f"/proc/{self._holder.pid}/ns/net")
        if not until(self._is_another) or self._holder.poll() is not None or self._try("link", "show"):
            self.close()
            missing(_NO_ROOT)
        self.ip("link", "set", "lo", "up")

    def _is_another(self) -> bool:
        """Whether it came so far, or ended."""
        with suppress(OSError):
            return self._path.readlink() != Path("/proc/self/ns/net").readlink()
        return self._holder.poll() is not None

    @property
    def pid(self) -> int:
        return self._holder.pid

    @property
    def words(self) -> list[str]:
        """What to put before a command, so that it runs in there."""
        return [self._enter, f"--net={self._path}", "--"]

    def _try(self, *words: str) -> int:
        return subprocess.run([*self.words, self._ip, *words], check=False, capture_output=True).returncode

    def ip(self, *words: str) -> None:
        """Run ip(8) in there."""
        subprocess.run([*self.words, self._ip, *words], check=True, capture_output=True)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """What this thread connects meanwhile, and threads that it starts, is in there."""
        with Path("/proc/thread-self/ns/net").open("rb") as before, self._path.open("rb") as there:
            _setns(there.fileno())
            try:
                yield
            finally:
                _setns(before.fileno())

    def close(self) -> None:
        """End it; a process that is still in there keeps it."""
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        self._holder.wait(10)


def _setns(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Cable:
    """From a hub at ``here`` to a place at ``there``, and nowhere else."""

    def __init__(self, hub: Namespace, place: Namespace, here: str, there: str, name: str) -> None:
        self._hub, self._here, self._there, self._name = hub, here, there, name
        hub.ip("link", "add", name, "type", "veth", "peer", "name", "hub", "netns", str(place.pid))
        for end, device, own, other in ((hub, name, here, there), (place, "hub", there, here)):
            end.ip("address", "add", f"{own}/32", "peer", f"{other}/32", "dev", device)
            end.ip("link", "set", device, "up")

    def pull(self) -> None:
        """Out of the hub: nothing goes through, and nobody is told."""
        self._hub.ip("link", "set", self._name, "down")

    def plug(self) -> None:
        """Back in."""
        self._hub.ip("link", "set", self._name, "up")

    def deafen(self) -> None:
        """The hub hears the place, and nothing that the hub says arrives."""
        self._hub.ip("route", "replace", "blackhole", f"{self._there}/32")

    def hear(self) -> None:
        """It arrives again."""
        words = (f"{self._there}/32", "dev", self._name, "scope", "link", "src", self._here)
        self._hub.ip("route", "replace", *words)


@contextmanager
def star(places: int) -> Iterator[tuple[Namespace, list[Namespace], list[Cable], str]]:
    """A hub, so many places with a cable to it each, and the hub's address."""
    address = "198.18.0.1"  # RFC 2544: for tests, and in nobody's network
    with ExitStack() as open_ones:
        hub, *others = [open_ones.enter_context(closing(Namespace())) for _ in range(1 + places)]
        cables = [
            Cable(hub, place, address, f"198.18.0.{number}", f"place{number}")
            for number, place in enumerate(others, start=2)
        ]
        yield hub, others, cables, address
