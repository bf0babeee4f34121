"""Seven days without a network, thousands of taps a day: all decided, and then all told, once.

What the gate knows is fresh for a day, stale for six, and then too old for what the profile does not name.

``.ci/run`` has 5,000 taps a day (GATED_TAPS_A_DAY); without it, it is a short form of the same week.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from gated.central.office import ProductRules
from gated.devices.simulated.clock import SimulatedClock
from gated.model.statement import DenialState, TargetKind
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from gated.wire import topics
from hall import GATE, Hall, all_acknowledged
from records import journaled, total
from turnstile import say_in_profile
from venue import DAY, NOW, PATIENCE_S, PRODUCTS, Site, credential_of, medium, until

DAYS = 7
TAPS_A_DAY = int(os.environ.get("GATED_TAPS_A_DAY", "400"))
AFTER = TAPS_A_DAY // 4  # on the eighth day, before the network is back
LANES = tuple(f"in-{number}" for number in range(1, 11))
OPENS, OPEN_S = 6 * 3600, 12 * 3600  # UTC; at the venue no day ends meanwhile
BEGINS = (NOW // DAY - 1) * DAY + OPENS
HOLIDAY = BEGINS + 3 * DAY - OPENS  # rights of holiday makers end in that night
BEFORE_S = 3600  # the gate's last connection ends an hour before the first day
WEEK_S = 168 * 3600
NAMED = "season"  # the product whose rights are good even when knowledge is too old
#: How many people there are for each tap of a day: most come about twice a day.
PEOPLE = max(60, TAPS_A_DAY // 2)
NEWCOMER = medium(PEOPLE)  # buys a right in the middle of the week
RIGHTS = ("season", "season", "season", "season", "swim3", "swim3", "daily", "holiday", "denied", "unknown")


@dataclass
class Visitor:
    """Somebody who comes again and again, and what must be answered, by the rules of their right alone."""

    number: int
    came: Counter[int] = field(default_factory=Counter)  # admitted, by day

    @property
    def right(self) -> str:
        return RIGHTS[self.number % len(RIGHTS)]

    def deserves(self, day: int, at: int, age_s: int) -> str:
        """``granted``, or the reason of the refusal; ``age_s``: of what the gate knows."""
        too_old = age_s >= WEEK_S and self.right in ("swim3", "daily")
        refused = (
            "knowledge_expired" * too_old
            or {
                "season": "",
                "swim3": "uses_exhausted" * (self.came.total() >= 3),
                "daily": "uses_exhausted" * (self.came[day] >= 1),
                "holiday": "expired" * (at >= HOLIDAY),
                "denied": "denied",
                "unknown": "unknown_medium",
            }[self.right]
        )
        if not refused:
            self.came[day] += 1
        return refused or "granted"


@pytest.fixture
def people():
    return [Visitor(number) for number in range(PEOPLE)]


@pytest.fixture
def clock():
    return SimulatedClock(BEGINS - BEFORE_S)


@pytest.fixture
def site(tmp_path):
    products = (*PRODUCTS, ProductRules("daily", per_day=1), ProductRules("holiday"))
    made = Site(
        tmp_path, lanes=LANES, lane_lines='hold = "120s"', now=BEGINS - 2 * BEFORE_S, products=products
    )
    yield made
    made.office.close()


@pytest.fixture
def hall(site, clock):
    made = Hall(site, clock=clock)
    yield made
    made.stop()


def bring_rights(site, people):
    tokens = []
    for one in people:
        carried, account = medium(one.number), f"a{one.number}"
        if one.right == "unknown":
            continue
        product = "season" if one.right == "denied" else one.right
        ends = {"expires": HOLIDAY} if product == "holiday" else {}
        tokens += site.give(account, carried, product, **ends)
        if one.right == "denied":
            index = site.office.index(credential_of(carried))
            tokens.append(site.office.deny(TargetKind.CREDENTIAL, index, DenialState.REVOKED, now=site.now))
    site.bring(tokens)


class Week:
    """A gate of ten lanes, and everybody's answers."""

    def __init__(self, served, journal, clock, people) -> None:
        self.served, self.journal, self.clock, self.people = served, journal, clock, people
        self.draw = random.Random(7)
        self.media = {one.number: medium(one.number) for one in people}
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.known_at = served.gate._knowledge.known_at

    def live(self, day: int, taps: int) -> None:
        """One day: opening hours in rounds of one visitor at each lane; then the night."""
        rounds = taps // len(LANES)
        for number in range(rounds):
            self.round(day)
            self.clock.advance(OPEN_S / rounds)
            if number % 10 == 0:
                self.served.gate.tick()
        self.rest()
        self.clock.advance(DAY - OPEN_S)
        self.served.gate.tick()

    def round(self, day: int) -> None:
        at = self.clock.sample().wall
        come = dict(zip(LANES, self.draw.sample(self.people, len(LANES)), strict=True))
        for lane, one in come.items():
            self.served.readers[lane].present(self.media[one.number])
        for _ in LANES:
            told = self.served.told.get(timeout=PATIENCE_S)
            answer = "granted" if told.granted else str(told.refusal.reason)
            one = come[told.lane]
            expected = one.deserves(day, at, at - self.known_at)
            self.answers[answer] += 1
            if answer != expected:
                self.wrong.append(f"day {day}, visitor {one.number} ({one.right}): {answer}, not {expected}")
            self.served.readers[told.lane].remove()

    def rest(self) -> None:
        """Every release is settled before the night comes."""
        with closing(sqlite3.connect(self.journal)) as journal:
            assert until(lambda: journal.execute("SELECT count(*) FROM reservation").fetchone() == (0,))


def counted(hall, kind):
    """The events of a kind that count at central."""
    with closing(sqlite3.connect(hall.ledger_path)) as ledger:
        rows = ledger.execute("SELECT body FROM counted WHERE gate = ?", (GATE,)).fetchall()
    events = [json.loads(body) for (body,) in rows]
    return [event for event in events if event["kind"] == kind]


def freshness(state, day):
    """How fresh the rows of a day call what the gate knew, and how many do."""
    with closing(JournalReader(state / JOURNAL)) as reader:
        events = [json.loads(row.body) for row in reader.rows()]
    begins = BEGINS + day * DAY
    return Counter(
        event.get("knowledge", "fresh")
        for event in events
        if event["kind"] == "decided" and begins <= event["at"] < begins + DAY
    )


@pytest.mark.timeout(300 + TAPS_A_DAY // 10)
def test_seven_days_offline_are_decided_and_then_told_once(site, hall, serve, clock, people):
    bring_rights(site, people)
    greetings = []
    hall.broker.watch(lambda _, letter: greetings.append(letter) if letter.topic == topics.state(GATE) else 0)
    say_in_profile(site, {"staleness": {"when_expired": [NAMED]}})
    hall.serve(feed=True)
    served = serve(site, link=hall.gate_link(), jitter=lambda: 0.05, clock=clock)
    assert until(lambda: served.gate.sync.is_up)
    assert until(lambda: served.gate._knowledge.known_at), "a head was applied"
    assert all_acknowledged(served, site.state)
    hall.broker.ban(GATE)
    hall.broker.cut(GATE)
    hall.stop()
    clock.advance(BEFORE_S)
    before = hall.rows()
    week = Week(served, site.state / JOURNAL, clock, people)
    for day in range(DAYS):
        week.live(day, TAPS_A_DAY)
        if day == DAYS // 2:
            site.give("newcomer", NEWCOMER, "season")
    week.live(DAYS, AFTER)
    assert [] == week.wrong
    taps = DAYS * TAPS_A_DAY + AFTER
    assert taps == week.answers.total()
    assert set(week.answers) == {
        *("granted", "uses_exhausted", "expired", "denied", "unknown_medium", "knowledge_expired")
    }
    told = [{"fresh": TAPS_A_DAY}, *[{"stale": TAPS_A_DAY}] * (DAYS - 1), {"expired": AFTER}]
    assert told == [freshness(site.state, day) for day in range(DAYS + 1)]
    assert before == hall.rows()
    assert not served.tap(NEWCOMER).granted, "sold while it was away"

    hall.serve(feed=True)
    hall.broker.pardon(GATE)
    assert until(lambda: served.gate._knowledge.known_at > week.known_at, 120)
    assert served.tap(NEWCOMER).granted
    served.gate.tick()  # that it is fresh again is told, and ends the alarm
    assert all_acknowledged(served, site.state, 120)
    assert 2 == len(greetings), "one connection before the week, and one after it"
    served.stop_now()
    rows = before | journaled(site.state)  # what was told before the week was erased in it
    assert rows == hall.rows()
    assert len(rows) == total(hall.ledger_path, GATE), "a row is there twice, or in another history"
    assert ["fresh", "stale", "expired", "fresh"] == [row["state"] for row in counted(hall, "knowledge")]
    assert set() == hall.alarms(), "those of old knowledge have ended"
    decided, settled = counted(hall, "decided"), counted(hall, "settled")
    assert taps + 2 == len(decided)
    assert "knowledge" not in decided[-1], "fresh again"
    uses = Counter(event["cti"] for event in decided[:-1] if event["outcome"] == "granted")
    assert Counter(one.came.total() for one in people if one.came) == Counter(uses.values())
    assert Counter({"taken": week.answers["granted"] + 1}) == Counter(event["outcome"] for event in settled)
    print(f"{taps} taps in {DAYS} days: {dict(week.answers)}; {len(rows)} rows, each once at central")
