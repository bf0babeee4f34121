"""Whoever wants out is let out: whatever the medium is, whatever the gate has lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from daemon.test_tap import spoil
from gated.devices.clock import SystemClock
from gated.devices.simulated.media import Medium, Replayer, faulty
from gated.model.credential import Assurance, Credential
from gated.model.statement import DenialState, TargetKind
from gated.store.connection import BUSY_S
from gated.store.directory import DELTA, JOURNAL
from store.test_journal import defects, rows
from store.test_owed_rows import no_disk
from turnstile import Attended, is_over, two_way, walkway, why
from venue import DAY, NOW, PATIENCE_S, ServedSite, credential_of, medium, until

FAMILY = {"party": 4}
UID = Medium(b"\x04\x01\x02\x03\x04\x05\x06")


@pytest.fixture
def site(tmp_path):
    made = two_way(tmp_path, lane_lines='hold = "50ms"\nconversation = "300ms"\nschemes = ["pkoc", "uid"]')
    yield made
    made.office.close()


def exits(site):
    return [
        (row["persons"], row.get("pass")) for row in rows(site.state / JOURNAL) if row["kind"] == "exited"
    ]


# ------------------------------------------------------------------ every kind of medium


def known(site):
    site.bring(site.give("alice", medium(1), "season"))
    return medium(1)


def denied(site):
    site.bring(site.give("alice", medium(1), "season"))
    site.bring(
        [site.office.deny(TargetKind.PASS, site.office.pass_of("alice"), DenialState.REVOKED, now=NOW)]
    )
    return medium(1)


def lost(site):
    site.bring(site.give("alice", medium(1), "season"))
    index = site.office.index(credential_of(medium(1)))
    site.bring([site.office.deny(TargetKind.CREDENTIAL, index, DenialState.BLOCKED, now=NOW)])
    return medium(1)


def without_rights(site):
    site.bring(site.give("alice", medium(1), None))
    return medium(1)


def over(site):
    site.bring([site.office.bind("alice", credential_of(medium(1)), now=NOW - DAY, expires=NOW - 1)])
    site.bring([site.office.entitle("alice", "season", now=NOW)[1]])
    return medium(1)


def edited(site):
    binding, right = site.give("alice", medium(1), "season")
    site.bring([binding, right])
    with closing(sqlite3.connect(site.state / DELTA)) as connection, connection:
        connection.execute("UPDATE statement SET token = ? WHERE kind = 0", [spoil(binding)])
    return medium(1)


def weak(site):
    credential = Credential("uid", UID.uid, Assurance.UID_ONLY)
    site.bring([site.office.bind("alice", credential, now=NOW, expires=None)])
    site.bring([site.office.entitle("alice", "season", now=NOW)[1]])
    return UID


def unknown(_site):
    return medium(9)


def bank_card(_site):
    return Medium(b"\x08\x01\x02\x03")


def overheard(site):
    genuine = known(site)
    genuine.reset()
    genuine.answer(b"\x00\xa4\x04\x00\x08" + genuine.AID)
    genuine.answer(b"\x80\x80\x00\x01\x12\x4c\x10" + bytes(16))
    return Replayer(genuine.uid, genuine.last_answer)


ENTERS = {known: None, weak: "weak_credential", denied: "denied", lost: "denied", over: "expired"} | {
    without_rights: "no_entitlement",
    edited: "bad_signature",
    unknown: "unknown_medium",
    bank_card: "unknown_medium",
    overheard: "bad_proof",
}
#: Of these the pass is known.
BOUND = (known, denied, lost, over, without_rights, weak)


@pytest.mark.parametrize("kind", ENTERS, ids=lambda kind: kind.__name__)
def test_every_kind_of_medium_is_let_out(site, serve, kind):
    carried = kind(site)
    gate = Attended(site, serve)
    assert ENTERS[kind] == why(gate.tap(carried, persons=0))
    told = gate.tap(carried, "out-1")
    assert (True, None) == (told.granted, told.refusal)
    assert [1] == gate.barriers["out-1"].released
    pass_ = site.office.pass_of("alice").hex() if kind in BOUND else None
    assert [(1, pass_)] == exits(site)


def test_a_torn_medium_is_let_out(site, serve):
    gate, torn = Attended(site, serve), known(site)
    with faulty(torn, tear_at=1):
        assert gate.tap(torn, "out-1").granted
    assert [(1, None)] == exits(site)


def test_a_medium_that_answers_nothing_is_let_out(site, serve):
    known(site)
    served, carried = serve(site), medium(1)
    with faulty(carried, hang_at=1):
        served.readers["out-1"].present(carried)
        told = served.told.get(timeout=PATIENCE_S)
        assert ("out-1", True) == (told.lane, told.granted)
        served.readers["out-1"].remove()
    assert until(lambda: exits(site) == [(1, None)])
    assert 1 == served.barriers["out-1"].releases
    carried = medium(1)
    assert until(lambda: served.gate.tick() == "")
    assert served.tap(carried, "out-1").granted  # and the lane serves on


def test_a_bug_keeps_nobody_inside(site, serve):
    gate, carried = Attended(site, serve), known(site)
    walkway(gate.served, "out-1")._taps._way._recall._cache = None  # nobody foresaw it
    assert gate.tap(carried, "out-1").granted
    assert [(1, None)] == exits(site)


# ------------------------------------------------------------------ who is inside


@pytest.fixture
def family(site, serve):
    """A gate with a family of four inside."""
    site.bring(site.give("alice", medium(1), "season", **FAMILY))
    gate = Attended(site, serve)
    gate.tap(medium(1), persons=4)
    assert (4, 4) == (gate.inside("alice"), gate.inside())
    return gate


@pytest.mark.parametrize(
    ("persons", "left"), [(4, 0), (1, 3), (0, 4), (6, 0)], ids=["all", "one", "nobody", "more"]
)
def test_presence_and_occupancy_go_down_by_who_goes_out(site, family, persons, left):
    assert 4 == family.tap(medium(1), "out-1", persons).decision.persons
    again = [1] if persons == 1 else []  # who goes is followed by the next; for who stays nothing opens
    assert [1, *again] == family.barriers["out-1"].released
    assert [(persons, site.office.pass_of("alice").hex())] == exits(site)
    assert (left, left) == (family.inside("alice"), family.inside())
    assert max(1, left) == family.tap(medium(1), "out-1", 0).decision.persons
    assert [] == defects(site.state / JOURNAL)


def test_a_strangers_exit_lowers_the_occupancy_alone(family):
    family.tap(medium(9), "out-1")
    assert (4, 3) == (family.inside("alice"), family.inside())


# ------------------------------------------------------------------ what the gate has lost


def counts(gate):
    gate.flush()
    return gate.inside("alice"), gate.inside()


def test_while_the_disk_takes_nothing_exits_are_let_out_at_once_and_their_rows_follow(site, family):
    with no_disk(family.served.gate.journal):
        for persons in (1, 2):
            family.served.tap(medium(1), "out-1")
            passage = family._passage("out-1")
            family.barriers["out-1"].go(persons)
            assert until(lambda passage=passage, persons=persons: is_over(passage)
                         or passage.standing.release.passed == persons)  # fmt: skip
            family.clock.advance(0.05)
            assert until(lambda passage=passage: is_over(passage))
        refused = family.served.tap(medium(1))
        assert "out_of_service" == why(refused)  # nobody is let in without a row
        assert family.served.gate.journal._writer.is_behind()
    assert until(lambda: 2 == len(exits(site)))
    pass_ = site.office.pass_of("alice").hex()
    assert [(1, pass_), (2, pass_)] == exits(site)
    assert (1, 1) == counts(family)


def test_while_another_holds_the_journal_no_exit_waits(tmp_path, serve):
    site = two_way(tmp_path, more='wait = "30s"')
    site.bring(site.give("alice", medium(1), "season"))
    served, clock = ServedSite(site), SystemClock()
    try:
        with closing(sqlite3.connect(site.state / JOURNAL, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            began = clock.monotonic()
            told = [served.tap(medium(1), "out-1") for _ in range(3)]
            took_s = clock.monotonic() - began
            assert until(lambda: not served.barriers["out-1"].released)
            other.execute("ROLLBACK")
        assert [True] * 3 == [one.granted for one in told]
        assert took_s < 1.5 * BUSY_S, "two of them waited for the disk to refuse the row before theirs"
        assert until(lambda: 3 == len(exits(site)))
    finally:
        served.stop_now()
        site.office.close()


def test_no_exit_waits_for_a_lane_that_waits_for_the_disk(tmp_path, serve):
    site = two_way(tmp_path, more='wait = "30s"')
    site.bring([*site.give("alice", medium(1), "season"), *site.give("bob", medium(2), "season")])
    served = serve(site)
    with closing(sqlite3.connect(site.state / JOURNAL, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        served.readers["in-1"].present(medium(1))
        turn = walkway(served)._taps._way._turn
        assert until(turn.locked)
        told = served.tap(medium(2), "out-1")
        assert ("out-1", True) == (told.lane, told.granted)
        assert turn.locked()
        other.execute("ROLLBACK")
    assert "in-1" == served.told.get(timeout=PATIENCE_S).lane
    site.office.close()


def test_a_broken_cache_keeps_nobody_inside(site, serve):
    known(site)
    raw = bytearray((site.state / DELTA).read_bytes())
    raw[4096:8192] = b"\x55" * 4096
    (site.state / DELTA).write_bytes(raw)
    gate = Attended(site, serve)
    assert "out_of_service" == why(gate.tap(medium(1)))
    assert gate.tap(medium(1), "out-1").granted
    assert [(1, None)] == exits(site)
