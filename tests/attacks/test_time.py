"""Clocks that lie, time that is forged, nights without power: each is noticed, and the gate works on."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace

import pytest

from desk import GATE, SECTOR, Desk
from gated.daemon.pulse import PULSE_S
from gated.devices.simulated.clock import SimulatedClock
from gated.model.letter import Letter
from gated.model.refusal import Reason
from gated.model.statement import Kind
from gated.model.time import ClockQuality
from gated.model.trust import Algorithm
from gated.policy.reckoning import NIGHT_S, PLAUSIBLE_AHEAD_S
from gated.store.chain import JournalReader
from gated.store.directory import FLOORS, JOURNAL
from gated.store.time_note import TIME_NOTE
from gated.wire import topics
from gated.wire.pulse import PulseAnswer
from gated.wire.request import HERE, Answer, encode_answer
from gated.wire.seal import SigningKey
from meridian import Meridian, but
from venue import DAY, NOW, medium, until

YEAR = 365 * DAY
TRUE = NOW + 100
GOOD, BEHIND = ClockQuality.GOOD, ClockQuality.BEHIND
AHEAD, UNSURE = ClockQuality.AHEAD, ClockQuality.UNSURE
ALICE, OVER, SOON, ENDS = medium(1), medium(2), medium(3), medium(4)


class Gate:
    """A gate with a link to a desk whose true time is ``TRUE`` at first."""

    def __init__(self, site, serve, wall: int = TRUE, *, keys=(), delays_s=(0.0, 0.0)) -> None:
        self.site, self._serve = site, serve
        self.desk = Desk(site, ack_wait="600s")
        self.trust(*keys)
        self.clock = SimulatedClock(wall)
        self.meridian = Meridian(self.desk, self.clock, TRUE)
        self.meridian.before_s, self.meridian.after_s = delays_s
        site.bring(
            site.give("alice", ALICE, "season")
            + site.give("over", OVER, "season", not_before=TRUE - 2 * DAY, expires=TRUE - 3600)
            + site.give("soon", SOON, "season", not_before=TRUE + 9 * 3600)
            + site.give("ends", ENDS, "season", expires=TRUE + 5 * 3600)
        )
        self.start()

    def trust(self, *keys: tuple[SigningKey, dict]) -> None:
        """Keys beside that of the desk, each with what is different of it."""
        path = self.site.path / "central" / "gate" / "keys.json"
        document = json.loads(path.read_text())
        document["keys"] += [self.desk.described(key) | more for key, more in keys]
        path.write_text(json.dumps(document))

    def start(self) -> None:
        self.served = self._serve(self.site, clock=self.clock, link=self.desk.gate_link(), jitter=lambda: 0.0)

    def stop(self) -> None:
        self.loses_the_link()  # or it would have much to say
        self.served.stop_now()

    def loses_the_link(self) -> None:
        self.desk.broker.ban(GATE)
        self.desk.broker.cut(GATE)
        assert until(lambda: not self.served.gate.sync.is_up)

    def finds_the_link(self) -> None:
        self.desk.broker.pardon(GATE)

    def is_off(self, seconds: float, wall: int | None = None, *, cut: bool = False) -> None:
        """The power goes and comes back; the clock shows ``wall`` then. None = it has a battery."""
        if cut:  # what the daemon makes durable as it is stopped is not
            kept = {path: path.read_bytes() for path in map(self.site.state.joinpath, (FLOORS, TIME_NOTE))}
        self.stop()
        if cut:
            for path, content in kept.items():
                path.write_bytes(content)
        self.clock.reboot(int(self.clock.wall + seconds) if wall is None else wall, seconds)
        self.clock.advance(30)
        self.start()

    # -------------------------------------------------------------- what it believes

    @property
    def reading(self):
        return self.served.gate._time.read()

    @property
    def pulse(self):
        return self.served.gate._knowledge.pulse

    def is_sure(self) -> bool:
        """Whether it knows the time to a few seconds, and rightly."""
        reading, true = self.reading, self.meridian.true
        if reading.ceiling is None:
            return False
        return true - 5 <= reading.floor <= true <= reading.ceiling <= true + 5

    def becomes_sure(self) -> None:
        assert until(self.is_sure), (self.reading, self.meridian.true)

    def rows(self, kind: str) -> list[dict]:
        with closing(JournalReader(self.site.state / JOURNAL)) as reader:
            return [row.event for row in reader.rows() if row.event["kind"] == kind]

    def unbelieved(self, code: str) -> bool:
        """Whether the journal tells so, within a while."""
        return until(lambda: code in [row["code"] for row in self.rows("unbelieved")])

    def tap(self, carried) -> tuple[str | None, str]:
        """(why not, how the clock was), of an entry."""
        told = self.served.tap(carried)
        return None if told.granted else str(told.refusal.reason), str(told.decision.clock)

    def works(self, clock=GOOD) -> None:
        """It admits whom it should and nobody else, and finds the time again when it is told."""
        assert (None, clock) == self.tap(ALICE)
        assert (Reason.EXPIRED, clock) == self.tap(OVER)
        assert (Reason.NOT_YET_VALID, clock) == self.tap(SOON)

    def recovers(self) -> None:
        """The next honest answer makes it sure."""
        self.meridian.says = lambda meridian, pulse: meridian.signed(pulse)
        self.meridian.before_s = self.meridian.after_s = 0.0
        self.meridian.pulse()
        self.becomes_sure()
        self.works()


@pytest.fixture
def gate(site, serve):
    made = []

    def make(*arguments, **more):
        made.append(Gate(site, serve, *arguments, **more))
        return made[-1]

    yield make
    for one in made:
        one.stop()
        one.meridian.stop()


# ---------------------------------------------------------------- clocks that lie


LIES = [
    pytest.param(TRUE - DAY, BEHIND, id="a day behind"),
    pytest.param(TRUE + DAY, AHEAD, id="a day ahead"),
    pytest.param(TRUE - 20 * YEAR, BEHIND, id="20 years behind"),
    pytest.param(TRUE + 20 * YEAR, AHEAD, id="20 years ahead"),
    pytest.param(5, BEHIND, id="1970"),
]


@pytest.mark.parametrize(("wall", "quality"), LIES)
def test_a_clock_that_is_wrong_at_start_is_found_out(gate, wall, quality):
    one = gate(wall)
    one.becomes_sure()
    assert quality is one.reading.quality
    one.works(quality)
    assert {str(quality)} == {row["clock"] for row in one.rows("decided")}
    assert all(abs(row["at"] - one.meridian.true) <= 5 for row in one.rows("decided"))


@pytest.mark.parametrize(("wall", "quality"), LIES)
def test_a_clock_that_jumps_while_the_gate_runs_is_found_out_at_once(gate, wall, quality):
    one = gate()
    one.becomes_sure()
    one.works()
    one.clock.wall = float(wall)
    assert (None, quality) == one.tap(ALICE)
    one.works(quality)
    one.meridian.pulse()
    assert until(lambda: one.pulse.at == one.meridian.true)
    one.works(quality)
    one.clock.wall = float(one.meridian.true)
    one.works()


@pytest.mark.parametrize("wall", [TRUE + 30 * DAY, TRUE - 30 * DAY])
def test_a_time_server_that_lies_neither_revives_nor_ends_a_right(gate, wall):
    """After the link is gone too: what central said bounds it, carried on by a clock that nobody sets."""
    one = gate()
    one.becomes_sure()
    one.meridian.silent = True
    one.clock.advance(3600)
    one.clock.wall = float(wall)
    for _ in range(3):
        assert [None, Reason.EXPIRED, None] == [one.tap(who)[0] for who in (ALICE, OVER, ENDS)]
        one.clock.advance(3600)
    one.clock.advance(3660)  # the boot clock may be a little slow
    assert [None, Reason.EXPIRED, Reason.EXPIRED] == [one.tap(who)[0] for who in (ALICE, OVER, ENDS)]
    assert Reason.NOT_YET_VALID == one.tap(SOON)[0]
    one.clock.advance(5 * 3600)
    assert None is one.tap(SOON)[0]


# ---------------------------------------------------------------- time that is forged


STRANGER = SigningKey.generate(Algorithm.EDDSA)
CLERK = SigningKey.generate(Algorithm.EDDSA)  # signs receipts, and no time
BRIEF = SigningKey.generate(Algorithm.EDDSA)  # counts for two days more


def by(key, kind=Kind.TIME, **changes):
    return lambda meridian, pulse: meridian.signed(replace(pulse, **changes), key, kind)


def spoilt(meridian, pulse):
    return meridian.signed(pulse)[:-1] + b"\x00"


def as_json(meridian, pulse):
    return meridian.desk.key.sign("gated/time", b'{"v":1, "at":%d}' % pulse.at)


def replayed(meridian, pulse):
    """What was right for the question before."""
    return meridian.answered[-1]


LATER = TRUE + 3 * DAY


@pytest.mark.parametrize(
    ("says", "code"),
    [
        pytest.param(replayed, "nonce", id="the last answer again"),
        pytest.param(but(nonce=bytes(16)), "nonce", id="over a number that nobody drew"),
        pytest.param(but(gate="gate-2", at=LATER), "foreign", id="an answer to another gate"),
        pytest.param(but(sector="museums", at=LATER), "foreign", id="an answer of another sector"),
        pytest.param(by(STRANGER, at=LATER), "unknown_key", id="signed by a stranger"),
        pytest.param(by(CLERK, at=LATER), "out_of_scope", id="signed by a key that may tell no time"),
        pytest.param(by(None, Kind.ACK, at=LATER), "malformed", id="a receipt in place of it"),
        pytest.param(by(BRIEF, at=LATER), "key_not_valid", id="a time after the end of its key"),
        pytest.param(spoilt, "bad_signature", id="a byte of the signature changed"),
        pytest.param(lambda *_: b"\xd2", "truncated", id="a byte and no more"),
        pytest.param(lambda *_: b"\xd2" * 100_000, "oversize", id="100 kB"),
        pytest.param(as_json, "malformed", id="other JSON"),
        pytest.param(but(at=TRUE + PLAUSIBLE_AHEAD_S + 2 * DAY), "leap", id="a stolen key leaps ahead"),
        pytest.param(but(at=TRUE - DAY), "before_floor", id="a time that is over"),
    ],
)
def test_a_pulse_that_is_not_right_moves_nothing_and_is_told(gate, says, code):
    one = gate(keys=[(CLERK, {"kinds": ["ack"]}), (BRIEF, {"expires": TRUE + 2 * DAY})])
    one.becomes_sure()
    before = one.pulse
    one.meridian.says = says
    one.meridian.pulse()
    assert one.unbelieved(code)
    assert TRUE <= one.reading.floor <= one.meridian.true <= one.reading.ceiling
    assert one.pulse is before or code == "before_floor"
    assert 1 == one.served.gate.sync._refused()[f"pulse_{code}"]
    one.recovers()


def test_an_answer_that_nobody_asked_for_is_counted_and_not_looked_at(gate):
    one = gate()
    one.becomes_sure()
    body = one.meridian.signed(replace_at(one, LATER))
    for name in (bytes(8), b"\xff" * 8):
        one.desk.broker.publish(Letter(topics.response(GATE), encode_answer(Answer(name, HERE, body))))
    assert until(lambda: one.served.gate.sync._refused()["answer_unasked"] == 2)
    assert one.is_sure()
    one.recovers()


def replace_at(one, at):
    return PulseAnswer(SECTOR, GATE, bytes(16), at)


@pytest.mark.parametrize(("there_s", "back_s"), [(0.0, 2.0), (2.5, 0.0), (1.0, 8.0)])
def test_an_answer_that_was_held_back_bounds_the_time_from_below_alone(gate, there_s, back_s):
    """Whoever delays one way only would make it early or late: neither is believed."""
    one = gate(5, delays_s=(there_s, back_s))
    assert one.unbelieved("late")
    assert until(lambda: one.pulse is not None)
    one.meridian.pulse()
    assert until(lambda: one.reading.floor >= one.meridian.true - 2 * PULSE_S)
    reading, true = one.reading, one.meridian.true
    assert true - 40 <= reading.floor <= true
    assert reading.ceiling is None or reading.ceiling > true + 3600
    one.clock.wall = float(true)
    one.recovers()


def test_a_stolen_key_can_put_time_forward_no_further_than_a_leap(gate):
    """Then it stays there: a floor never comes down. Nothing that was over is good again."""
    one = gate()
    one.becomes_sure()
    one.meridian.says = but(at=TRUE + 300 * DAY)
    one.meridian.pulse()
    assert until(lambda: one.reading.floor >= TRUE + 300 * DAY)
    one.meridian.says = lambda meridian, pulse: meridian.signed(pulse)
    one.meridian.pulse()
    assert one.unbelieved("before_floor")
    assert (None, BEHIND) == one.tap(ALICE)
    assert (Reason.EXPIRED, BEHIND) == one.tap(OVER)
    assert (Reason.EXPIRED, BEHIND) == one.tap(ENDS)


def test_a_broker_that_answers_nothing_leaves_time_to_the_boot_clock(gate):
    one = gate()
    one.becomes_sure()
    one.meridian.silent = True

    def gives_up() -> bool:
        one.clock.advance(1)
        return one.served.gate.sync._refused()["no_answer"] > 2

    assert until(gives_up)
    assert one.served.gate.sync.is_up
    one.clock.wall -= DAY
    assert (None, BEHIND) == one.tap(ALICE)
    one.clock.wall += DAY
    one.meridian.silent = False
    one.recovers()


# ---------------------------------------------------------------- nights without power


NIGHT = 10 * 3600
EVENING = TRUE + 60


def evening(gate):
    """A gate that knew the time, and whose power goes."""
    one = gate()
    one.becomes_sure()
    one.clock.advance(60)
    one.works()
    return one


def test_a_night_with_a_battery_is_over_in_the_morning(gate):
    one = evening(gate)
    one.loses_the_link()
    one.is_off(NIGHT)
    assert GOOD is one.reading.quality
    assert None is one.reading.ceiling
    assert (None, GOOD) == one.tap(ALICE)
    assert (None, UNSURE) == one.tap(SOON)  # it begins between floor and clock
    assert (None, UNSURE) == one.tap(ENDS)  # it ended, by a clock that nobody signed
    assert (Reason.EXPIRED, GOOD) == one.tap(OVER)
    one.finds_the_link()
    one.becomes_sure()
    assert [None, Reason.EXPIRED] == [one.tap(who)[0] for who in (SOON, ENDS)]


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize(
    ("wall", "quality"),
    [
        pytest.param(None, UNSURE, id="the clock stood still"),
        pytest.param(0, BEHIND, id="the clock begins in 1970"),
        pytest.param(TRUE + 20 * YEAR, AHEAD, id="the clock is 20 years ahead"),
    ],
)
def test_a_night_without_battery_and_network_shuts_nobody_out(gate, wall, quality, cut):
    """Nor does it revive what was over before. What ended meanwhile is good until somebody says otherwise."""
    one = evening(gate)
    one.loses_the_link()
    if cut:
        one.clock.advance(300)
    went = int(one.clock.wall)
    one.is_off(NIGHT, went if wall is None else wall, cut=cut)
    reading = one.reading
    assert quality is reading.quality
    assert reading.floor <= EVENING + 400 < one.meridian.true <= reading.ceiling
    assert reading.ceiling <= EVENING + NIGHT_S + 400
    assert (None, quality) == one.tap(ALICE)
    assert (None, UNSURE) == one.tap(SOON)
    assert (None, UNSURE) == one.tap(ENDS)
    assert (Reason.EXPIRED, quality) == one.tap(OVER)
    one.clock.wall = float(one.meridian.true)  # NTP, or somebody with a watch
    assert (None, GOOD, GOOD) == (one.tap(ALICE)[0], one.tap(ALICE)[1], one.reading.quality)
    one.finds_the_link()
    one.becomes_sure()
    assert [None, Reason.EXPIRED, Reason.EXPIRED] == [one.tap(who)[0] for who in (SOON, ENDS, OVER)]


@pytest.mark.parametrize("wall", [EVENING, 0, TRUE + 20 * YEAR])
def test_a_night_without_battery_is_over_when_central_answers(gate, wall):
    one = evening(gate)
    one.is_off(NIGHT, wall)
    one.finds_the_link()
    one.becomes_sure()
    assert [None, None, Reason.EXPIRED, Reason.EXPIRED] == [
        one.tap(who)[0] for who in (ALICE, SOON, ENDS, OVER)
    ]
    assert {str(one.reading.quality)} == {one.tap(who)[1] for who in (ALICE, SOON, ENDS)}


def test_a_venue_that_refuses_what_is_unsure_waits_for_a_clock(gate, site):
    path = site.path / "central" / "gate" / "profile-bron.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"when_unsure": "refuse"}))
    one = evening(gate)
    one.loses_the_link()
    one.is_off(NIGHT, EVENING)
    assert (None, UNSURE) == one.tap(ALICE)
    assert (Reason.NOT_YET_VALID, UNSURE) == one.tap(SOON)
    assert (Reason.EXPIRED, UNSURE) == one.tap(ENDS)
    one.finds_the_link()
    one.becomes_sure()
    assert [None, Reason.EXPIRED] == [one.tap(who)[0] for who in (SOON, ENDS)]


def test_a_daemon_that_is_started_again_knows_what_the_last_one_knew(gate):
    one = evening(gate)
    one.loses_the_link()
    one.stop()
    one.clock.advance(600)
    one.clock.wall = 0.0
    one.start()
    assert one.is_sure()
    one.works(BEHIND)


@pytest.mark.parametrize("note", [b"", b"[]", b"\xff", b"{}", b'{"boot": 7}', b"[" * 5000])
def test_a_note_of_the_time_that_cannot_be_read_costs_no_more_than_itself(gate, note):
    one = evening(gate)
    one.loses_the_link()
    one.stop()
    (one.site.state / TIME_NOTE).write_bytes(note)
    one.start()
    assert EVENING - 5 <= one.reading.floor <= one.meridian.true
    assert UNSURE is one.reading.quality
    one.finds_the_link()
    one.becomes_sure()
    one.works()
