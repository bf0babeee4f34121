"""Every kind of conversation, with a virtual medium in this process: what is proved, what a copy comes to."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gated.card.identify import Scheme
from gated.card.talk import MAX_COMMANDS
from gated.devices.simulated.media import Faults, Medium, faulty
from gated.model.credential import Assurance, Credential, Proof
from gated.model.refusal import Refusal
from kinds import (
    CITY_RECORD,
    KINDS,
    SERIAL,
    STATEMENTS,
    UID,
    calypso,
    media_for,
    ntag424,
    phone,
    pkoc,
    pkoc2,
    proven,
    show,
    tag,
)

PROVEN = {
    "pkoc": (Credential("pkoc", hashlib.sha256(pkoc().public).digest(), Assurance.ASYMMETRIC), 1),
    "pkoc2": (Credential("pkoc2", hashlib.sha256(pkoc2().public).digest(), Assurance.ASYMMETRIC), 3),
    "ntag424": (Credential("ev2", UID, Assurance.SYMMETRIC_MUTUAL), 3),
    "ntag424 random uid": (Credential("ev2", UID, Assurance.SYMMETRIC_MUTUAL), 6),
    "desfire": (Credential("ev2", UID, Assurance.SYMMETRIC_MUTUAL), 3),
    "sun": (Credential("sun", UID, Assurance.SYMMETRIC_ROLLING), None),
    "tag": (Credential("signed", UID, Assurance.STATIC_SIGNED), None),
    "type 4 tag": (Credential("signed", UID, Assurance.STATIC_SIGNED), None),
    "calypso": (Credential("calypso", SERIAL, Assurance.UID_ONLY), None),
    "record": (Credential("record", CITY_RECORD[4:12], Assurance.UID_ONLY), None),
    "uid": (Credential("uid", UID, Assurance.UID_ONLY), None),
}


@pytest.mark.parametrize("name", KINDS)
def test_it_proves_what_it_can_and_no_more(name):
    kind = KINDS[name]
    credential, fresh = PROVEN[name.removesuffix(" carrying")]
    carried = b"" if not kind.carries else STATEMENTS[:200] if "ntag" in name else STATEMENTS
    result = proven(kind.make(carried), kind.media)
    expected = None if fresh is None else range(fresh, fresh + 1)
    assert (credential, expected) == (result.credential, result.fresh)
    assert carried == result.carried
    assert (1 if name == "sun" else None) == result.counter


@pytest.mark.parametrize("name", KINDS)
def test_a_lane_that_does_not_try_it_is_told_nothing(name):
    kind = KINDS[name]
    others = [one for one in Scheme if one is not kind.scheme and one is not Scheme.UID]
    if name in ("pkoc2", "pkoc carrying", "ntag424", "ntag424 random uid", "sun"):  # these speak two
        others = [Scheme.CALYPSO, Scheme.RECORD]
    assert show(kind.make(b""), media_for(*others)) is None


def test_the_strongest_is_tried_first_whatever_the_order_in_the_file():
    everything = media_for(*reversed(list(Scheme)))
    assert "ev2" == proven(ntag424(), everything).credential.scheme
    assert "pkoc" == proven(phone(b""), everything).credential.scheme
    assert "signed" == proven(tag(b"x"), everything).credential.scheme
    assert "calypso" == proven(calypso(), everything).credential.scheme
    assert "uid" == proven(Medium(UID), everything).credential.scheme


@pytest.mark.parametrize("name", [name for name in KINDS if name != "uid"])
def test_torn_after_each_command_it_is_refused_or_nobody_and_good_at_the_next_tap(name):
    kind = KINDS[name]
    medium = kind.make(STATEMENTS[:150])
    proven(medium, kind.media)
    commands, seen = medium._count, set()
    for at in range(commands):
        with faulty(medium, tear_at=at):
            torn = show(medium, kind.media)
        assert torn is None or ("unreadable", "torn") == (str(torn.reason), torn.params["what"])
        seen.add(torn is None)
        assert proven(medium, kind.media).credential == proven(kind.make(b"y"), kind.media).credential
    assert True in seen


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=60, deadline=None)
@given(
    answers=st.lists(
        st.one_of(st.binary(max_size=300), st.binary(max_size=60).map(lambda b: b + b"\x90\x00"))
    ),
    whole=st.data(),
)
def test_no_answer_breaks_a_conversation(name, answers, whole):
    kind = KINDS[name]
    medium = kind.make(STATEMENTS[:150])
    first = whole.draw(st.integers(0, 8))
    medium.faults = Faults(answers=dict(enumerate(answers, first)))
    result = show(medium, media_for(*Scheme, reads_carried=True))
    assert result is None or isinstance(result, Proof | Refusal)
    assert medium._count <= MAX_COMMANDS
    if isinstance(result, Proof) and result.credential.assurance > Assurance.STATIC_SIGNED:
        assert result.credential in [PROVEN[one][0] for one in ("pkoc", "pkoc2", "ntag424", "sun")]
