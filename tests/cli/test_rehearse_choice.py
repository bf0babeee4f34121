"""Which right is used, which is told of, and which rule counts where several do: through the command."""

from __future__ import annotations

import itertools

import pytest

from cli.rehearsing import play, scenario, table, told

AT = "2026-07-14T10:00:00+02:00"  # a Tuesday
LATER = "2026-07-14T10:10:00+02:00"
EARLY, LATE = "2026-08-01T00:00:00+02:00", "2026-09-01T00:00:00+02:00"

#: Each is used before the next: unlimited first, then the earliest end, then the fewest left.
IN_ORDER = [
    {"expires": EARLY, "uses": {"per_day": 9}},
    {"expires": LATE},
    {},
    {"expires": EARLY, "uses": 2},
    {"expires": EARLY, "uses": {"per_venue": {"bron": 3}}},
    {"expires": LATE, "uses": 2},
    {"uses": 2},
    {"uses": 3},
]


def rights(*said: dict, names: tuple[str, ...] = ("a", "b", "c", "d")) -> str:
    return "".join(
        table("entitlement", **{"id": name, "pass_": "p1", "venues": ["bron"]} | fields)
        for name, fields in zip(names, said, strict=False)
    )


def used(capsys, tmp_path, *taps, more: str, **said) -> list[str | None]:
    """Of each tap, the right that was used or told of. The right that is always there is of no use."""
    idle = {"right": {"pass_": "another"}}
    return [one["entitlement"] for one in play(capsys, tmp_path, scenario(*taps, more=more, **idle | said))]


@pytest.mark.parametrize("first", range(len(IN_ORDER) - 1))
@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_the_better_right_is_used_first(capsys, tmp_path, first, names):
    pair = IN_ORDER[first : first + 2]
    for more in (rights(*pair, names=names), rights(*reversed(pair), names=names[::-1])):
        assert [names[0]] == used(capsys, tmp_path, AT, more=more)


@pytest.mark.parametrize("names", list(itertools.permutations("abc")))
def test_of_equals_the_first_id_is_used_wherever_it_stands(capsys, tmp_path, names):
    assert ["a"] == used(capsys, tmp_path, AT, more=rights({}, {}, {}, names=names))


def test_an_open_window_goes_before_a_right_without_a_limit(capsys, tmp_path):
    """The counted one is used once, while the other is closed; then its window goes first."""
    more = rights({"uses": 2, "reentry": "PT30M"}, {"hours": "10:05-12:00"})
    after = "2026-07-14T10:30:00+02:00"
    assert ["a", "a", "b"] == used(capsys, tmp_path, AT, LATER, after, more=more)


def test_a_share_elsewhere_leaves_a_right_unlimited_here(capsys, tmp_path):
    more = table("venue", id="vaise", sector="pools") + rights(
        {"expires": EARLY, "uses": {"total": 9}},
        {"expires": LATE, "venues": ["bron", "vaise"], "uses": {"per_venue": {"vaise": 1}}},
    )
    assert ["b"] == used(capsys, tmp_path, AT, more=more)


@pytest.mark.parametrize(
    ("said", "expected", "reason"),
    [
        # The soonest is told, though its reason stands later and its name does too.
        ([{"uses": 0}, {"hours": "12:00-13:00"}], "b", "outside_hours 2026-07-14T12:00:00+02:00"),
        ([{"hours": "14:00-15:00"}, {"not_before": LATE}, {"hours": "12:00-13:00"}], "c",
            "outside_hours 2026-07-14T12:00:00+02:00"),
        ([{"not_before": "2026-07-14T12:00:00+02:00"}, {"hours": "12:00-13:00"}], "a",
            "not_yet_valid 2026-07-14T12:00:00+02:00"),
        # None of them ever: by the order of reasons, then the one that would have been used first.
        ([{"uses": 0}, {"expires": AT}], "b", "expired"),
        ([{"uses": 0}, {"minimum_assurance": "asymmetric"}], "b", "weak_credential"),
        ([{"uses": 0}, {"uses": 0, "expires": EARLY}], "b", "uses_exhausted"),
        # A moment counts only if every rule lets pass at it.
        ([{"hours": "12:00-13:00", "expires": "2026-07-14T12:00:00+02:00"}, {"uses": 0}], "b",
            "uses_exhausted"),
        ([{"not_before": "2026-07-14T12:30:00+02:00", "hours": "12:00-13:00"}], "a",
            "not_yet_valid 2026-07-14T12:30:00+02:00"),
        ([{"not_before": "2026-07-14T13:00:00+02:00", "hours": "12:00-13:00"}], "a",
            "not_yet_valid 2026-07-15T12:00:00+02:00"),
    ],
)  # fmt: skip
def test_of_several_that_fail_the_soonest_is_told(capsys, tmp_path, said, expected, reason):
    text = scenario(
        AT, right={"pass_": "another"}, medium={"assurance": "symmetric-mutual"}, more=rights(*said)
    )
    played = play(capsys, tmp_path, text)
    assert [(expected, reason)] == [(played[0]["entitlement"], told(played)[0])]


#: Of two reasons at once the earlier of the eleven is told. Each case fails by its rule and by all after it.
FAILING = {
    "denied": "denied", "weak": "weak_credential", "elsewhere": "wrong_venue", "over": "expired",
    "early": "not_yet_valid", "spent": "uses_exhausted", "closed": "outside_hours", "inside": "passback",
    "full": "venue_full",
}  # fmt: skip


@pytest.mark.parametrize("place", range(len(FAILING)))
def test_the_first_rule_that_fails_is_told(capsys, tmp_path, place):
    fails = list(FAILING)[place:]
    right = {
        "minimum_assurance": "asymmetric" if "weak" in fails else None,
        "expires": "2026-07-14T10:05:00+02:00" if "over" in fails else None,
        "not_before": "2026-07-14T11:00:00+02:00" if "early" in fails and "over" not in fails else None,
        "uses": 0 if "spent" in fails else None,
        "hours": "10:00-10:05" if "closed" in fails else None,
        "venues": ["vaise"] if "elsewhere" in fails else ["bron"],
    }
    # Where it cannot itself, another right lets somebody in first, and is spent: the house is full.
    first = table("entitlement", id="z", pass_="p1", venues=["bron"], uses=1) if "spent" in fails else ""
    denial = table("denial", entitlement="e1", from_=LATER) if "denied" in fails else ""
    venue = {"passback": "hard" if "inside" in fails else "none", "capacity": 1}
    text = scenario(
        AT, LATER, venue=venue, right=right, medium={"assurance": "uid-only"},
        more=table("venue", id="vaise", sector="pools") + first + denial,
    )  # fmt: skip
    entered, refused = play(capsys, tmp_path, text)
    assert entered["granted"]
    assert (list(FAILING.values())[place], "e1") == (refused["reason"], refused["entitlement"])


# ---------------------------------------------------------------- what counts where


@pytest.mark.parametrize(
    ("product", "right", "left"),
    [
        ({"uses": 10}, {}, 9), ({"uses": 10}, {"uses": 3}, 2), ({"uses": 10}, {"uses": {"per_day": 4}}, 3),
        ({"uses": {"per_day": 4}}, {"uses": 3}, 2), ({"uses": {"per_day": 2}}, {"uses": 3}, 1),
        ({"uses": {"per_venue": {"bron": 4}}}, {"uses": {"per_venue": {"bron": 6}}}, 5),
        ({"uses": {"per_venue": {"bron": 4}}}, {"uses": {"total": 9}}, 3),
        ({"uses": {"total": 3, "per_day": 9, "per_venue": {"bron": 9}}}, {}, 2),
    ],
)  # fmt: skip
def test_what_an_entitlement_says_counts_instead_of_its_product(capsys, tmp_path, product, right, left):
    text = scenario(AT, right={"product": "x"} | right, more=table("product", id="x", **product))
    assert left == play(capsys, tmp_path, text)[0]["uses_left"]


def test_one_medium_of_two_sectors_has_a_pass_in_each(capsys, tmp_path):
    more = (
        table("venue", id="vaise", sector="pools")
        + table("venue", id="beaux", sector="museums", passback="hard")
        + table("entitlement", id="museum", pass_="p2", venues=["beaux"], uses=2)
        + table("medium", id="swimmer", pass_="p1", assurance="asymmetric")
        + table("denial", pass_="p1", from_=LATER)
    )
    where = [
        ("bron", "m1"), ("vaise", "swimmer"), ("bron", "swimmer"), ("beaux", "m1"), ("beaux", "m1"),
        ("beaux", "swimmer"),
    ]  # fmt: skip
    taps = [{"at": AT, "venue": venue, "medium": medium} for venue, medium in where]
    later = [{"at": LATER, "venue": venue, "medium": "m1"} for venue in ("bron", "beaux")]
    right = {"venues": ["bron", "vaise"], "uses": {"total": 2, "per_venue": {"bron": 1}}}
    text = scenario(*taps, *later, right=right, medium={"pass_": ["p1", "p2"]}, more=more)
    played = play(capsys, tmp_path, text)
    night = "passback 2026-07-15T04:00:00+02:00"
    expected = [None, None, "uses_exhausted", None, night, "unknown_medium", "denied", night]
    assert expected == told(played)
    assert [0, 0, None, 1, None, None, None, None] == [one["uses_left"] for one in played]


def test_a_pass_without_a_right_is_known_in_the_sectors_that_are_left(capsys, tmp_path):
    more = table("venue", id="beaux", sector="museums")
    taps = [AT, {"at": AT, "venue": "beaux"}]
    for passes, expected in [(["p1", "idle"], "no_entitlement"), (["p1"], "unknown_medium")]:
        text = scenario(*taps, medium={"pass_": passes}, more=more)
        assert [None, expected] == told(play(capsys, tmp_path, text))
