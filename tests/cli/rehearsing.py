"""Scenarios as text, played by the command."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cli.test_commands import run

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "rehearsal.md"
SAMPLE = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)[0]


def play(capsys, folder: Path, text: str) -> list[dict[str, Any]]:
    """What each tap comes to."""
    file = folder / "scenario.toml"
    file.write_text(text)
    code, out, err = run(capsys, "rehearse", file, "--json")
    assert (0, "") == (code, err)
    played = json.loads(out)
    assert isinstance(played, list)
    return played


def table(name: str, **fields: Any) -> str:
    """One table of a scenario."""
    lines = [f"{key.rstrip('_')} = {_toml(value)}" for key, value in fields.items() if value is not None]
    return "\n".join([f"[[{name}]]", *lines, ""])


def scenario(*taps: Mapping[str, Any] | str, venue=None, right=None, medium=None, more: str = "") -> str:
    """A pool, a right and a card of asymmetric proof, and taps: a time alone is an entry of one person."""
    said = [{"at": tap} if isinstance(tap, str) else tap for tap in taps]
    return "\n".join(
        [
            'timezone = "Europe/Paris"\ncountry = "FR"',
            table("venue", **{"id": "bron", "sector": "pools"} | (venue or {})),
            table("entitlement", **{"id": "e1", "pass_": "p1", "venues": ["bron"]} | (right or {})),
            table("medium", **{"id": "m1", "pass_": "p1", "assurance": "asymmetric"} | (medium or {})),
            more,
            *(table("tap", **{"venue": "bron", "medium": "m1"} | tap) for tap in said),
        ]
    )


def out(at: str, persons: int = 1, **fields: Any) -> dict[str, Any]:
    """A tap on the way out."""
    return {"at": at, "direction": "out", "persons": persons} | fields


def party(at: str, persons: int, **fields: Any) -> dict[str, Any]:
    """A tap in, of several or of nobody."""
    return {"at": at, "persons": persons} | fields


def told(played: list[dict[str, Any]]) -> list[str | None]:
    """Of each tap: None if it was granted, else the reason and when it would be."""
    return [
        None if one["granted"] else " ".join(filter(None, (one["reason"], one["next_at"]))) for one in played
    ]


def counted(played: list[dict[str, Any]]) -> list[tuple[int, int, int | None]]:
    """Of each tap: released, passed, uses left."""
    return [(one["persons_released"], one["persons_passed"], one["uses_left"]) for one in played]


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + "}"
    return json.dumps(value)
