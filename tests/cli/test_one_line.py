"""Whatever is wrong with a file or a path: one line, an exit code, and no traceback."""

from __future__ import annotations

import pytest

from cli.test_commands import last_json, run
from gated.errors import GatedError, one_line


def test_a_line_shows_what_a_terminal_would_not():
    assert r"a\nb\x00\x1b[2J\udcff é" == one_line("a\nb\0\x1b[2J\udcff é")
    assert r"a\nb; c\td" == str(GatedError("a\nb", hint="c\td"))


SPOILT = {
    "a NUL in a path": (
        'keys = "',
        'keys = "a\\u0000b/',
        "trust.keys: must be a text of printable characters",
    ),
    "a NUL in the state directory": ('"state"', '"st\\u0000ate"', "gate.state_dir: must be a text of"),
    "two lines in a path": (
        'keys = "',
        'keys = "a\\nb/',
        "trust.keys: must be a text of printable characters",
    ),
    "lists without end": ("[gate]", "x = " + "[" * 50_000, "is not TOML: "),
    "tables without end": ("[gate]", "x = " + "{a=" * 50_000, "is not TOML: "),
    "a number without end": ("[gate]", "x = " + "9" * 5000, "is not TOML: "),
    "two lines in an unknown key": ("[gate]", '"hol\\nd" = 1\n[gate]', r"hol\nd: unknown key; known here:"),
    "a NUL in an unknown key": ("[gate]", '"hol\\u0000d" = 1\n[gate]', r"hol\x00d: unknown key"),
    "a byte that is no UTF-8": ("[gate]", "# \udcff\n[gate]", "is not TOML: "),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_configuration_is_told_on_one_line(site, capsys, case):
    old, new, told = SPOILT[case]
    text = site.config.read_text()
    assert old in text
    site.config.write_bytes(text.replace(old, new, 1).encode("utf-8", "surrogateescape"))
    code, out, err = run(capsys, "config", "check", "--config", site.config)
    assert (2, "", 1) == (code, out, len(err.splitlines()))
    assert err.startswith(f"gated: {site.config}")
    assert told in err
    assert "see docs/reference/configuration.md" in err


@pytest.mark.parametrize(("old", "new"), [("bron", "br\\u0000on"), ("bron", "\\ud800"), ("swim1", "a\\nb")])
def test_a_spoilt_text_in_the_profile_is_told_on_one_line(site, capsys, old, new):
    profile = site.path / "central" / "gate" / "profile-bron.json"
    profile.write_text(profile.read_text().replace(f'"{old}"', f'"{new}"', 1))
    code, _, err = run(capsys, "config", "check", "--config", site.config)
    assert (2, 1) == (code, len(err.splitlines()))
    assert "must be a text of printable characters" in err


@pytest.mark.parametrize("command", [("config", "check"), ("run",), ("status",), ("journal", "list")])
@pytest.mark.parametrize("path", ["a\0b", "a\nb", "a" * 300, "", "\udcff"])
def test_a_path_that_is_none_is_told_on_one_line(capsys, command, path):
    code, _, err = run(capsys, *command, "--config", path)
    assert (2, 1) == (code, len(err.splitlines()))


def test_what_the_system_refuses_is_told_on_one_line(capsys, tmp_path):
    (tmp_path / "taken").touch()
    code, out, err = run(capsys, "demo", "--keep", tmp_path / "taken", "--json")
    assert (1, 1) == (code, len(err.splitlines()))
    assert err.startswith("gated: FileExistsError: ")
    assert {"error", "hint"} == last_json(out).keys()


def test_what_sqlite_refuses_is_told_on_one_line(site, capsys):
    site.office.close()
    (site.path / "central" / "central.db").write_bytes(b"noise" * 1000)
    place = (site.path / "central", "--sector", "pools", "--account", "a", "--out", site.path / "x.gated")
    code, _, err = run(capsys, "central", "issue", *place, "--product", "season")
    assert (1, 1) == (code, len(err.splitlines()))
    assert err.startswith("gated: DatabaseError: file is not a database")
