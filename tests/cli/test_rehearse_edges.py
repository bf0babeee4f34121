"""Each rule at its edge, through the command: one second before, on it, and after."""

from __future__ import annotations

import pytest

from cli.rehearsing import counted, out, party, play, scenario, table, told

PARIS = "Europe/Paris"
DAY = "2026-07-14"  # a Tuesday, summer time


def at(time: str, day: str = DAY) -> str:
    return f"{day}T{time}+02:00"


def edge(capsys, tmp_path, *taps, **said) -> list[str | None]:
    return told(play(capsys, tmp_path, scenario(*taps, **said)))


#: When the venue's day ends, by default.
NIGHT = at("04:00:00", "2026-07-15")

# ---------------------------------------------------------------- days


@pytest.mark.parametrize(
    ("zone", "first", "before", "on"),
    [
        (PARIS, at("12:00:00"), at("23:59:59"), at("00:00:00", "2026-07-15")),
        ("UTC", "2026-07-14T12:00:00+00:00", "2026-07-14T23:59:59+00:00", "2026-07-15T00:00:00+00:00"),
        ("Asia/Tokyo", "2026-07-14T00:00:00+09:00", "2026-07-14T23:59:59+09:00", "2026-07-15T00:00:00+09:00"),
        ("Etc/GMT+9", "2026-07-14T20:00:00-09:00", "2026-07-14T23:59:59-09:00", "2026-07-15T00:00:00-09:00"),
        # A day of 23 hours and one of 25: the clock on the wall counts, not the hours.
        (PARIS, "2027-03-28T00:00:00+01:00", "2027-03-28T23:59:59+02:00", "2027-03-29T00:00:00+02:00"),
        (PARIS, "2026-10-25T00:00:00+02:00", "2026-10-25T23:59:59+01:00", "2026-10-26T00:00:00+01:00"),
        (PARIS, "2028-02-28T12:00:00+01:00", "2028-02-28T23:59:59+01:00", "2028-02-29T00:00:00+01:00"),
        (PARIS, "2028-02-29T12:00:00+01:00", "2028-02-29T23:59:59+01:00", "2028-03-01T00:00:00+01:00"),
        (PARIS, "2027-02-28T12:00:00+01:00", "2027-02-28T23:59:59+01:00", "2027-03-01T00:00:00+01:00"),
    ],
)  # fmt: skip
def test_a_day_ends_at_midnight_of_the_venue(capsys, tmp_path, zone, first, before, on):
    text = scenario(first, before, on, right={"uses": {"per_day": 1}}).replace(PARIS, zone)
    assert [None, f"uses_exhausted {on}", None] == told(play(capsys, tmp_path, text))


@pytest.mark.parametrize(
    ("hours", "taps"),
    [
        ("07:00-09:00", [
            ("2026-07-14T06:59:59+02:00", "2026-07-14T07:00:00+02:00"), ("2026-07-14T07:00:00+02:00", None),
            ("2026-07-14T08:59:59+02:00", None), ("2026-07-14T09:00:00+02:00", "2026-07-15T07:00:00+02:00"),
        ]),
        ("02:00-03:00", [  # in spring there is no such hour, in autumn there are two
            ("2027-03-28T01:59:59+01:00", "2027-03-29T02:00:00+02:00"),
            ("2027-03-28T03:00:00+02:00", "2027-03-29T02:00:00+02:00"),
        ]),
        ("02:00-03:00", [
            ("2026-10-25T01:59:59+02:00", "2026-10-25T02:00:00+02:00"), ("2026-10-25T02:59:59+02:00", None),
            ("2026-10-25T02:00:00+01:00", None), ("2026-10-25T02:59:59+01:00", None),
            ("2026-10-25T03:00:00+01:00", "2026-10-26T02:00:00+01:00"),
        ]),
        ("Feb 29 10:00-12:00", [
            ("2026-07-14T10:00:00+02:00", "2028-02-29T10:00:00+01:00"), ("2028-02-29T10:00:00+01:00", None),
            ("2028-02-29T12:00:00+01:00", "2032-02-29T10:00:00+01:00"),
        ]),
        ("10:00-12:00; PH off", [
            ("2026-07-13T12:00:00+02:00", "2026-07-15T10:00:00+02:00"),
            ("2026-07-14T10:00:00+02:00", "2026-07-15T10:00:00+02:00"), ("2026-07-15T10:00:00+02:00", None),
        ]),
        ("22:00-02:00", [  # over midnight
            ("2026-07-14T21:59:59+02:00", "2026-07-14T22:00:00+02:00"), ("2026-07-15T01:59:59+02:00", None),
            ("2026-07-15T02:00:00+02:00", "2026-07-15T22:00:00+02:00"),
        ]),
    ],
)  # fmt: skip
def test_hours_open_and_close_by_the_second(capsys, tmp_path, hours, taps):
    played = edge(capsys, tmp_path, *(tap for tap, _ in taps), right={"hours": hours})
    assert [soonest and f"outside_hours {soonest}" for _, soonest in taps] == played


def test_validity_begins_with_its_first_second_and_ends_before_its_last(capsys, tmp_path):
    right = {"not_before": at("10:00:00"), "expires": at("12:00:00")}
    taps = [at("09:59:59"), at("10:00:00"), at("11:59:59"), at("12:00:00")]
    expected = [f"not_yet_valid {at('10:00:00')}", None, None, "expired"]
    assert expected == edge(capsys, tmp_path, *taps, right=right)


def test_nothing_is_promised_beyond_the_expiry(capsys, tmp_path):
    day = {"uses": {"per_day": 1}}
    for expires, soonest in [
        (at("00:00:00", "2026-07-15"), "uses_exhausted"),
        (at("00:00:01", "2026-07-15"), f"uses_exhausted {at('00:00:00', '2026-07-15')}"),
    ]:
        right = day | {"expires": expires}
        assert [None, soonest] == edge(capsys, tmp_path, at("10:00:00"), at("11:00:00"), right=right)


# ---------------------------------------------------------------- re-entry and anti-passback


@pytest.mark.parametrize(
    ("first", "last", "over"),
    [
        (at("10:00:00"), at("11:59:59"), at("12:00:00")),
        ("2027-03-28T01:30:00+01:00", "2027-03-28T04:29:59+02:00", "2027-03-28T04:30:00+02:00"),
        ("2026-10-25T01:30:00+02:00", "2026-10-25T02:29:59+01:00", "2026-10-25T02:30:00+01:00"),
    ],
)
def test_reentry_lasts_its_duration_from_the_entry_that_cost_a_use(capsys, tmp_path, first, last, over):
    text = scenario(first, last, over, right={"uses": 1, "reentry": "PT2H"})
    played = play(capsys, tmp_path, text)
    assert [None, None, "uses_exhausted"] == told(played)
    assert [0, 0, None] == [one["uses_left"] for one in played]


def test_an_entry_that_nobody_took_opens_no_window_and_marks_nobody(capsys, tmp_path):
    taps = [party(at("10:00:00"), 0), at("10:10:00"), out(at("10:20:00")), at("10:39:59"), at("10:40:00")]
    text = scenario(*taps, right={"uses": 1, "reentry": "PT30M"}, venue={"passback": "hard"})
    played = play(capsys, tmp_path, text)
    # The window is of 10:10: at 10:39:59 it is open, and its entry leaves somebody inside.
    assert [None, None, None, None, "uses_exhausted"] == told(played)
    assert [1, 0, None, 0, None] == [one["uses_left"] for one in played]


def test_reentry_waives_uses_only(capsys, tmp_path):
    taps = [
        at("10:00:00"),
        at("10:01:00"),
        out(at("10:02:00")),
        at("10:03:00"),
        out(at("10:04:00")),
        at("10:30:00"),
    ]
    right = {"uses": 1, "reentry": "PT2H", "hours": "10:00-10:30"}
    played = edge(capsys, tmp_path, *taps, right=right, venue={"passback": "hard"})
    # Somebody is inside until the night, when the one use is spent and no window is open any more.
    assert [None, "passback", None, None, None, "outside_hours"] == played


@pytest.mark.parametrize(
    ("passback", "interval", "before", "on", "warned"),
    [
        ("none", None, None, None, []),
        ("soft", None, None, None, ["passback"]),
        ("timed", "PT10M", f"passback {at('10:10:00')}", None, []),
        ("hard", None, f"passback {NIGHT}", f"passback {NIGHT}", []),
        ("hard", "PT10M", f"passback {NIGHT}", f"passback {NIGHT}", []),
    ],
)  # fmt: skip
def test_each_way_of_anti_passback(capsys, tmp_path, passback, interval, before, on, warned):
    venue = {"passback": passback, "passback_interval": interval}
    played = play(capsys, tmp_path, scenario(at("10:00:00"), at("10:09:59"), at("10:10:00"), venue=venue))
    assert [None, before, on] == told(played)
    assert [[], warned, warned] == [one["warnings"] for one in played]


DAY_ENDS = [  # day end, first entry, one second before, on it
    ("04:00", at("23:00:00"), at("03:59:59", "2026-07-15"), at("04:00:00", "2026-07-15")),
    ("00:00", at("23:00:00"), at("23:59:59"), at("00:00:00", "2026-07-15")),
    # Where clocks jump over it, it comes with the jump; where they go back over it, the first time counts.
    ("02:30", "2027-03-28T01:00:00+01:00", "2027-03-28T01:59:59+01:00", "2027-03-28T03:00:00+02:00"),
    ("02:30", "2026-10-25T02:00:00+02:00", "2026-10-25T02:29:59+02:00", "2026-10-25T02:30:00+02:00"),
]


@pytest.mark.parametrize(("day_end", "first", "before", "on"), DAY_ENDS)
def test_the_day_end_clears_who_is_inside(capsys, tmp_path, day_end, first, before, on):
    for venue, reason in [
        ({"passback": "hard"}, "passback"),
        ({"passback": "timed", "passback_interval": "P2D"}, "passback"),
        ({"capacity": 1}, "venue_full"),
    ]:
        played = edge(capsys, tmp_path, first, before, on, venue=venue | {"day_end": day_end})
        assert [None, f"{reason} {on}", None] == played


def test_a_day_end_that_the_clock_shows_twice_comes_once(capsys, tmp_path):
    taps = ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "2026-10-26T02:30:00+01:00"]
    played = edge(capsys, tmp_path, *taps, venue={"passback": "hard", "day_end": "02:30"})
    assert [None, "passback 2026-10-26T02:30:00+01:00", None] == played


# ---------------------------------------------------------------- media and denials


def test_a_retirement_warns_and_ends_by_the_second(capsys, tmp_path):
    more = table("retirement", assurance="uid-only", ends=at("12:00:00"), warn="PT2H")
    taps = [at("09:59:59"), at("10:00:00"), at("11:59:59"), at("12:00:00")]
    weak = scenario(*taps, medium={"assurance": "uid-only"}, more=more)
    played = play(capsys, tmp_path, weak)
    assert [None, None, None, "weak_credential"] == told(played)
    assert [[], ["retirement"], ["retirement"], []] == [one["warnings"] for one in played]
    better = play(capsys, tmp_path, scenario(*taps, medium={"assurance": "static-signed"}, more=more))
    assert [(None, [])] * 4 == list(zip(told(better), (one["warnings"] for one in better), strict=True))


@pytest.mark.parametrize(
    ("target", "meant"),
    [({"medium": "m1"}, None), ({"pass_": "p1"}, None), ({"entitlement": "e1"}, "e1")],
)
@pytest.mark.parametrize("since", [at("10:00:00"), None])
@pytest.mark.parametrize("until", [at("12:00:00"), None])
def test_a_denial_holds_from_its_first_second_until_it_is_lifted(
    capsys, tmp_path, target, meant, since, until
):
    more = table("denial", **target, from_=since, until=until)
    taps = [at("09:59:59"), at("10:00:00"), at("11:59:59"), at("12:00:00")]
    played = play(capsys, tmp_path, scenario(*taps, out(at("12:00:00")), more=more))
    denied = [since is None, True, True, until is None]
    assert [*("denied" if one else None for one in denied), None] == told(played)
    assert [*(meant if one else "e1" for one in denied), None] == [one["entitlement"] for one in played]


@pytest.mark.parametrize(
    "level", ["uid-only", "static-signed", "symmetric-rolling", "symmetric-mutual", "asymmetric"]
)
@pytest.mark.parametrize("where", ["venue", "right", "product"])
def test_a_proof_must_be_as_strong_as_is_asked(capsys, tmp_path, level, where):
    asked, product = {"minimum_assurance": "symmetric-mutual"}, table("product", id="x")
    text = scenario(
        at("10:00:00"), medium={"assurance": level}, venue=asked if where == "venue" else None,
        right={"product": "x"} | (asked if where == "right" else {}),
        more=table("product", id="x", **asked) if where == "product" else product,
    )  # fmt: skip
    enough = level in ("symmetric-mutual", "asymmetric")
    assert [None if enough else "weak_credential"] == told(play(capsys, tmp_path, text))


# ---------------------------------------------------------------- parties, places, exits


@pytest.mark.parametrize(
    ("right", "came", "expected"),
    [
        ({"party_uses": "each", "uses": 5}, [4, 1, 1], [(4, 4, 1), (1, 1, 0), (0, 0, None)]),
        ({"party_uses": "each", "uses": 4}, [4, 1], [(4, 4, 0), (0, 0, None)]),
        ({"party_uses": "each", "uses": 3}, [4, 1], [(3, 4, 0), (0, 0, None)]),
        ({"party_uses": "each", "uses": 5}, [3, 0, 2], [(4, 3, 2), (2, 0, 2), (2, 2, 0)]),
        ({"party_uses": "once", "uses": 2}, [3, 0, 4, 1], [(4, 3, 1), (4, 0, 1), (4, 4, 0), (0, 0, None)]),
        ({"uses": {"total": 9, "per_day": 3}}, [4], [(3, 4, 0)]),
        ({}, [4], [(4, 4, None)]),
    ],
)
def test_a_party_costs_what_it_should(capsys, tmp_path, right, came, expected):
    text = scenario(*(party(at("10:00:00"), one) for one in came), right={"party": 4} | right)
    assert expected == counted(play(capsys, tmp_path, text))


def test_places_bound_a_release_and_whoever_is_forced_takes_one(capsys, tmp_path):
    taps = [
        party(at("10:00:00"), 3), party(at("10:00:00"), 4), at("10:00:00"), out(at("10:00:01"), 2),
        party(at("10:00:02"), 1), out(at("10:00:03"), 9), party(at("10:00:04"), 4),
    ]  # fmt: skip
    played = play(capsys, tmp_path, scenario(*taps, right={"party": 4, "uses": 20}, venue={"capacity": 6}))
    # 3 inside; 3 places for 4, who all go in: 7; full; 5 inside: one place; 6; nobody, for none is below it.
    assert [
        (4, 3, 17),
        (3, 4, 14),
        (0, 0, None),
        (2, 2, None),
        (1, 1, 13),
        (9, 9, None),
        (4, 4, 9),
    ] == counted(played)
    assert f"venue_full {NIGHT}" == told(played)[2]


def test_an_exit_of_some_leaves_the_others_inside(capsys, tmp_path):
    taps = [
        party(at("10:00:00"), 3), out(at("11:00:00"), 2), at("11:00:01"), out(at("12:00:00")), at("12:00:01"),
    ]  # fmt: skip
    played = edge(capsys, tmp_path, *taps, right={"party": 3}, venue={"passback": "hard"})
    assert [None, None, f"passback {NIGHT}", None, None] == played
