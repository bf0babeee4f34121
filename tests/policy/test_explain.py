"""Every rule with its verdict."""

from __future__ import annotations

from gated.model.credential import Assurance
from gated.model.decision import Denied, Granted, Occupancy, Presence, Uses
from gated.model.refusal import Reason, Refusal
from gated.model.statement import DenialState, TargetKind
from gated.model.venue import Direction, Lane, Passback
from gated.policy.decide import decide
from gated.policy.explain import Explanation, Judged, Verdict, explain
from gated.policy.rules import RULES
from questions import (
    NOW,
    asked_at,
    bound,
    candidate,
    credential,
    denied,
    guarded,
    lasting,
    moment,
    question,
    right,
)

DEFECT = Refusal(Reason.BAD_SIGNATURE, {"kid": "00000000"})
PASSES = tuple(Verdict(rule.reason, passes=True, params={}, first=NOW) for rule in RULES)
KNOWN = (Verdict(Reason.UNKNOWN_MEDIUM, True, {}, NOW), Verdict(Reason.DENIED, True, {}, NOW))


def but(*refusing: Verdict) -> tuple[Verdict, ...]:
    """All rules pass but these."""
    instead = {verdict.reason: verdict for verdict in refusing}
    return tuple(instead.get(verdict.reason, verdict) for verdict in PASSES)


def no(reason: Reason, params: dict, first: int | None = None) -> Verdict:
    return Verdict(reason, passes=False, params=params, first=first)


def test_a_grant_passes_every_rule():
    asked = question(candidate(uses=3))
    told = explain(asked)
    assert isinstance(told.decision, Granted)
    expected = Explanation(decide(asked), KNOWN, (Judged(right(uses=3), PASSES, NOW, 3),), ())
    assert expected == told


def test_each_right_is_judged_by_every_rule():
    asked = question(
        candidate(1, expires=NOW),
        candidate(2, expires=None, not_before=NOW + 60, hours="07:00-09:00", uses=2, used=Uses(1, 1)),
        candidate(3, venues=("vaise",), uses=0),
        refused=(DEFECT,),
    )
    first, second, third = explain(asked).rights
    assert Judged(right(expires=NOW), but(no(Reason.EXPIRED, {"expires": NOW})), None, None) == first
    opens = NOW + 3600
    expected = but(
        no(Reason.NOT_YET_VALID, {"not_before": NOW + 60}, NOW + 60), no(Reason.OUTSIDE_HOURS, {}, opens)
    )
    assert (expected, opens, 1) == second[1:]
    expected = but(
        no(Reason.WRONG_VENUE, {"product": "season"}),
        no(Reason.USES_EXHAUSTED, {"per": "total", "limit": 0, "used": 0}),
    )
    assert (expected, None, 0) == third[1:]
    assert (DEFECT,) == explain(asked).refused


def test_a_right_fails_by_all_at_once():
    asked = question(
        candidate(
            denial=denied(kind=TargetKind.ENTITLEMENT),
            venues=("vaise",),
            not_before=NOW + 5,
            expires=NOW,
            per_day=1,
            used=Uses(1, 1),
            hours="2020 Jan 1",
        ),
        credential=credential(Assurance.UID_ONLY),
        profile=guarded(Passback.HARD, capacity=2),
        presence=Presence(1, NOW - 5),
        occupancy=Occupancy(2),
        known_at=NOW - 8 * 86400,
    )
    (judged,) = explain(asked).rights
    night = NOW - NOW % 86400 + 86400 + 4 * 3600
    assert (
        no(Reason.DENIED, {"target": "entitlement", "state": "revoked"}),
        no(Reason.WEAK_CREDENTIAL, {"has": "uid-only", "needs": "static-signed"}),
        no(Reason.WRONG_VENUE, {"product": "season"}),
        no(Reason.EXPIRED, {"expires": NOW}),
        no(Reason.NOT_YET_VALID, {"not_before": NOW + 5}, NOW + 5),
        no(Reason.KNOWLEDGE_EXPIRED, {"known_at": NOW - 8 * 86400}),
        no(Reason.USES_EXHAUSTED, {"per": "day", "limit": 1, "used": 1}, NOW - NOW % 86400 + 86400),
        no(Reason.OUTSIDE_HOURS, {}),
        no(Reason.PASSBACK, {"inside": 1, "zone": "bron"}, night),
        no(Reason.VENUE_FULL, {"capacity": 2}, night),
    ) == judged.verdicts
    assert (None, 0) == (judged.soonest, judged.left)


def test_hours_that_are_open_are_open_though_the_right_is_over():
    asked = question(candidate(expires=NOW - 50, hours="05:00-07:00"))
    (judged,) = explain(asked).rights
    assert but(no(Reason.EXPIRED, {"expires": NOW - 50})) == judged.verdicts


def test_hours_are_not_looked_for_after_the_end():
    asked = question(candidate(expires=NOW + 3600, hours="07:00-09:00"))
    (judged,) = explain(asked).rights
    assert but(no(Reason.OUTSIDE_HOURS, {})) == judged.verdicts


def test_hours_of_a_right_that_is_over_open_no_more():
    dawn = moment("2026-11-24T06:59:59+00:00")
    asked = asked_at(dawn, candidate(not_before=0, expires=dawn, hours="07:00-09:00"))
    (judged,) = explain(asked).rights
    assert no(Reason.OUTSIDE_HOURS, {}) in judged.verdicts


def test_a_medium_nobody_knows_is_asked_nothing_else():
    asked = question(candidate(), binding=None, refused=(DEFECT,))
    unknown = no(Reason.UNKNOWN_MEDIUM, {})
    assert Explanation(decide(asked), (unknown, KNOWN[1]), (), (DEFECT,)) == explain(asked)


def test_a_binding_that_does_not_open_is_told_by_its_own_reason():
    asked = question(candidate(), binding=DEFECT)
    told = no(Reason.BAD_SIGNATURE, {"kid": "00000000"})
    assert Explanation(decide(asked), (*KNOWN, told), (), ()) == explain(asked)


def test_a_denied_pass_has_its_rights_judged_all_the_same():
    asked = question(candidate(), denials=(denied(DenialState.BLOCKED),))
    told = no(Reason.DENIED, {"target": "pass", "state": "blocked"})
    expected = Explanation(decide(asked), (KNOWN[0], told), (Judged(right(), PASSES, NOW, None),), ())
    assert isinstance(expected.decision, Denied)
    assert expected == explain(asked)


def test_a_denial_that_does_not_open_is_told_by_its_own_reason():
    told = explain(question(candidate(), denials=(DEFECT,)))
    assert (*KNOWN, no(Reason.BAD_SIGNATURE, {"kid": "00000000"})) == told.before
    assert 1 == len(told.rights)


def test_hours_that_nobody_can_keep_are_told_after_what_did_not_open():
    told = explain(question(candidate(1, hours="?!"), candidate(2), refused=(DEFECT,)))
    assert (DEFECT, Refusal(Reason.BAD_HOURS, {"product": "season"})) == told.refused
    assert [right(2)] == [one.right for one in told.rights]


def test_a_binding_that_is_over_refuses_each_right():
    told = explain(question(lasting(), binding=bound(expires=NOW)))
    assert but(no(Reason.EXPIRED, {"what": "binding", "expires": NOW})) == told.rights[0].verdicts


def test_on_the_way_out_nothing_is_asked():
    asked = question(candidate(), binding=DEFECT, lane=Lane("out-1", Direction.EXIT), refused=(DEFECT,))
    assert Explanation(decide(asked), (), (), ()) == explain(asked)
