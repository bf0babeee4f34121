"""A gate put together from its settings."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from gated import __version__
from gated.app.control import Control
from gated.app.feeding import Feeding
from gated.app.following import Ground
from gated.app.lamps import make_indicator
from gated.app.machine import machine_name, signing_key
from gated.app.parts import Boards, make_barrier
from gated.app.readers import make_worker
from gated.app.way import WayToCentral
from gated.app.world import World
from gated.config.settings import LaneSettings, Settings
from gated.daemon.beliefs import Trust
from gated.daemon.gate import Gate, ServedLane
from gated.daemon.housekeeping import Housekeeping
from gated.daemon.knowledge import Knowledge
from gated.daemon.knowledge_watch import KnowledgeWatch
from gated.daemon.lane import LaneWorker
from gated.daemon.rank import lanes_first
from gated.daemon.recall import Recall
from gated.daemon.tap import TapWay
from gated.daemon.timekeeper import TimeKeeper
from gated.daemon.walkway import Walkway
from gated.errors import StoreError
from gated.model.event import SetAside
from gated.ports import Indicator
from gated.store.cache import Cache
from gated.store.directory import BALLAST, FLOORS, JOURNAL, ROLLING, StateDirectory, keep_ballast
from gated.store.epoch import EPOCH_BYTES
from gated.store.feed import FeedStore
from gated.store.floors import Floors
from gated.store.intake import StatementStore
from gated.store.journal import Journal
from gated.store.rolling import RollingFloors
from gated.store.startup import check_snapshot, set_aside_damaged
from gated.store.ticket import Kept
from gated.store.time_note import TIME_NOTE
from gated.store.uses import UsesReader
from gated.texts.sentences import Texts
from gated.wire.event import Stamp
from gated.wire.seal import SigningKey

if TYPE_CHECKING:
    from gated.app.repository import TrustRepository

log = logging.getLogger(__name__)

_SYNC_STOP_S = 3.0


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
        key = signing_key(settings)
        self._open_cache(at)
        self.journal = Journal(
            settings.state_dir / JOURNAL,
            gate=settings.gate,
            machine=machine_name(settings.sync, key),
            epoch=world.random(EPOCH_BYTES).hex(),
            began_at=at,
            unknown_counts=trust.profile.unknown_counts,
        )
        self._floors = Floors(self.journal, settings.state_dir / FLOORS)
        self._rolling = RollingFloors(self.journal, settings.state_dir / ROLLING)
        self._time = TimeKeeper(world.clock, self._floors, settings.state_dir / TIME_NOTE)
        self._repository = self._trust_repository(self._floors, at)
        self._knowledge = Knowledge(world.clock.monotonic)
        self._feeding = self._feed(syncs=settings.sync is not None and key is not None)
        self._closers.append(self._feeding.close)
        way = self._way_to_central(key)
        self.sync = None if way is None else way.sync
        self._control = Control(settings, trust, self._time, world.clock, self._knowledge)
        self._gate = Gate(
            lanes=self._lanes(),
            journal=self.journal,
            housekeeping=self._housekeeping(way),
            time=self._time,
            clock=world.clock,
            version=__version__,
            journal_wait_s=settings.journal_wait_s,
        )

    def start(self) -> int:
        """Serve. Returns how many releases the last run had left open."""
        lanes_first()
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
        with suppress(StoreError):  # nor does time wait: the next start goes on from here
            self._time.persist()
        for close in self._closers:
            close()
        # The journal closes last: only a writer folds its write-ahead log back into the file.
        stopped = self._gate.stop_journal()
        self._directory.unlock()
        return stopped

    # -------------------------------------------------------------- parts

    def _feed(self, *, syncs: bool) -> Feeding:
        return Feeding(
            store=lambda: FeedStore(self._settings.state_dir),
            trust=self._trust,
            journal=self.journal,
            time=self._time,
            floors=self._floors,
            knowledge=self._knowledge,
            clock=self._world.clock,
            syncs=syncs,
        )

    def _housekeeping(self, way: WayToCentral | None) -> Housekeeping:
        trust = self._trust
        watch = KnowledgeWatch(
            knowledge=self._knowledge,
            limits=lambda: trust.profile.staleness,
            floors=self._floors,
            journal=self.journal,
            time=self._time,
        )
        return Housekeeping(
            statements=self._statements,
            journal=self.journal,
            time=self._time,
            clock=self._world.clock,
            trust=trust,
            signed_time=lambda: 0 if self.sync is None else self.sync.signed_time,
            more=self._more_duties(way, watch),
            forget=[] if way is None else [way.forget],
        )

    def _trust_repository(self, floors: Floors, at: int) -> TrustRepository | None:
        """What it said before is believed before anything is built upon it."""
        if self._settings.trust_root is None:
            return None
        from gated.app.repository import TrustRepository  # noqa: PLC0415  # brings python-tuf

        found = TrustRepository.of(self._settings, self._trust, self._directory, floors, self._time)
        if found is not None:
            self._damaged += found.restore(at)
            self.journal.let_unknown_count(counts=self._trust.profile.unknown_counts)
        return found

    def _way_to_central(self, key: SigningKey | None) -> WayToCentral | None:
        settings, world = self._settings, self._world
        if settings.sync is None or key is None:
            return None
        ground = Ground(
            settings,
            key,
            self._trust,
            world,
            self.journal,
            self._time,
            self._knowledge,
            self._floors,
            self._feeding,
            lanes=lambda: self._gate.workers,
            repository=self._repository,
        )
        way = WayToCentral(ground, settings.sync)
        self._closers += way.closers
        return way

    def _more_duties(self, way: WayToCentral | None, watch: KnowledgeWatch) -> list[Callable[[], None]]:
        duties = [watch.tick, self._feeding.watch.tick]
        if way is not None:
            duties.append(way.retention.tick)
        if self._repository is not None:
            duties.append(self._repository.desk(self.journal).tick)
        return duties

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
        worker = LaneWorker(self._walkway(settings, turn, kept), self._world.clock.monotonic)
        reader = make_worker(
            self._settings, settings, self._trust.profile.venue, self._world, self._time.read, worker.post
        )
        return ServedLane(worker, reader)

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
                knowledge=self._knowledge,
            ),
            journal=self.journal,
            time=self._time,
            clock=self._world.clock,
            turn=turn,
            rolling=self._rolling,
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
