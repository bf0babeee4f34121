"""The cache: what a tap recalls, and that a fold loses nothing at any step."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from gated.errors import StoreError
from gated.model.statement import DenialState, TargetKind
from gated.store.cache import Cache
from gated.store.intake import StatementStore, cache_status
from gated.store.snapshot import PURGE_ROWS, fold
from venue import NOW, credential_of, medium


def recall(site, key):
    cache = Cache(site.state)
    try:
        with cache:
            return [(str(found.kind), found.token) for found in cache.recall(key)]
    finally:
        cache.close()


def alice(site):
    """(index, pass, binding, right) of an account with a right."""
    binding, right = site.give("alice", medium(1), "swim3")
    return site.office.index(credential_of(medium(1))), site.office.pass_of("alice"), binding, right


def test_what_was_imported_is_recalled_by_its_key(site):
    index, pass_, binding, right = alice(site)
    site.bring([binding, right])
    assert [("binding", binding)] == recall(site, index)
    assert [("entitlement", right)] == recall(site, pass_)
    assert [] == recall(site, bytes(16))


def test_it_is_recalled_from_the_snapshot_after_a_fold(site):
    index, pass_, binding, right = alice(site)
    site.bring([binding, right])
    fold(site.state)
    assert 0 == cache_status(site.state)["delta_rows"]
    assert [("binding", binding)] == recall(site, index)
    assert [("entitlement", right)] == recall(site, pass_)


def test_a_cache_that_is_open_notices_a_new_snapshot(site):
    index, _, binding, right = alice(site)
    site.bring([binding])
    cache = Cache(site.state)
    for tokens in ([right], site.give("bob", medium(2), "season")):
        with cache:
            assert [binding] == [found.token for found in cache.recall(index)]
        site.bring(tokens)
        fold(site.state)
    with cache:
        assert [binding] == [found.token for found in cache.recall(index)]
    cache.close()


def test_of_two_revisions_in_snapshot_and_delta_the_newer_counts(site):
    cti, old = site.office.entitle("alice", "swim3", now=NOW)
    site.bring([old])
    fold(site.state)
    _, new = site.office.entitle("alice", "season", now=NOW, entitlement=cti)
    site.bring([new])
    assert [("entitlement", new)] == recall(site, site.office.pass_of("alice"))
    fold(site.state)
    assert [("entitlement", new)] == recall(site, site.office.pass_of("alice"))


def test_folding_nothing_new_changes_nothing(site):
    site.bring(site.give("alice", medium(1), "swim3"))
    assert fold(site.state) == fold(site.state)
    assert 1 == len(list(site.state.glob("snapshot-*.db")))


def test_an_old_snapshot_goes_when_a_new_one_counts(site):
    for number in range(3):
        site.bring(site.give(f"a{number}", medium(number), "swim3"))
        fold(site.state)
    assert ["snapshot-6.db"] == [path.name for path in site.state.glob("snapshot-*.db")]


def test_more_rows_than_one_purge_leave_the_delta(site):
    count = PURGE_ROWS + 7
    site.bring([site.office.entitle(f"a{number}", "season", now=NOW)[1] for number in range(count)])
    fold(site.state)
    assert 0 == cache_status(site.state)["delta_rows"]
    assert 1 == len(recall(site, site.office.pass_of(f"a{count - 1}")))


def test_two_folds_at_once_are_one_too_many(site):
    site.bring(site.give("alice", medium(1), "swim3"))
    with pytest.raises(StoreError, match="another process"):
        fold(site.state, lambda _step: fold(site.state))


def test_an_incomplete_cache_admits_nobody_until_a_full_file_came(site):
    tokens = site.give("alice", medium(1), "swim3")
    site.bring(tokens)
    store = StatementStore(site.state, "pools")
    store.mark(complete=False)
    store.close()
    with pytest.raises(StoreError, match="incomplete"):
        recall(site, bytes(16))
    site.bring(tokens)
    with pytest.raises(StoreError, match="incomplete"):
        recall(site, bytes(16))
    site.bring(tokens, complete=True)
    assert [] == recall(site, bytes(16))


def test_a_file_with_a_refused_statement_is_not_complete(site):
    tokens = site.give("alice", medium(1), "swim3")
    site.bring(tokens)
    store = StatementStore(site.state, "pools")
    store.mark(complete=False)
    store.close()
    site.bring([*tokens, tokens[0][:-1] + bytes([tokens[0][-1] ^ 1])], complete=True)
    assert not cache_status(site.state)["complete"]


# ------------------------------------------------------------------ a kill at every step of a fold

KILLED = """
import os, signal, sys
from pathlib import Path
from gated.store.snapshot import fold
from gated.cli.importing import import_file
from gated.config.settings import check
state, config, denial, step = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
settings, trust = check(config)
def after(name):
    if name == "built":
        import_file(denial, state, trust)     # it arrives while the snapshot is being built
    if name == step:
        os.kill(os.getpid(), signal.SIGKILL)
fold(state, after)
"""


@pytest.mark.parametrize("step", ["built", "durable", "pointed", "purged", "removed", "never"])
def test_a_denial_that_arrives_during_a_fold_denies_after_a_kill_at(site, serve, step):
    carried = medium(1)
    site.bring(site.give("alice", carried, "season"))
    fold(site.state)  # there is an old snapshot to be replaced
    site.bring(site.give("bob", medium(2), "season"))
    index = site.office.index(credential_of(carried))
    denial = site.office.deny(TargetKind.CREDENTIAL, index, DenialState.REVOKED, now=NOW)
    file = site.statement_file([denial], "denial.gated")
    words = [sys.executable, "-P", "-c", KILLED, str(site.state), str(site.config), str(file), step]
    ended = subprocess.run(words, check=False, env={**os.environ}, capture_output=True, text=True)
    assert (0 if step == "never" else -signal.SIGKILL) == ended.returncode, ended.stderr
    served = serve(site)
    assert "denied" == served.tap(carried).refusal.reason
    assert served.tap(medium(2)).granted
    served.stop_now()
    fold(site.state)
    again = serve(site)
    assert "denied" == again.tap(carried).refusal.reason
    assert again.tap(medium(2)).granted
    assert 1 == len(list(site.state.glob("snapshot-*.db")))
