"""A large office made fast, and its feed: how long cutting takes, how large it is, and in how much memory.

    python tests/bench/bigcity.py /var/tmp/city --statements 1000000 --json

``--statements N``: N entitlements and as many bindings. The office stays in the directory and is taken again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import random
import resource
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gated.central.ack_keys import AckKeys
from gated.central.blobs import Blobs
from gated.central.feed import Feed
from gated.central.ledger import LEDGER, Ledger
from gated.central.office import Office, ProductRules, found
from gated.central.sign import sign_statement
from gated.devices.clock import SystemClock
from gated.model.credential import Assurance, Credential
from gated.model.statement import KIND_NUMBERS, Binding, Entitlement, Kind, place_of
from gated.model.trust import Algorithm
from gated.wire.manifest import read_index, read_manifest
from gated.wire.seal import SigningKey
from gated.wire.setdigest import bucket_of

SECTOR, VENUE, PRODUCT = "pools", "bron", "season"
_YEAR_S = 366 * 86400
_PART = 2_000

_Signed = tuple[str, bytes, int, bytes, bytes]  # what its number counts, key, kind, id, token


def now() -> int:
    """Seconds since 1970."""
    return SystemClock().sample().wall


def account(number: int) -> str:
    """Whose medium and right these are."""
    return f"account {number}"


def medium(number: int) -> Credential:
    """What the medium of an account proves."""
    return Credential("pkoc", hashlib.sha256(b"medium %d" % number).digest(), Assurance.ASYMMETRIC)


def right_of(number: int) -> bytes:
    """The id of an account's right."""
    return hashlib.sha256(b"right %d" % number).digest()[:8]


def big_city(directory: Path, count: int, *, workers: int = 2) -> Path:
    """An office with a binding and an entitlement for each of ``count`` accounts, made once."""
    city = directory / f"city-{count}"
    if (city / "built").exists():
        return city
    if city.exists():
        sys.exit(f"{city} was not finished: remove it")
    found(
        city,
        sector=SECTOR,
        venues=[VENUE],
        products=[ProductRules(PRODUCT)],
        timezone="Europe/Paris",
        algorithm=Algorithm.EDDSA,
        now=now() - 60,
        key_days=730,
        random=random.SystemRandom().randbytes,
    ).close()
    with closing(Ledger(city / LEDGER)) as ledger, ledger.transaction():
        ledger.execute(
            "CREATE TEMP TABLE claim (number INTEGER, key BLOB, kind INTEGER, id BLOB, bucket INTEGER)"
        )
        at, number = now() - 60, 0
        for part in _signed(city, count, at, workers):
            rows = [(number + place, *one) for place, one in enumerate(part, 1)]
            number += len(rows)
            ledger.executemany(
                "INSERT INTO statement VALUES (?, ?, ?, ?, ?)",
                [(SECTOR, row[0], at, row[5], at) for row in rows],
            )
            ledger.executemany(
                "INSERT INTO number VALUES (?, ?, ?, 0)", [(SECTOR, row[1], row[4] or row[2]) for row in rows]
            )
            ledger.executemany(
                "INSERT INTO claim VALUES (?, ?, ?, ?, ?)",
                [(row[0], row[2], row[3], row[4], bucket_of(row[2])) for row in rows],
            )
            print(f"\rsigned {number} of {2 * count}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        ledger.execute(
            "INSERT INTO place SELECT ?, key, kind, id, 0, number FROM claim ORDER BY key, kind, id",
            (SECTOR,),
        )
        ledger.execute(
            "INSERT INTO bucket (sector, bucket, changed) SELECT ?, bucket, max(number) FROM claim"
            " GROUP BY bucket",
            (SECTOR,),
        )
    (city / "built").touch()
    return city


def feed_of(city: Path, ledger: Ledger) -> Feed:
    """The feed of such an office."""
    return Feed(Blobs(city, SECTOR), ledger, AckKeys.load(city), now)


def _signed(city: Path, count: int, at: int, workers: int) -> Iterator[list[_Signed]]:
    tasks = [(city, first, min(first + _PART, count), at) for first in range(0, count, _PART)]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(_sign, tasks)


def _sign(task: tuple[Path, int, int, int]) -> list[_Signed]:
    city, first, last, at = task
    key = SigningKey.from_pem((city / "secret" / f"{SECTOR}.pem").read_bytes())
    signed: list[_Signed] = []
    with closing(Office(city, SECTOR, random.SystemRandom().randbytes)) as office:
        for number in range(first, last):
            pass_, index = office.pass_of(account(number)), office.index(medium(number))
            made = (
                Binding(SECTOR, pass_, at, None, at, right_of(-number - 1), index, 0),
                Entitlement(SECTOR, pass_, at, at + _YEAR_S, at, right_of(number), PRODUCT, 0),
            )
            for statement in made:
                kind, row_id = place_of(statement)
                what = "binding" if kind is Kind.BINDING else "entitlement"
                signed.append(
                    (what, statement.key, KIND_NUMBERS[kind], row_id, sign_statement(key, statement))
                )
    return signed


def peak_mb() -> float:
    """The most memory that this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def measure(city: Path) -> dict[str, Any]:
    """Cut a snapshot, and then a head after one more statement."""
    clock = SystemClock()
    with closing(Ledger(city / LEDGER)) as ledger:
        feed = feed_of(city, ledger)
        before, begun = peak_mb(), clock.monotonic()
        head = feed.make_snapshot(lambda count: print(f"\r{count}", end="", file=sys.stderr, flush=True))
        took = clock.monotonic() - begun
        print(file=sys.stderr)
        peak = peak_mb()
        assert head is not None
        manifest_blob = feed.blobs.get(head.manifest)
        assert manifest_blob is not None
        manifest = read_manifest(manifest_blob)
        sizes = []
        for index in (*manifest.snapshot.denials, *manifest.snapshot.pages):
            blob = feed.blobs.get(index)
            assert blob is not None
            sizes.append(len(blob))
            sizes += [(feed.blobs.folder / name.hex()).stat().st_size for name in read_index(blob)]
        with closing(Office(city, SECTOR, random.SystemRandom().randbytes)) as office:
            delta = []
            for number in (1, 1000):
                with office.at_once():
                    for one in range(number):
                        office.entitle(account(one), PRODUCT, now=now(), entitlement=right_of(one))
                begun = clock.monotonic()
                assert feed.make_head() is not None
                delta.append(clock.monotonic() - begun)
    rows = manifest.snapshot.rows
    return {
        "rows": rows,
        "seconds": round(took, 1),
        "rows_per_s": int(rows / took),
        "pages": len(sizes),
        "bytes": sum(sizes),
        "bytes_per_row": round(sum(sizes) / rows, 1),
        "base_mb": round(before, 1),
        "peak_mb": round(peak, 1),
        "head_after_1_s": round(delta[0], 3),
        "head_after_1000_s": round(delta[1], 3),
    }


def main() -> None:
    """Build and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("directory", type=Path, help="where the office is kept")
    parser.add_argument("--statements", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes that sign")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    found = measure(big_city(arguments.directory, arguments.statements, workers=arguments.workers))
    print(json.dumps(found) if arguments.json else "\n".join(f"{key}: {found[key]}" for key in found))


if __name__ == "__main__":
    main()
