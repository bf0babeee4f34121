"""Attacks on the files of the cache: found at the start, nobody is admitted, and the feed mends it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from feed_central import FeedCentral
from gated.errors import StoreError
from gated.model.statement import DenialState, TargetKind
from gated.store.directory import DELTA
from gated.store.snapshot import fold
from gated.wire.request import LATER, Answer
from venue import NOW, credential_of, medium, until

DENIED, REVISED, DENIED_LATER = 5, 3, 4


@pytest.fixture
def central(site):
    made = FeedCentral(site)
    yield made
    made.stop()


class Files:
    """A gate's files at two heads, a week apart: ``old`` is a copy of the first."""

    def __init__(self, site, central, serve) -> None:
        self.site, self.central, self.serve = site, central, serve
        for number in range(6):
            central.log_tokens(site.give(f"p{number}", medium(number), "season"))
        self.cti, first = site.office.entitle("p3", "swim3", now=NOW)
        central.log_tokens([first, self.denial(DENIED)])
        central.log.fold()
        self.run(central.publish())
        self.old = site.path / "old"
        shutil.copytree(site.state, self.old)
        _, second = site.office.entitle("p3", "season", now=NOW, entitlement=self.cti)
        central.log_tokens([second, self.denial(DENIED_LATER)])
        self.run(central.publish())

    def denial(self, number):
        index = self.site.office.index(credential_of(medium(number)))
        return self.site.office.deny(TargetKind.CREDENTIAL, index, DenialState.REVOKED, now=NOW)

    def run(self, _head: bytes) -> None:
        """Let the gate come to the head; the head becomes a floor."""
        served = self.serve(self.site, link=self.central.desk.gate_link())
        assert self.central.reached()
        kid = f"head.{self.central.key.kid.hex()}"
        floors = served.gate._feeding.watch._floors
        served.gate._feeding.watch._floor_at = 0.0  # what a minute brings
        served.gate.tick()
        assert self.central.log.version == floors.get(kid)
        served.stop_now()

    def edit(self, file: str, sql: str, *values) -> None:
        with closing(sqlite3.connect(self.site.state / file)) as editor, editor:
            assert editor.execute(sql, values).rowcount
        # As who edits a closed file leaves it: no log beside it.

    @property
    def snapshot(self) -> str:
        (path,) = self.site.state.glob("snapshot-*.db")
        return path.name

    def index(self, number: int) -> bytes:
        return self.site.office.index(credential_of(medium(number)))


def denial_deleted_from_the_snapshot(files):
    files.edit(files.snapshot, "DELETE FROM statement WHERE kind = 2 AND key = ?", files.index(DENIED))


def denial_deleted_from_the_delta(files):
    files.edit(DELTA, "DELETE FROM statement WHERE kind = 2 AND key = ?", files.index(DENIED_LATER))


def revision_deleted_from_the_delta(files):
    files.edit(DELTA, "DELETE FROM statement WHERE id = ?", files.cti)


def row_put_back_to_an_older_rank(files):
    """Rank and token of last week, and what the feed said untouched."""
    with closing(sqlite3.connect(files.old / files.snapshot)) as last_week:
        rank, token = last_week.execute(
            "SELECT rank, token FROM statement WHERE id = ?", (files.cti,)
        ).fetchone()
    files.edit(DELTA, "UPDATE statement SET rank = ?, token = ? WHERE id = ?", rank, token, files.cti)


def row_and_mark_put_back(files):
    with closing(sqlite3.connect(files.old / files.snapshot)) as last_week:
        rank, token = last_week.execute(
            "SELECT rank, token FROM statement WHERE id = ?", (files.cti,)
        ).fetchone()
    files.edit(
        DELTA, "UPDATE statement SET rank = ?, fed = ?, token = ? WHERE id = ?", rank, rank, token, files.cti
    )


def delta_replaced_by_last_weeks(files):
    for side in ("", "-wal", "-shm"):
        (files.site.state / f"{DELTA}{side}").unlink(missing_ok=True)
        if (files.old / f"{DELTA}{side}").exists():
            shutil.copy(files.old / f"{DELTA}{side}", files.site.state)


def whole_cache_of_last_week(files):
    for path in [*files.site.state.glob("snapshot-*.db"), *files.site.state.glob(f"{DELTA}*")]:
        path.unlink()
    for path in [*files.old.glob("snapshot-*.db"), *files.old.glob(f"{DELTA}*")]:
        shutil.copy(path, files.site.state)


def snapshot_replaced_by_an_older_one(files):
    fold(files.site.state)
    newest = files.site.state / files.snapshot
    (old,) = files.old.glob("snapshot-*.db")
    newest.unlink()
    shutil.copy(old, newest)


def pointer_to_an_older_snapshot(files):
    fold(files.site.state)
    (old,) = files.old.glob("snapshot-*.db")
    shutil.copy(old, files.site.state)
    files.edit(DELTA, "UPDATE pointer SET snapshot = ?", old.name)


def position_of_the_feed_put_back(files):
    files.edit(DELTA, "UPDATE feed SET position = position - 1")


def head_replaced_by_noise(files):
    files.edit(DELTA, "UPDATE feed SET head = x'00'")


def head_of_last_week(files):
    with closing(sqlite3.connect(files.old / DELTA)) as last_week:
        row = last_week.execute("SELECT head, version, position FROM feed").fetchone()
    files.edit(DELTA, "UPDATE feed SET head = ?, version = ?, position = ?", *row)


def row_of_another_type(files):
    files.edit(files.snapshot, "UPDATE statement SET fed = 'none' WHERE key = ?", files.index(1))


ATTACKS = {
    denial_deleted_from_the_snapshot: "set_differs",
    denial_deleted_from_the_delta: "set_differs",
    revision_deleted_from_the_delta: "set_differs",
    row_put_back_to_an_older_rank: "set_differs",
    row_and_mark_put_back: "set_differs",
    delta_replaced_by_last_weeks: "head_older",
    whole_cache_of_last_week: "head_older",
    snapshot_replaced_by_an_older_one: "set_differs",
    pointer_to_an_older_snapshot: "set_differs",
    position_of_the_feed_put_back: "set_differs",
    head_replaced_by_noise: "head_malformed",
    head_of_last_week: "head_older",
    row_of_another_type: "set_differs",
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_it_is_found_and_mended(site, central, serve, attack):
    files = Files(site, central, serve)
    attack(files)
    central.answering = lambda request: Answer(request.id, LATER)
    served = serve(site, link=central.desk.gate_link())
    wanted = ("cache", ATTACKS[attack])
    assert until(lambda: served.gate.tick() is not None and wanted in central.unbelieved()), (
        central.unbelieved()
    )
    with pytest.raises(StoreError, match="incomplete"):
        central.recall(bytes(16))
    assert "out_of_service" == served.tap(medium(1)).refusal.reason
    central.answering = lambda _request: None
    assert central.reached()
    assert until(lambda: served.gate._knowledge.head_at == central.log.at)
    for number in (DENIED, DENIED_LATER):
        assert "denied" == served.tap(medium(number)).refusal.reason
    assert served.tap(medium(REVISED)).granted


def test_a_cache_that_nobody_touched_is_found_whole(site, central, serve):
    files = Files(site, central, serve)
    fold(site.state)
    served = serve(site, link=central.desk.gate_link())
    watch, state = served.gate._feeding.watch, served.gate._feeding._state
    served.gate.tick()
    assert watch._check is not None
    assert until(lambda: served.gate.tick() is not None and watch._check is None)
    assert until(lambda: not state.store.buckets.unknown)
    assert [] == central.unbelieved()
    assert served.tap(medium(REVISED)).granted
    assert files.old.exists()
