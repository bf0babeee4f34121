"""What the benches are measured on: signed statements by the million, and the bare table of as many rows."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import multiprocessing
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gated.central.sign import sign_statement
from gated.credential.index import index_of
from gated.devices.clock import SystemClock
from gated.model.credential import Assurance, Credential
from gated.model.statement import KIND_NUMBERS, Binding, Entitlement, Kind
from gated.model.trust import Algorithm
from gated.model.venue import Product
from gated.store.intake import StatementStore
from gated.store.snapshot import StatementRow, fold, write_snapshot
from gated.wire.seal import SigningKey

SECTOR, VENUE = "pools", "bron"
NOW = SystemClock().sample().wall
YEAR_S = 366 * 86400
SECTOR_KEY = hashlib.sha256(b"bench sector key").digest()
BARE = "bare.db"
#: A pass may hold one of each. All are open at any hour, which has to be found out.
PRODUCTS = {
    product.id: product
    for product in (
        Product("swim10", uses=10, hours="Mo-Fr 00:00-24:00; Sa-Su 00:00-24:00", reentry_s=1800),
        Product("season", hours="Mo-Su 00:00-24:00"),
        Product("off-peak", uses=50, per_day=5, hours="Mo-Su 00:00-12:00,12:00-24:00"),
        Product("bundle", per_venue=((VENUE, 40), ("vaise", 4)), hours="Jan-Dec 00:00-24:00"),
        Product("family", uses=60, party=4, hours="Mo,Tu,We,Th,Fr,Sa,Su 00:00-24:00; PH 00:00-24:00"),
    )
}
_PART = 5000


BareRow = tuple[Any, ...]  # key, and the tokens of its pass


def credential(number: int) -> Credential:
    """What medium ``number`` proves."""
    return Credential("pkoc", hashlib.sha256(b"medium %d" % number).digest(), Assurance.ASYMMETRIC)


def bare_key(index: bytes) -> int:
    """SQLite's fastest key is a whole number of 64 bits."""
    return int.from_bytes(index[:8], "big", signed=True)


def build(directory: Path, count: int, algorithm: Algorithm, rights: int = 1) -> SigningKey:
    """``count`` passes with so many rights each, in a snapshot and in the bare table; made once."""
    marker = directory / f"built-{count}-{rights}-{algorithm}.pem"
    if marker.exists():
        return SigningKey.from_pem(marker.read_bytes())
    if any(directory.glob("built-*.pem")):
        sys.exit(f"{directory} holds the files of another measurement: name another directory")
    key = SigningKey.generate(algorithm)
    tasks = [(key.pem(), first, min(first + _PART, count), rights) for first in range(0, count, _PART)]
    rows: list[StatementRow] = []
    bare: list[BareRow] = []
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for part, bare_part in pool.imap_unordered(_sign, tasks):
            rows += part
            bare += bare_part
            print(f"\rsigned {len(bare)} of {count}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    rows.sort()
    bare.sort()
    _write_cache(directory, rows)
    _write_bare(directory / BARE, bare)
    marker.write_bytes(key.pem())
    return key


def rights_of(number: int, rights: int) -> list[tuple[bytes, str]]:
    """(id, product) of each right of a pass."""
    return [(_drawn(f"right {product}", number, 8), product) for product in list(PRODUCTS)[:rights]]


def _sign(task: tuple[bytes, int, int, int]) -> tuple[list[StatementRow], list[BareRow]]:
    pem, first, last, rights = task
    key = SigningKey.from_pem(pem)
    rows: list[StatementRow] = []
    bare = []
    for number in range(first, last):
        index = index_of(credential(number), SECTOR_KEY)
        binding = Binding(
            SECTOR, _drawn("pass", number, 16), NOW - 60, None, NOW - 60, _drawn("bind", number, 8), index, 0
        )
        bound = sign_statement(key, binding)
        rows.append((binding.key, KIND_NUMBERS[Kind.BINDING], b"", 0, bound, 1, None))
        tokens = [bound]
        for cti, product in rights_of(number, rights):
            right = Entitlement(SECTOR, binding.pass_, NOW - 60, NOW + YEAR_S, NOW - 60, cti, product, 0)
            tokens.append(sign_statement(key, right))
            rows.append((right.key, KIND_NUMBERS[Kind.ENTITLEMENT], right.id, 0, tokens[-1], 1, None))
        bare.append((bare_key(index), *tokens))
    return rows, bare


def _drawn(what: str, number: int, size: int) -> bytes:
    return hmac.digest(b"bench", f"{what} {number}".encode(), "sha256")[:size]


def _write_cache(directory: Path, rows: list[StatementRow]) -> None:
    store = StatementStore(directory, SECTOR)
    store._connection.execute("UPDATE pointer SET position = 1")  # the bench stands in for an import
    store.close()
    write_snapshot(directory / fold(directory), rows)


def _write_bare(path: Path, rows: list[BareRow]) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=OFF")
    tokens = [f"token_{place} BLOB" for place in range(len(rows[0]) - 1)]
    connection.execute(f"CREATE TABLE statement (key INTEGER PRIMARY KEY, {', '.join(tokens)})")
    connection.execute("BEGIN")
    connection.executemany(f"INSERT INTO statement VALUES (?{', ?' * len(tokens)})", rows)
    connection.execute("COMMIT")
    connection.close()


@contextlib.contextmanager
def place(given: Path | None) -> Iterator[Path]:
    """The directory of the built files: the one that was given, or one that is gone afterwards."""
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="gated-bench-", dir="/var/tmp") as scratch:
        yield Path(scratch)


def rss_mb(pid: int | str = "self") -> float:
    """VmRSS of a process, in MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    return round(int(kilobytes) / 1000, 1)
