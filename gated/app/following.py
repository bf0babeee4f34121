"""What follows central beside events and receipts, put together: pulse, feed, uses, trust, commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from gated.app.feeding import Feeding
from gated.app.reporting import report
from gated.app.world import World
from gated.config.settings import Settings
from gated.daemon.asking import Asking
from gated.daemon.beliefs import Trust
from gated.daemon.commands import Commands
from gated.daemon.deliveries import Deliveries, Delivery
from gated.daemon.follower import Follower
from gated.daemon.knowledge import Knowledge
from gated.daemon.lane import LaneWorker
from gated.daemon.pulse import PulseFollower
from gated.daemon.timekeeper import TimeKeeper
from gated.daemon.unbelieved import UnbelievedCounter
from gated.daemon.uplink import Uplink
from gated.daemon.uses import UsesFollower
from gated.links.stick_inbox import next_delivery
from gated.store.elsewhere_store import ElsewhereStore
from gated.store.floors import Floors
from gated.store.journal import Journal
from gated.store.trust_files import HANDED_OVER
from gated.wire.seal import SigningKey

if TYPE_CHECKING:
    from gated.app.repository import TrustRepository


@dataclass(frozen=True, slots=True)
class Ground:
    """What everything of a gate that syncs stands on. ``lanes`` is asked once they serve."""

    settings: Settings
    key: SigningKey
    trust: Trust
    world: World
    journal: Journal
    time: TimeKeeper
    knowledge: Knowledge
    floors: Floors
    feeding: Feeding
    lanes: Callable[[], Sequence[LaneWorker]]
    repository: TrustRepository | None


class Following:
    """``followers``, and ``deliveries`` that tell them what a stick brought."""

    def __init__(
        self,
        ground: Ground,
        asking: Asking,
        unbelieved: UnbelievedCounter,
        uplink: Uplink,
        elsewhere: ElsewhereStore,
    ) -> None:
        feed = ground.feeding.follow(asking, unbelieved, uplink.learn_time)
        asks: list[Follower] = [
            _pulse(ground, asking, unbelieved),
            feed,
            _uses(ground, asking, unbelieved, elsewhere),
        ]
        if ground.repository is not None:
            asks.append(ground.repository.follower(asking, ground.knowledge, unbelieved))
        self.followers: list[Follower] = [*asks, _commands(ground, unbelieved, asks)]
        self.deliveries = Deliveries(
            gate=ground.settings.gate,
            sector=ground.trust.profile.sector,
            next_=lambda: _next(ground),
            uplink=uplink,
            followers=self.followers,
            asking=asking,
            unbelieved=unbelieved,
            uses=lambda: ground.knowledge.uses,
            busy=lambda: feed.is_at_work,
        )


def _next(ground: Ground) -> Delivery | None:
    """What was handed over next. Keys that came with it are believed first."""
    state_dir = ground.settings.state_dir
    if ground.repository is not None and (state_dir / HANDED_OVER).exists():
        return None
    return next_delivery(state_dir)


def _pulse(ground: Ground, asking: Asking, unbelieved: UnbelievedCounter) -> PulseFollower:
    return PulseFollower(
        gate=ground.settings.gate,
        asking=asking,
        trust=ground.trust,
        time=ground.time,
        knowledge=ground.knowledge,
        unbelieved=unbelieved,
        monotonic=ground.world.clock.monotonic,
        random=ground.world.random,
    )


def _uses(
    ground: Ground, asking: Asking, unbelieved: UnbelievedCounter, elsewhere: ElsewhereStore
) -> UsesFollower:
    return UsesFollower(
        trust=ground.trust,
        time=ground.time,
        store=elsewhere,
        journal=ground.journal,
        asking=asking,
        knowledge=ground.knowledge,
        unbelieved=unbelieved,
    )


def _commands(ground: Ground, unbelieved: UnbelievedCounter, asks: Sequence[Follower]) -> Commands:
    """Commands; a refresh lets those that ask do so as when a link opens."""
    clock = ground.world.clock
    return Commands(
        gate=ground.settings.gate,
        trust=ground.trust,
        time=ground.time,
        floors=ground.floors,
        journal=ground.journal,
        unbelieved=unbelieved,
        monotonic=clock.monotonic,
        lanes=ground.lanes,
        refresh=partial(_begin, asks),
        status=lambda: report(ground.settings.state_dir, ground.lanes(), clock.sample().wall),
    )


def _begin(followers: Sequence[Follower], now: float) -> None:
    for follower in followers:
        follower.begin(now)
