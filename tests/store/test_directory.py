"""Small durable things: the lock, floors, ballast, what is set aside."""

from __future__ import annotations

import json
import os
import pwd
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from gated.errors import StoreError
from gated.model.event import Stopped
from gated.store.directory import (
    FLOORS,
    FOLDING,
    JOURNAL,
    StateDirectory,
    _user,
    held,
    is_sound,
    keep_ballast,
    write_durably,
)
from gated.store.floors import TIME, Floors
from store.test_journal import STAMP, open_journal


def test_one_gate_at_a_time_uses_a_directory(tmp_path):
    first, second = StateDirectory(tmp_path), StateDirectory(tmp_path)
    first.lock()
    assert second.is_locked()
    with pytest.raises(StoreError, match="in use by a running gate"):
        second.lock()
    first.unlock()
    assert not second.is_locked()
    second.lock()
    second.unlock()


def test_a_directory_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        StateDirectory(tmp_path / "file" / "state").prepare("run")


def test_a_directory_of_another_user_is_refused_with_the_command_for_its_owner(tmp_path):
    path = Path("/")  # root's, for everybody else
    if os.geteuid() == 0:
        path = tmp_path
        os.chown(path, 1, 1)
    name = pwd.getpwuid(path.stat().st_uid).pw_name
    with pytest.raises(StoreError, match=f"belongs to {name}; sudo -u {name} gated stick import x"):
        StateDirectory(path).prepare("stick import x")


def test_an_owner_without_a_name_is_told_as_sudo_takes_it():
    assert ("root", "'#3999999999'") == (_user(0), _user(3_999_999_999))


def test_a_lock_that_cannot_be_opened_is_told_and_not_taken_for_held(tmp_path):
    (tmp_path / FOLDING).mkdir()
    with pytest.raises(StoreError, match="folding cannot be used"), held(tmp_path / FOLDING):
        pytest.fail("nobody holds it")


def test_a_lock_is_held_by_one(tmp_path):
    with held(tmp_path / FOLDING) as first, held(tmp_path / FOLDING) as second:
        assert (True, False) == (first, second)


def test_a_damaged_file_is_set_aside_with_its_side_files_and_never_over_another(tmp_path):
    directory = StateDirectory(tmp_path)
    for content in (b"one", b"two"):
        for side in ("", "-wal", "-shm"):
            (tmp_path / f"{JOURNAL}{side}").write_bytes(content + side.encode())
        directory.set_aside(JOURNAL, 5)
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {
        "journal.db.damaged-5": b"one",
        "journal.db.damaged-5-wal": b"one-wal",
        "journal.db.damaged-5-shm": b"one-shm",
        "journal.db.damaged-5.1": b"two",
        "journal.db.damaged-5.1-wal": b"two-wal",
        "journal.db.damaged-5.1-shm": b"two-shm",
    } == kept


def test_one_page_of_noise_is_found_though_a_select_succeeds(tmp_path):
    path = tmp_path / JOURNAL
    journal = open_journal(path)
    journal.start()
    for _ in range(200):
        journal.append(Stopped(), STAMP).wait(10)
    journal.stop(10)
    assert is_sound(path)
    raw = bytearray(path.read_bytes())
    raw[-4096:-2048] = b"\x55" * 2048
    path.write_bytes(raw)
    assert not is_sound(path)


def test_a_file_that_is_not_there_is_sound(tmp_path):
    assert is_sound(tmp_path / "none.db")


def test_a_log_without_its_database_is_not_sound(tmp_path):
    (tmp_path / "x.db-wal").write_bytes(b"rows")
    assert not is_sound(tmp_path / "x.db")


def test_a_file_that_cannot_be_opened_is_not_called_damaged(tmp_path):
    (tmp_path / "x.db").mkdir()
    with pytest.raises(StoreError, match="belong to the daemon's user"):
        is_sound(tmp_path / "x.db")


def test_a_file_that_another_process_holds_is_not_called_damaged(tmp_path):
    other = sqlite3.connect(tmp_path / "x.db")
    other.execute("CREATE TABLE t (a)")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match="another process holds it"):
        is_sound(tmp_path / "x.db")
    other.close()
    assert is_sound(tmp_path / "x.db")


def test_noise_is_not_sound(tmp_path):
    (tmp_path / "x.db").write_bytes(b"noise" * 1000)
    assert not is_sound(tmp_path / "x.db")


def test_a_small_file_is_replaced_as_a_whole(tmp_path):
    for content in (b"old", b"new"):
        write_durably(tmp_path / "small", content)
    assert [b"new"] == [path.read_bytes() for path in tmp_path.iterdir()]


NO_ROOM = """
import resource, signal, sys
from pathlib import Path
from gated.store.directory import write_durably
path = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
before = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
try:
    write_durably(path, bytes(5000))
except OSError as error:
    print(error.strerror)
finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
"""


def test_what_does_not_fit_on_the_disk_takes_no_files_place(tmp_path):
    """A write across the end of the room comes out short, then the next one fails. In a process of its own:
    the limit would hold for whatever pytest writes."""
    write_durably(tmp_path / "small", b"old")
    words = [sys.executable, "-c", NO_ROOM, str(tmp_path / "small")]
    ended = subprocess.run(words, check=True, capture_output=True, text=True)
    assert "too large" in ended.stdout
    assert b"old" == (tmp_path / "small").read_bytes()
    write_durably(tmp_path / "small", b"new")  # over what the last one left
    assert [b"new"] == [path.read_bytes() for path in tmp_path.iterdir()]


def test_what_lies_in_the_way_of_a_new_file_is_not_written_through(tmp_path):
    (tmp_path / "other").write_bytes(b"theirs")
    (tmp_path / "small.new").symlink_to("other")
    write_durably(tmp_path / "small", b"ours")
    assert b"theirs" == (tmp_path / "other").read_bytes()
    assert not (tmp_path / "small").is_symlink()
    assert b"ours" == (tmp_path / "small").read_bytes()


def test_ballast_is_kept_once_and_told_when_there_is_no_room(tmp_path):
    assert keep_ballast(tmp_path / "ballast", 8192)
    assert keep_ballast(tmp_path / "ballast", 8192)
    assert 8192 == (tmp_path / "ballast").stat().st_size
    assert not keep_ballast(tmp_path / "more", 1 << 60)
    assert not (tmp_path / "more").exists()


def test_ballast_is_given_up_where_no_database_could_be_opened(tmp_path):
    assert keep_ballast(tmp_path / "ballast", 8192)
    assert not keep_ballast(tmp_path / "ballast", 8192, room=1 << 60)
    assert not (tmp_path / "ballast").exists()


def floors(tmp_path):
    journal = open_journal(tmp_path / JOURNAL)
    journal.start()
    return journal, Floors(journal, tmp_path / FLOORS)


def test_a_floor_never_goes_back_and_survives_the_loss_of_either_place(tmp_path):
    journal, first = floors(tmp_path)
    first.raise_to(TIME, 500)
    first.raise_to(TIME, 400)
    assert 500 == first.get(TIME)
    journal.stop(10)
    (tmp_path / FLOORS).unlink()
    journal, second = floors(tmp_path)
    assert 500 == second.get(TIME)
    second.raise_to(TIME, 600)
    journal.stop(10)
    for path in tmp_path.glob("journal.db*"):
        path.unlink()
    journal, third = floors(tmp_path)
    assert 600 == third.get(TIME)
    journal.stop(10)


@pytest.mark.parametrize("content", [b"noise", b"[1]", b'{"time": "late", "x": -4}', b"\xff"])
def test_a_spoilt_floor_file_counts_as_empty(tmp_path, content):
    (tmp_path / FLOORS).write_bytes(content)
    journal, made = floors(tmp_path)
    assert 0 == made.get(TIME)
    journal.stop(10)


def test_the_floor_file_holds_what_the_journal_holds(tmp_path):
    journal, made = floors(tmp_path)
    made.raise_to("a", 1)
    made.raise_to("b", 2)
    journal.stop(10)
    assert {"a": 1, "b": 2} == json.loads((tmp_path / FLOORS).read_bytes())
