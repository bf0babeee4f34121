"""What each tap of the tariffs in config/tariffs/ must come to: worked out by hand from the rules."""

from __future__ import annotations

from typing import Any


def let_in(passed: int, released: int, right: str, left: int | None, *warnings: str) -> dict[str, Any]:
    """``passed`` of those released went in, and so many uses are left."""
    return _outcome(
        granted=True, entitlement=right, uses_left=left, persons_released=released, persons_passed=passed,
        warnings=list(warnings),
    )  # fmt: skip


def no(reason: str, right: str | None = None, next_at: str | None = None) -> dict[str, Any]:
    """A refusal of a right, or of a medium that stands for none."""
    return _outcome(granted=False, reason=reason, entitlement=right, next_at=next_at)


def out(persons: int) -> dict[str, Any]:
    """So many left."""
    return _outcome(granted=True, persons_released=persons, persons_passed=persons)


def _outcome(**told: Any) -> dict[str, Any]:
    usual = {
        "granted": None, "reason": None, "entitlement": None, "next_at": None, "uses_left": None,
        "persons_released": 0, "persons_passed": 0, "warnings": [],
    }  # fmt: skip
    return usual | told


OUTCOMES = {
    "carnet": [
        let_in(4, 4, "nora", 2),  # 10 - 4 in all, 6 - 4 today: the smaller
        let_in(0, 2, "nora", 2),  # a party of 4, but 2 left today
        let_in(2, 2, "nora", 0),
        no("uses_exhausted", "nora", "2026-10-03T00:00:00+02:00"),
        let_in(3, 4, "nora", 1),  # 10 - 6 - 3
        no("wrong_venue", "nora"),
        let_in(2, 1, "nora", 0),
        no("uses_exhausted", "nora"),
        no("unknown_medium"),
    ],
    "season-pass": [
        no("not_yet_valid", "karim", "2026-09-01T00:00:00+02:00"),
        let_in(1, 1, "karim", None, "concession"),
        let_in(1, 1, "karim", None, "concession"),
        no("passback", "karim", "2026-09-01T10:15:00+02:00"),
        let_in(1, 1, "karim", None, "concession"),
        out(2),
        let_in(1, 1, "karim", None, "concession"),
        no("denied"),
        let_in(1, 1, "karim", None, "concession"),
        let_in(1, 1, "karim", None, "concession"),
        no("expired", "karim"),
    ],
    "family-pass": [
        let_in(3, 4, "moreau", 1),  # 10 - 1 in all, 2 - 1 today
        no("passback", "moreau", "2026-12-07T04:00:00+01:00"),
        out(2),
        no("passback", "moreau", "2026-12-07T04:00:00+01:00"),
        out(1),
        let_in(4, 4, "moreau", 1),
        out(4),
        let_in(4, 4, "moreau", 0),
        let_in(2, 4, "moreau", 1),
    ],
    "museum-day-ticket": [
        no("outside_hours", "lea", "2026-11-07T10:00:00+01:00"),
        let_in(1, 1, "lea", 0),
        let_in(2, 2, "gift", 1),  # a party of 3 with 3 uses, but 3 - 1 places
        no(
            "venue_full", "gift", "2026-11-08T10:00:00+01:00"
        ),  # the day ends at four, and Sunday opens at ten
        out(1),
        let_in(1, 1, "gift", 0),
        no("venue_full", "lea"),  # her ticket is over before the venue's day
        out(1),
        let_in(1, 1, "lea", 0),
        no("uses_exhausted", "lea"),
        no("expired", "lea"),
    ],
    "off-peak": [
        no("outside_hours", "rose", "2026-10-16T07:00:00+02:00"),
        let_in(1, 1, "rose", 0),
        no("uses_exhausted", "rose", "2026-11-02T07:00:00+01:00"),
        no("outside_hours", "rose", "2026-11-02T07:00:00+01:00"),
        let_in(1, 1, "rose", 0),
        no("outside_hours", "rose", "2026-11-12T07:00:00+01:00"),
        let_in(1, 1, "rose", 0),
        no("outside_hours", "rose", "2026-11-13T14:00:00+01:00"),
        no("outside_hours", "rose", "2027-03-30T07:00:00+02:00"),
        let_in(1, 1, "rose", 0),
    ],
    "swim-and-museum": [
        let_in(1, 1, "swim", 1),  # 4 - 1 in all, 2 - 1 at Bron
        let_in(1, 1, "swim", 0),
        no("uses_exhausted", "swim"),
        let_in(1, 1, "swim", 1),  # 4 - 3 in all, 3 - 1 at Vaise
        let_in(1, 1, "swim", 0),
        no("uses_exhausted", "swim"),
        let_in(1, 1, "museum", 0),
        no("unknown_medium"),
        no("no_entitlement"),
    ],
    "school-group": [
        let_in(0, 30, "6b", 10),
        let_in(28, 30, "6b", 9),
        let_in(14, 12, "cm2", 3),  # 40 - 28 places, 15 - 12 uses
        no("venue_full", "cm2", "2027-03-11T09:00:00+01:00"),
        out(28),
        let_in(4, 3, "cm2", 0),
        no("outside_hours", "6b", "2027-03-11T09:00:00+01:00"),
        no("uses_exhausted", "cm2"),
    ],
    "staff": [
        let_in(1, 1, "jo", None),
        let_in(1, 1, "jo", None, "passback", "retirement"),
        no("weak_credential", "nadia"),
        let_in(1, 1, "jo", None, "retirement"),
        no("weak_credential", "jo"),
        let_in(1, 1, "nadia", None),
        let_in(1, 1, "nadia", None, "passback"),
        no("weak_credential", "nadia"),
        let_in(1, 1, "nadia", None),
        let_in(1, 1, "nadia", None),
        no("denied"),
    ],
}
