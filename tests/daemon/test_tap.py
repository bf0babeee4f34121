"""A whole tap, in a whole gate, with everything real but reader and barrier."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing

import pytest

from gated.devices.simulated.clock import SimulatedClock
from gated.devices.simulated.media import Medium, Replayer
from gated.model.credential import Assurance, Credential
from gated.model.statement import DenialState, TargetKind
from gated.store.chain import JournalReader
from gated.store.directory import DELTA, JOURNAL
from venue import DAY, NOW, PATIENCE_S, Site, credential_of, medium, until


def rows(site, kind=None):
    reader = JournalReader(site.state / JOURNAL)
    try:
        events = [json.loads(row.body) for row in reader.rows()]
    finally:
        reader.close()
    return [event for event in events if kind in (None, event["kind"])]


def whole(site):
    reader = JournalReader(site.state / JOURNAL)
    try:
        return [] == list(reader.verify())
    finally:
        reader.close()


def reason(told):
    return str(told.refusal.reason)


def test_a_right_is_granted_its_row_is_durable_and_the_passage_is_settled(site, serve):
    carried = medium(1)
    site.bring(site.give("alice", carried, "swim3"))
    served = serve(site)
    told = served.tap(carried)
    assert (True, 2) == (told.granted, told.decision.left)
    assert until(lambda: rows(site, "settled"))
    (settled,) = rows(site, "settled")
    assert (told.seq, "taken", "passage") == tuple(settled[key] for key in ("decision", "outcome", "by"))
    assert 1 == served.barriers["in-1"].releases
    assert whole(site)


def test_uses_are_counted_until_none_is_left(site, serve):
    carried = medium(1)
    site.bring(site.give("alice", carried, "swim3"))
    served = serve(site)
    assert [2, 1, 0] == [served.tap(carried).decision.left for _ in range(3)]
    refused = served.tap(carried)
    assert ("uses_exhausted", {"per": "total", "limit": 3, "used": 3}) == (
        reason(refused),
        dict(refused.refusal.params),
    )
    assert 3 == served.barriers["in-1"].releases


def test_who_does_not_walk_through_keeps_the_use(tmp_path, serve):
    site = Site(tmp_path, lane_lines='hold = "50ms"')
    carried = medium(1)
    site.bring(site.give("alice", carried, "swim1"))
    served = serve(site)
    served.barriers["in-1"].passes = False
    assert served.tap(carried).granted
    assert until(lambda: rows(site, "settled"))
    assert ("not_taken", "hold_ended") == tuple(rows(site, "settled")[0][key] for key in ("outcome", "by"))
    assert not served.barriers["in-1"].released
    served.barriers["in-1"].passes = True
    assert served.tap(carried).granted


def test_a_barrier_that_does_not_answer_costs_no_use(site, serve):
    carried = medium(1)
    site.bring(site.give("alice", carried, "swim1"))
    served = serve(site)
    served.barriers["in-1"].break_down()
    told = served.tap(carried)
    assert ("out_of_service", "barrier_fault") == (reason(told), told.refusal.params["cause"])
    served.barriers["in-1"].repair()
    assert served.tap(carried).granted


# ------------------------------------------------------------------ forgeries, each with its own reason


def test_a_copied_uid_opens_nothing(tmp_path, serve):
    site = Site(tmp_path, lane_lines='schemes = ["pkoc", "uid"]')
    carried = medium(1)
    site.bring(site.give("alice", carried, "season"))
    served = serve(site)
    assert "unknown_medium" == reason(served.tap(Medium(carried.uid)))
    other = medium(2)
    other.uid = carried.uid
    assert "unknown_medium" == reason(served.tap(other))


def test_a_bound_uid_is_too_weak_for_a_product_that_does_not_allow_it(tmp_path, serve):
    site = Site(tmp_path, lane_lines='schemes = ["uid"]')
    carried = Medium(b"\x04\x01\x02\x03\x04\x05\x06")
    credential = Credential("uid", carried.uid, Assurance.UID_ONLY)
    bound = site.office.bind("alice", credential, now=NOW, expires=None)
    site.bring([bound, site.office.entitle("alice", "season", now=NOW)[1]])
    served = serve(site)
    told = served.tap(carried)
    assert ("weak_credential", {"has": "uid-only", "needs": "static-signed"}) == (
        reason(told),
        dict(told.refusal.params),
    )
    site.bring([site.office.entitle("alice", "weak", now=NOW)[1]])
    assert served.tap(carried).granted


def test_a_replayed_answer_is_a_bad_proof_and_nothing_weaker_is_tried(tmp_path, serve):
    site = Site(tmp_path, lane_lines='schemes = ["pkoc", "uid"]')
    genuine = medium(1)
    uid = Credential("uid", genuine.uid, Assurance.UID_ONLY)
    site.bring([*site.give("alice", genuine, "weak"), site.office.bind("alice", uid, now=NOW, expires=None)])
    served = serve(site)
    assert served.tap(genuine).granted
    assert "bad_proof" == reason(served.tap(Replayer(genuine.uid, genuine.last_answer)))


def edit(site, sql, *values):
    with closing(sqlite3.connect(site.state / DELTA)) as connection, connection:
        assert connection.execute(sql, values).rowcount == 1


def spoil(token):
    return token[:-1] + bytes([token[-1] ^ 1])


def test_an_edited_right_is_refused_at_the_tap(site, serve):
    carried = medium(1)
    binding, right = site.give("alice", carried, "season")
    site.bring([binding, right])
    edit(site, "UPDATE statement SET token = ? WHERE kind = 1", spoil(right))
    assert "bad_signature" == reason(serve(site).tap(carried))


def test_an_edited_right_does_not_spoil_a_good_one(site, serve):
    carried = medium(1)
    binding, right = site.give("alice", carried, "season")
    site.bring([binding, right])
    edit(site, "UPDATE statement SET token = ? WHERE kind = 1", spoil(right))
    site.bring([site.office.entitle("alice", "swim1", now=NOW)[1]])
    assert "swim1" == serve(site).tap(carried).decision.entitlement.product


def test_an_edited_binding_is_refused_at_the_tap(site, serve):
    carried = medium(1)
    binding, right = site.give("alice", carried, "season")
    site.bring([binding, right])
    edit(site, "UPDATE statement SET token = ? WHERE kind = 0", spoil(binding))
    assert "bad_signature" == reason(serve(site).tap(carried))


def test_a_genuine_right_copied_to_another_pass_is_misplaced(site, serve):
    rich, poor = medium(1), medium(2)
    site.bring([*site.give("rich", rich, "season"), *site.give("poor", poor, None)])
    edit(site, "UPDATE statement SET key = ? WHERE kind = 1", site.office.pass_of("poor"))
    assert "misplaced" == reason(serve(site).tap(poor))


def test_a_genuine_binding_copied_to_another_medium_is_misplaced(site, serve):
    rich, thief = medium(1), medium(2)
    site.bring(site.give("rich", rich, "season"))
    edit(site, "UPDATE statement SET key = ? WHERE kind = 0", site.office.index(credential_of(thief)))
    assert "misplaced" == reason(serve(site).tap(thief))


def test_an_old_lift_put_in_the_place_of_a_newer_denial_lifts_nothing(site, serve):
    carried = medium(1)
    lift = denied(site, TargetKind.PASS, site.office.pass_of("alice"), DenialState.LIFTED)
    denial = denied(site, TargetKind.PASS, site.office.pass_of("alice"), DenialState.BLOCKED)
    site.bring([*site.give("alice", carried, "season"), lift, denial])
    edit(site, "UPDATE statement SET token = ? WHERE kind = 2", lift)
    assert "misplaced" == reason(serve(site).tap(carried))


@pytest.mark.parametrize(("kind", "told"), [(1, "misplaced"), (2, "denied")], ids=["a right", "a lift"])
def test_an_older_statement_under_an_id_that_is_not_its_own_counts_for_nothing(site, serve, kind, told):
    carried = medium(1)
    lift = denied(site, TargetKind.PASS, site.office.pass_of("alice"), DenialState.LIFTED)
    denial = denied(site, TargetKind.PASS, site.office.pass_of("alice"), DenialState.BLOCKED)
    _, right = site.office.entitle("alice", "season", now=NOW)
    tokens = [*site.give("alice", carried, None), right]
    site.bring([*tokens, lift, denial] if kind == 2 else tokens)
    edit(
        site,
        "INSERT INTO statement (key, kind, id, rank, token, position)"
        " SELECT key, kind, ?, 0, ?, position FROM statement WHERE kind = ?",
        b"other",
        lift if kind == 2 else right,
        kind,
    )
    if kind == 1:
        edit(site, "DELETE FROM statement WHERE kind = 1 AND id != ?", b"other")
    assert told == reason(serve(site).tap(carried))


def denied(site, kind, target, state=DenialState.REVOKED):
    return site.office.deny(kind, target, state, now=NOW)


@pytest.mark.parametrize("what", ["credential", "pass", "entitlement"])
def test_a_denial_imported_between_two_taps_refuses_and_a_lift_admits(site, serve, what):
    carried = medium(1)
    cti, right = site.office.entitle("alice", "season", now=NOW)
    site.bring([*site.give("alice", carried, None), right])
    kind, target = {
        "credential": (TargetKind.CREDENTIAL, site.office.index(credential_of(carried))),
        "pass": (TargetKind.PASS, site.office.pass_of("alice")),
        "entitlement": (TargetKind.ENTITLEMENT, cti),
    }[what]
    served = serve(site)
    assert served.tap(carried).granted
    site.bring([denied(site, kind, target, DenialState.BLOCKED)])
    told = served.tap(carried)
    assert ("denied", {"target": what, "state": "blocked"}) == (reason(told), dict(told.refusal.params))
    site.bring([denied(site, kind, target, DenialState.LIFTED)])
    assert served.tap(carried).granted


@pytest.mark.parametrize("what", ["pass", "entitlement"])
def test_a_spoilt_denial_refuses_too(site, serve, what):
    carried = medium(1)
    cti, right = site.office.entitle("alice", "season", now=NOW)
    target = {
        "pass": (TargetKind.PASS, site.office.pass_of("alice")),
        "entitlement": (TargetKind.ENTITLEMENT, cti),
    }[what]
    denial = denied(site, *target)
    site.bring([*site.give("alice", carried, None), right, denial])
    edit(site, "UPDATE statement SET token = ? WHERE kind = 2", spoil(denial))
    assert "bad_signature" == reason(serve(site).tap(carried))


def test_rights_of_another_time_say_so(site, serve):
    late, early = medium(1), medium(2)
    site.bring(site.give("late", late, "season", not_before=NOW - 9 * DAY, expires=NOW - DAY))
    site.bring(site.give("early", early, "season", not_before=NOW + DAY))
    served = serve(site)
    assert "expired" == reason(served.tap(late))
    assert "not_yet_valid" == reason(served.tap(early))


# ------------------------------------------------------------------ what stays small


def test_a_medium_refused_again_and_again_is_one_row_with_a_count(site, serve):
    carried = medium(1)
    site.bring(site.give("alice", carried, None))
    served = serve(site)
    for _ in range(5):
        assert "no_entitlement" == reason(served.tap(carried))
    served.stop_now()
    assert 1 == len(rows(site, "decided"))
    assert [4] == [row["count"] for row in rows(site, "repeated")]


def test_foreign_media_leave_only_a_number(site, serve):
    served = serve(site)
    for number in range(3):
        assert "unknown_medium" == reason(served.tap(Medium(bytes([4, number, 2, 3]))))
    served.stop_now()
    assert [] == rows(site, "decided")
    assert 3 == sum(row["count"] for row in rows(site, "foreign"))


# ------------------------------------------------------------------ two lanes


def test_two_lanes_cannot_spend_the_last_use_twice(tmp_path, serve):
    site = Site(tmp_path, lanes=("in-1", "in-2"))
    for number in range(6):
        site.bring([site.office.entitle(f"family-{number}", "swim1", now=NOW)[1]])
        for which in range(2):
            site.bring(site.give(f"family-{number}", medium(10 * number + which), None))
    served = serve(site)
    for number in range(6):
        both = threading.Barrier(2)

        def show(lane, which, both=both, number=number):
            both.wait()
            served.readers[lane].present(medium(10 * number + which))

        threads = [threading.Thread(target=show, args=(lane, which)) for which, lane in enumerate(site.lanes)]
        for thread in threads:
            thread.start()
        told = [served.told.get(timeout=PATIENCE_S) for _ in threads]
        for thread in threads:
            thread.join()
        assert [False, True] == sorted(one.granted for one in told)
        for reader in served.readers.values():
            reader.remove()
    assert whole(site)


# ------------------------------------------------------------------ time


def test_a_clock_in_1970_neither_admits_the_expired_nor_refuses_the_valid(site, serve):
    valid, expired = medium(1), medium(2)
    site.bring(site.give("valid", valid, "season", expires=NOW + 9 * DAY))
    site.bring(site.give("expired", expired, "season", not_before=NOW - 9 * DAY, expires=NOW - 1))
    served = serve(site, clock=SimulatedClock(wall=0))
    served.gate.tick()  # the import's signed time becomes the floor
    assert served.tap(valid).granted
    assert "expired" == reason(served.tap(expired))
    decided = rows(site, "decided")
    assert [0, 0] == [row["wall"] for row in decided]
    assert ["behind", "behind"] == [row["clock"] for row in decided]
    assert NOW <= decided[0]["at"]


def test_a_clock_that_runs_ahead_cannot_end_a_right(site, serve):
    valid = medium(1)
    site.bring(site.give("valid", valid, "season", expires=NOW + 9 * DAY))
    served = serve(site, clock=SimulatedClock(wall=NOW + 4000 * DAY))
    served.gate.tick()
    assert served.tap(valid).granted
    assert "ahead" == rows(site, "decided")[0]["clock"]


@pytest.mark.parametrize("lost", ["nothing", "floors.json", "journal.db"])
def test_signed_time_survives_a_restart_even_without_one_of_its_two_places(site, serve, lost):
    expired, clock = medium(1), SimulatedClock(wall=0)
    site.bring(site.give("alice", expired, "season", not_before=NOW - 9 * DAY, expires=NOW - 1))
    first = serve(site, clock=clock)
    first.gate.tick()  # tells the import, whose signed time becomes the floor
    first.stop_now()
    for path in site.state.glob(f"{lost}*"):
        path.unlink()
    clock.reboot(wall=0)
    assert "expired" == reason(serve(site, clock=clock).tap(expired))
    assert NOW <= rows(site, "decided")[-1]["at"]


def test_who_raises_the_floor_in_the_files_ends_and_begins_rights_early_and_the_clock_says_so(site, serve):
    ending, beginning = medium(1), medium(2)
    site.bring(site.give("ending", ending, "season", expires=NOW + DAY))
    site.bring(site.give("beginning", beginning, "season", not_before=NOW + DAY))
    (site.state / "floors.json").write_text(json.dumps({"time": NOW + 2 * DAY}))
    served = serve(site)
    assert "expired" == reason(served.tap(ending))
    assert served.tap(beginning).granted
    assert ["behind", "behind"] == [row["clock"] for row in rows(site, "decided")]


def test_an_import_is_told_to_the_journal_once(site, serve):
    site.bring([*site.give("alice", medium(1), "season"), b"\xa0"])
    served = serve(site)
    served.gate.tick()
    served.gate.tick()
    (told,) = rows(site, "imported")
    assert (2, 0, {"unsigned": 1}) == tuple(told[key] for key in ("accepted", "known", "refused"))


# ------------------------------------------------------------------ damage found at start


def test_a_damaged_journal_is_set_aside_and_a_new_epoch_begins(site, serve):
    carried = medium(1)
    site.bring(site.give("alice", carried, "season"))
    first = serve(site)
    for _ in range(3):
        first.tap(carried)
    epoch = first.gate.journal.epoch
    first.stop_now()
    (site.state / JOURNAL).write_bytes(b"noise" * 4000)
    second = serve(site)
    assert epoch != second.gate.journal.epoch
    assert second.tap(carried).granted
    assert until(lambda: rows(site, "set_aside"))
    assert ["journal.db"] == [row["file"] for row in rows(site, "set_aside")]
    assert 1 == len(list(site.state.glob("journal.db.damaged-*")))


@pytest.mark.parametrize("folded", [False, True])
def test_a_damaged_cache_is_never_replaced_by_an_empty_list_of_denials(site, serve, folded):
    from gated.store.snapshot import fold

    carried = medium(1)
    tokens = site.give("alice", carried, "season")
    site.bring(tokens)
    name = fold(site.state) if folded else DELTA
    raw = bytearray((site.state / name).read_bytes())
    raw[4096:8192] = b"\x55" * 4096
    (site.state / name).write_bytes(raw)
    served = serve(site)
    told = served.tap(carried)
    assert ("out_of_service", "cache_failed") == (reason(told), told.refusal.params["cause"])
    assert 1 == len(list(site.state.glob(f"{name}.damaged-*")))
    site.bring(tokens, complete=True)
    assert served.tap(carried).granted
