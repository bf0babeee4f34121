"""The control socket in the file system: who may open it, and whose it is."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from gated.errors import LinkError

#: For the daemon's user and its group.
MODE = 0o660
#: Clients that wait to be let in.
BACKLOG = 16


class Door:
    """A listening socket at a path; one that a dead process left there is replaced. Raises ``LinkError``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        _make_room(path)
        self.socket = socket.socket(
            socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        )
        try:
            self.socket.bind(str(path))
            # Nobody can connect before listen(): whatever the umask was, the mode is there first.
            path.chmod(MODE)
            self.socket.listen(BACKLOG)
            found = path.lstat()
        except OSError as error:
            self.socket.close()
            raise _unusable(path, error) from error
        self._inode = found.st_dev, found.st_ino

    def close(self) -> None:
        """Take it away, unless a gate that came after us has put its own there."""
        self.socket.close()
        with suppress(OSError):
            found = self._path.lstat()
            if (found.st_dev, found.st_ino) == self._inode:
                self._path.unlink()


def _make_room(path: Path) -> None:
    """Remove a socket on which nobody listens any more."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise LinkError(f"{path} is no socket", hint="set control.socket in gate.toml to another path")
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unusable(path, error) from error
    with socket.socket(
        socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    ) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            with suppress(FileNotFoundError):
                path.unlink()
            return
        except OSError:  # its queue is full, or it is not ours
            pass
    raise LinkError(f"{path} is in use by another process", hint="give each gate its own control.socket")


def _unusable(path: Path, error: OSError) -> LinkError:
    hint = "set control.socket in gate.toml"
    if not path.parent.exists():
        hint = f"{path.parent} is not there: the systemd unit makes it; or {hint}"
    return LinkError(f"{path} cannot be made ({os.strerror(error.errno or 0)})", hint=hint)
