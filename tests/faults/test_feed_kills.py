"""A transfer and its activation, killed at every step: what is in force stays so, and it goes on from there.

Short here; ``GATED_FEED_KILLS=1000 pytest tests/faults/test_feed_kills.py`` dies at every single step.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from contextlib import closing
from dataclasses import dataclass

import pytest

from feeding import Follower
from gated.model.statement import DenialState, TargetKind
from gated.store.directory import DELTA
from gated.store.intake import cache_status
from gated.store.setcheck import SetCheck
from gated.store.snapshot import fold, remove_unnamed
from gated.store.spool import FEED, SPOOL, Spool
from gated.wire.blob import name_of
from store.test_journal import open_journal
from venue import NOW, credential_of, medium, until

KILLS = int(os.environ.get("GATED_FEED_KILLS", "7"))
DENIED, DENIED_LATER = 5, 4


@pytest.fixture
def follower(site, tmp_path):
    journal = open_journal(tmp_path / "journal.db")
    journal.start()
    made = Follower(site, journal)
    yield made
    made.close()
    journal.stop(10)


def people(site, *numbers):
    return [token for number in numbers for token in site.give(f"p{number}", medium(number), "season")]


def denial(site, number):
    index = site.office.index(credential_of(medium(number)))
    return site.office.deny(TargetKind.CREDENTIAL, index, DenialState.REVOKED, now=NOW)


@dataclass
class Scene:
    """A cache at one head, and a later one that it comes to in ``how``."""

    follower: Follower
    head: bytes
    how: dict[str, int]
    site: object

    def run(self, die_after: int) -> int:
        """In a process that dies after so many steps; its exit code, below 0 where it died."""
        child = os.fork()
        if child:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        left = die_after

        def step(_name: str) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            self.follower.come_to(self.head, after_step=step, **self.how)
        except BaseException:
            os._exit(1)
        os._exit(0)

    def is_sound(self) -> None:
        """Nothing denied is admitted, nothing in force is lost, and the head that counts is right."""
        for number in range(8):
            kinds = {kind for kind, *_ in self.follower.recall(index(self.site, number))}
            assert "binding" in kinds
            assert number != DENIED or "denial" in kinds
        check, found = SetCheck(self.follower.path), []
        assert until(lambda: bool(found.append(check.result()) or found[-1]))
        counts = self.follower.heads.reopen(found[-1].head).head
        assert (counts.set_, counts.rows) == (found[-1].digest, found[-1].rows)


def index(site, number):
    return site.office.index(credential_of(medium(number)))


def a_new_snapshot(site, follower):
    follower.log.log([*people(site, *range(20, 40)), denial(site, DENIED_LATER)], follower.trust.keys)
    follower.log.fold()
    return {}


def a_snapshot_onto_the_old(site, follower):
    follower.log.log([*people(site, *range(20, 30)), denial(site, DENIED_LATER)], follower.trust.keys)
    return {"most_direct": 3}


def a_few_statements(site, follower):
    follower.log.log([*people(site, 20, 21), denial(site, DENIED_LATER)], follower.trust.keys)
    return {}


WAYS = [a_new_snapshot, a_snapshot_onto_the_old, a_few_statements]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_killed_at_any_step_it_goes_on_from_there(site, follower, way):
    follower.log.page_rows = 8
    follower.log.log([*people(site, *range(8)), denial(site, DENIED)], follower.trust.keys)
    follower.log.fold()
    follower.come_to(follower.log.publish())
    site.bring(people(site, 70))  # that the feed does not know
    how = way(site, follower)
    scene = Scene(follower, follower.log.publish(), how, site)
    follower.close()
    template = site.path / "template"
    shutil.copytree(follower.path, template)
    steps = steps_of(scene, template)
    stride = max(1, steps // KILLS)
    for step in [*range(0, steps, stride), *range(max(0, steps - 4), steps)]:
        again(scene, template)
        follower.open()
        assert -signal.SIGKILL == scene.run(step), step
        follower.close()
        follower.open()
        scene.is_sound()
        follower.come_to(scene.head, **how)
        scene.is_sound()
        assert "denial" in {kind for kind, *_ in follower.recall(index(site, DENIED_LATER))}
        assert 1 == len(follower.recall(index(site, 70)))
        remove_unnamed(follower.path, cache_status(follower.path)["snapshot"])  # as the next start does
        assert 1 == len(list(follower.path.glob("snapshot-*.db")))
        assert [] == list((follower.path / FEED).glob("*"))
        follower.close()
    follower.open()


def again(scene, template):
    shutil.rmtree(scene.follower.path)
    shutil.copytree(template, scene.follower.path)


def steps_of(scene, template) -> int:
    """How many steps the whole way has."""
    counted = []
    scene.follower.open()
    scene.follower.come_to(scene.head, after_step=counted.append, **scene.how)
    scene.follower.close()
    again(scene, template)
    return len(counted)


# ------------------------------------------------------------------ the spool, cut at any byte


def test_a_spool_that_was_cut_anywhere_holds_what_was_whole(tmp_path):
    blobs = [bytes([number]) * (40 + number) for number in range(5)]
    spool = Spool(tmp_path)
    ends = []
    for blob in blobs:
        spool.put(name_of(blob), blob)
        ends.append(spool.size)
    spool.close()
    whole = (tmp_path / FEED / SPOOL).read_bytes()
    for cut in range(len(whole) + 1):
        (tmp_path / FEED / SPOOL).write_bytes(whole[:cut])
        again_ = Spool(tmp_path)
        here = [blob for blob in blobs if name_of(blob) in again_]
        assert sum(end <= cut for end in ends) == len(here)
        assert here == [again_.get(name_of(blob)) for blob in here]
        again_.put(name_of(blobs[-1]), blobs[-1])
        assert blobs[-1] == again_.get(name_of(blobs[-1]))
        again_.close()


@pytest.mark.parametrize("at", range(0, 200, 13))
def test_a_spool_of_noise_gives_nothing_that_has_not_its_name(tmp_path, at):
    blobs = [bytes([number]) * 40 for number in range(3)]
    spool = Spool(tmp_path)
    for blob in blobs:
        spool.put(name_of(blob), blob)
    spool.close()
    path = tmp_path / FEED / SPOOL
    spoilt = bytearray(path.read_bytes())
    spoilt[at] ^= 0xFF
    path.write_bytes(spoilt)
    spool = Spool(tmp_path)
    for blob in blobs:
        if name_of(blob) in spool:
            assert blob == spool.get(name_of(blob))
    spool.close()


def test_a_fold_while_the_feed_counts_is_killed_like_any_other(site, follower):
    """The law of folds holds beside marks: what the feed said is in the snapshot or in the delta."""
    follower.log.log([*people(site, *range(8)), denial(site, DENIED)], follower.trust.keys)
    follower.log.fold()
    follower.come_to(follower.log.publish())
    follower.log.log(people(site, 20, 21), follower.trust.keys)
    follower.come_to(follower.log.publish())
    scene = Scene(follower, b"", {}, site)
    for step in ("built", "durable", "pointed", "purged", "removed"):
        site.bring(people(site, 30 + len(step)))

        def after(name: str, wanted: str = step) -> None:
            if name == wanted:
                os.kill(os.getpid(), signal.SIGKILL)

        child = os.fork()
        if not child:
            fold(site.state, after)
            os._exit(0)
        os.waitpid(child, 0)
        scene.is_sound()
    fold(site.state)
    scene.is_sound()
    with closing(sqlite3.connect(site.state / DELTA)) as delta:
        assert 0 == delta.execute("SELECT count(*) FROM statement").fetchone()[0]
