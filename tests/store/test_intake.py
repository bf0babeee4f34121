"""Taking statements in: each defect with its own reason, nothing older over anything newer."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing

import pytest

from gated.central.office import Office, found
from gated.central.sign import sign_statement
from gated.credential.statement import open_statement
from gated.errors import StoreError
from gated.model.refusal import Reason, Refusal
from gated.model.statement import Denial, DenialState, Entitlement, TargetKind
from gated.model.trust import Algorithm
from gated.store.cache import Cache
from gated.store.directory import DELTA
from gated.store.intake import BATCH, StatementStore, cache_status
from gated.store.snapshot import fold
from gated.wire.seal import SigningKey
from venue import NOW, PRODUCTS, Site, credential_of, medium


def only_refusal(site, token):
    result = site.bring([token])
    assert 0 == result.accepted
    return result.examples[0][1]


def test_good_statements_are_accepted_once_and_known_afterwards(site):
    tokens = site.give("alice", medium(1), "swim3")
    first, second = site.bring(tokens), site.bring(tokens)
    assert (2, 0) == (first.accepted, first.known)
    assert (0, 2) == (second.accepted, second.known)


def test_an_older_revision_offered_after_a_newer_is_refused(site):
    cti, old = site.office.entitle("alice", "season", now=NOW)
    _, new = site.office.entitle("alice", "swim1", now=NOW, entitlement=cti)
    site.bring([new])
    assert "older_revision" == only_refusal(site, old).reason


def test_an_older_revision_is_refused_from_behind_a_snapshot_too(site):
    cti, old = site.office.entitle("alice", "season", now=NOW)
    _, new = site.office.entitle("alice", "swim1", now=NOW, entitlement=cti)
    site.bring([new])
    fold(site.state)
    assert "older_revision" == only_refusal(site, old).reason


def test_two_statements_of_one_revision_are_a_conflict(site):
    key = site.office._key
    base = Entitlement("pools", bytes(16), NOW, None, NOW, bytes(8), "season", 0)
    site.bring([sign_statement(key, base)])
    other = Entitlement("pools", bytes(16), NOW, None, NOW, bytes(8), "swim1", 0)
    assert "conflicting_revision" == only_refusal(site, sign_statement(key, other)).reason


def test_an_edited_statement_is_refused(site):
    _, token = site.give("alice", medium(1), "swim3")
    place = token.index(b"swim3")
    assert "bad_signature" == only_refusal(site, token[:place] + b"swim9" + token[place + 5 :]).reason


def test_an_unsigned_statement_is_refused(site):
    from gated.credential.cose import split

    _, token = site.give("alice", medium(1), "swim3")
    assert "unsigned" == only_refusal(site, split(token).payload).reason
    assert "unsigned" == only_refusal(site, token[:-66] + b"\x40").reason


def test_a_statement_of_a_stranger_is_refused(site):
    key = SigningKey.generate(Algorithm.EDDSA)
    token = sign_statement(key, Entitlement("pools", bytes(16), NOW, None, NOW, bytes(8), "season", 0))
    assert "unknown_key" == only_refusal(site, token).reason


def test_a_right_key_for_the_wrong_sector_is_refused(site):
    token = sign_statement(
        site.office._key, Entitlement("museums", bytes(16), NOW, None, NOW, bytes(8), "season", 0)
    )
    refusal = only_refusal(site, token)
    assert ("out_of_scope", "sector") == (refusal.reason, refusal.params["scope"])


def test_a_right_key_for_the_wrong_kind_is_refused(site):
    keys = site.path / "central" / "gate" / "keys.json"
    keys.write_text(keys.read_text().replace('"denial",', ""))
    token = site.office.deny(TargetKind.PASS, bytes(16), DenialState.REVOKED, now=NOW)
    refusal = only_refusal(site, token)
    assert ("out_of_scope", "kind") == (refusal.reason, refusal.params["scope"])


def test_a_statement_of_another_sector_whose_key_we_trust_is_refused(site):
    museums = found(
        site.path / "central", sector="museums", venues=("arts",), products=PRODUCTS, timezone="Europe/Paris",
        algorithm=Algorithm.ES256, now=NOW - 60, key_days=9, random=lambda n: bytes(range(n)),
    )  # fmt: skip
    _, token = museums.entitle("alice", "visit", now=NOW)
    museums.close()
    assert "foreign_sector" == only_refusal(site, token).reason


def test_a_truncated_and_an_oversize_statement_are_refused_and_the_rest_is_taken(site):
    good, other = site.give("alice", medium(1), "swim3")
    file = site.path / "mixed.gated"
    from gated.cli.importing import import_file
    from gated.wire.statement_file import frame

    file.write_bytes(frame(good[:-1]) + b"\x59\x08\x00" + bytes(2048) + frame(other) + frame(good)[:-1])
    result = import_file(file, site.state, site.settings_and_trust()[1])
    assert 1 == result.accepted
    assert {"truncated": 2, "oversize": 1} == dict(result.refused)
    assert [1, 2, 4] == [place for place, _ in result.examples]


def test_denials_count_by_number_in_any_order_of_arrival(tmp_path):
    states = (DenialState.BLOCKED, DenialState.LIFTED, DenialState.REVOKED)
    for place, order in enumerate(itertools.permutations(range(3))):
        site = Site(tmp_path / str(place))
        tokens = [
            sign_statement(site.office._key, Denial("pools", NOW, TargetKind.PASS, bytes(16), state, number))
            for number, state in enumerate(states)
        ]
        for which in order:
            site.bring([tokens[which]])
        cache = Cache(site.state)
        with cache:
            assert [tokens[2]] == [found.token for found in cache.recall(bytes(16))]
        cache.close()
        site.office.close()


def test_of_two_denials_of_one_number_the_more_severe_counts(site):
    key = site.office._key
    lifted, revoked = (
        sign_statement(key, Denial("pools", NOW, TargetKind.PASS, bytes(16), state, 5))
        for state in (DenialState.LIFTED, DenialState.REVOKED)
    )
    site.bring([revoked])
    assert "older_revision" == only_refusal(site, lifted).reason


def test_a_medium_bound_anew_stands_for_the_new_pass(site):
    carried = medium(1)
    site.bring(site.give("alice", carried, None))
    (second,) = site.give("bob", carried, None)
    site.bring([second])
    cache = Cache(site.state)
    with cache:
        assert [second] == [found.token for found in cache.recall(site.office.index(credential_of(carried)))]
    cache.close()


def test_an_import_leaves_a_note_for_the_journal(site):
    site.bring([*site.give("alice", medium(1), "swim3"), b"\xa0"])
    store = StatementStore(site.state, "pools")
    ((row, intake),) = store.pending_intakes()
    assert (2, 0, {"unsigned": 1}) == (intake.accepted, intake.known, dict(intake.refused))
    assert intake.time_token is not None
    store.told(row)
    assert [] == store.pending_intakes()
    store.close()


def test_a_damaged_cache_is_told_with_a_remedy(site):
    site.bring(site.give("alice", medium(1), "swim3"))
    raw = bytearray((site.state / DELTA).read_bytes())
    raw[100:4096] = b"\x55" * 3996
    (site.state / DELTA).write_bytes(raw)
    with pytest.raises(StoreError, match="restart the gate"):
        site.bring([])


def test_an_office_that_is_not_there_says_how_to_make_it(tmp_path):
    from gated.errors import ConfigError

    with pytest.raises(ConfigError, match="gated central init"):
        Office(tmp_path, "pools", bytes)


# ------------------------------------------------------------------ one statement, several tokens

#: Order of P-256 (SEC 2, section 2.4.2).
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def twin(token):
    """Another token of the same statement: of (r, s) anybody can make (r, n-s), and it verifies."""
    s = int.from_bytes(token[-32:], "big")
    return token[:-32] + (_ORDER - s).to_bytes(32, "big")


def recalled(site, key):
    cache = Cache(site.state)
    try:
        with cache:
            return [found.token for found in cache.recall(key)]
    finally:
        cache.close()


@pytest.mark.parametrize("folded", [False, True])
def test_a_token_whose_twin_came_first_is_known_and_spoils_no_full_file(tmp_path, folded):
    site = Site(tmp_path, algorithm=Algorithm.ES256)
    tokens = site.give("alice", medium(1), "swim3")
    assert 2 == site.bring(map(twin, tokens)).accepted
    if folded:
        fold(site.state)
    store = StatementStore(site.state, "pools")
    store.mark(complete=False)
    store.close()
    result = site.bring(tokens, complete=True)
    assert (0, 2, {}) == (result.accepted, result.known, dict(result.refused))
    assert cache_status(site.state)["complete"]
    site.office.close()


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("spoilt", [b"noise", "text"])
def test_a_row_that_does_not_open_makes_room_for_its_genuine_statement(site, folded, spoilt):
    _, right = site.give("alice", medium(1), "swim3")
    key = site.office.pass_of("alice")
    site.bring([right])
    file = site.state / (fold(site.state) if folded else DELTA)
    with closing(sqlite3.connect(file)) as editor, editor:
        editor.execute("UPDATE statement SET token = ?", (spoilt,))
    assert 1 == site.bring([right]).accepted
    if not (folded and spoilt == "text"):  # until the next fold such a row in the snapshot is a breakage
        assert [right] == recalled(site, key)
    fold(site.state)
    assert [right] == recalled(site, key)


# ------------------------------------------------------------------ what the journal is told of


def test_what_was_taken_in_before_an_interruption_is_noted_for_the_journal(site):
    tokens = [site.office.entitle(f"a{number}", "season", now=NOW)[1] for number in range(BATCH + 1)]

    def interrupted():
        yield from tokens
        raise KeyboardInterrupt

    _, trust = site.settings_and_trust()
    site.bring(tokens[:1])
    store = StatementStore(site.state, "pools")
    ((upto, _),) = store.pending_intakes()
    store.told(upto)
    with pytest.raises(KeyboardInterrupt):
        store.take_in(interrupted(), lambda token: open_statement(token, trust.keys, NOW))
    ((_, noted),) = store.pending_intakes()
    assert (BATCH - 1, 1) == (noted.accepted, noted.known)
    assert BATCH == store.delta_rows()
    store.close()


def test_a_batch_that_could_not_be_written_is_neither_counted_nor_noted(site):
    _, trust = site.settings_and_trust()
    tokens = [site.office.entitle(f"a{number}", "season", now=NOW)[1] for number in range(BATCH)]
    store = StatementStore(site.path, "pools")
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreError, match="SQLITE_FULL"):
        store.take_in(tokens, lambda token: open_statement(token, trust.keys, NOW))
    assert ([], 0) == (store.pending_intakes(), store.delta_rows())
    store._connection.execute(f"PRAGMA max_page_count={pages + 1000}")
    assert BATCH == store.take_in(tokens, lambda token: open_statement(token, trust.keys, NOW)).accepted
    store.close()


# ------------------------------------------------------------------ what breaks

WRITES = {
    "take_in": lambda store: store.take_in([b"\xa0"], lambda _token: Refusal(Reason.UNSIGNED)),
    "mark": lambda store: store.mark(complete=False),
    "forget_snapshot": lambda store: store.forget_snapshot(""),
    "told": lambda store: store.told(1),
}
READS = {
    "snapshot": StatementStore.snapshot,
    "is_complete": StatementStore.is_complete,
    "delta_rows": StatementStore.delta_rows,
    "pending_intakes": StatementStore.pending_intakes,
}


@pytest.mark.parametrize("name", WRITES)
def test_a_file_that_another_process_writes_is_told_as_such(tmp_path, name):
    store = StatementStore(tmp_path, "pools")
    store._connection.execute("PRAGMA busy_timeout=1")
    with closing(sqlite3.connect(tmp_path / DELTA)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process holds it"):
            WRITES[name](store)
    WRITES[name](store)  # and that is over with it
    store.close()


@pytest.mark.parametrize("name", READS)
def test_a_file_that_cannot_be_read_is_told_as_such(tmp_path, name):
    store = StatementStore(tmp_path, "pools")
    READS[name](store)
    store.close()
    with pytest.raises(StoreError, match="cannot be read"):
        READS[name](store)


@pytest.mark.parametrize(
    ("edit", "ask"),
    [
        ("DELETE FROM pointer", StatementStore.snapshot),
        ("UPDATE pointer SET snapshot = x'00'", StatementStore.snapshot),
        ("UPDATE pointer SET position = 'far'", WRITES["take_in"]),
        ("INSERT INTO intake VALUES (1, 1, 0, 'noise', NULL)", StatementStore.pending_intakes),
        ("INSERT INTO intake VALUES (1, 1, 0, '[]', NULL)", StatementStore.pending_intakes),
        ("INSERT INTO intake VALUES (1, 'x', 0, '{}', NULL)", StatementStore.pending_intakes),
    ],
)
def test_an_edited_row_is_told_as_such(tmp_path, edit, ask):
    store = StatementStore(tmp_path, "pools")
    store._connection.execute(edit)
    with pytest.raises(StoreError, match=r"edited|no import wrote"):
        ask(store)
    store.close()
