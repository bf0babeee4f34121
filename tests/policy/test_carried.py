"""Of the cache and a medium the newest word counts, and what does not count is told or is no defect."""

from __future__ import annotations

import pytest

from gated.model.credential import Assurance, Credential, Proof
from gated.model.refusal import Reason, Refusal
from gated.policy.carried import NOTHING, Carried, binding_of, merged
from questions import PASS, bound, right

KEY = Proof(Credential("pkoc", bytes(32), Assurance.ASYMMETRIC))
TAG = Proof(Credential("signed", bytes(7), Assurance.STATIC_SIGNED))
OLD, NEW = bound(revision=1), bound(revision=2)
COPIED = Refusal(Reason.COPIED, {"scheme": "signed"})
FORGED, SPOILT = Refusal(Reason.BAD_SIGNATURE), Refusal(Reason.MISPLACED)
FOREIGN = [Refusal(Reason.UNKNOWN_KEY), Refusal(Reason.FOREIGN_SECTOR, {"sector": "museums"})]
NO_BINDING = Refusal(Reason.UNREADABLE, {"scheme": "signed", "what": "binding"})


@pytest.mark.parametrize(
    ("proof", "known", "carried", "expected"),
    [
        pytest.param(KEY, None, NOTHING, None, id="nobody"),
        pytest.param(KEY, OLD, NOTHING, OLD, id="known"),
        pytest.param(KEY, None, Carried(NEW), NEW, id="carried"),
        pytest.param(KEY, OLD, Carried(NEW), NEW, id="carried and newer"),
        pytest.param(KEY, NEW, Carried(OLD), NEW, id="known and newer"),
        pytest.param(KEY, OLD, Carried(bound(revision=1, pass_=bytes(16))), OLD, id="as new as each other"),
        pytest.param(KEY, SPOILT, Carried(NEW), SPOILT, id="spoiling a row brings nothing"),
        pytest.param(KEY, None, Carried(refused=(FORGED, COPIED)), COPIED, id="a copy"),
        pytest.param(KEY, None, Carried(refused=(FORGED,)), None, id="a forged one is nobody's word"),
        pytest.param(KEY, OLD, Carried(refused=(COPIED,)), OLD, id="it proves a key that is known"),
        pytest.param(TAG, OLD, Carried(OLD), OLD, id="a tag with its own"),
        pytest.param(TAG, OLD, NOTHING, NO_BINDING, id="a tag that carries none, though it is known"),
        pytest.param(TAG, OLD, Carried(refused=(FORGED, COPIED)), COPIED, id="a tag with another one's"),
        pytest.param(TAG, OLD, Carried(refused=(FORGED,)), FORGED, id="a tag with a forged one"),
        pytest.param(TAG, SPOILT, NOTHING, SPOILT, id="a tag whose row was spoilt"),
    ],
)
def test_whose_medium_it_is(proof, known, carried, expected):
    assert expected == binding_of(proof, known, carried)


def test_what_is_of_another_sector_is_no_defect():
    carried = Carried(refused=(FOREIGN[0], FORGED, FOREIGN[1], COPIED))
    assert [FORGED, COPIED] == carried.defects


def test_of_each_right_the_newest_counts_and_only_of_this_pass():
    first, second, newer = right(1, revision=3), right(2), right(2, revision=1)
    older, more = right(1, revision=2), right(3)
    others = right(4, pass_=bytes(16))
    assert PASS == more.pass_ != others.pass_
    assert [first, newer, more] == merged([first, second], Carried(rights=(older, newer, others, more)), PASS)
    assert [first, second] == merged([first, second], NOTHING, PASS)


def test_of_two_on_the_medium_the_newer_counts_in_either_order():
    older, newer = right(1, revision=1), right(1, revision=2)
    for rights in [(older, newer), (newer, older)]:
        assert [newer] == merged([], Carried(rights=rights), PASS)
