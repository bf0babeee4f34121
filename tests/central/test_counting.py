"""From events to use records: each settlement counts once, whatever comes twice, late, or from a copy."""

from __future__ import annotations

import json
import random
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.box import NOW, Box, event
from gated.central.filling import CHUNK, fill
from gated.central.intake import take_in
from gated.central.ledger import Ledger
from gated.central.ledger_gates import heard_of
from gated.central.ledger_uses import note_entitled, since
from gated.central.limits import VenueRules
from gated.central.overspending import OVERSPENT
from gated.model.statement import Entitlement
from gated.wire.event import canonical

CTI, PASS, DAY = b"\x11" * 8, bytes(16), 20270115
NO_RULES = VenueRules(None)


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger(tmp_path / "central.db")) as made:
        yield made


@pytest.fixture
def box(ledger):
    return Box().enrol(ledger)


def grant(box: Box, **more) -> int:
    box.write(**more)
    return box.last


def settle(box: Box, decision: int, outcome: str = "taken", **more) -> int:
    usual = {
        "v": 1, "seq": box.last + 1, "kind": "settled", "at": NOW, "wall": NOW, "boot": "0" * 16, "up": 1,
        "clock": "good", "lane": "in-1", "decision": decision, "outcome": outcome, "by": "passage",
        "persons": 1,
    }  # fmt: skip
    box.write_body(canonical(usual | more))
    return box.last


def leave(box: Box, **more) -> None:
    usual = json.loads(event(box.last + 1))
    usual = {key: usual[key] for key in ("v", "seq", "at", "wall", "boot", "up", "clock", "lane", "persons")}
    box.write_body(canonical(usual | {"kind": "exited"} | more))


def used(ledger) -> dict:
    """(gate, day) → (taken, newest)."""
    return {
        (gate, day): (taken, last)
        for gate, day, taken, last in ledger.rows("SELECT gate, day, taken, last_at FROM used")
    }


def people(ledger) -> list:
    return ledger.rows("SELECT pass, zone, shift, gate, come, gone, last_in FROM presence ORDER BY seq")


def tell(ledger, *told, rules=NO_RULES, now=NOW + 9):
    return take_in(ledger, told, now, rules=rules)


def profile(path, **more) -> VenueRules:
    """The rules of the venue bron."""
    (path / "profile-bron.json").write_text(json.dumps({"products": [], **more}))
    return VenueRules(path)


def right(**more) -> Entitlement:
    return Entitlement(
        sector="pools", pass_=PASS, not_before=0, expires=None, issued_at=0, id=CTI, product="swim10",
        revision=0, **more,
    )  # fmt: skip


# ------------------------------------------------------------------ what counts


@pytest.mark.parametrize(
    ("outcome", "more", "cost", "taken"),
    [
        ("taken", {}, 1, 1),
        ("taken", {"persons": 3}, 3, 3),
        ("taken", {"persons": 2, "uses": 2}, 3, 2),
        ("taken", {"uses": 0}, 1, 0),
        ("taken", {"uses": 9}, 3, 3),  # more than it cost
        ("taken", {"uses": -9}, 3, 0),
        ("not_taken", {}, 3, 0),
        ("unknown", {}, 2, 2),
        ("taken", {}, 0, 0),
        ("taken", {}, -5, 0),
        ("taken", {}, 1 << 50, 200),  # as many as a party has
    ],
)
def test_what_stays_of_a_grant_counts(ledger, box, outcome, more, cost, taken):
    settle(box, grant(box, cost=cost), outcome, **more)
    tell(ledger, box.told())
    assert ({("bron-1", DAY): (taken, NOW)} if taken else {}) == used(ledger)


@pytest.mark.parametrize(("counts", "taken"), [(True, 1), (False, 0)])
def test_whether_what_nobody_knows_counts_is_for_the_venue_to_say(ledger, box, tmp_path, counts, taken):
    settle(box, grant(box), "unknown")
    tell(ledger, box.told(), rules=profile(tmp_path, unknown_counts=counts))
    assert taken == sum(count for count, _ in used(ledger).values())


def test_uses_add_up_per_right_gate_and_day(ledger, box):
    other = Box("bron-2").enrol(ledger)
    for day in (DAY, DAY, DAY + 1):
        settle(box, grant(box, day=day, at=NOW + day - DAY))
        settle(other, grant(other, day=day))
    settle(box, grant(box, cti="22" * 8))
    tell(ledger, box.told(), other.told())
    assert {
        ("bron-1", DAY): (2, NOW), ("bron-1", DAY + 1): (1, NOW + 1), ("bron-2", DAY): (2, NOW),
        ("bron-2", DAY + 1): (1, NOW),
    } == {
        (gate, day): (taken, last)
        for gate, day, taken, last in ledger.rows(
            "SELECT gate, day, taken, last_at FROM used WHERE cti = ?", (CTI,)
        )
    }  # fmt: skip


def test_a_clock_that_is_ahead_does_not_say_for_good_when_the_last_use_was(ledger, box):
    settle(box, grant(box, at=NOW + 20 * 365 * 86400))
    tell(ledger, box.told(), now=NOW + 3)
    settle(box, grant(box, at=NOW + 5))
    tell(ledger, box.told(3, 4), now=NOW + 8)
    assert {("bron-1", DAY): (2, NOW + 5)} == used(ledger)


@pytest.mark.parametrize(
    "members", [{"cti": "11" * 7}, {"cti": ...}, {"day": 7}, {"outcome": "denied"}, {"pass": "00"}]
)
def test_a_grant_that_says_not_whose_it_is_counts_nothing_and_breaks_nothing(ledger, box, members):
    row = json.loads(event(1)) | members
    box.write_body(canonical({key: value for key, value in row.items() if value is not ...}))
    settle(box, 1)
    assert 2 == tell(ledger, box.told()).stored
    assert len(used(ledger)) == ("pass" in members)


# ------------------------------------------------------------------ twice, late, aside, copied


def test_rows_that_come_again_count_once(ledger, box):
    settle(box, grant(box))
    for _ in range(3):
        tell(ledger, box.told())
    tell(ledger, box.told(2, 2))
    assert {("bron-1", DAY): (1, NOW)} == used(ledger)


def test_a_grant_that_is_settled_twice_counts_once(ledger, box):
    grant(box)
    settle(box, 1)
    settle(box, 1, uses=1)
    tell(ledger, box.told())
    settle(box, 1)
    tell(ledger, box.told(4, 4))
    assert {("bron-1", DAY): (1, NOW)} == used(ledger)


def test_a_settlement_names_a_grant_of_an_earlier_epoch(ledger, box):
    grant(box)
    tell(ledger, box.told())
    later = Box(epoch="f" * 16)
    later.key = box.key
    settle(later, 1, "unknown", epoch=box.epoch)
    tell(ledger, later.told())
    assert {("bron-1", DAY): (1, NOW)} == used(ledger)


def test_rows_that_were_missing_count_when_they_come(ledger, box):
    settle(box, grant(box))
    box.write(2)
    box.oldest = 3
    tell(ledger, box.told(3))
    assert {} == used(ledger)
    box.oldest = 1
    tell(ledger, box.told(1, 2))
    assert {("bron-1", DAY): (1, NOW)} == used(ledger)


def test_a_grant_that_comes_after_its_settlement_counts_then(ledger, box):
    grant(box)
    later = Box(epoch="f" * 16)
    later.key = box.key
    settle(later, 1, epoch=box.epoch)
    tell(ledger, later.told())
    assert {} == used(ledger)
    tell(ledger, box.told())
    assert {("bron-1", DAY): (1, NOW)} == used(ledger)
    assert [] == ledger.rows("SELECT * FROM unmatched")


def test_rows_kept_aside_and_rows_of_a_copy_never_count(ledger, box):
    grant(box)
    twin = box.copy()
    settle(box, 1, more="than the schema has")
    settle(twin, 1)
    settle(twin, grant(twin))
    tell(ledger, box.told())
    tell(ledger, twin.told())
    assert {} == used(ledger)
    settle(box, 1)
    tell(ledger, box.told(3, 3))
    assert {("bron-1", DAY): (1, NOW)} == used(ledger)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.sampled_from(["taken", "not_taken", "unknown"]))
    ),
    st.randoms(use_true_random=False),
)
def test_in_whatever_batches_and_order_rows_come_the_same_counts(tmp_path_factory, taps, draw):
    """Cut anyhow, doubled, out of order: as if all had come at once."""
    found = []
    for shuffled in (False, True):
        with closing(Ledger(tmp_path_factory.mktemp("ledger") / "central.db")) as ledger:
            box = Box().enrol(ledger)
            open_ = []
            for cti, day, outcome in taps:
                open_.append((grant(box, cti=f"{cti:016x}", day=DAY + day), outcome))
                if len(open_) == 2:
                    settle(box, *open_.pop(0))
            if box.last:
                told = box.cut(draw) if shuffled else [box.told()]
                told = [one for one in told for _ in range(1 + shuffled)]
                for _ in range(1 + shuffled):
                    draw.shuffle(told)
                    for one in told:
                        tell(ledger, one)
                for one in box.cut(random.Random(1)):
                    tell(ledger, one)
            found.append(sorted(ledger.rows("SELECT cti, gate, day, taken, last_at FROM used")))
    assert found[0] == found[1]


# ------------------------------------------------------------------ people

INSIDE = {"zone": "pool", "shift": DAY}


def test_who_came_and_who_went_is_told_where_the_rows_say_where(ledger, box):
    settle(box, grant(box, persons=4, cost=4, **INSIDE), persons=3, uses=3)
    settle(box, grant(box))  # the venue does not watch who is inside
    settle(box, grant(box, **INSIDE), "not_taken")
    settle(box, grant(box, **INSIDE), "unknown")
    leave(box, persons=2, **INSIDE, **{"pass": PASS.hex()})
    leave(box, persons=1, **INSIDE)
    leave(box, persons=1)
    tell(ledger, box.told())
    tell(ledger, box.told())
    nobodys = bytes(16)
    assert PASS == nobodys
    assert [(PASS, "pool", DAY, "bron-1", 3, 3, NOW)] == people(ledger)


def test_people_whose_pass_nobody_knows_are_counted_apart(ledger, box):
    whose = "ab" * 16
    settle(box, grant(box, **INSIDE, **{"pass": whose}))
    leave(box, persons=2, **INSIDE)
    tell(ledger, box.told())
    assert [
        (bytes.fromhex(whose), "pool", DAY, "bron-1", 1, 0, NOW),
        (bytes(16), "pool", DAY, "bron-1", 0, 2, None),
    ] == people(ledger)


# ------------------------------------------------------------------ numbers, and what follows one


def test_each_change_has_a_number_and_what_follows_a_number_is_told_once(ledger, box):
    settle(box, grant(box, **INSIDE))
    first = tell(ledger, box.told())
    assert {"pools": (0, 2)} == dict(first.uses)
    settle(box, grant(box, cti="22" * 8))
    second = tell(ledger, box.told(3, 4))
    assert {"pools": (2, 3)} == dict(second.uses)
    settle(box, grant(box))
    assert {"pools": (3, 4)} == dict(tell(ledger, box.told(5, 6)).uses)
    told = since(ledger, "pools", 0, 4, NOW + 99)
    assert [("11" * 8, 2), ("22" * 8, 1)] == sorted((one.cti.hex(), one.taken) for one in told.used)
    assert [1] == [one.come for one in told.people]
    assert (0, 4) == (told.after, told.upto)
    assert (
        () == since(ledger, "pools", 0, 1, NOW).used
    )  # it was changed since, and is told with its new number
    assert () == since(ledger, "museums", 0, 9, NOW).used


def test_a_message_has_an_end_and_the_next_goes_on_there(ledger, box):
    for number in range(150):
        settle(box, grant(box, cti=f"{number:016x}", **INSIDE, **{"pass": f"{number:032x}"}))
    for told in box.cut(random.Random(3)):
        tell(ledger, told)
    seen, after = set(), 0
    while after < 300:
        told = since(ledger, "pools", after, 300, NOW + 9)
        assert len(told.used) + len(told.people) <= 200
        assert told.after == after
        seen |= {one.cti for one in told.used} | {one.pass_ for one in told.people}
        after = told.upto
    assert 300 == len(seen)


# ------------------------------------------------------------------ overspent


@pytest.mark.parametrize(
    ("said", "product", "uses", "expected"),
    [
        ({}, {"uses": 2}, (1, 1), {}),
        ({}, {"uses": 2}, (2, 1), {("total", ""): (2, 3)}),
        ({"uses": 4}, {"uses": 2}, (2, 1), {}),
        ({"uses": 1}, {}, (1, 1), {("total", ""): (1, 2)}),
        ({}, {"uses": {"per_day": 1}}, (1, 1), {("day", str(DAY)): (1, 2)}),
        ({"per_day": 2}, {"uses": {"per_day": 1}}, (1, 1), {}),
        ({}, {"uses": {"per_venue": {"bron": 1}}}, (1, 1), {("venue", "bron"): (1, 2)}),
        ({"per_venue": (("vaise", 1),)}, {"uses": {"per_venue": {"bron": 1}}}, (1, 1), {}),
    ],
)
def test_a_limit_that_is_passed_by_two_gates_together_is_named(
    ledger, tmp_path, said, product, uses, expected
):
    rules = profile(tmp_path, products=[{"id": "swim10", **product}])
    note_entitled(ledger, right(**said))
    boxes = [Box(name).enrol(ledger) for name in ("bron-1", "bron-2")]
    for box, times in zip(boxes, uses, strict=True):
        for _ in range(times):
            settle(box, grant(box))
        taken = tell(ledger, box.told(), rules=rules)
    rows = ledger.rows("SELECT per, of, allowed, used FROM overspent")
    assert expected == {(per, of): (allowed, spent) for per, of, allowed, spent in rows}
    alarms = [alarm.code for alarm in heard_of(ledger, "bron-2").alarms]
    assert ([OVERSPENT] if expected else []) == alarms
    assert bool(expected) is (("bron-2", boxes[1].epoch, OVERSPENT) in taken.alarms)


# ------------------------------------------------------------------ an older ledger


def test_a_ledger_of_an_earlier_release_is_looked_through_once(ledger, box):
    for number in range(40):
        settle(box, grant(box, cti=f"{number % 7:016x}"))
    for told in box.cut(random.Random(3)):
        tell(ledger, told)
    expected = sorted(ledger.rows("SELECT cti, gate, day, taken, last_at FROM used"))
    for table in ("used", "presence", "settled", "use_seq"):
        ledger.execute(f"DELETE FROM {table}")
    assert CHUNK > 80
    ledger.execute("INSERT INTO filling SELECT 'events', 0, max(id) FROM event")
    settle(box, grant(box, cti="77" * 8))  # it goes on meanwhile
    tell(ledger, box.told(81, 82))
    fill(ledger, NO_RULES, NOW)
    fill(ledger, NO_RULES, NOW)
    found = ledger.rows("SELECT cti, gate, day, taken, last_at FROM used WHERE cti <> ?", (b"\x77" * 8,))
    assert expected == sorted(found)
    assert [] == ledger.rows("SELECT * FROM filling")
