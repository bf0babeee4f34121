"""The documentation says what is there, and what it shows can be done as shown."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from gated.cli.main import parser
from gated.model.event import KINDS
from gated.model.refusal import Reason

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", *(ROOT / "tests").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), target


def test_every_reason_is_explained():
    text = (DOCS / "reference" / "reasons.md").read_text()
    assert [] == [reason for reason in Reason if f"`{reason}`" not in text]


def test_every_event_and_field_is_explained():
    text = (DOCS / "reference" / "events.md").read_text()
    for kind in KINDS:
        names = [kind.kind, *(field.name.rstrip("_") for field in fields(kind))]
        assert [] == [name for name in names if f"`{name}`" not in text]


def commands(made: argparse.ArgumentParser, path: str = "gated"):
    for action in made._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                if name != "demo-gate":  # the demo's own process: not for people
                    yield from commands(below, f"{path} {name}")
            return
    yield path, made


@pytest.mark.parametrize(("path", "made"), list(commands(parser())), ids=lambda value: str(value)[:40])
def test_every_command_is_documented_and_shows_examples(path, made):
    text = (DOCS / "reference" / "cli.md").read_text()
    assert path in text
    for action in made._actions:
        for option in action.option_strings:
            assert option.startswith("-h") or option == "--help" or option in text, f"{path} {option}"
    assert "examples:" in made.format_help()


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def test_the_tutorial_can_be_followed_as_written(tmp_path):
    page = DOCS / "tutorial" / "first-tap.md"
    (tmp_path / "gate.toml").write_text(blocks(page, "toml")[0])
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for block in blocks(page, "console"):
        for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            ended = subprocess.run(
                ["sh", "-c", command],
                cwd=tmp_path,
                env={**os.environ, "PATH": path},
                check=False,
                capture_output=True,
                text=True,
            )
            assert 0 == ended.returncode, f"{command}: {ended.stderr}"
            for line in shown.splitlines():
                assert line.strip() in ended.stdout, f"{command}: {ended.stdout}"


def test_the_sample_configuration_loads(site, tmp_path, capsys):
    from gated.cli.main import main

    text = (ROOT / "config" / "gate.toml").read_text()
    gate = site.path / "central" / "gate"
    for old, new in (
        ("keys", "keys.json"),
        ("profile", "profile-bron.json"),
        ("sector_key", "pools.sector-key"),
    ):
        text = re.sub(rf'^{old} = ".*"', f'{old} = "{gate / new}"', text, flags=re.MULTILINE)
    (tmp_path / "sample.toml").write_text(text)
    code = main(["config", "check", "--config", str(tmp_path / "sample.toml")])
    assert 0 == code, capsys.readouterr().err


def test_the_readme_begins_with_the_two_commands_that_work():
    first, second = (shlex.split(block) for block in blocks(ROOT / "README.md", "sh"))
    assert ["python3", "-m", "venv"] == first[:3]
    assert ["sh", "tests/run"] == second
    assert (ROOT / "tests" / "run").exists()
