"""What people see of a journal that was edited, damaged, or is not theirs to read."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from cli.test_commands import last_json, run
from gated.store.directory import JOURNAL
from gated.store.intake import StatementStore
from store.test_verification import EDITS, body, eight_rows, first_row_of_the_last_page, noise_in_a_page

LISTED_3 = [name for name in EDITS if EDITS[name].listed == 3]


@pytest.fixture
def state(tmp_path):
    """A state directory with a journal of eight rows."""
    eight_rows(tmp_path / JOURNAL)
    StatementStore(tmp_path, "pools").close()
    return tmp_path


@pytest.mark.parametrize("name", EDITS)
def test_verify_names_an_edit_with_exit_code_3(state, capsys, name):
    EDITS[name].work(state / JOURNAL)
    code, out, err = run(capsys, "journal", "verify", "--state-dir", state)
    assert (3, "") == (code, out)
    lines = err.splitlines()
    assert all(line.startswith(f"{state / JOURNAL}: ") for line in lines)
    assert any(EDITS[name].told in line for line in lines)
    code, out, _ = run(capsys, "journal", "verify", "--state-dir", state, "--json")
    *defects, end = map(json.loads, out.splitlines())
    assert (3, {"defects": len(lines)}) == (code, end)
    assert any(EDITS[name].told in told["defect"] for told in defects)


def test_verify_names_the_first_row_of_a_damaged_page(state, capsys):
    seq, _ = first_row_of_the_last_page(state / JOURNAL)
    noise_in_a_page(state / JOURNAL)
    code, _, err = run(capsys, "journal", "verify", "--state-dir", state)
    assert (3, 1) == (code, len(err.splitlines()))
    assert f"row {seq} cannot be read" in err


def test_verify_counts_what_is_whole(state, capsys):
    code, out, _ = run(capsys, "journal", "verify", "--state-dir", state, "--json")
    assert 0 == code
    assert {"epoch": "00000000000000e1", "seq": 8, "rows": 8, "unsettled": 0, "defects": 0} == last_json(out)


@pytest.mark.parametrize("name", EDITS)
def test_list_and_status_live_with_an_edit(state, capsys, name):
    EDITS[name].work(state / JOURNAL)
    code, out, _ = run(capsys, "journal", "list", "--state-dir", state)
    assert (EDITS[name].listed, EDITS[name].listed == 3) == (code, "was changed: " in out)
    code, _, err = run(capsys, "status", "--state-dir", state)
    if EDITS[name].listed == 1:
        assert (1, True) == (code, "its newest epoch was changed; gated journal verify says more" in err)
    elif name != "a table":
        assert 0 == code


@pytest.mark.parametrize("name", LISTED_3)
def test_a_changed_row_is_listed_in_its_place_whatever_kind_is_asked_for(state, capsys, name):
    EDITS[name].work(state / JOURNAL)
    words = ["journal", "list", "--state-dir", state, "--kind", "settled"]
    code, out, _ = run(capsys, *words, "--json")
    told = [json.loads(line) for line in out.splitlines()]
    changed = [row["seq"] for row in told if "changed" in row]
    assert (3, 1) == (code, len(changed))
    assert sorted({7, 3, *changed}) == [row["seq"] for row in told]


def test_status_says_that_the_newest_row_was_changed(state, capsys):
    body(b"noise", 8)(state / JOURNAL)
    code, out, _ = run(capsys, "status", "--state-dir", state)
    assert (0, True) == (code, "last event: changed; gated journal verify says more" in out)
    code, out, _ = run(capsys, "status", "--state-dir", state, "--json")
    assert (0, None) == (code, last_json(out)["last_event_at"])


@pytest.mark.parametrize("command", [("journal", "list"), ("status",)])
def test_a_damaged_page_is_told_on_one_line_with_what_to_do(state, capsys, command):
    noise_in_a_page(state / JOURNAL)
    code, _, err = run(capsys, *command, "--state-dir", state)
    assert (1, 1) == (code, len(err.splitlines()))
    assert "see docs/how-to/replace-a-damaged-file.md" in err


@pytest.mark.parametrize("option", ["--last", "--after"])
@pytest.mark.parametrize("number", ["-1", "9" * 30, "9" * 5000, "x"])
def test_a_number_of_rows_is_a_number_of_rows(state, capsys, option, number):
    with pytest.raises(SystemExit) as ended:
        run(capsys, "journal", "list", "--state-dir", state, f"{option}={number}")
    assert 2 == ended.value.code


# ------------------------------------------------------------------ not theirs to read

#: Closes a directory (mode in octal) and runs a command in it: as nobody, where the test runs as root,
#: for root may read everything. All that a command imports is imported before.
AS_NOBODY = """\
import encodings.ascii, os, sys
import gated.devices.clock, gated.store.chain, gated.store.directory, gated.store.floors
import gated.store.condition, gated.store.intake, gated.store.sync_note
from gated.cli.main import main
os.chdir(sys.argv[1])
os.chmod("journal.db", 0)
os.chmod(".", int(sys.argv[2], 8))
if os.geteuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)
sys.exit(main([*sys.argv[3:], "--state-dir", "."]))
"""


@pytest.mark.parametrize("command", [("journal", "list"), ("journal", "verify"), ("status",)])
@pytest.mark.parametrize("mode", ["000", "777"])
def test_who_may_not_read_is_told_whom_to_be(state, command, mode):
    words = [sys.executable, "-c", AS_NOBODY, str(state), mode, *command]
    # nobody may not write into the coverage's files either
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    ended = subprocess.run(words, check=False, capture_output=True, text=True, env=environment)
    state.chmod(0o700)
    assert (1, "", 1) == (ended.returncode, ended.stdout, len(ended.stderr.splitlines())), ended.stderr
    assert ended.stderr.startswith("gated: journal.db cannot be read (")
    assert "sudo -u gated gated" in ended.stderr


def test_a_file_for_a_state_directory_is_told(state, capsys):
    code, _, err = run(capsys, "status", "--state-dir", state / JOURNAL)
    assert (1, True) == (code, "cannot be read (Not a directory); see --state-dir" in err)
