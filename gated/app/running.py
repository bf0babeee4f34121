"""A gate put together from its settings."""

from __future__ import annotations

import hashlib
import logging
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gated import __version__
from gated.app.control import Control
from gated.app.feeding import Feeding
from gated.app.lamps import make_indicator
from gated.app.parts import Boards, make_barrier
from gated.app.way import WayToCentral
from gated.app.world import World
from gated.card.identify import identify
from gated.card.pkoc import Conversation
from gated.config.driver import Driver
from gated.config.files import load_signing_key
from gated.config.settings import LaneSettings, Settings, SyncSettings
from gated.daemon.gate import Gate, ServedLane
from gated.daemon.housekeeping import Housekeeping
from gated.daemon.knowledge import Knowledge
from gated.daemon.lane import LaneWorker
from gated.daemon.reader_worker import ReaderWorker
from gated.daemon.recall import Recall, Trust
from gated.daemon.tap import TapWay
from gated.daemon.timekeeper import TimeKeeper
from gated.daemon.walkway import Walkway
from gated.devices.simulated.reader import SimulatedReader
from gated.errors import ConfigError, StoreError
from gated.model.event import SetAside
from gated.ports import Indicator, Reader
from gated.store.cache import Cache
from gated.store.directory import BALLAST, FLOORS, JOURNAL, StateDirectory, keep_ballast
from gated.store.epoch import EPOCH_BYTES
from gated.store.feed import FeedStore
from gated.store.floors import Floors
from gated.store.intake import StatementStore
from gated.store.journal import Journal
from gated.store.startup import check_snapshot, set_aside_damaged
from gated.store.sync_note import SYNC_NOTE, write_sync_note
from gated.store.ticket import Kept
from gated.store.uses import UsesReader
from gated.texts.sentences import Texts
from gated.wire.event import Stamp
from gated.wire.seal import SigningKey

log = logging.getLogger(__name__)

_SYNC_STOP_S = 3.0
#: A lane that has something to do waits so long at most for another thread that computes; seconds. Python's
#: own 5 ms are more than a whole tap takes.
_SWITCH_S = 0.0005


class RunningGate:
    """A gate built from its settings, holding its state directory. Use ``start`` and ``stop``."""

    def __init__(self, settings: Settings, trust: Trust, world: World) -> None:
        self._directory = StateDirectory(settings.state_dir)
        self._directory.prepare("run")
        self._directory.lock()
        self._world = world
        self._settings = settings
        self._trust = trust
        self._boards = Boards(settings.lanes)
        self._closers: list[Callable[[], None]] = [self._boards.close]
        try:
            self._build()
        except BaseException:
            for close in self._closers:
                close()
            self._directory.unlock()
            raise

    def _build(self) -> None:
        settings, trust, world = self._settings, self._trust, self._world
        at = world.clock.sample().wall
        if not keep_ballast(settings.state_dir / BALLAST, settings.ballast_bytes):
            log.warning("no room for the journal's reserve (journal.ballast): make room on the disk")
        key = self._signing_key()
        self._open_cache(at)
        self.journal = Journal(
            settings.state_dir / JOURNAL,
            gate=settings.gate,
            machine=_machine(settings.sync, key),
            epoch=world.random(EPOCH_BYTES).hex(),
            began_at=at,
            unknown_counts=trust.profile.unknown_counts,
        )
        floors = Floors(self.journal, settings.state_dir / FLOORS)
        self._time = TimeKeeper(world.clock, floors)
        self._knowledge = Knowledge(world.clock.monotonic)
        self._feeding = self._make_feeding(floors, syncs=settings.sync is not None and key is not None)
        way = self._way_to_central(key)
        self.sync = None if way is None else way.sync
        self._control = Control(settings, trust, self._time, world.clock)
        self._gate = Gate(
            lanes=self._lanes(),
            journal=self.journal,
            housekeeping=Housekeeping(
                statements=self._statements,
                journal=self.journal,
                time=self._time,
                clock=world.clock,
                trust=trust,
                signed_time=lambda: 0 if self.sync is None else self.sync.signed_time,
                more=[self._feeding.watch.tick, *([] if way is None else [way.retention.tick])],
            ),
            time=self._time,
            clock=world.clock,
            version=__version__,
            journal_wait_s=settings.journal_wait_s,
        )

    def start(self) -> int:
        """Serve. Returns how many releases the last run had left open."""
        sys.setswitchinterval(_SWITCH_S)
        unsettled = self._gate.start()
        for name in self._damaged:
            self.journal.append(SetAside(name), Stamp.of(self._time.read()))
        if self.sync is not None:
            self.sync.start()
        self._control.start(self._gate.workers)
        return unsettled

    def tick(self) -> str:
        """Housekeeping. Returns why the gate is not healthy; empty = it is."""
        self._gate.tick()
        return self._gate.unhealthy()

    def stop(self) -> bool:
        """Stop serving and close the files. False = the disk did not let the journal in time."""
        self._control.stop()
        self._gate.stop_lanes()
        with suppress(StoreError):  # the journal has logged it
            self._gate.say_stopped()
        if self.sync is not None:
            self.sync.stop(_SYNC_STOP_S)
        for close in self._closers:
            close()
        # The journal closes last: only a writer folds its write-ahead log back into the file.
        stopped = self._gate.stop_journal()
        self._directory.unlock()
        return stopped

    # -------------------------------------------------------------- parts

    def _signing_key(self) -> SigningKey | None:
        """None = this gate does not sync, or cannot: a spoilt file of the identity must close no door."""
        if self._settings.sync is None:
            return None
        try:
            return load_signing_key(self._settings.sync.identity)
        except ConfigError as error:
            log.error("serving without the way to central: %s", error)
            note = {"up": False, "since": 0, "why": error.message}
            write_sync_note(self._settings.state_dir / SYNC_NOTE, note)
            return None

    def _make_feeding(self, floors: Floors, *, syncs: bool) -> Feeding:
        feeding = Feeding(
            store=lambda: FeedStore(self._settings.state_dir),
            trust=self._trust,
            journal=self.journal,
            time=self._time,
            floors=floors,
            knowledge=self._knowledge,
            clock=self._world.clock,
            syncs=syncs,
        )
        self._closers.append(feeding.close)
        return feeding

    def _way_to_central(self, key: SigningKey | None) -> WayToCentral | None:
        settings, world = self._settings, self._world
        if settings.sync is None or key is None:
            return None
        way = WayToCentral(
            settings,
            settings.sync,
            key,
            self._trust,
            world,
            self.journal,
            self._time,
            self._knowledge,
            self._feeding,
        )
        self._closers += way.closers
        return way

    def _open_cache(self, at: int) -> None:
        """Before the journal: a delta.db that is made beside one begins incomplete."""
        self._damaged = set_aside_damaged(self._directory, at)
        self._statements = StatementStore(self._settings.state_dir, self._trust.profile.sector)
        self._closers.append(self._statements.close)
        self._damaged += check_snapshot(self._directory, self._statements, at)

    def _lanes(self) -> list[ServedLane]:
        kept, turn = self.journal.kept(), threading.Lock()
        return [self._lane(lane, turn, kept.get(lane.lane.id)) for lane in self._settings.lanes]

    def _lane(self, settings: LaneSettings, turn: threading.Lock, kept: Kept | None) -> ServedLane:
        world, lane_id = self._world, settings.lane.id
        worker = LaneWorker(self._walkway(settings, turn, kept), world.clock.monotonic)
        reader_id = _reader_id(self._trust.profile.venue, f"{self._settings.gate}/{lane_id}")

        def converse(uid: bytes | None) -> Conversation:
            return identify(settings.schemes, reader_id, world.random, uid)

        reader = world.readers.get(lane_id) or make_reader(settings.reader)
        return ServedLane(worker, ReaderWorker(reader, converse, worker.post, world.clock.monotonic))

    def _way(self, settings: LaneSettings, turn: threading.Lock) -> TapWay:
        cache = Cache(self._settings.state_dir)
        uses = UsesReader(self._settings.state_dir / JOURNAL)
        self._closers += [cache.close, uses.close]
        return TapWay(
            lane=settings.lane,
            profile=self._trust.profile,
            recall=Recall(
                lane=settings.lane,
                trust=self._trust,
                cache=cache,
                uses=uses,
                exits_counted=self._settings.exits_counted,
            ),
            journal=self.journal,
            time=self._time,
            clock=self._world.clock,
            turn=turn,
        )

    def _indicator(self, settings: LaneSettings) -> Indicator:
        shown = make_indicator(settings, self._boards, self._world.clock.monotonic)
        self._closers.insert(0, shown.close)  # before its board
        return shown

    def _walkway(self, settings: LaneSettings, turn: threading.Lock, kept: Kept | None) -> Walkway:
        world, lane_id = self._world, settings.lane.id
        return Walkway(
            lane=settings.lane,
            way=self._way(settings, turn),
            journal=self.journal,
            time=self._time,
            clock=world.clock,
            barrier=world.barriers.get(lane_id)
            or make_barrier(settings, self._boards, world.clock.monotonic),
            indicator=self._control.beside(
                lane_id, world.indicators.get(lane_id) or self._indicator(settings)
            ),
            texts=[Texts(language, self._trust.profile.timezone) for language in self._settings.languages],
            times=settings.times,
            at_once=settings.persons_per_release,
            journal_wait_s=self._settings.journal_wait_s,
            unknown_counts=self._trust.profile.unknown_counts,
            kept=kept,
            watch=world.watch,
        )


def make_reader(driver: Driver) -> Reader:
    """The reader that a configuration names. Raises ``ConfigError`` when its driver is not installed."""
    if driver.name == "pcsc":
        from gated.devices.pcsc import PcscReader  # noqa: PLC0415  # only gates with such a reader need it

        return PcscReader(driver.target)
    if driver.name == "nfcpy":
        from gated.devices.nfcpy import NfcpyReader  # noqa: PLC0415  # likewise

        return NfcpyReader(driver.target)
    return SimulatedReader(driver.target or "simulated")


def _reader_id(venue: str, lane: str) -> bytes:
    """Site and reader number for PKOC, 16 bytes each."""
    return hashlib.sha256(venue.encode()).digest()[:16] + hashlib.sha256(lane.encode()).digest()[:16]


def _machine(sync: SyncSettings | None, key: SigningKey | None) -> str | None:
    """Names this machine without telling its machine-id (machine-id(5) asks for a keyed hash).

    An enrolment is part of the name: a gate that is enrolled again begins a new epoch, so that a copied
    disk cannot go on under the numbers of its original. None where the enrolment cannot be read.
    """
    if sync is not None and key is None:
        return None
    try:
        machine_id = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except OSError:
        machine_id = ""
    enrolment = b"" if key is None else key.public
    return hashlib.sha256(b"gated machine\0" + machine_id.encode() + enrolment).hexdigest()[:32]
