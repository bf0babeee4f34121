"""``gated media``: a medium in somebody's hand."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gated.cli.common import add_config, add_json, add_language, argument, command, group

if TYPE_CHECKING:
    from gated.app.inspecting import Inspector
    from gated.config.driver import Driver
    from gated.config.settings import LaneSettings, Settings
    from gated.daemon.beliefs import Trust

_INSPECT = """\
  sudo systemctl stop gated
  sudo gated media inspect                                   at the reader of the first lane that leads in
  gated media inspect --reader nfcpy:usb:04e6:5591 --lane in-2
                                                             at a desk's own reader, beside a running gate
  gated media inspect --reader 'pcsc:ACS ACR122U PICC Interface 00 00' --json

it tries each scheme of the lane alone, and stops where one was recognised and failed, for cards count that.
It decides, opens and writes nothing
exit codes: 0 it would be granted; 3 it would be refused, or no medium came
"""
_HINT = "see gated media inspect --help"
_DESK = "take a reader of your own: --reader 'pcsc:NAME', or --reader nfcpy:PATH"


def add(commands: Any) -> None:
    """Add the commands."""
    below = group(commands, "media", "look at media")
    inspect = command(
        below, "inspect", "what a medium is, what it can prove, what this gate would say", _INSPECT
    )
    add_config(inspect)
    inspect.add_argument("--lane", metavar="ID", help="the lane (default: the first that leads in)")
    inspect.add_argument(
        "--reader", metavar="DRIVER", help="a reader in place of the lane's: pcsc:NAME or nfcpy:PATH"
    )
    inspect.add_argument(
        "--timeout", default="30s", metavar="DURATION", help="how long to wait for a medium (default: 30s)"
    )
    inspect.add_argument("--show-uid", action="store_true", help="print the UID too: it is personal")
    add_language(inspect)
    add_json(inspect, "print one JSON object")
    inspect.set_defaults(run=run_inspect)


def run_inspect(arguments: argparse.Namespace) -> int:
    """Look at one medium."""
    from gated.app.explaining import lane_of, reading_of
    from gated.app.inspecting import judged
    from gated.app.verified import believe_verified
    from gated.cli.media_view import Shown, exit_code, lines_of, object_of
    from gated.config.settings import check
    from gated.devices.clock import SystemClock
    from gated.texts.sentences import Texts

    timeout_s = argument(
        "--timeout", arguments.timeout, lambda t, key: t.seconds(key, "30s", least=0.1, most=3600), _HINT
    )
    assert timeout_s is not None
    settings, trust = check(arguments.config)
    believe_verified(settings, trust)
    lane = lane_of(settings, arguments.lane)
    driver = _driver(arguments.reader, lane)
    with _free(settings, driver):
        inspector = _inspector(settings, trust, lane, driver)
        print("hold a medium to the reader, and leave it there", file=sys.stderr, flush=True)
        inspection = inspector.inspect(timeout_s)
    reading = reading_of(settings, SystemClock().sample(), None)
    judgement = None if inspection is None else judged(settings, trust, lane, inspection.result, reading)
    texts = Texts(arguments.language, trust.profile.timezone)
    uid = None if inspection is None or not arguments.show_uid else inspection.uid
    shown = Shown(lane, f"{driver.name}:{driver.target}", inspection, judgement, reading.estimate, texts, uid)
    if arguments.json:
        print(json.dumps(object_of(shown), ensure_ascii=False))
    else:
        for line in lines_of(shown):
            print(line)
    return exit_code(shown)


def _driver(named: str | None, lane: LaneSettings) -> Driver:
    """The reader to be used. Raises ``ConfigError``."""
    from gated.config.settings import reader_driver
    from gated.errors import ConfigError

    chosen = argument("--reader", named, lambda table, key: table.checked(key, reader_driver), _DESK)
    driver = chosen or lane.reader
    if driver.name == "simulated":
        raise ConfigError(
            f"lane {lane.lane.id} has a simulated reader: nobody can hold a medium to it", hint=_DESK
        )
    return driver


def _inspector(settings: Settings, trust: Trust, lane: LaneSettings, driver: Driver) -> Inspector:
    import secrets

    from gated.app.explaining import reading_of
    from gated.app.inspecting import Inspector
    from gated.app.readers import make_reader, media_of, reader_id
    from gated.devices.clock import SystemClock

    clock = SystemClock()
    name = reader_id(trust.profile.venue, f"{settings.gate}/{lane.lane.id}")
    return Inspector(
        reader=make_reader(driver),
        media=media_of(settings.media, lane, name),
        round_trips_s=settings.media.round_trips_s,
        random=secrets.token_bytes,
        time=lambda: reading_of(settings, clock.sample(), None),
        monotonic=clock.monotonic,
    )


@contextmanager
def _free(settings: Settings, driver: Driver) -> Iterator[None]:
    """No daemon has the reader, and none gets it meanwhile: that were a tap. Raises ``ReaderError``."""
    from gated.errors import ReaderError
    from gated.store.directory import LOCK, held

    lock = settings.state_dir / LOCK
    if driver not in [lane.reader for lane in settings.lanes] or not lock.exists():
        yield
        return
    with held(lock) as alone:
        if not alone:
            raise ReaderError(
                f"the gate runs and has the reader {driver.target}",
                hint=f"stop it first: sudo systemctl stop gated; or {_DESK}",
            )
        yield
