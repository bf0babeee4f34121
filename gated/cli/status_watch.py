"""``gated status --watch``: what the lanes of a running gate do, as they do it."""

from __future__ import annotations

import json
import select
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated.cli.common import utc
from gated.cli.lane_words import lane_words, outcome_words
from gated.errors import one_line

if TYPE_CHECKING:
    from gated.cli.status_view import View
    from gated.links.control_client import ControlClient
    from gated.wire.control import Line

#: How often the ages are looked at anew, in seconds.
_LOOK_S = 2.0
#: A gate says this often that it is alive; after so long without a word something is wrong.
_SILENT_S = 15.0
_QUIT = "qQ"


def watch(socket: Path, *, as_json: bool) -> int:
    """Look on until q or Ctrl-C; where stdout is no terminal, print a line for each event."""
    if as_json or not sys.stdout.isatty():
        return _print(socket, as_json=as_json)
    return _show(socket)


def _stream(client: ControlClient) -> Iterator[Line]:
    from gated.links.control_client import value_of
    from gated.wire.control import AskWatch

    client.send(AskWatch())
    while True:
        for line in client.lines(_SILENT_S):
            value_of(line)  # an error ends it
            if line.kind is not None:
                yield line


def _print(socket: Path, *, as_json: bool) -> int:
    from gated.cli.asking import asking

    with asking(socket) as client:
        for line in _stream(client):
            told = json.dumps({line.kind: line.value}) if as_json else _words(line)
            if told:
                print(told, flush=True)
    return 0


def _words(line: Line) -> str:
    value = line.value
    if line.kind == "shown":
        return one_line(f"{utc(value['at'])} lane {value['lane']}: {outcome_words(value)}")
    if line.kind == "stands":
        return one_line(f"{'':20} lane {value['lane']}: {lane_words(value)}")
    return ""


# ------------------------------------------------------------------ on a terminal


def _show(socket: Path) -> int:
    from rich.live import Live

    from gated.cli.status_view import View
    from gated.devices.clock import SystemClock

    clock = SystemClock()
    view = View()
    with _keys() as keys, Live(screen=True, auto_refresh=False) as live:
        while True:
            view.lost = ""
            if not _watched(socket, view, live, keys, clock.monotonic):
                return 0
            live.update(view.picture(live.console.height), refresh=True)
            if _pressed(keys, 1.0):  # the gate is gone: it may be being started anew
                return 0


def _watched(socket: Path, view: View, live: Any, keys: Any, monotonic: Any) -> bool:
    """Show a gate. True = it is gone; False = whoever looks on has seen enough."""
    from gated.errors import LinkError
    from gated.links.control_client import ControlClient
    from gated.wire.control import AskStatus, AskWatch

    try:
        with closing(ControlClient(socket)) as stream, closing(ControlClient(socket)) as asked:
            stream.send(AskWatch())
            look_at, heard_at = monotonic(), monotonic()
            while True:
                now = monotonic()
                if now >= look_at:
                    look_at = now + _LOOK_S
                    asked.send(AskStatus())
                ready, _, _ = select.select([stream, asked, keys], [], [], max(0.0, look_at - now))
                if keys in ready and _pressed(keys, 0.0):
                    return False
                for client in (stream, asked):
                    if client in ready:
                        heard_at = now
                        view.take(client.lines(_LOOK_S))
                if now - heard_at > _SILENT_S:
                    view.lost = "it says nothing any more: journalctl -u gated"
                live.update(view.picture(live.console.height), refresh=True)
    except LinkError as error:
        view.lose(str(error))
        return True


def _pressed(keys: Any, seconds: float) -> bool:
    ready, _, _ = select.select([keys], [], [], seconds)
    return bool(ready) and keys.read(1) in (*_QUIT, "")


@contextmanager
def _keys() -> Iterator[Any]:
    """The keyboard, key by key. Where stdin is no terminal, nothing is ever pressed but Ctrl-C."""
    import os
    import termios
    import tty

    if not sys.stdin.isatty():
        reading, writing = os.pipe()
        with os.fdopen(reading), os.fdopen(writing, "w"):
            yield reading
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield sys.stdin
    finally:
        with suppress(termios.error):
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
