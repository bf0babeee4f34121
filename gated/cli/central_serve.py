"""``gated central serve``: take in what gates tell, and send them receipts and statements."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gated.cli.central_common import add_directory, feeds_of, ledger_of
from gated.cli.common import command

if TYPE_CHECKING:
    from gated.central.ack_keys import AckKeys
    from gated.central.feeder import Feeder
    from gated.central.ledger import Ledger
    from gated.central.service import CentralWorker
    from gated.links.mqtt_place import MqttPlace


class Serving(Protocol):
    """What runs in a thread of its own until it is stopped."""

    def run(self) -> None:
        """Until ``stop``."""

    def stop(self) -> None:
        """Let ``run`` end. From any thread."""


_SERVE = """\
  gated central serve ./city --broker mqtts://127.0.0.1:8884 --tls /etc/mosquitto/gated/central
  gated central serve ./city --broker mqtt://127.0.0.1 --workers 2

start it several times to use several cores; all of them work on one ledger
"""
_MAX_WORKERS = 16
#: A worker ends what it has in its hands; seconds.
_STOP_S = 15.0
#: Central reads as fast as it can keep: a batch counts as five packets.
_INBOUND_PER_S = 5000
_WINDOW = 100


def add(below: Any) -> None:
    """Add the command to those of ``gated central``."""
    made = command(below, "serve", "take in what gates tell, until stopped", _SERVE)
    add_directory(made)
    made.add_argument(
        "--broker", required=True, metavar="URL", help="mqtts://HOST[:8883], or mqtt:// on this machine"
    )
    made.add_argument(
        "--tls",
        type=Path,
        metavar="DIR",
        help="ca.crt, central.crt and central.key, as broker-config writes them",
    )
    made.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="threads, each with its own link (default: %(default)s)",
    )
    made.add_argument(
        "--log",
        default="info",
        choices=("debug", "info", "warning", "error"),
        help="how much to log to stderr",
    )
    made.set_defaults(run=run_serve)


def run_serve(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    import logging
    import secrets

    from gated.central.ack_keys import AckKeys
    from gated.central.share import share_group
    from gated.errors import ConfigError

    if not 1 <= arguments.workers <= _MAX_WORKERS:
        raise ConfigError(f"{arguments.workers} workers", hint=f"name 1 to {_MAX_WORKERS}")
    keys = AckKeys.load(arguments.directory)
    group = share_group(arguments.directory, secrets.token_bytes)
    places = [_place(arguments, number) for number in range(arguments.workers)]
    logging.basicConfig(level=arguments.log.upper(), stream=sys.stderr, format="%(levelname)s %(message)s")
    _check(keys)
    workers: list[CentralWorker] = []
    ledgers = [ledger_of(arguments) for _ in range(len(places) + 1)]
    try:
        for number, (place, ledger) in enumerate(zip(places, ledgers, strict=False), 1):
            workers.append(_worker(place, ledger, keys, number, group))
        # Of a process the first worker publishes.
        feeder = _feeder(arguments.directory, ledgers[-1], keys, workers[0].hurry)
        return serve_workers([*workers, feeder])
    finally:
        for ledger in ledgers:
            ledger.close()


def _check(keys: AckKeys) -> None:
    """Raise ``ConfigError`` where a key's time is over; say which one's soon will be."""
    import logging

    from gated.cli.common import utc
    from gated.devices.clock import SystemClock

    for sector, ends in keys.check(SystemClock().sample().wall):
        logging.getLogger(__name__).warning(
            "the key for receipts of sector %s ends %s: no gate erases or learns the time after it"
            " (docs/how-to/run-central.md)",
            sector,
            utc(ends),
        )


def _place(arguments: argparse.Namespace, number: int) -> MqttPlace:
    import secrets

    from gated.errors import ConfigError
    from gated.links.mqtt_place import MqttPlace, TlsFiles
    from gated.wire.broker import broker_url

    try:
        url = broker_url(arguments.broker)
    except ValueError as error:
        raise ConfigError(f"--broker: {error}", hint="as this machine reaches it") from None
    tls = None
    if url.tls:
        if arguments.tls is None:
            raise ConfigError(
                "mqtts:// needs --tls DIR", hint="gated central broker-config writes that folder"
            )
        tls = TlsFiles(arguments.tls / "ca.crt", arguments.tls / "central.crt", arguments.tls / "central.key")
        for path in (tls.ca, tls.certificate, tls.key):
            if not path.is_file():
                raise ConfigError(f"{path} is missing", hint="gated central broker-config writes it")
    return MqttPlace(
        host=url.host,
        port=url.port,
        client_id=f"central-{number + 1}-{secrets.token_hex(4)}",  # several processes share one certificate
        tls=tls,
        window=_WINDOW,
        unread=2 * _WINDOW,
        inbound_per_s=_INBOUND_PER_S,
    )


def _feeder(directory: Path, ledger: Ledger, keys: AckKeys, made: Callable[[], None]) -> Feeder:
    """Keeps the feed of every sector fresh."""
    from gated.central.feeder import Feeder, SnapshotProcess
    from gated.devices.clock import SystemClock

    feeds = feeds_of(directory, ledger, keys, keys.sectors)
    command = [sys.executable, "-m", "gated", "central", "feed", str(directory), "--snapshot", "--sector"]
    return Feeder(feeds, SnapshotProcess(command), SystemClock().monotonic, made)


def _worker(place: MqttPlace, ledger: Ledger, keys: AckKeys, number: int, group: str) -> CentralWorker:
    import secrets

    from gated.central.commanding import CommandPublisher
    from gated.central.feed_serving import Heads
    from gated.central.freshness import Freshness
    from gated.central.service import CentralWorker
    from gated.central.trust_repository import TrustRepository
    from gated.devices.clock import SystemClock
    from gated.links.mqtt import MqttLink

    clock = SystemClock()

    def now() -> int:
        return clock.sample().wall

    freshness = Freshness(TrustRepository(ledger.path.parent), now, clock.monotonic)

    return CentralWorker(
        MqttLink(place, floor=now, monotonic=clock.monotonic),
        ledger,
        keys,
        now=now,
        monotonic=clock.monotonic,
        random=secrets.SystemRandom().random,
        name=f"worker {number}",
        group=group,
        # One of a process is enough.
        publishers=(
            [Heads(ledger, keys.sectors), CommandPublisher(ledger, now), freshness] if number == 1 else []
        ),
    )


def serve_workers(workers: Sequence[Serving]) -> int:
    """Serve until a signal comes, or a worker ends by itself: that is a defect, and the others end too."""
    import logging
    import queue
    import signal

    log = logging.getLogger(__name__)
    ends: queue.SimpleQueue[bool] = queue.SimpleQueue()  # unlike an Event, a signal may put at any moment

    def serve(worker: Serving) -> None:
        try:
            worker.run()
        except Exception:
            log.exception("a worker broke")
            ends.put(False)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _signal, _frame: ends.put(True))
    threads = [threading.Thread(target=serve, args=(worker,), daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    in_order = ends.get()
    for worker in workers:
        worker.stop()
    for thread in threads:
        thread.join(_STOP_S)
    if any(thread.is_alive() for thread in threads):
        log.error("a worker did not end in time")
        return 1
    return 0 if in_order else 1
