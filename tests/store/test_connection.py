"""What SQLite says of a file, as an error that names the next move."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from gated.errors import StoreError
from gated.store.connection import errors_of, open_reader, open_writer
from gated.store.schema import cache_migrations


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "delta.db"
    open_writer(path, cache_migrations).close()
    return path


def write(connection):
    connection.execute("PRAGMA busy_timeout=1")
    connection.execute("INSERT INTO intake VALUES (1, 0, 0, '{}', zeroblob(100000))")


def full(path):
    with closing(open_writer(path, cache_migrations)) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages}")
        write(connection)


def read_only(path):
    with closing(open_reader(path)) as connection:
        write(connection)


def busy(path):
    with closing(sqlite3.connect(path)) as other, closing(open_writer(path, cache_migrations)) as connection:
        other.execute("BEGIN IMMEDIATE")
        write(connection)


def absent(path):
    open_reader(path.with_name("none.db"))


def damaged(path):
    path.write_bytes(b"noise" * 4000)
    open_writer(path, cache_migrations)


def closed(path):
    connection = open_reader(path)
    connection.close()
    connection.execute("SELECT 1")


@pytest.mark.parametrize(
    ("trouble", "name", "hint"),
    [
        (full, "SQLITE_FULL", "make room"),
        (read_only, "SQLITE_READONLY", "belong to the daemon's user"),
        (busy, "SQLITE_BUSY", "another process holds it"),
        (absent, "SQLITE_CANTOPEN", "belong to the daemon's user"),
        (damaged, "SQLITE_NOTADB", "restart the gate"),
        (closed, "ProgrammingError", "is the disk failing"),
    ],
)
def test_the_hint_follows_the_error_code(path, trouble, name, hint):
    with pytest.raises(StoreError) as raised, errors_of(path, "written"):
        trouble(path)
    assert f"{path} cannot be written ({name}: " in raised.value.message
    assert hint in raised.value.hint
