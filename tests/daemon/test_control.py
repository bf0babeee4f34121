"""The porter: how a running gate answers, obeys and tells, over its socket."""

from __future__ import annotations

import json
import os
import queue
import threading
from contextlib import closing

import pytest

from gated.daemon.clerk import REST_TIMES, Clerk
from gated.daemon.control import Porter
from gated.daemon.messages import Answer
from gated.daemon.outcomes import MAX_UNTOLD, REMEMBERED, Outcomes
from gated.devices.simulated.barrier import SimulatedBarrier
from gated.devices.simulated.clock import SimulatedClock
from gated.devices.simulated.indicator import SimulatedIndicator
from gated.links.control_client import ControlClient, NoGateError, NotServedError, value_of
from gated.model.barrier import FireAlarm, FireQuiet
from gated.model.order import Mode, Order
from gated.model.refusal import Reason, Refusal
from gated.policy.orders import WhyNot
from gated.policy.standing import Standing
from gated.ports import Signal
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from gated.wire.control import MAX_ANSWER_BYTES, AskOrder, AskStatus, AskWatch, Kind, read_line
from venue import NOW, Site, credential_of, medium, until


class Barrier(SimulatedBarrier):
    """Nobody passes unless a test pushes; it may burn."""

    def __init__(self) -> None:
        super().__init__(passes=False)

    def burn(self, *, on: bool = True) -> None:
        self._tell(FireAlarm() if on else FireQuiet())


@pytest.fixture
def gate(tmp_path, serve):
    """A gate with two lanes and one visitor, its client, and its people."""
    site = Site(tmp_path, lanes=("in-1", "in-2"), lane_lines='hold = "30s"')
    site.bring(site.give("alice", medium(1), "swim3"))
    barriers = {lane: Barrier() for lane in site.lanes}
    lamps = {lane: SimulatedIndicator() for lane in site.lanes}
    served = serve(site, barriers=barriers, indicators=lamps)
    served.site, served.lamps = site, lamps
    served.socket = site.state / "control"
    assert until(lambda: all("ready" == lane["stage"] for lane in ask(served)["lanes"].values()))
    yield served
    site.office.close()


def ask(served, request=None):
    with closing(ControlClient(served.socket)) as client:
        return client.ask(request or AskStatus(), 20)


def order(served, what, lane, operator="mia", reason="a pram"):
    return ask(served, AskOrder(what, lane, operator, reason))


def rows(served, kind):
    served.gate.journal.do(lambda _: None).wait(10)
    with closing(JournalReader(served.site.state / JOURNAL)) as reader:
        return [row.event for row in reader.rows() if row.event["kind"] == kind]


class Watcher:
    """Reads the stream until something is there."""

    def __init__(self, served) -> None:
        self.client = ControlClient(served.socket)
        self.client.send(AskWatch())
        self.seen: list[tuple] = []

    def until(self, kind, **members):
        while True:
            for line in self.client.lines(20):
                self.seen.append((line.kind, value_of(line)))
            for told, value in self.seen:
                if told is kind and members.items() <= value.items():
                    return value


@pytest.fixture
def watcher(gate):
    made = Watcher(gate)
    made.until(Kind.SHOWN, lane="in-2", signal="ready")
    yield made
    made.client.close()


# ------------------------------------------------------------------ status


def test_status_tells_how_lanes_stand(gate):
    told = ask(gate)
    assert ("gate-1", True) == (told["gate"], told["running"])
    lane = told["lanes"]["in-2"]
    assert {
        "direction": "entry",
        "state": "in_service",
        "stage": "ready",
        "mode": "normal",
        "missing": [],
        "alarm": False,
        "release": None,
        "hung": False,
    }.items() <= lane.items()


def test_status_tells_an_open_release_a_lost_reader_and_a_fire(gate):
    gate.readers["in-1"].present(medium(1))
    gate.readers["in-2"].unplug()
    assert until(lambda: ask(gate)["lanes"]["in-1"]["release"] == {"persons": 1, "passed": 0})
    assert until(lambda: ask(gate)["lanes"]["in-2"]["missing"] == ["reader"])
    gate.barriers["in-2"].burn()
    assert until(lambda: {lane["stage"] for lane in ask(gate)["lanes"].values()} == {"fire"})
    lanes = ask(gate)["lanes"]
    assert (False, True) == (lanes["in-1"]["alarm"], lanes["in-2"]["alarm"])


def test_status_has_what_the_files_tell(gate):
    told = ask(gate)
    assert told["cache"]["complete"]
    assert {"people": 0, "confidence": "entries_only"} == told["inside"]
    assert told["unsent"] >= 1
    assert told["link"] is None


def test_the_last_outcomes_of_a_lane_are_told_with_their_reasons(gate):
    gate.tap(medium(2))
    assert gate.tap(medium(1)).granted
    told = ask(gate)["lanes"]["in-1"]["outcomes"]
    assert ["refused", "granted"] == [one["signal"] for one in told][-2:]
    assert "unknown_medium" == told[-2]["reason"]


class Slow(SimulatedClock):
    """Each look at the files takes so long, in seconds."""

    takes_s = 0.0

    def sample(self):
        self.advance(self.takes_s)
        return super().sample()


def test_the_clerk_says_what_it_cannot_read_and_rests_after_long_looks(gate):
    clock = Slow(NOW)
    profile = gate.site.settings_and_trust()[1].profile
    time = gate.gate._time
    knowledge = gate.gate._knowledge
    clerk = Clerk(gate.site.state, profile, exits_counted=False, time=time, clock=clock, knowledge=knowledge)
    clerk.start()
    told: queue.SimpleQueue = queue.SimpleQueue()

    def look() -> dict:
        clerk.ask(told.put)
        return told.get(timeout=20)

    assert "gate-1" == look()["gate"]
    delta = gate.site.state / "delta.db"
    delta.rename(gate.site.state / "gone")
    assert "delta.db" in look()["trouble"]
    (gate.site.state / "gone").rename(delta)
    clock.takes_s = 2.0
    assert "trouble" not in look()
    delta.rename(gate.site.state / "gone")
    assert "trouble" not in look()  # that was the last look
    clock.advance(REST_TIMES * 2.0)
    assert "delta.db" in look()["trouble"]
    (gate.site.state / "gone").rename(delta)
    clerk.stop(10)


def test_files_that_cannot_be_read_hide_no_lane():
    alone = Alone()
    alone.files.told = {"trouble": "journal.db cannot be read"}
    alone.porter.ask(AskStatus(), 7, alone.replies.append)
    told = read_line(alone.replies.pop()).value
    assert {"in-1", "in-2"} == told["lanes"].keys()
    assert told["trouble"]


# ------------------------------------------------------------------ orders


def test_an_order_is_obeyed_and_stands_in_the_journal_with_operator_user_and_reason(gate):
    assert [{"lane": "in-1", "refused": None}] == order(gate, Order.OPEN, "in-1")
    assert gate.barriers["in-1"].released
    (row,) = rows(gate, "ordered")
    assert {
        "lane": "in-1",
        "order": "open",
        "operator": "mia",
        "user": os.geteuid(),
        "reason": "a pram",
        "persons": 1,
    }.items() <= row.items()


def test_a_mode_for_all_lanes_is_obeyed_by_each(gate):
    told = order(gate, Order.FREE_PASSAGE, None)
    assert [("in-1", None), ("in-2", None)] == [(one["lane"], one["refused"]) for one in told]
    assert {Mode.FREE_PASSAGE} == {lane["mode"] for lane in ask(gate)["lanes"].values()}
    assert {"in-1", "in-2"} == {row["lane"] for row in rows(gate, "ordered")}


def test_what_a_lane_cannot_do_is_told_with_its_code(gate):
    assert "not_burning" == order(gate, Order.REARM, "in-1")[0]["refused"]
    order(gate, Order.OPEN, "in-1")
    assert "release_open" == order(gate, Order.OPEN, "in-1")[0]["refused"]
    gate.barriers["in-2"].burn()
    assert until(lambda: ask(gate)["lanes"]["in-2"]["alarm"])
    told = {one["lane"]: one["refused"] for one in order(gate, Order.REARM, None)}
    assert "still_burning" == told["in-2"]
    gate.barriers["in-2"].burn(on=False)
    assert until(lambda: not ask(gate)["lanes"]["in-2"]["alarm"])
    assert [{"lane": "in-2", "refused": None}] == order(gate, Order.REARM, "in-2")


def test_a_lane_that_is_not_there_is_told(gate):
    with pytest.raises(NotServedError, match="name one of: in-1, in-2") as told:
        order(gate, Order.OPEN, "in-9")
    assert "unknown_lane" == told.value.code


def test_a_gate_that_stopped_answers_nobody(gate):
    gate.stop_now()
    with pytest.raises(NoGateError):
        ask(gate)
    assert not gate.socket.exists()


def test_a_gate_that_cannot_have_its_socket_serves_without(tmp_path, serve, caplog):
    site = Site(tmp_path, more='[control]\nsocket = "none/control"')
    site.bring(site.give("alice", medium(1), "season"))
    served = serve(site)
    assert "serving without the control socket" in caplog.text
    assert served.tap(medium(1)).granted
    site.office.close()


# ------------------------------------------------------------------ the stream


def test_who_watches_sees_taps_and_how_lanes_stand(gate, watcher):
    gate.readers["in-1"].present(medium(1))
    granted = watcher.until(Kind.SHOWN, lane="in-1", signal="granted")
    assert granted["texts"] == list(gate.lamps["in-1"].texts)
    assert "released" == watcher.until(Kind.STANDS, lane="in-1", stage="released")["stage"]
    gate.readers["in-1"].remove()
    gate.barriers["in-1"].push()
    watcher.until(Kind.STANDS, lane="in-1", stage="ready", release=None)
    gate.readers["in-2"].present(medium(3))
    refused = watcher.until(Kind.SHOWN, lane="in-2", signal="refused")
    assert ("unknown_medium", {}) == (refused["reason"], refused["params"])


def test_whoever_comes_later_sees_what_is_shown_now(gate, watcher):
    order(gate, Order.OUT_OF_SERVICE, "in-2")
    watcher.until(Kind.SHOWN, lane="in-2", signal="out_of_service")
    late = Watcher(gate)
    shown = late.until(Kind.SHOWN, lane="in-2")
    late.client.close()
    assert {"cause": "ordered"} == shown["params"]


def test_neither_pass_nor_medium_nor_right_is_ever_told(gate, watcher):
    assert gate.tap(medium(1)).granted
    gate.barriers["in-1"].push()
    for _ in range(2):
        gate.tap(medium(1), "in-2")
        gate.barriers["in-2"].push()
    gate.tap(medium(2))
    watcher.until(Kind.SHOWN, lane="in-1", reason="unknown_medium")
    decided = rows(gate, "decided")
    assert "cti" in decided[0]
    secrets = {row[key] for row in decided for key in ("pass", "cti") if row.get(key)}
    secrets |= {medium(1).public.hex(), credential_of(medium(1)).text.partition(":")[2]}
    said = json.dumps([value for _, value in watcher.seen]) + json.dumps(ask(gate))
    assert [] == [secret for secret in secrets if secret in said.lower()]


# ------------------------------------------------------------------ the porter alone


class Lane:
    """Takes orders and answers when a test says so."""

    def __init__(self, lane: str) -> None:
        self.id = lane
        self.standing = Standing(lane, leads_out=False)
        self.posted: list = []

    def post(self, message) -> None:
        self.posted.append(message)

    def hung(self) -> bool:
        return False

    def answer(self, refused=None) -> None:
        self.posted.pop(0).answer(Answer(self.id, refused))


class Files:
    def __init__(self) -> None:
        self.told = {"gate": "gate-1"}

    def ask(self, then) -> None:
        then(self.told)


class Alone:
    """A porter with lanes of ours and a clock that a test moves."""

    def __init__(self, count: int = 2) -> None:
        self.clock = SimulatedClock(NOW)
        self.lanes = [Lane(f"in-{number}") for number in range(1, count + 1)]
        self.files = Files()
        self.outcomes = Outcomes([lane.id for lane in self.lanes], lambda: NOW)
        self.porter = Porter(
            lanes=self.lanes,
            outcomes=self.outcomes,
            clerk=self.files,
            clock=self.clock,
            now=lambda: NOW,
            answer_wait_s=5.0,
        )
        self.replies: list = []

    def order(self, what=Order.REARM, lane=None) -> None:
        self.porter.ask(AskOrder(what, lane, "mia", "a pram"), 7, self.replies.append)

    def said(self):
        return [(one["lane"], one["refused"]) for one in read_line(self.replies.pop(0)).value]


def test_every_lane_has_answered_before_the_order_is():
    alone = Alone()
    alone.order()
    alone.lanes[1].answer(WhyNot.NOT_BURNING)
    assert [] == alone.replies
    assert (Order.REARM, 7) == (alone.lanes[0].posted[0].order, alone.lanes[0].posted[0].operator.user)
    alone.lanes[0].answer()
    assert [("in-1", None), ("in-2", "not_burning")] == alone.said()


def test_a_lane_that_does_not_answer_in_time_is_told_and_gets_no_second_order():
    alone = Alone()
    alone.order()
    alone.lanes[0].answer()
    alone.porter.tick()
    assert [] == alone.replies
    alone.clock.advance(5.0)
    alone.porter.tick()
    alone.porter.tick()
    assert [("in-1", None), ("in-2", "no_answer")] == alone.said()
    alone.order(Order.OPEN, "in-2")
    assert [("in-2", "no_answer")] == alone.said()
    assert 1 == len(alone.lanes[1].posted)
    alone.lanes[1].answer()  # late: nobody waits for it any more
    assert [] == alone.replies
    alone.order(Order.OPEN, "in-2")
    alone.lanes[1].answer()
    assert [("in-2", None)] == alone.said()


def test_sixteen_lanes_with_all_they_remember_fit_into_one_line():
    alone = Alone(16)
    long = Refusal(Reason.CONFLICTING_REVISION, {f"parameter_{n}": "x" * 32 for n in range(4)})
    for lane in alone.lanes:
        shows = alone.outcomes.beside(lane.id, SimulatedIndicator())
        for _ in range(2 * REMEMBERED):
            shows.show(Signal.OUT_OF_SERVICE, long, ["texts are not remembered" * 20])
    alone.porter.ask(AskStatus(), 7, alone.replies.append)
    (line,) = alone.replies
    assert (Kind.STATUS, True) == (read_line(line).kind, len(line) < MAX_ANSWER_BYTES)


def test_nobody_is_woken_for_what_nobody_watches_and_too_much_is_told_as_lost():
    alone, woken = Alone(), []
    shows = alone.outcomes.beside("in-1", SimulatedIndicator())
    shows.show(Signal.READY)
    assert [] == woken
    alone.porter.listen(lambda: woken.append(1))
    assert [] == list(alone.porter.news())
    for _ in range(MAX_UNTOLD):
        shows.show(Signal.READY)
    assert (MAX_UNTOLD, MAX_UNTOLD) == (len(woken), len(alone.porter.news()))
    for _ in range(MAX_UNTOLD + 1):
        shows.show(Signal.READY)
    assert alone.porter.news() is None
    assert [] == list(alone.porter.news())
    alone.porter.listen(None)
    shows.show(Signal.READY)
    assert 3 * MAX_UNTOLD + 1 > len(woken) > 2 * MAX_UNTOLD


def test_people_see_it_before_whoever_watches():
    alone, lamp, seen = Alone(), SimulatedIndicator(), []
    alone.porter.listen(lambda: seen.append(lamp.signal))
    alone.outcomes.beside("in-1", lamp).show(Signal.GRANTED, None, ["Welcome"])
    assert [Signal.GRANTED] == seen


def test_lanes_put_down_from_their_own_threads():
    alone = Alone()
    alone.porter.listen(lambda: None)
    told = []

    def show(lane: str) -> None:
        shows = alone.outcomes.beside(lane, SimulatedIndicator())
        for _ in range(100):
            shows.show(Signal.GRANTED)

    threads = [threading.Thread(target=show, args=(lane.id,)) for lane in alone.lanes]
    for thread in threads:
        thread.start()
    assert until(lambda: told.extend(alone.porter.news()) or len(told) >= 200)
    for thread in threads:
        thread.join()
    assert 200 == len(told)
