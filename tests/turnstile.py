"""Gates with ways in and out, whose people go through when a test says so."""

from __future__ import annotations

import json
from contextlib import closing

from gated.devices.simulated.clock import SimulatedClock
from gated.devices.simulated.indicator import SimulatedIndicator
from gated.errors import BarrierError
from gated.model.barrier import Passed, Secured
from gated.model.decision import Denied
from gated.policy.calendar import shift_of
from gated.policy.standing import Stage
from gated.store.directory import JOURNAL
from gated.store.uses import UsesReader
from venue import Site, until

HOLD_S = 0.05
SHORT = f'hold = "{HOLD_S * 1000:.0f}ms"'


class Turnstile:
    """Counts nothing by itself: ``go`` is what its sensor sees."""

    def __init__(self) -> None:
        self.open_for = 0  # 0 = it is shut
        self.released: list[int] = []
        self.broken = False
        self.commands = 0
        self.held = False
        self._tell = lambda _event: None

    def start(self, tell, *, held=False) -> None:
        self._tell, self.held = tell, held

    def release(self, persons: int) -> None:
        self._obey()
        self.open_for = persons
        self.released.append(persons)

    def secure(self) -> None:
        self._obey()
        self.open_for, self.held = 0, False
        self._tell(Secured())

    def go(self, persons: int = 1) -> None:
        self._tell(Passed(persons))

    def say(self, event) -> None:
        """What its inputs say."""
        self._tell(event)

    def hold_open(self) -> None:
        self._obey()
        self.held = True

    def stop(self) -> None:
        pass

    def _obey(self) -> None:
        self.commands += 1
        if self.broken:
            raise BarrierError("the barrier does not answer", hint="check its supply and its cable")


class Lamp(SimulatedIndicator):
    """Every signal, with its texts, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[tuple] = []

    def show(self, signal, refusal=None, texts=()) -> None:
        super().show(signal, refusal, texts)
        self.shown.append((signal, refusal, tuple(texts)))


def two_way(path, *, lanes=("in-1", "out-1"), lane_lines=SHORT, profile=None, **more) -> Site:
    """A site whose lanes called ``out`` lead out, and whose venue has more rules."""
    site = Site(path, lanes=lanes, lane_lines=lane_lines, **more)
    text = site.config.read_text()
    for lane in lanes:
        if lane.startswith("out"):
            text = text.replace(f'id = "{lane}"\n', f'id = "{lane}"\ndirection = "exit"\n')
    site.config.write_text(text)
    say_in_profile(site, profile or {})
    return site


def say_in_profile(site: Site, rules: dict) -> None:
    """Put more into the venue's profile."""
    path = site.path / "central" / "gate" / "profile-bron.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | rules))


class Attended:
    """A served site with a clock of ours, turnstiles and lamps, and somebody who sees each tap through."""

    def __init__(self, site: Site, serve, clock: SimulatedClock | None = None) -> None:
        self.site = site
        self.clock = clock or SimulatedClock(site.now)
        self.barriers = {lane: Turnstile() for lane in site.lanes}
        self.lamps = {lane: Lamp() for lane in site.lanes}
        self.served = serve(site, clock=self.clock, barriers=self.barriers, indicators=self.lamps)
        self.profile = site.settings_and_trust()[1].profile

    def tap(self, carried, lane: str = "in-1", persons: int = 1):
        """Present a medium; ``persons`` go through if it opens, and it is over when this returns."""
        told = self.served.tap(carried, lane)
        if told.granted:
            self.see_through(lane, persons)
        return told

    def see_through(self, lane: str, persons: int) -> None:
        """Let ``persons`` through an open lane, then the hold time run out if some stay."""
        passage = self._passage(lane)
        if persons:
            self.barriers[lane].go(persons)
        assert until(lambda: is_over(passage) or passage.standing.release.passed == persons)
        if not is_over(passage):
            self.clock.advance(HOLD_S)
        assert until(lambda: passage.standing.stage is Stage.READY)
        self.flush()

    def flush(self) -> None:
        """All that was queued is written."""
        self.served.gate.journal.do(lambda _: None).wait(10)

    def go_to(self, at: int) -> None:
        """It is ``at``; never back."""
        assert at >= self.clock.wall - 1
        self.clock.advance(max(0.0, at - self.clock.wall))

    @property
    def shift(self) -> int:
        return shift_of(int(self.clock.wall), self.profile.timezone, self.profile.day_end_min)

    def inside(self, account: str | None = None) -> int:
        """How many are inside, of an account or in all."""
        with closing(UsesReader(self.site.state / JOURNAL)) as reader:
            pass_ = b"" if account is None else self.site.office.pass_of(account)
            presence, people = reader.inside(pass_, "bron", self.shift)
            return people if account is None else presence.inside

    def _passage(self, lane: str):
        return walkway(self.served, lane)._passage


def walkway(served, lane: str = "in-1"):
    """What a lane of a served gate does its work with."""
    (found,) = [one.worker for one in served.gate._gate._lanes if one.worker.id == lane]
    return found._walkway


def is_over(passage) -> bool:
    """Whether no release is open."""
    return passage.standing.release is None


def why(told) -> str | None:
    """The reason of a refusal; None = it was granted."""
    return str(told.refusal.reason) if isinstance(told.decision, Denied) or told.refusal else None
