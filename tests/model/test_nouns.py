"""Small laws of the nouns: words, ranks, and what never shows."""

from __future__ import annotations

from datetime import UTC
from itertools import pairwise

import pytest

from gated.model.credential import Assurance, Credential
from gated.model.event import KINDS
from gated.model.refusal import Reason, Refusal
from gated.model.statement import DenialState, TargetKind
from gated.model.venue import Profile
from questions import INDEX, PASS, bound, denied, right

LABELS = ("uid-only", "static-signed", "symmetric-rolling", "symmetric-mutual", "asymmetric")


def test_assurances_are_words_in_rising_order_of_strength():
    assert LABELS == tuple(level.label for level in sorted(Assurance))


@pytest.mark.parametrize("label", LABELS)
def test_the_word_of_an_assurance_is_read_back(label):
    assert label == Assurance.from_label(label).label


@pytest.mark.parametrize("label", ["", "UID_ONLY", "uid_only", "Asymmetric", "none"])
def test_any_other_word_is_no_assurance(label):
    with pytest.raises(ValueError, match="use one of: uid-only, static-signed"):
        Assurance.from_label(label)


def test_a_credential_is_its_scheme_and_its_value_in_hex():
    assert "uid:04a1ff" == Credential("uid", b"\x04\xa1\xff", Assurance.UID_ONLY).text


def test_a_credential_shows_no_value():
    shown = repr(Credential("uid", b"\x04\xa1\xff", Assurance.UID_ONLY))
    assert "Credential(uid, uid-only)" == shown


def test_a_refusal_is_told_on_one_line():
    assert "denied (target=pass, state=revoked)" == str(
        Refusal(Reason.DENIED, {"target": "pass", "state": "revoked"})
    )
    assert "truncated" == str(Refusal(Reason.TRUNCATED))


def test_statements_are_found_by_what_they_speak_of():
    assert INDEX == bound().key
    assert PASS == right().key
    assert PASS == denied(kind=TargetKind.PASS).key


def test_revisions_rank_bindings_and_entitlements():
    assert 7 == bound(revision=7).rank
    assert 8 == right(revision=8).rank


def test_a_denial_ranks_by_number_and_then_by_severity():
    rising = [denied(state, number=number).rank for number in (0, 1, 2) for state in sorted(DenialState)]
    assert all(lower < higher for lower, higher in pairwise(rising))


def test_each_kind_of_event_has_a_name_of_its_own():
    assert len(KINDS) == len({kind.kind for kind in KINDS})


def test_a_profile_tells_the_calendar_day():
    assert 20261124 == Profile("bron", "pools", UTC, 1).day_of(1_795_478_400)
