"""gate.toml: what this box is, where its files are, how its lanes are wired.

Every key with its unit and default is in docs/reference/configuration.md; a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gated.card.identify import Scheme
from gated.config.driver import Driver
from gated.config.files import load_keys, load_profile, load_sector_key
from gated.config.lights import LightSettings, check_displays, read_display, read_lights
from gated.config.media import MediaSettings, read_media
from gated.config.places import read_socket, read_state_dir
from gated.config.reading import load_toml
from gated.config.secrets import DIRECTORY
from gated.config.wiring import Wired, barrier_driver, check_lines, read_wiring
from gated.daemon.beliefs import Trust
from gated.daemon.messages import LaneTimes
from gated.devices.wiring import Wiring
from gated.errors import ConfigError
from gated.model.credential import Assurance
from gated.model.document import DocumentError, Table
from gated.model.rules import MAX_PARTY
from gated.model.venue import Direction, Lane
from gated.texts.languages import LANGUAGES
from gated.wire.broker import BrokerUrl, broker_url

MAX_LANES = 16
_DRIVER = re.compile(r"(simulated|pcsc|nfcpy)(?::(.{1,128}))?\Z")
#: What of nfcpy's paths names one reader, and the same one after it was unplugged.
_NFCPY = re.compile(
    r"(usb:[0-9a-f]{4}:[0-9a-f]{4}|tty:[A-Za-z0-9-]{1,64}:(pn532|arygon)|udp:[A-Za-z0-9.-]{1,64}:(?P<port>[0-9]{1,5}))\Z"
)


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """One lane."""

    lane: Lane
    reader: Driver
    barrier: Driver
    schemes: tuple[Scheme, ...]
    times: LaneTimes
    wiring: Wiring | None = None  # of a barrier on a board
    persons_per_release: int = 1  # how many one release lets through; 0 = the whole party
    accessible: bool = False  # a wide lane: it waits longer
    lights: LightSettings | None = None
    display: str = ""  # path of a terminal; empty = none


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """The way to central. ``identity`` is the folder that enrolment filled."""

    broker: BrokerUrl
    identity: Path
    retention_s: float
    keepalive_s: float
    ack_wait_s: float


@dataclass(frozen=True, slots=True)
class Settings:
    """A gate. Without ``sync`` its events stay in the journal."""

    gate: str
    state_dir: Path
    keys: Path
    profile: Path
    sector_key: Path
    journal_wait_s: float
    ballast_bytes: int
    control: Path  # the socket at which a running gate takes orders
    lanes: tuple[LaneSettings, ...]
    languages: tuple[str, ...]  # in which a visitor is spoken to, the first one first
    media: MediaSettings = field(default_factory=MediaSettings)
    sync: SyncSettings | None = None
    trust_root: Path | None = None  # of the office's trust repository; None = keys and rules change by hand

    @property
    def exits_counted(self) -> bool:
        """Whether a lane of this gate leads out, so that somebody counts who leaves."""
        return any(lane.lane.direction is Direction.EXIT for lane in self.lanes)


def load_settings(path: Path) -> Settings:
    """Read gate.toml. Relative paths in it are taken from where it stands. Raises ``ConfigError``."""
    return load_toml(path, lambda document: read_settings(document, path.absolute().parent))


def load_trust(settings: Settings) -> Trust:
    """Read the files that the settings name. Raises ``ConfigError``."""
    return Trust(
        keys=load_keys(settings.keys),
        sector_key=load_sector_key(settings.sector_key),
        profile=load_profile(settings.profile),
    )


def check(path: Path) -> tuple[Settings, Trust]:
    """Read everything a gate needs, as ``gated run`` would. Raises ``ConfigError``."""
    settings = load_settings(path)
    trust = load_trust(settings)
    if not any(trust.profile.sector in key.sectors for key in trust.keys.values()):
        raise ConfigError(
            f"{settings.keys}: no key may speak for sector {trust.profile.sector!r}",
            hint="profile and keys must come from the same central system",
        )
    zones = list(trust.profile.zones) or [trust.profile.venue]
    for lane in settings.lanes:
        if lane.lane.zone and lane.lane.zone not in zones:
            raise ConfigError(
                f"{path}: lane {lane.lane.id} leads to {lane.lane.zone!r}, no zone of its profile",
                hint=f"name one of: {', '.join(zones)}",
            )
    return settings, trust


def check_media_keys(settings: Settings, environment: Mapping[str, str]) -> list[str]:
    """Bring each key of media once, as the service will. Raises ``ConfigError``.

    Returns the names of those that systemd brings to the service alone, where this is not it.
    """
    not_seen = []
    for key in settings.media.keys:
        if key.is_credential and DIRECTORY not in environment:
            not_seen.append(key.name)
        else:
            key.checked()
    return not_seen


def read_settings(document: Any, base: Path) -> Settings:
    """Read a parsed gate.toml. Raises ``DocumentError``."""
    top = Table(document)
    gate, trust, journal = top.table("gate"), top.table("trust"), top.table("journal")
    control = top.table("control")
    state_dir = read_state_dir(gate, base)
    settings = Settings(
        gate=gate.name("id"),
        state_dir=state_dir,
        keys=base / trust.text("keys", "keys.json"),
        profile=base / trust.text("profile", "profile.json"),
        sector_key=base / trust.text("sector_key", "sector.key"),
        journal_wait_s=journal.seconds("wait", "1.5s", least=0.05, most=30.0),
        ballast_bytes=journal.size("ballast", "16MB"),
        control=read_socket(control, base, state_dir),
        lanes=tuple(_lane(table) for table in top.tables("lane", most=MAX_LANES)),
        languages=_languages(gate),
        media=read_media(top, base),
        sync=_sync(top.table("sync"), base) if top.has("sync") else None,
        trust_root=base / trust.text("root") if trust.has("root") else None,
    )
    for table in (gate, trust, journal, control, top):
        table.done()
    names = [lane.lane.id for lane in settings.lanes]
    if len(set(names)) < len(names):
        raise DocumentError("lane", "two lanes have one id")
    readers = [lane.reader for lane in settings.lanes if lane.reader.target]
    if len(set(readers)) < len(readers):
        raise DocumentError("lane", "two lanes have one reader: each needs its own")
    _check_schemes(settings)
    check_lines(_wired(settings.lanes))
    check_displays(lane.display for lane in settings.lanes)
    return settings


def _check_schemes(settings: Settings) -> None:
    for number, lane in enumerate(settings.lanes):
        for scheme in lane.schemes:
            if table := settings.media.lacks(scheme):
                raise DocumentError(f"lane[{number}].schemes", f"{scheme!r} needs the table {table}")


def _wired(lanes: Iterable[LaneSettings]) -> Iterator[Wired]:
    for lane in lanes:
        if lane.wiring is not None:
            yield Wired(lane.lane.id, lane.barrier, lane.wiring)
        if lane.lights is not None:
            yield Wired(lane.lane.id, lane.lights.board, lane.lights.lines)


def _languages(table: Table) -> tuple[str, ...]:
    named = table.texts("languages", ["en"])
    for one in named:
        if one not in LANGUAGES or named.count(one) > 1:
            raise DocumentError(
                table.path("languages"), f"{one!r} is not one of {', '.join(LANGUAGES)}, named once"
            )
    return tuple(named)


def _sync(table: Table, base: Path) -> SyncSettings:
    settings = SyncSettings(
        broker=table.checked("broker", broker_url),
        identity=base / table.text("identity", "identity"),
        retention_s=table.seconds("retention", "24h", least=0.0),
        keepalive_s=table.seconds("keepalive", "30s", least=1.0, most=120.0),
        ack_wait_s=table.seconds("ack_wait", "5s", least=0.1, most=600.0),
    )
    table.done()
    return settings


def _lane(table: Table) -> LaneSettings:
    barrier = table.checked("barrier", barrier_driver)
    accessible = table.flag("accessible", default=False)
    settings = LaneSettings(
        lane=Lane(
            id=table.name("id"),
            direction=table.checked("direction", Direction, Direction.ENTRY),
            min_assurance=table.checked("minimum_assurance", Assurance.from_label, Assurance.UID_ONLY),
            zone=table.name_or_none("zone") or "",
        ),
        reader=table.checked("reader", reader_driver),
        barrier=barrier,
        schemes=tuple(_scheme(table, text) for text in table.texts("schemes", ["pkoc"])),
        times=LaneTimes(
            hold_s=table.seconds("hold", "20s" if accessible else "8s", least=0.01, most=120.0),
            conversation_s=table.seconds("conversation", "1.5s", least=0.05, most=10.0),
            hung_limit_s=table.seconds("hung_limit", "20s", least=1.0, most=600.0),
        ),
        wiring=read_wiring(table, barrier),
        persons_per_release=table.whole("persons_per_release", 1, most=MAX_PARTY),
        accessible=accessible,
        lights=read_lights(table, barrier),
        display=read_display(table),
    )
    table.done()
    return settings


def reader_driver(text: str) -> Driver:
    """A reader, as ``lane.reader`` names it. Raises ``ValueError``."""
    match = _DRIVER.match(text)
    if match is None or (match[1] != "simulated" and not match[2]):
        raise ValueError('must be "simulated", "pcsc:READER NAME" or "nfcpy:PATH"')
    if match[1] == "nfcpy":
        path = _NFCPY.match(match[2])
        if path is None or int(path["port"] or 0) > 65535:
            raise ValueError(
                "nfcpy's path must be usb:VVVV:PPPP, tty:NAME:pn532, tty:NAME:arygon or udp:HOST:PORT"
            )
    return Driver(match[1], match[2] or "")


def _scheme(table: Table, text: str) -> Scheme:
    try:
        return Scheme(text)
    except ValueError:
        known = ", ".join(Scheme)
        raise DocumentError(table.path("schemes"), f"{text!r} is none of: {known}") from None
