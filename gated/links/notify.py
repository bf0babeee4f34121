"""The service manager (sd_notify(3)): ready, alive, stopping."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

#: NotifyAccess=main refuses other processes; an abstract address begins with @ in the variable.
_VARIABLE = "NOTIFY_SOCKET"
_WATCHDOG = "WATCHDOG_USEC"


class ServiceManager:
    """Tells systemd, where there is one; otherwise every call does nothing."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        path = environment.get(_VARIABLE, "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        # Half of what the unit grants: one late beat is no reason to be killed.
        usec = environment.get(_WATCHDOG, "")
        self.beat_s = int(usec) / 2e6 if usec.isdigit() else None

    @classmethod
    def from_environment(cls) -> ServiceManager:
        """As the service manager started us; children must not inherit it."""
        found = {name: os.environ.pop(name) for name in (_VARIABLE, _WATCHDOG) if name in os.environ}
        return cls(found)

    def ready(self) -> None:
        """The gate serves."""
        self._tell("READY=1")

    def alive(self) -> None:
        """The way of a tap is alive."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """The gate stops."""
        self._tell("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._tell(f"STATUS={text}")

    def _tell(self, message: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
            try:
                link.connect(self._address)
                link.send(message.encode())
            except OSError:
                return  # a service manager that does not listen must not stop a gate
