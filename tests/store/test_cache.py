"""The cache: what a tap recalls, and that a fold loses nothing at any step."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from gated.credential.statement import open_statement
from gated.errors import StoreError
from gated.model.statement import DenialState, TargetKind, place_of
from gated.store.cache import Cache
from gated.store.directory import DELTA
from gated.store.intake import StatementStore, cache_status
from gated.store.purge import PURGE_ROWS
from gated.store.snapshot import fold, write_snapshot
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


def test_an_incomplete_cache_is_not_folded_for_a_fold_removes_snapshots(site):
    index, _, binding, right = alice(site)
    site.bring([binding])
    name = fold(site.state)
    store = StatementStore(site.state, "pools")
    store.mark(complete=False)
    site.bring([right])
    assert name == fold(site.state)
    assert 1 == store.delta_rows()
    store.mark(complete=True)
    store.close()
    assert name != fold(site.state)
    assert [("binding", binding)] == recall(site, index)


# ------------------------------------------------------------------ rows that no import wrote


def test_a_recalled_token_bears_the_id_and_rank_of_its_row(site):
    cti, old = site.office.entitle("alice", "swim3", now=NOW)
    _, new = site.office.entitle("alice", "season", now=NOW, entitlement=cti)
    site.bring([old, new, *site.give("bob", medium(2), None)])
    cache = Cache(site.state)
    with cache:
        (right,) = cache.recall(site.office.pass_of("alice"))
        (binding,) = cache.recall(site.office.index(credential_of(medium(2))))
    cache.close()
    opened = open_statement(new, site.settings_and_trust()[1].keys, NOW)
    assert (opened.rank, place_of(opened)) == (right.rank, (right.kind, right.id))
    assert (0, b"") == (binding.rank, binding.id)


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize(
    "edit", ["token = 'text'", "token = 7", "id = 'text'", "rank = 'high'", "kind = 7", "kind = 'denial'"]
)
def test_an_edited_row_is_a_breakage_and_nothing_else(site, edit, rows):
    key = site.office.pass_of("alice")
    site.bring([site.office.entitle("alice", "season", now=NOW)[1] for _ in range(rows)])
    with closing(sqlite3.connect(site.state / DELTA)) as editor, editor:
        editor.execute(f"UPDATE statement SET {edit} WHERE rowid = {rows}")
    with pytest.raises(StoreError, match="a row that no import wrote"):
        recall(site, key)


@pytest.mark.parametrize(
    "edit",
    [
        "DELETE FROM pointer",
        "UPDATE pointer SET snapshot = x'00'",
        "UPDATE pointer SET snapshot = 7.5",
        "UPDATE pointer SET snapshot = 'none.db'",
        "DROP TABLE statement",
    ],
)
def test_an_edited_pointer_or_table_is_a_breakage_at_every_tap(site, edit):
    index, _, binding, _ = alice(site)
    site.bring([binding])
    cache = Cache(site.state)
    with closing(sqlite3.connect(site.state / DELTA)) as editor, editor:
        editor.execute(edit)
    for _ in range(2):
        with pytest.raises(StoreError), cache:
            cache.recall(index)
    cache.close()


def test_a_file_that_is_closed_under_a_reader_is_a_breakage(site):
    alice(site)
    site.bring([])
    cache = Cache(site.state)
    with pytest.raises(StoreError), cache:
        cache.close()
    with pytest.raises(StoreError):
        cache.recall(b"")
    with pytest.raises(StoreError), cache:
        pytest.fail("it is closed")


def test_a_cache_that_is_not_there_is_a_breakage(tmp_path):
    with pytest.raises(StoreError, match="SQLITE_CANTOPEN"):
        Cache(tmp_path)


# ------------------------------------------------------------------ a fold that breaks


def test_a_snapshot_that_cannot_be_written_to_its_end_leaves_nothing(tmp_path):
    row = (bytes(16), 0, b"", 0, b"token", 1, None)
    with pytest.raises(StoreError, match="cannot be written"):
        write_snapshot(tmp_path / "snapshot-1.db", [row, row])
    assert [] == list(tmp_path.iterdir())


def test_a_fold_on_a_damaged_snapshot_names_it_and_leaves_no_other(site):
    site.bring(site.give("alice", medium(1), None))
    old = site.state / fold(site.state)
    old.write_bytes(b"noise" * 4000)
    with closing(sqlite3.connect(site.state / DELTA)) as other, other:
        other.execute("UPDATE pointer SET position = 2")
    with pytest.raises(StoreError, match=f"{old} cannot be read"):
        fold(site.state)
    assert [old] == list(site.state.glob("snapshot-*"))


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
