"""``gated stick import`` where something breaks: what is in force is told, and what broke."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from gated.cli.main import main
from gated.store.directory import DELTA, FOLDING
from gated.store.intake import BATCH, FOLD_AT, StatementStore, cache_status
from needs import need
from venue import NOW, medium


def run(site, capsys, *words):
    code = main(["stick", "import", *map(str, words), "--config", str(site.config)])
    said = capsys.readouterr()
    return code, said.out, said.err


def noted(site):
    store = StatementStore(site.state, "pools")
    intakes = [intake for _, intake in store.pending_intakes()]
    store.close()
    return sum(intake.accepted for intake in intakes)


def test_a_stick_that_cannot_be_read_is_told_in_one_line(site, capsys):
    unreadable = "/proc/self/mem"  # opens, and answers EIO at its first byte
    code, out, err = run(site, capsys, unreadable, "--complete")
    assert (1, f"{unreadable}: 0 accepted, 0 known already, 0 refused\n") == (code, out)
    assert f"gated: {unreadable} cannot be read to its end (Input/output error)" in err
    assert 1 == len(err.splitlines())
    code, out, _ = run(site, capsys, unreadable, "--json")
    counts, error = map(json.loads, out.splitlines())
    assert (1, 0, True) == (code, counts["accepted"], "Input/output" in error["error"])


def test_hours_that_nobody_can_keep_are_refused_and_named(site, capsys):
    office = site.office
    tokens = [
        office.entitle("a1", "season", now=NOW, hours=hours)[1]
        for hours in ("Mo-Fr 07:00-09:00", "SH 10:00-12:00", "PH off", "Mo-Fr 7 to 9")
    ]
    code, out, _ = run(site, capsys, site.statement_file(tokens), "--json")
    told = json.loads(out)
    assert (3, 1, {"bad_hours": 3}) == (code, told["accepted"], told["refused"])


@pytest.mark.strace
def test_what_came_before_a_read_error_is_in_force_told_and_noted(site):
    tokens = [site.office.entitle(f"a{number}", "season", now=NOW)[1] for number in range(900)]
    file = site.statement_file(tokens)
    strace = [need("strace", "strace"), "-f", "-qq", "-o", str(site.path / "trace"), "-P", str(file)]
    strace += ["-e", "trace=read", "-e", "inject=read:error=EIO:when=2+"]
    words = [sys.executable, "-P", "-m", "gated", "stick", "import", str(file), "--config", str(site.config)]
    ended = subprocess.run(
        [*strace, *words, "--complete", "--json"], check=False, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    counts, error = map(json.loads, ended.stdout.splitlines())
    assert (1, True) == (ended.returncode, "what came before is in force" in error["error"]), ended.stderr
    assert 0 < counts["accepted"] < 900
    assert counts["accepted"] == noted(site) == cache_status(site.state)["delta_rows"]


def edit(site, sql):
    with closing(sqlite3.connect(site.state / DELTA)) as editor, editor:
        editor.execute(sql)


def test_what_came_before_a_write_error_is_in_force_told_and_noted(site, capsys):
    site.bring(site.give("alice", medium(1), "season"))
    edit(
        site,
        f"CREATE TRIGGER full BEFORE INSERT ON statement WHEN (SELECT count(*) FROM statement) >= {BATCH + 2}"
        " BEGIN SELECT raise(ABORT, 'no more'); END",
    )
    tokens = [site.office.entitle(f"a{number}", "season", now=NOW)[1] for number in range(BATCH + 1)]
    code, out, err = run(site, capsys, site.statement_file(tokens))
    assert (1, True) == (code, f"{BATCH} accepted, 0 known already, 0 refused" in out)
    assert "delta.db cannot be written" in err
    assert BATCH + 2 == noted(site) == cache_status(site.state)["delta_rows"]


@pytest.fixture
def incomplete(site):
    site.bring(site.give("alice", medium(1), "season"))
    store = StatementStore(site.state, "pools")
    store.mark(complete=False)
    store.close()
    return site


def test_an_empty_file_is_not_complete(incomplete, capsys):
    file = incomplete.statement_file([])
    code, _, err = run(incomplete, capsys, file, "--complete")
    assert (2, True) == (code, "statements.gated holds no statement" in err)
    assert not cache_status(incomplete.state)["complete"]


def test_a_cache_that_cannot_be_marked_complete_is_told_apart_from_the_import(incomplete, capsys):
    edit(
        incomplete,
        "CREATE TRIGGER full BEFORE UPDATE OF complete ON pointer BEGIN SELECT raise(ABORT, 'no more'); END",
    )
    file = incomplete.statement_file(incomplete.give("bob", medium(2), "season"))
    code, out, err = run(incomplete, capsys, file, "--complete")
    assert (1, True) == (code, "2 accepted" in out)
    assert "the statements are in force, but the cache was not marked complete:" in err


def test_a_complete_file_with_a_refused_statement_says_that_the_cache_stays_incomplete(incomplete, capsys):
    file = incomplete.statement_file([*incomplete.give("bob", medium(2), "season"), b"\xa0"])
    code, _, err = run(incomplete, capsys, file, "--complete")
    assert (3, True) == (code, "not marked complete" in err)
    assert not cache_status(incomplete.state)["complete"]


def test_a_fold_that_fails_is_told_apart_from_the_import(site, capsys):
    site.bring(site.give("alice", medium(1), "season"))
    with closing(sqlite3.connect(site.state / DELTA)) as editor, editor:
        editor.executemany(
            "INSERT INTO statement (key, kind, id, rank, token, position) VALUES (?, 0, x'', 0, x'', 0)",
            ((number.to_bytes(4, "big"),) for number in range(FOLD_AT)),
        )
    (site.state / FOLDING).mkdir()
    file = site.statement_file(site.give("bob", medium(2), "season"))
    code, out, err = run(site, capsys, file)
    assert (1, True) == (code, "2 accepted, 0 known already, 0 refused" in out)
    assert "the statements are in force, but they were not folded into a snapshot:" in err
    (site.state / FOLDING).rmdir()
    assert 0 == run(site, capsys, file)[0]
    assert 0 == cache_status(site.state)["delta_rows"]


def test_an_import_into_another_users_directory_is_refused_before_anything_is_made(site, capsys):
    file = site.statement_file(site.give("alice", medium(1), "season"))
    state = site.state
    state.mkdir()
    if os.geteuid() == 0:
        os.chown(state, 1, 1)
    else:
        site.config.write_text(site.config.read_text().replace('"state"', '"/"'))
    code, out, err = run(site, capsys, file)
    assert (1, "", 1) == (code, out, len(err.splitlines()))
    assert f"gated stick import {file}" in err
    assert [] == list(state.iterdir())
