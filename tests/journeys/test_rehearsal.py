"""A rehearsal keeps its word: one scenario, played by ``gated rehearse`` and at a whole gate, tap by tap."""

from __future__ import annotations

import json
import tomllib
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import pytest

from gated.app.explaining import Asked, explained
from gated.cli.main import main
from gated.config.scenario import load_scenario
from gated.daemon.messages import Told
from gated.devices.simulated.clock import SimulatedClock
from gated.devices.simulated.media import Medium
from gated.model.credential import Assurance, Credential, Proof
from gated.model.decision import UNUSED, Denied, Granted, Leaving, Notice
from gated.model.rules import Rules
from gated.model.statement import DenialState, TargetKind
from gated.model.time import ClockQuality, TimeReading
from gated.model.venue import Direction
from gated.policy.rehearsal import Played, Rehearsal, Scenario
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from gated.store.ticket import COUNTER_GRACE_S
from gated.store.uses import UsesReader
from gated.texts.languages import LANGUAGES
from gated.texts.sentences import Audience, Texts
from store.test_journal import defects, rows
from turnstile import SHORT, Attended, two_way
from venue import credential_of, medium

POOL = Path(__file__).with_name("pool.toml")
HERE = "bron"
PASSBACKS = {
    "hard": 'passback = "hard"',
    "timed": 'passback = "timed"\npassback_interval = "PT30M"',
    "soft": 'passback = "soft"',
    "none": 'passback = "none"',
}
STRANGER = medium(999)


class Gate:
    """The gate of a scenario: its profile, its statements, its denials when they are due."""

    def __init__(self, path: Path, scenario: Scenario, document: dict, serve) -> None:
        self.scenario = scenario
        self.start = scenario.taps[0].at
        self.clock = SimulatedClock(self.start)
        (venue,) = [one for one in document["venue"] if one["id"] == HERE]
        rules = {key: value for key, value in venue.items() if key not in ("id", "sector")}
        lane_lines = f'{SHORT}\npersons_per_release = 0\nschemes = ["pkoc", "uid"]'
        self.site = two_way(path, lane_lines=lane_lines, now=self.start, profile=rules | {
            "country": document["country"],
            "retirements": document["retirement"],
            "products": [{"minimum_assurance": "uid-only"} | one for one in document["product"]],
        })  # fmt: skip
        self.site.config.write_text(
            self.site.config.read_text().replace(
                'id = "gate-1"', f'id = "gate-1"\nlanguages = {[*LANGUAGES]}'
            )
        )
        self.media = {name: self.carried(number, name) for number, name in enumerate(scenario.media)}
        self.site.bring([*self.bindings(), *self.rights()])
        # What the gate has believed until now; nobody takes its clock for one that stood still since.
        (self.site.state / "floors.json").write_text(json.dumps({"time": self.start - 3600}))
        self.attended = Attended(self.site, serve, self.clock)
        self.said: set[tuple[int, str]] = set()

    # -------------------------------------------------------------- what was issued

    def carried(self, number: int, name: str) -> Medium:
        if self.scenario.media[name].credential.assurance is Assurance.UID_ONLY:
            return Medium(b"\x04\x01\x02\x03\x04\x05" + bytes([number]))
        return medium(number)

    def credential(self, name: str) -> Credential:
        carried = self.media[name]
        if self.scenario.media[name].credential.assurance is Assurance.UID_ONLY:
            return Credential("uid", carried.uid, Assurance.UID_ONLY)
        return credential_of(carried)

    def bindings(self):
        for name, carried in self.scenario.media.items():
            account = carried.bindings["pools"].pass_.hex()
            yield self.site.office.bind(account, self.credential(name), now=self.start, expires=None)

    def rights(self):
        for right in self.scenario.rights:
            said = {one.name: getattr(right, one.name) for one in fields(Rules)}
            yield self.site.office.entitle(
                right.pass_.hex(), right.product, now=self.start, not_before=right.not_before,
                expires=right.expires, entitlement=right.id,
                **{name: value for name, value in said.items() if value is not None},
            )[1]  # fmt: skip

    def bring_what_is_due(self, at: int) -> None:
        for number, one in enumerate(self.scenario.denials):
            for when, state in ((one.since, DenialState.BLOCKED), (one.until, DenialState.LIFTED)):
                if when is not None and when <= at and (number, state.name) not in self.said:
                    self.said.add((number, state.name))
                    kind, target = one.denial.target_kind, one.denial.target
                    if kind is TargetKind.CREDENTIAL:
                        target = self.site.office.index(self.credential(one.medium))
                    elif kind is TargetKind.PASS:
                        target = self.pass_of(target)
                    self.site.bring([self.site.office.deny(kind, target, state, now=at)])

    def pass_of(self, rehearsed: bytes) -> bytes:
        return self.site.office.pass_of(rehearsed.hex())

    # -------------------------------------------------------------- a tap

    def tap(self, tap) -> Told:
        self.attended.go_to(tap.at)
        self.clock.boottime = 60.0 + (self.clock.wall - self.start)  # exact, as a sum of steps is not
        self.attended.served.gate._time.answered(tap.at, None)  # or floor and clock drift apart in weeks
        self.bring_what_is_due(tap.at)
        self.attended.served.gate.tick()
        carried = STRANGER if tap.medium is None else self.media[tap.medium]
        lane = "out-1" if tap.direction is Direction.EXIT else "in-1"
        return self.attended.tap(carried, lane, tap.persons)

    def left(self, tap, right: bytes) -> int | None:
        """What is left after settlement, as ``gated explain`` reads it beside the running gate."""
        settings, trust = self.site.settings_and_trust()
        reading = TimeReading(tap.at, tap.at, None, ClockQuality.GOOD, self.clock.sample())
        told = explained(
            settings, trust, settings.lanes[0], Asked(Proof(self.credential(tap.medium))), reading
        )
        return next(one.left for one in told.rights if one.right.id == right)

    def newest(self, kind: str) -> dict:
        return [row for row in rows(self.site.state / JOURNAL) if row["kind"] == kind][-1]

    def passed(self, told: Told) -> int:
        """How many went through, by the rows."""
        if isinstance(told.decision, Leaving):
            return self.newest("exited")["persons"]
        written = [row for row in rows(self.site.state / JOURNAL) if row["seq"] > told.seq]
        return sum(
            row["persons"]
            for row in written
            if row["kind"] == "forced" or (row["kind"], row.get("outcome")) == ("settled", "taken")
        )


@pytest.fixture(params=PASSBACKS)
def both(request, tmp_path, serve):
    """(the rehearsal, the gate, the file) of the scenario under one kind of anti-passback."""
    text = POOL.read_text()
    assert 1 == text.count(PASSBACKS["hard"])
    file = tmp_path / "pool.toml"
    file.write_text(text.replace(PASSBACKS["hard"], PASSBACKS[request.param]))
    scenario = load_scenario(file)
    gate = Gate(tmp_path, scenario, tomllib.loads(file.read_text()), serve)
    gate.passback = request.param
    yield Rehearsal(scenario), gate, file
    gate.site.office.close()


def rehearsed(played: Played, gate: Gate):
    """A tap as the rehearsal tells it; a pass by its name at the gate."""
    decision = played.decision
    pass_ = decision.entitlement.pass_ if isinstance(decision, Granted) else decision.pass_
    return (
        played.refusal,
        played.next_at,
        played.right,
        decision.clock,
        None if pass_ is None else gate.pass_of(pass_),
        played.warnings,
        played.left,
        played.released,
        played.passed,
    )


def served(told: Told, tap, gate: Gate, was_released: int):
    """The same of a tap at the gate."""
    decision = told.decision
    granted, denied = isinstance(decision, Granted), isinstance(decision, Denied)
    right = decision.entitlement if granted or denied else None
    pass_ = right.pass_ if granted else decision.pass_
    return (
        told.refusal,
        decision.next_at if denied else None,
        None if right is None else right.id,
        decision.clock,
        pass_,
        decision.warnings if granted else (),
        gate.left(tap, right.id) if granted else None,
        was_released,
        0 if denied else gate.passed(told),
    )


def counted(rehearsal: Rehearsal, gate: Gate, tap) -> None:
    """The store holds what the book holds."""
    book, shift, day = rehearsal._book, gate.attended.shift, gate.attended.profile.day_of(tap.at)
    rights = gate.scenario.rights
    with closing(UsesReader(gate.site.state / JOURNAL)) as reader:
        found = reader.recall([right.id for right in rights], HERE, day)
        for right in rights:
            expected = book.uses(right.id, HERE, day)[0], book.paid_at(right.id, HERE)
            if right.expires is not None and right.expires + COUNTER_GRACE_S <= tap.at:
                expected = UNUSED, None  # long over, and forgotten
            assert expected == found[right.id], gate.scenario.names[right.id]
            presence, _ = reader.inside(gate.pass_of(right.pass_), HERE, shift)
            assert book.presence(right.pass_, HERE, shift) == presence, gate.scenario.names[right.id]
        assert book.occupancy(HERE, shift) == reader.inside(b"", HERE, shift)[1]
    with closing(JournalReader(gate.site.state / JOURNAL)) as people:
        assert book.occupancy(HERE, shift) == people.inside(shift)


def test_a_gate_does_what_the_rehearsal_said(both, capsys):
    rehearsal, gate, file = both
    played_all = []
    for tap in gate.scenario.taps:
        before = rehearsal.question(tap)
        assert before.occupancy.exits_counted
        barrier = gate.attended.barriers["out-1" if tap.direction is Direction.EXIT else "in-1"]
        released = len(barrier.released)
        played, told = rehearsal.tap(tap), gate.tap(tap)
        was_released = sum(barrier.released[released:])
        expected = rehearsed(played, gate)
        if isinstance(played.decision, Leaving):
            # A gate cannot know how many will go: it releases for all of them that are inside.
            assert max(1, before.presence.inside) == was_released == told.decision.persons
            was_released = played.released
        assert expected == served(told, tap, gate, was_released), tap
        counted(rehearsal, gate, tap)
        played_all.append(played)
    reasons = {one.refusal and str(one.refusal.reason) for one in played_all}
    assert {
        None, "unknown_medium", "denied", "weak_credential", "no_entitlement", "wrong_venue", "expired",
        "not_yet_valid", "uses_exhausted", "outside_hours", "venue_full",
    } <= reasons  # fmt: skip
    assert (gate.passback in ("hard", "timed")) == ("passback" in reasons)
    warned = {warned.notice for one in played_all for warned in one.warnings}
    assert (gate.passback == "soft") == (Notice.PASSBACK in warned)
    assert {Notice.CONCESSION, Notice.RETIREMENT} <= warned
    gate.attended.served.stop_now()
    assert [] == defects(gate.site.state / JOURNAL)
    assert 0 == main(["rehearse", str(file), "--json"])
    printed = [
        (one["granted"], one["reason"], one["uses_left"]) for one in json.loads(capsys.readouterr().out)
    ]
    assert printed == [
        (one.refusal is None, one.refusal and str(one.refusal.reason), one.left) for one in played_all
    ]


def test_every_text_that_a_lamp_shows_is_one_of_the_catalogues(both):
    _, gate, _ = both
    zone = gate.attended.profile.timezone
    expected: dict[str, list] = {"in-1": [], "out-1": []}
    texts = [Texts(language, zone) for language in gate.site.settings_and_trust()[0].languages]
    for tap in gate.scenario.taps:
        told = gate.tap(tap)
        expected[told.lane].append(
            (told.refusal, tuple(one.told(told.decision, tap.at, Audience.VISITOR) for one in texts))
        )
    ready, alarm = tuple(one.ready() for one in texts), tuple(one.alarm() for one in texts)
    for lane, lamp in gate.attended.lamps.items():
        shown = [(refusal, said) for _, refusal, said in lamp.shown if said not in (ready, alarm)]
        assert expected[lane] == shown
        assert len(LANGUAGES) == len(set(ready)) == len(lamp.texts)
