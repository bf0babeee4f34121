"""What is damaged or lost is found at start, and no crash turns it into an empty list of denials."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from gated.model.statement import DenialState, TargetKind
from gated.store.directory import DELTA, FOLDING, JOURNAL
from gated.store.intake import StatementStore, cache_status
from gated.store.snapshot import fold
from venue import NOW, credential_of, medium

REVOKED = medium(1)


@pytest.fixture
def revoked(site, serve):
    """A gate that has served, with a right and its revocation in a snapshot. Their tokens."""
    tokens = site.give("alice", REVOKED, "season")
    index = site.office.index(credential_of(REVOKED))
    tokens.append(site.office.deny(TargetKind.CREDENTIAL, index, DenialState.REVOKED, now=NOW))
    site.bring(tokens)
    fold(site.state)
    served = serve(site)
    assert "denied" == served.tap(REVOKED).refusal.reason
    served.stop_now()
    return tokens


def spoil(path):
    path.write_bytes(b"noise" * 4000)


def answer(served):
    refusal = served.tap(REVOKED).refusal
    return refusal and (str(refusal.reason), refusal.params.get("cause"))


CACHE_FAILED = ("out_of_service", "cache_failed")


@pytest.mark.parametrize(
    "trace",
    [JOURNAL, f"{JOURNAL}.damaged-5", "snapshot-6.db", "snapshot-6.db.damaged-5", f"{DELTA}.damaged-5.1"],
)
def test_a_delta_made_where_a_gate_has_served_begins_incomplete(tmp_path, trace):
    (tmp_path / trace).write_bytes(b"")
    StatementStore(tmp_path, "pools").close()
    assert not cache_status(tmp_path)["complete"]


def test_a_delta_made_in_a_new_directory_begins_complete(tmp_path):
    StatementStore(tmp_path, "pools").close()
    assert cache_status(tmp_path)["complete"]


@pytest.mark.parametrize("how", ["damaged", "lost"])
def test_without_its_delta_a_gate_admits_nobody_and_keeps_the_snapshot_until_a_full_file_came(
    site, serve, revoked, how
):
    if how == "damaged":
        spoil(site.state / DELTA)
    else:
        (site.state / DELTA).unlink()
    for _ in range(2):
        served = serve(site)
        assert CACHE_FAILED == answer(served)
        served.stop_now()
        assert ["snapshot-3.db"] == [path.name for path in site.state.glob("snapshot-*")]
    site.bring(revoked[:2])  # the denial is not among them
    fold(site.state)
    served = serve(site)
    assert CACHE_FAILED == answer(served)
    assert (site.state / "snapshot-3.db").exists()
    site.bring(revoked, complete=True)
    assert ("denied", None) == answer(served)
    served.stop_now()
    serve(site)
    assert [] == list(site.state.glob("snapshot-*"))


INTERRUPTED = """
import os, shutil, signal, sqlite3, sys
from dataclasses import replace
from itertools import count
from pathlib import Path
from gated.app import RunningGate, World
from gated.config.settings import check

config, before, after = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
settings, trust = check(config)

def cut_at(last):
    steps = 0
    def step():
        nonlocal steps
        steps += 1
        if steps == last:
            os.kill(os.getpid(), signal.SIGKILL)
    def audit(event, arguments):  # files opened, renamed and removed
        if event in ("open", "os.rename", "os.remove", "sqlite3.connect") and str(after) in str(arguments[0]):
            step()
    def profile(_frame, event, function):  # statements given to SQLite
        if event == "c_call" and isinstance(getattr(function, "__self__", None), sqlite3.Connection):
            step()
    sys.addaudithook(audit)
    sys.setprofile(profile)

for last in count(1):
    state = after / str(last)
    shutil.copytree(before, state)
    child = os.fork()
    if not child:
        cut_at(last)
        RunningGate(replace(settings, state_dir=state), trust, World())
        sys.setprofile(None)
        os._exit(0)
    if not os.waitpid(child, 0)[1]:
        break
"""


def test_a_power_cut_at_any_step_of_setting_a_delta_aside_admits_nobody(site, serve, revoked, tmp_path):
    spoil(site.state / DELTA)
    (site.state / f"{DELTA}-wal").write_bytes(b"noise")
    after = tmp_path / "after"
    words = [sys.executable, "-P", "-c", INTERRUPTED, site.config, site.state, after]
    ended = subprocess.run(words, check=False, env={**os.environ}, capture_output=True, text=True)
    assert 0 == ended.returncode, ended.stderr
    cuts = list(after.iterdir())
    assert 30 < len(cuts)
    for cut in cuts:
        shutil.rmtree(site.state)
        cut.rename(site.state)
        served = serve(site)
        assert CACHE_FAILED == answer(served), cut.name
        served.stop_now()
        assert (site.state / "snapshot-3.db").exists()


def test_a_snapshot_that_is_gone_is_forgotten_and_nobody_is_admitted(site, serve, revoked):
    (site.state / "snapshot-3.db").unlink()
    assert CACHE_FAILED == answer(serve(site))
    assert ("", False) == tuple(cache_status(site.state)[key] for key in ("snapshot", "complete"))


def test_a_start_survives_a_damaged_snapshot_that_cannot_be_forgotten_yet(site, serve, revoked):
    spoil(site.state / "snapshot-3.db")
    with closing(sqlite3.connect(site.state / DELTA)) as other:
        other.execute("BEGIN IMMEDIATE")
        first = serve(site)
        assert CACHE_FAILED == answer(first)
    first.stop_now()
    assert CACHE_FAILED == answer(serve(site))
    assert not cache_status(site.state)["complete"]


def test_a_snapshot_that_another_replaced_meanwhile_is_not_forgotten(site, revoked):
    store = StatementStore(site.state, "pools")
    store.forget_snapshot("snapshot-2.db")
    assert ("snapshot-3.db", True) == (store.snapshot(), store.is_complete())
    store.close()


def test_a_start_survives_a_fold_lock_that_it_cannot_use(site, serve, revoked):
    (site.state / FOLDING).unlink()
    (site.state / FOLDING).mkdir()
    assert ("denied", None) == answer(serve(site))


@pytest.mark.parametrize("name", [JOURNAL, DELTA, "snapshot-3.db"])
def test_a_sound_file_that_cannot_be_read_is_left_in_place_and_the_gate_does_not_start(
    site, serve, revoked, name
):
    from gated.errors import StoreError

    (site.state / name).rename(site.state / "kept")
    (site.state / name).mkdir()  # root, too, cannot open it
    with pytest.raises(StoreError, match=f"{name} cannot be read"):
        serve(site)
    assert [] == list(site.state.glob("*damaged*"))
    (site.state / name).rmdir()
    (site.state / "kept").rename(site.state / name)
    assert ("denied", None) == answer(serve(site))
