"""Conversations with media, as transcripts: what is proved, what is refused, what is none of ours."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from gated.card.apdu import CardFault, command, objects
from gated.card.identify import Media, Scheme, identify
from gated.card.talk import Talk
from gated.card.uid import credential_of
from gated.errors import CardError
from gated.model.credential import Assurance, Credential, Proof
from gated.model.refusal import Refusal
from venue import medium

NONCE = bytes(range(16))
READER = bytes(32)
OK = b"\x90\x00"
SELECTED = b"\x5c\x02\x01\x00" + OK
KEY = medium(1)._key
PUBLIC = medium(1).public
UID = b"\x04\x01\x02\x03\x04\x05\x06"


def signature(transaction=NONCE):
    r, s = decode_dss_signature(KEY.sign(transaction, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def answer(public=PUBLIC, signed=None):
    return b"\x5a" + bytes([len(public)]) + public + b"\x9e\x40" + (signature() if signed is None else signed)


def play(responses, schemes=(Scheme.PKOC,), uid=UID):
    """(result, commands) of a conversation with a medium that gives these responses."""
    heard = Talk(uid, lambda size: NONCE[:size], lambda: None)
    talk, commands, left = identify(heard, Media(READER, schemes)), [], list(responses)
    try:
        sent = next(talk)
        while True:
            commands.append(sent)
            response = left.pop(0)
            sent = talk.throw(response) if isinstance(response, Exception) else talk.send(response)
    except StopIteration as done:
        return done.value, commands


def test_a_good_medium_proves_its_key():
    result, commands = play([SELECTED, answer() + OK])
    assert (
        Proof(Credential("pkoc", hashlib.sha256(PUBLIC).digest(), Assurance.ASYMMETRIC), fresh=range(1, 2))
        == result
    )
    select, authenticate = commands
    assert "00a4040008a00000089800000100" == select.hex()
    assert (
        b"\x80\x80\x00\x01\x38\x5c\x02\x01\x00\x4c\x10" + NONCE + b"\x4d\x20" + READER + b"\x00"
        == authenticate
    )


GOOD = {
    "the signature first": [SELECTED, answer()[67:] + answer()[:67] + OK],
    "two versions": [b"\x5c\x04\x02\x00\x01\x00" + OK, answer() + OK],
    "another object before the versions": [b"\x4f\x01\x00" + SELECTED, answer() + OK],
    "an object we do not know": [SELECTED, b"\x4f\x01\x00" + answer() + OK],
    "a response in two parts": [SELECTED, answer()[:60] + b"\x61\x49", answer()[60:] + OK],
}


def test_an_answer_in_two_parts_is_fresh_to_its_end():
    assert range(1, 3) == play(GOOD["a response in two parts"])[0].fresh


@pytest.mark.parametrize("case", GOOD)
def test_a_medium_is_believed_with(case):
    assert isinstance(play(GOOD[case])[0], Proof)


BAD = {
    "an answer to another transaction": ([answer(signed=signature(bytes(16))) + OK], "bad_proof", None),
    "r = 0": ([answer(signed=bytes(32) + b"\x01" * 32) + OK], "bad_proof", None),
    "s = 0": ([answer(signed=b"\x01" * 32 + bytes(32)) + OK], "bad_proof", None),
    "a point off the curve": ([answer(b"\x04" + b"\x11" * 64) + OK], "bad_proof", None),
    "a compressed key": ([answer(b"\x02" + PUBLIC[1:33]) + OK], "unreadable", "key"),
    "a key that begins wrongly": ([answer(b"\x05" + PUBLIC[1:]) + OK], "unreadable", "key"),
    "no signature": ([answer()[:67] + OK], "unreadable", "signature"),
    "the key twice": ([answer() + answer()[:67] + OK], "unreadable", "twice"),
    "objects cut short": ([answer()[:100] + OK], "unreadable", "objects"),
    "a long length": ([b"\x5a\x81\x41" + OK], "unreadable", "objects"),
    "too many objects": ([bytes(range(1, 10)).replace(b"", b"\x00")[1:] + OK], "unreadable", "objects"),
    "status 6F00": ([b"\x6f\x00"], "unreadable", "status_6f00"),
    "nothing": ([b""], "unreadable", "empty"),
    "one byte": ([b"\x90"], "unreadable", "empty"),
    "65 kB": ([bytes(65536)], "unreadable", "too_long"),
    "an endless chain": ([b"\x00\x61\x01"] * 9, "unreadable", "endless"),
    "a chain that grows too long": ([bytes(200) + b"\x61\xff"] * 3, "unreadable", "too_long"),
    "a tear": ([CardError("gone")], "unreadable", "torn"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_recognised_medium_is_refused_for(case):
    responses, reason, what = BAD[case]
    for schemes in ((Scheme.PKOC,), (Scheme.UID, Scheme.PKOC)):  # and nothing weaker is tried
        result, _ = play([SELECTED, *responses], schemes)
        assert isinstance(result, Refusal)
        assert (reason, what) == (result.reason, result.params.get("what"))


@pytest.mark.parametrize("versions", [b"\x5c\x02\x02\x00", b"\x5c\x01\x01", b"\x4f\x00", b""])
def test_a_medium_of_another_version_is_refused(versions):
    result, _ = play([versions + OK])
    assert ("unreadable", "version") == (result.reason, result.params["what"])


@pytest.mark.parametrize("response", [b"\x6a\x82", b"", bytes(300), b"\x61\x01", CardError("gone")])
def test_a_medium_that_does_not_speak_it_is_none_of_ours(response):
    assert play([response] * 5)[0] is None


def test_uid_is_asked_for_only_where_it_is_listed():
    shown = Proof(Credential("uid", UID, Assurance.UID_ONLY))
    assert play([b"\x6a\x82"])[0] is None
    assert shown == play([b"\x6a\x82"], (Scheme.PKOC, Scheme.UID))[0]
    assert shown == play([], (Scheme.UID,))[0]


@pytest.mark.parametrize("uid", [None, b"", b"\x04" * 5, b"\x08\x01\x02\x03"])
def test_a_uid_that_names_nobody_is_no_credential(uid):
    assert credential_of(uid) is None


def test_a_command_carries_at_most_255_bytes():
    with pytest.raises(ValueError, match="255"):
        command(0, 0, 0, 0, bytes(256))


def test_objects_are_read_to_the_end():
    assert [(1, b"a"), (2, b"")] == list(objects(b"\x01\x01a\x02\x00"))
    with pytest.raises(CardFault):
        list(objects(b"\x01"))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(st.binary(max_size=300), st.binary(max_size=40).map(lambda raw: raw + OK)),
        min_size=9,
        max_size=9,
    )
)
def test_no_response_breaks_a_conversation(responses):
    for first in ([], [SELECTED]):
        result, _ = play([*first, *responses], (Scheme.PKOC, Scheme.UID))
        assert result is None or isinstance(result, Proof | Refusal)
        assert not (isinstance(result, Proof) and result.credential.scheme == "pkoc")
