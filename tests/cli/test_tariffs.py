"""The tariffs in config/tariffs/, played by the command: each tap as a venue manager is told it will be."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cli.tariff_outcomes import OUTCOMES
from cli.test_commands import run
from gated.config.files import load_profile
from gated.model.refusal import Reason

ROOT = Path(__file__).parents[2]
TARIFFS = ROOT / "config" / "tariffs"
#: The eleven that a rule gives where all is known; the others are of statements, media and lanes.
GIVEN = [
    reason
    for reason in list(Reason)[: list(Reason).index(Reason.VENUE_FULL) + 1]
    if reason is not Reason.KNOWLEDGE_EXPIRED  # a rehearsal knows everything
    if reason is not Reason.KNOWLEDGE_EXPIRED
]


def document(name: str) -> dict:
    return tomllib.loads((TARIFFS / f"{name}.toml").read_text())


def asked(name: str) -> list[dict]:
    return [
        {
            "at": tap["at"],
            "venue": tap["venue"],
            "direction": tap.get("direction", "in"),
            "medium": tap["medium"],
        }
        for tap in document(name)["tap"]
    ]


def test_each_tariff_has_its_outcomes():
    assert sorted(path.stem for path in TARIFFS.iterdir()) == sorted(OUTCOMES)


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_tariff_comes_to_what_was_worked_out_by_hand(capsys, name):
    code, printed, err = run(capsys, "rehearse", TARIFFS / f"{name}.toml", "--json")
    assert (0, "") == (code, err)
    expected = [tap | outcome for tap, outcome in zip(asked(name), OUTCOMES[name], strict=True)]
    assert expected == json.loads(printed)


@pytest.mark.parametrize("name", OUTCOMES)
@pytest.mark.parametrize("language", ["de", "en", "es", "fr", "it"])
def test_a_tariff_is_told_a_line_for_each_tap_in_each_language(capsys, name, language):
    code, printed, err = run(capsys, "rehearse", TARIFFS / f"{name}.toml", "--language", language)
    assert (0, "") == (code, err)
    lines = printed.splitlines()
    for line, tap, outcome in zip(lines, asked(name), OUTCOMES[name], strict=True):
        assert line.startswith(tap["at"])
        assert re.search("  “.+”$", line)
        assert outcome["reason"] is None or f"REFUSED {outcome['reason']}" in line
        assert outcome["next_at"] is None or f"  next {outcome['next_at']}  " in line


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_tariff_can_be_read_by_a_venue_manager(name):
    lines = (TARIFFS / f"{name}.toml").read_text().splitlines()
    assert f"# Play it: gated rehearse config/tariffs/{name}.toml" in lines
    assert [] == [line for line in lines if len(line) > 120]
    assert [] == [line for line in lines if line.startswith("[[tap]]") and "# " not in line]


# ---------------------------------------------------------------- what the eight show together


def rules_said(name: str) -> set[str]:
    """Every rule and its mode that a file says, such as ``uses.per_day`` and ``passback.hard``."""
    top = document(name)
    said = {table for table in ("retirement", "denial") if table in top}
    for venue in top["venue"]:
        said |= {"capacity"} & venue.keys()
        said |= {"venue.minimum_assurance"} if "minimum_assurance" in venue else set()
        said.add(f"passback.{venue.get('passback', 'none')}")
    for rules in [*top.get("product", []), *top["entitlement"]]:
        uses = rules.get("uses", {})
        said |= {f"uses.{key}" for key in ({"total": uses} if isinstance(uses, int) else uses)}
        said |= {"validity"} if {"not_before", "expires"} <= rules.keys() else set()
        said |= {"hours", "party", "reentry", "minimum_assurance", "concession"} & rules.keys()
        said |= {f"party_uses.{rules['party_uses']}"} if "party_uses" in rules else set()
    return said


def test_every_rule_is_shown():
    shown = set().union(*map(rules_said, OUTCOMES))
    assert {
        "uses.total", "uses.per_day", "uses.per_venue", "validity", "hours", "party", "party_uses.each",
        "party_uses.once", "reentry", "passback.none", "passback.soft", "passback.timed", "passback.hard",
        "capacity", "minimum_assurance", "venue.minimum_assurance", "concession", "retirement", "denial",
    } == shown  # fmt: skip


def test_every_reason_and_every_warning_is_shown():
    told = [outcome for outcomes in OUTCOMES.values() for outcome in outcomes]
    assert set(GIVEN) == {one["reason"] for one in told} - {None}
    assert 11 == len(GIVEN)
    assert {"concession", "passback", "retirement"} == {word for one in told for word in one["warnings"]}


def test_what_else_a_manager_must_see_is_shown():
    told = [(tap, one) for name, outcomes in OUTCOMES.items() for tap, one in zip(
        document(name)["tap"], outcomes, strict=True)]  # fmt: skip
    granted = [(tap.get("persons", 1), one) for tap, one in told if one["entitlement"] and one["granted"]]
    assert any(0 == persons for persons, _ in granted), "not taken"
    assert any(0 < persons < one["persons_released"] for persons, one in granted), (
        "fewer came than were let in"
    )
    assert any(persons > one["persons_released"] for persons, one in granted), "forced"
    assert any(0 == one["uses_left"] for _, one in granted), "the last use"
    assert any("T00:00:00" in one["next_at"] for _, one in told if one["next_at"]), "midnight"
    assert any(tap["medium"] == "?" for tap, _ in told), "a stranger"


# ---------------------------------------------------------------- how it becomes real

PAGE = ROOT / "docs" / "how-to" / "say-your-tariff.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_the_page_about_tariffs_links_each_and_can_be_followed_as_written(tmp_path):
    linked = re.findall(r"\]\(\.\./\.\./config/tariffs/([a-z-]+)\.toml\)", PAGE.read_text())
    assert sorted(OUTCOMES) == sorted(linked)
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (tmp_path / "tariff.toml").write_text(blocks("toml")[0])
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    shown_commands = [
        told
        for block in blocks("console")
        for told in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    ]
    assert 3 == len(shown_commands)
    for command, shown in shown_commands:
        ended = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env={**os.environ, "PATH": path}, check=False,
            capture_output=True, text=True,
        )  # fmt: skip
        assert (0, "") == (ended.returncode, ended.stderr)
        for line in shown.splitlines():
            assert line in ended.stdout


def test_the_mistake_that_the_page_shows_is_told_so(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my-pool.toml").write_text(
        '[[venue]]\nid = "bron"\n[[medium]]\nid = "card-1"\npass = "p"\n'
        '[[tap]]\nat = 2026-07-14T10:00:00+02:00\nvenue = "bron"\nmedium = "card-1"\n'
        '[[tap]]\nat = 2026-07-14T10:00:00+02:00\nvenue = "bron"\nmedium = "card-2"\n'
    )
    code, out, err = run(capsys, "rehearse", "my-pool.toml")
    (shown,) = blocks("text")
    assert (2, "", True) == (code, out, err.startswith(shown.rstrip("\n")))


@pytest.mark.parametrize("name", OUTCOMES)
def test_the_products_of_a_tariff_become_a_profile_that_gates_read(capsys, tmp_path, name):
    text = (TARIFFS / f"{name}.toml").read_text()
    (tmp_path / "tariff.toml").write_text(
        "".join(re.findall(r"^\[\[product\]\].*?(?=^\[\[)", text, re.MULTILINE | re.DOTALL))
    )
    top = document(name)
    venues = [option for venue in top["venue"] for option in ("--venue", venue["id"])]
    code, _, err = run(
        capsys, "central", "init", tmp_path / "office", "--sector", "pools", *venues, "--country", "FR",
        "--tariff", tmp_path / "tariff.toml",
    )  # fmt: skip
    assert (0, "") == (code, err)
    for venue in top["venue"]:
        profile = load_profile(tmp_path / "office" / "gate" / f"profile-{venue['id']}.json")
        assert {product["id"] for product in top["product"]} == set(profile.products)
