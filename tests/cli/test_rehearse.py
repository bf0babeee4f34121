"""``gated rehearse``: the sample of its page, and the shape of what it prints."""

from __future__ import annotations

import re

import pytest

from cli.rehearsing import PAGE, SAMPLE, out, party, play, scenario, table
from cli.test_commands import run
from gated.cli.main import parser

ROOT = PAGE.parents[2]
MEMBERS = [
    "at", "venue", "direction", "medium", "granted", "reason", "entitlement", "next_at", "uses_left",
    "persons_released", "persons_passed", "warnings",
]  # fmt: skip

# A Tuesday at ten, a right for Monday to Friday from seven to nine: Wednesday at seven.
REFUSED = {
    "at": "2026-07-14T10:00:00+02:00", "venue": "bron", "direction": "in", "medium": "m1", "granted": False,
    "reason": "outside_hours", "entitlement": "e1", "next_at": "2026-07-15T07:00:00+02:00", "uses_left": None,
    "persons_released": 0, "persons_passed": 0, "warnings": [],
}  # fmt: skip


def test_the_sample_of_the_page_plays_as_it_stands(capsys, tmp_path):
    assert [REFUSED] == play(capsys, tmp_path, SAMPLE)


def test_the_sample_of_the_page_says_its_product(capsys, tmp_path):
    assert 'product = "carnet-10"' in SAMPLE
    bare = SAMPLE.replace('product = "carnet-10"\n', "").replace("[[product]]                    # opt", "# ")
    bare = bare.replace('\nid = "carnet-10"', "")
    assert [REFUSED] == play(capsys, tmp_path, bare)


def test_the_sample_two_hours_earlier_is_granted(capsys, tmp_path):
    early = SAMPLE.replace('at = "2026-07-14T10', 'at = "2026-07-14T08')
    granted = {
        "at": "2026-07-14T08:00:00+02:00", "granted": True, "reason": None, "next_at": None, "uses_left": 0,
        "persons_released": 1, "persons_passed": 1, "warnings": ["concession"],
    }  # fmt: skip
    assert [REFUSED | granted] == play(capsys, tmp_path, early)


def test_json_has_the_same_members_whatever_a_tap_comes_to(capsys, tmp_path):
    at = "2026-07-14T10:00:00+02:00"
    text = scenario(
        at, out(at, 3), {"at": at, "medium": "?"}, out(at, medium="?"), party(at, 0),
        {"at": at, "medium": "idle"},
        right={"expires": "2027-01-01T00:00:00+01:00"}, more=table("medium", id="idle", pass_="nothing"),
    )  # fmt: skip
    played = play(capsys, tmp_path, text)
    assert [MEMBERS] * 6 == [list(one) for one in played]
    looked_at = [
        "direction",
        "medium",
        "granted",
        "reason",
        "entitlement",
        "persons_released",
        "persons_passed",
    ]
    assert [
        ["in", "m1", True, None, "e1", 1, 1],
        ["out", "m1", True, None, None, 3, 3],
        ["in", "?", False, "unknown_medium", None, 0, 0],
        ["out", "?", True, None, None, 1, 1],
        ["in", "m1", True, None, "e1", 1, 0],
        ["in", "idle", False, "no_entitlement", None, 0, 0],
    ] == [[one[member] for member in looked_at] for one in played]
    assert [(None, None)] * 6 == [(one["next_at"], one["uses_left"]) for one in played]


def test_every_member_is_in_the_reference():
    text = PAGE.read_text()
    assert [] == [member for member in MEMBERS if f"`{member}`" not in text]


def test_an_exit_at_which_nobody_went_still_releases_one(capsys, tmp_path):
    at = "2026-07-14T10:00:00+02:00"
    (played,) = play(capsys, tmp_path, scenario(out(at, 0)))
    assert (1, 0, True) == (played["persons_released"], played["persons_passed"], played["granted"])


@pytest.mark.parametrize(
    "written", ["2026-07-14T10:00:00+02:00", "2026-07-14T08:00:00Z", "2026-07-14T03:00:00-05:00"]
)
@pytest.mark.parametrize("quotes", ['"', ""], ids=["text", "a time of TOML"])
def test_a_time_may_have_any_offset_and_next_at_has_the_venues(capsys, tmp_path, written, quotes):
    text = scenario({"at": "AT"}, right={"not_before": "2026-12-01T00:00:00+01:00"})
    (played,) = play(capsys, tmp_path, text.replace('"AT"', f"{quotes}{written}{quotes}"))
    shown = written if quotes else written.replace("Z", "+00:00")
    assert (shown, "2026-12-01T00:00:00+01:00") == (played["at"], played["next_at"])


def test_no_tap_is_an_empty_list(capsys, tmp_path):
    assert [] == play(capsys, tmp_path, scenario())


@pytest.mark.parametrize("product", [{}, {"product": "x"}])
def test_what_a_file_leaves_out_has_its_default(capsys, tmp_path, product):
    """The least file: one venue, one right, one medium of the weakest proof, one person going in."""
    text = (
        table("venue", id="v")
        + table("product", id="x")
        + table("entitlement", id="e", pass_="p", venues=["v"], **product)
        + table("medium", id="m", pass_="p")
        + table("tap", at="2026-07-14T10:00:00Z", venue="v", medium="m") * 2
    )
    played = play(capsys, tmp_path, text)
    looked_at = ["direction", "granted", "uses_left", "persons_released", "persons_passed", "warnings"]
    assert [["in", True, None, 1, 1, []]] * 2 == [[one[member] for member in looked_at] for one in played]


def test_lines_say_the_same_for_people(capsys, tmp_path):
    at = "2026-07-14T10:00:00+02:00"
    text = scenario(
        party(at, 2), at, out(at, 2), {"at": at, "medium": "?"},
        right={"party": 3, "uses": {"total": 9, "per_day": 2}, "concession": "student"},
    )  # fmt: skip
    (tmp_path / "own.toml").write_text(text)
    soon, told = "2026-07-15T00:00:00+02:00", "No entries left for today. Come back Wed 15 Jul, 00:00."
    code, printed, err = run(capsys, "rehearse", tmp_path / "own.toml", "--language", "en")
    assert (0, "") == (code, err)
    assert [
        f"{at}  bron in  m1  granted 2 of 2  e1  0 left  ! concession  “Welcome! 2 people. 0 entries left.”",
        f"{at}  bron in  m1  REFUSED uses_exhausted  e1  next {soon}  “{told}”",
        f"{at}  bron out m1  out     2 of 2  “Goodbye!”",
        f"{at}  bron in  ?  REFUSED unknown_medium  “We do not know this card. Please go to the desk.”",
    ] == printed.splitlines()


@pytest.mark.parametrize("language", ["de", "en", "es", "fr", "it"])
def test_lines_end_in_the_language_that_is_asked_for(capsys, tmp_path, language):
    at = "2026-07-14T10:00:00+02:00"
    (tmp_path / "own.toml").write_text(scenario(at, at, venue={"capacity": 1}))
    code, printed, _ = run(capsys, "rehearse", tmp_path / "own.toml", "--language", language)
    catalogue = (ROOT / "gated" / "texts" / "catalogues" / f"{language}.po").read_text()
    text = re.search(r'msgctxt "visitor"\nmsgid "venue_full"\nmsgstr "(.+)"', catalogue)[1]
    assert (0, True) == (code, printed.splitlines()[1].endswith(f"“{text}”"))


def test_help_shows_a_tariff_that_is_there():
    (subparsers,) = (action for action in parser()._actions if hasattr(action, "choices") and action.choices)
    shown = subparsers.choices["rehearse"].format_help()
    (file,) = (word for word in shown.split() if word.startswith("config/tariffs/"))
    assert (ROOT / file).is_file()


def test_json_is_text_as_it_was_written(capsys, tmp_path):
    text = scenario("2026-07-14T10:00:00+02:00", right={"id": "Léa"})
    (played,) = play(capsys, tmp_path, text)
    assert "Léa" == played["entitlement"]
    assert "Léa" in run(capsys, "rehearse", tmp_path / "scenario.toml", "--json")[1]
