"""What a gate would say to a medium or a pass, from its files: beside a running gate, or after it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from gated.card.talk import Result
from gated.config.settings import LaneSettings, Settings
from gated.credential.index import index_of
from gated.daemon.beliefs import Trust
from gated.daemon.knowledge import Knowledge, Pulse
from gated.daemon.recall import Recall
from gated.errors import ConfigError
from gated.model.credential import Proof
from gated.model.decision import Denied, Leaving
from gated.model.refusal import Reason, Refusal
from gated.model.statement import Binding
from gated.model.time import ClockQuality, ClockSample, TimeReading
from gated.model.venue import Direction
from gated.policy.explain import Explanation, explain
from gated.policy.reckoning import begun
from gated.store.cache import Cache
from gated.store.directory import FLOORS, JOURNAL
from gated.store.floors import HEAD_AT, TIME, floors_file
from gated.store.sync_note import SYNC_NOTE, read_sync_note
from gated.store.time_note import TIME_NOTE, read_time_note
from gated.store.uses import UsesReader


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked about: what a medium proves, or a pass with the proof it is taken to have."""

    proof: Proof
    pass_: bytes | None = None


def explained(
    settings: Settings, trust: Trust, lane: LaneSettings, asked: Asked, reading: TimeReading
) -> Explanation:
    """What would happen at a lane. Raises ``StoreError``."""
    uses = UsesReader(settings.state_dir / JOURNAL)
    with closing(uses), closing(Cache(settings.state_dir)) as cache:
        recall = Recall(
            lane=lane.lane,
            trust=trust,
            cache=cache,
            uses=uses,
            exits_counted=settings.exits_counted,
            knowledge=knowledge_of(settings),
        )
        if asked.pass_ is None:
            return explain(recall.of_medium(asked.proof, reading))
        bound = Binding(trust.profile.sector, asked.pass_, 0, None, 0, bytes(8), bytes(16), 0)
        return explain(recall.of_pass(bound, asked.proof.credential, reading))


def of_result(
    settings: Settings, trust: Trust, lane: LaneSettings, result: Result, reading: TimeReading
) -> Explanation:
    """What would happen at a lane to a medium whose conversation came to this. Raises ``StoreError``.

    A number that counts up is compared with this gate's floors and not spent.
    """
    if isinstance(result, Proof) and not _is_replayed(settings, trust, lane, result):
        return explained(settings, trust, lane, Asked(result), reading)
    if lane.lane.direction is Direction.EXIT:
        return Explanation(Leaving(None, 1, reading.quality), (), (), ())
    if isinstance(result, Proof):
        result = Refusal(Reason.REPLAYED, {"scheme": result.credential.scheme})
    refusal = result or Refusal(Reason.UNKNOWN_MEDIUM)
    return Explanation(Denied(refusal, None, None, reading.quality), (), (), ())


def _is_replayed(settings: Settings, trust: Trust, lane: LaneSettings, proof: Proof) -> bool:
    """Whether an entry would refuse it for a number that is no higher than one shown before."""
    if proof.counter is None or lane.lane.direction is Direction.EXIT:
        return False
    with closing(UsesReader(settings.state_dir / JOURNAL)) as uses:
        return uses.was_shown(index_of(proof.credential, trust.sector_key), proof.counter)


def lane_of(settings: Settings, name: str | None) -> LaneSettings:
    """A lane by its id, or the first that leads in. Raises ``ConfigError``."""
    for lane in settings.lanes:
        if lane.lane.id == name or (name is None and lane.lane.direction is Direction.ENTRY):
            return lane
    known = ", ".join(lane.lane.id for lane in settings.lanes)
    raise ConfigError(f"there is no lane {name or 'that leads in'}", hint=f"name one of: {known}")


def reading_of(settings: Settings, sample: ClockSample, at: int | None) -> TimeReading:
    """The time of a question: one that was asked for, or what this gate believes now."""
    if at is not None:
        return TimeReading(at, at, None, ClockQuality.GOOD, sample)
    durable = floors_file(settings.state_dir / FLOORS).get(TIME, 0)
    return begun(durable, read_time_note(settings.state_dir / TIME_NOTE), sample).reckon(sample)


def knowledge_of(settings: Settings) -> Knowledge:
    """What the files tell of the newest head. It may be a quarter of an hour newer in a running gate.

    That all uses elsewhere are known, the pulse tells the gate alone: a link that is up is as near to it
    as the files come.
    """
    knowledge = Knowledge(lambda: 0.0)
    knowledge.head_at = floors_file(settings.state_dir / FLOORS).get(HEAD_AT)
    if read_sync_note(settings.state_dir / SYNC_NOTE).get("up") is True:
        knowledge.pulse = Pulse(0, 0, 0, 0, 0.0)
    return knowledge
