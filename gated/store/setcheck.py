"""Whether the cache holds what its head says: every bucket of the set is read, in a process of its own.

All of it in one picture of the cache. What the head promises is for the parent to know, which holds the keys.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gated.errors import StoreError
from gated.store.cache import read_pointer
from gated.store.child import Child, Parent, lower
from gated.store.connection import DAMAGE, open_reader, primary_code
from gated.store.directory import DELTA
from gated.store.feed_marks import read_marks
from gated.store.feed_set import SPOILT, FedSet, SetBuckets, attach_snapshot
from gated.store.snapshot import says_what_was_fed
from gated.wire.setdigest import BUCKETS

#: Digits of a digest.
_HEX = 64
#: Buckets between two looks whether the parent is there.
_STEP = 16


@dataclass(frozen=True, slots=True)
class Found:
    """What the cache holds. ``head`` is the token that it names, empty = none; ``digest`` empty = spoilt.

    ``marks`` is the highest mark that counted: generation and position.
    """

    head: bytes
    marks: int
    digest: bytes
    rows: int
    buckets: SetBuckets


class SetCheck:
    """A check under way."""

    def __init__(self, directory: Path) -> None:
        self._child = Child("gated.store.setcheck", {"state": str(directory)})

    def result(self) -> Found | None:
        """What was found; None = not yet. Raises ``StoreError`` where nobody can tell."""
        if not self._child.is_over():
            return None
        told = self._child.told()
        self._child.end()
        if "buckets" not in told:
            raise StoreError(
                f"the set of the cache was not checked: {told.get('trouble', 'the process ended')}",
                hint="it is tried again",
            )
        buckets = buckets_of(told["buckets"])
        return Found(
            bytes.fromhex(told["head"]), told["marks"], bytes.fromhex(told["digest"]), told["rows"], buckets
        )

    def end(self) -> None:
        """Give it up."""
        self._child.end()


def told_buckets(buckets: list[tuple[bytes, int]]) -> dict[str, Any]:
    """Buckets as one process tells them to another: one text of all digests, for they are many."""
    digests = "".join(digest.hex().rjust(_HEX, "-") for digest, _ in buckets)
    return {"digests": digests, "places": [places for _, places in buckets]}


def buckets_of(told: dict[str, Any]) -> SetBuckets:
    """What ``told_buckets`` told."""
    buckets, digests = SetBuckets(), told["digests"]
    for number, places in enumerate(told["places"]):
        digest = digests[number * _HEX : (number + 1) * _HEX].lstrip("-")
        buckets.put(number, bytes.fromhex(digest), places)
    return buckets


def read_set(directory: Path, parent: Parent) -> dict[str, Any]:
    """All buckets, in one picture. Raises ``sqlite3.Error`` and ``StoreError``."""
    path = directory / DELTA
    with closing(open_reader(path)) as connection:
        while True:
            snapshot, _, _ = read_pointer(connection, path)
            attach_snapshot(connection, directory / snapshot if snapshot else Path())
            connection.execute("BEGIN")
            if read_pointer(connection, path)[0] == snapshot:
                break
            connection.execute("COMMIT")
        (head,) = connection.execute("SELECT head FROM feed").fetchone()
        marks = read_marks(connection)
        fed = bool(snapshot) and says_what_was_fed(connection, "snapshot")
        found = FedSet(connection, "snapshot" if fed else "")
        buckets = SetBuckets()
        told = []
        for number in range(BUCKETS):
            told.append(found.bucket(number, marks))
            buckets.put(number, *told[-1])
            if number % _STEP == 0:
                parent.look()
        digest, rows = buckets.total()
    head = head if type(head) is bytes else b""
    return {
        "head": head.hex(),
        "marks": marks.high,
        "digest": digest.hex(),
        "rows": rows,
        "buckets": told_buckets(told),
    }


def main() -> None:
    """Check, and tell."""
    lower()
    parent = Parent()
    try:
        parent.tell(**read_set(Path(parent.job["state"]), parent))
    except sqlite3.Error as error:
        if primary_code(error) in (*DAMAGE, sqlite3.SQLITE_CANTOPEN):
            spoilt = told_buckets([(SPOILT, 0)] * BUCKETS)
            parent.tell(head="", marks=0, digest=SPOILT.hex(), rows=0, buckets=spoilt)
        else:
            parent.tell(trouble=str(error))
    except StoreError as error:
        parent.tell(trouble=error.message)


if __name__ == "__main__":
    main()
