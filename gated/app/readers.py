"""The readers that a configuration names, and what a medium is told of where it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from gated.app.world import World
from gated.card.identify import Media, identify
from gated.card.talk import Conversation, Talk
from gated.config.driver import Driver
from gated.config.media import MediaSettings
from gated.config.settings import LaneSettings, Settings
from gated.daemon.messages import Message
from gated.daemon.reader_worker import ReaderWorker
from gated.devices.simulated.reader import SimulatedReader
from gated.model.time import TimeReading
from gated.ports import Reader

#: Of the time that a lane gives a conversation: a command that begins later would be answered when the lane
#: takes the reader for hung.
LAST_COMMAND = 0.8


def make_reader(driver: Driver) -> Reader:
    """The reader that a configuration names. Raises ``ConfigError`` when its driver is not installed."""
    if driver.name == "pcsc":
        from gated.devices.pcsc import PcscReader  # noqa: PLC0415  # only gates with such a reader need it

        return PcscReader(driver.target)
    if driver.name == "nfcpy":
        from gated.devices.nfcpy import NfcpyReader  # noqa: PLC0415  # likewise

        return NfcpyReader(driver.target)
    return SimulatedReader(driver.target or "simulated")


def reader_id(venue: str, lane: str) -> bytes:
    """Site and reader number for PKOC, 16 bytes each."""
    return hashlib.sha256(venue.encode()).digest()[:16] + hashlib.sha256(lane.encode()).digest()[:16]


def media_of(settings: MediaSettings, lane: LaneSettings, name: bytes) -> Media:
    """What a lane knows of the media that it meets; ``name``: its ``reader_id``."""
    return Media(
        name,
        lane.schemes,
        issuers=settings.issuers,
        ev2=settings.ev2,
        sun=settings.sun,
        record=settings.record,
        reads_carried=settings.reads_carried,
    )


def make_worker(
    settings: Settings,
    lane: LaneSettings,
    venue: str,
    world: World,
    time: Callable[[], TimeReading],
    post: Callable[[Message], None],
) -> ReaderWorker:
    """The thread of a lane's reader, not started; it tells the lane by ``post``."""
    media = media_of(settings.media, lane, reader_id(venue, f"{settings.gate}/{lane.lane.id}"))

    def converse(uid: bytes | None) -> Conversation:
        return identify(Talk(uid, world.random, time), media)

    reader = world.readers.get(lane.lane.id) or make_reader(lane.reader)
    return ReaderWorker(
        reader,
        converse,
        post,
        world.clock.monotonic,
        settings.media.round_trips_s,
        LAST_COMMAND * lane.times.conversation_s,
    )
