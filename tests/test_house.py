"""Laws of the house that no linter knows."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "gated").rglob("*.py"))
#: Each asks for its reason, and has one.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}
#: Where statements are made: verified from a token at a gate, or about to be signed at central.
STATEMENTS = ("gated/credential/statement.py", "gated/central/office.py")
_SQL = re.compile(
    r"\b(SELECT .* FROM|INSERT (OR \w+ )?INTO|UPDATE \w+ SET|DELETE FROM|CREATE (TABLE|INDEX|VIEW)|PRAGMA \w)"
)


def trees():
    for path in SOURCES:
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text())


def test_files_stay_small():
    long = {path.relative_to(ROOT).as_posix() for path in SOURCES if len(path.read_text().splitlines()) > 300}
    assert LONG_FILES.keys() == long


def test_functions_stay_small():
    long = set()
    for name, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
                if node.end_lineno - first.lineno + 1 > 40:
                    long.add(f"{name}:{node.name}")
    assert LONG_FUNCTIONS.keys() == long


def test_sql_stands_in_the_store_and_in_centrals_ledger_only():
    found = {
        name
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _SQL.search(node.value)
    }
    assert all(name.startswith(("gated/store/", "gated/central/ledger")) for name in found), found


@pytest.mark.parametrize(
    ("noun", "maker"),
    [
        ("Binding", {*STATEMENTS, "gated/config/scenario.py", "gated/app/explaining.py"}),
        ("Entitlement", {*STATEMENTS, "gated/config/scenario.py"}),
        ("Denial", {*STATEMENTS, "gated/config/scenario.py"}),
        ("Granted", {"gated/policy/decide.py"}),
    ],
)
def test_a_trusted_noun_has_one_maker(noun, maker):
    found = {
        name
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == noun
    }
    assert maker == found


def test_what_was_never_signed_cannot_reach_a_tap():
    """A rehearsal and an explanation suppose statements: nothing but their commands may know them."""
    supposing = {
        "gated.config.scenario": "gated/cli/rehearse.py",
        "gated.policy.rehearsal": "gated/cli/rehearse.py",
    }
    knowing = {
        (name, node.module)
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in supposing
    }
    knowing.discard(("gated/config/scenario.py", "gated.policy.rehearsal"))
    assert {(command, module) for module, command in supposing.items()} == knowing


def test_public_names_say_what_they_are():
    silent = [
        f"{name}:{node.name}"
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and _is_public(tree, node)
        and not ast.get_docstring(node)
    ]
    assert [] == silent


def _is_public(tree: ast.Module, node: ast.AST) -> bool:
    """Defined at the top of a module or in a public class: not inside a function, not in a private class."""
    for top in tree.body:
        if top is node:
            return True
        if isinstance(top, ast.ClassDef) and not top.name.startswith("_") and node in top.body:
            return True
    return False


def test_every_module_says_what_it_is():
    assert [] == [name for name, tree in trees() if not ast.get_docstring(tree)]


def test_the_top_level_is_what_was_agreed():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    top = {name.partition("/")[0] for name in listed if not name.startswith(".")}
    assert {"pyproject.toml", "README.md", "LICENSE", "gated", "config", "systemd", "tests", "docs"} == top


def test_the_contracts_of_the_rooms_are_red_on_a_planted_violation(tmp_path):
    shutil.copytree(ROOT / "gated", tmp_path / "gated", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    planted = {
        "gated/policy/decide.py": "import sqlite3",
        "gated/model/venue.py": "import cbor2",
        "gated/daemon/lane.py": "from gated.devices.clock import SystemClock",
        "gated/store/cache.py": "from gated.links import notify",
        "gated/central/office.py": "from gated.store import cache",
        "gated/wire/event.py": "from gated.policy import decide",
    }
    lint = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    clean = subprocess.run(lint, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert 0 == clean.returncode, clean.stdout[-500:]
    for name, line in planted.items():
        path = tmp_path / name
        before = path.read_text()
        path.write_text(
            before.replace(
                "from __future__ import annotations\n", f"from __future__ import annotations\n{line}\n"
            )
        )
        ended = subprocess.run(lint, cwd=tmp_path, check=False, capture_output=True, text=True)
        path.write_text(before)
        assert 1 == ended.returncode, f"{line!r} in {name} went unnoticed"
