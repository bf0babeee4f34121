"""Published examples of how media prove themselves: NXP AN10922, AN12196, AN12343."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gated.card import secure, sun
from gated.card.apdu import CardFault, parse
from gated.card.diversify import _subkey_2, diversified
from gated.card.ev2 import _authenticated
from gated.card.secure import Mode, Session, WrongMac
from gated.card.talk import Talk
from gated.model.credential import Assurance, Credential, Proof
from kinds import DIVERSIFICATION

VECTORS = json.loads(Path(__file__).with_name("media.json").read_text())


def of(name):
    return pytest.mark.parametrize("vector", VECTORS[name], ids=lambda vector: vector["source"])


def raw(text):
    return bytes.fromhex(text.replace(" ", ""))


@of("diversification")
def test_a_medium_has_a_key_of_its_own(vector):
    assert raw(vector["key"]) == diversified(raw(vector["master"]), raw(vector["input"]))


@of("subkeys")
def test_a_short_input_is_padded_to_two_blocks_and_the_second_subkey_is_used(vector):
    assert raw(vector["k2"]) == _subkey_2(raw(vector["key"]))


def test_an_input_of_fifteen_bytes_is_not_the_plain_cmac_of_one_block():
    key = raw(VECTORS["diversification"][0]["master"])
    assert secure.cmac(key, b"\x01" + bytes(15)) != diversified(key, bytes(15))
    assert secure.cmac(key, b"\x01" + bytes(31)) == diversified(key, bytes(31))


@pytest.mark.parametrize("size", [0, 32])
def test_an_input_of_another_size_is_a_mistake(size):
    with pytest.raises(ValueError, match="31"):
        diversified(bytes(16), bytes(size))


@of("sessions")
def test_a_published_authentication_is_said_byte_by_byte(vector):
    talk = Talk(None, lambda size: raw(vector["rnd_a"]), lambda: None)
    steps = _authenticated(talk, vector["number"], raw(vector["key"]))
    assert raw(vector["first"]) == next(steps)
    assert raw(vector["second"]) == steps.send(raw(vector["challenge"]))
    with pytest.raises(StopIteration) as ended:
        steps.send(raw(vector["answer"]))
    session = ended.value.value
    assert (raw(vector["ti"]), 0) == (session.ti, session.counter)
    assert (raw(vector["enc"]), raw(vector["mac"])) == (session._encryption, session._mac)


@of("session_keys")
def test_session_keys(vector):
    made = secure.session_keys(raw(vector["key"]), raw(vector["rnd_a"]), raw(vector["rnd_b"]))
    assert (raw(vector["enc"]), raw(vector["mac"])) == made


def session_of(vector):
    return Session(raw(vector["enc"]), raw(vector.get("mac", "")), raw(vector["ti"]), vector["counter"])


@of("wrapped")
def test_a_published_command_is_wrapped_and_its_answer_understood(vector):
    session, mode = session_of(vector), Mode(vector["mode"])
    body = session.command(int(vector["ins"], 16), raw(vector["header"]), raw(vector["data"]), mode)
    assert raw(vector["command"]) == body
    assert raw(vector["says"]) == session.response(0x9100, raw(vector["answer"]), mode)
    assert vector["counter"] + 1 == session.counter


@of("wrapped")
def test_each_bit_of_an_answer_and_its_place_are_under_the_mac(vector):
    answer, mode = raw(vector["answer"]), Mode(vector["mode"])
    for bit in range(8 * len(answer)):
        flipped = bytearray(answer)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(WrongMac):
            session_of(vector).response(0x9100, bytes(flipped), mode)
    for size in range(len(answer)):
        with pytest.raises(CardFault):
            session_of(vector).response(0x9100, answer[:size], mode)
    for counter in (vector["counter"] + 1, secure.MAX_COUNTER - 1):
        elsewhere = session_of(vector | {"counter": counter})
        with pytest.raises(WrongMac):
            elsewhere.response(0x9100, answer, mode)
    with pytest.raises(WrongMac):
        session_of(vector | {"ti": "00000000"}).response(0x9100, answer, mode)
    with pytest.raises(WrongMac):
        session_of(vector).response(0x9101, answer, mode)


@of("vectors_of_commands")
def test_initialisation_vectors(vector):
    assert raw(vector["iv"]) == session_of(vector)._iv(b"\xa5\x5a")


@of("sun")
def test_a_published_address_is_checked(vector, monkeypatch):
    result = checked(vector, vector["address"])
    expected = Credential("sun", raw(vector["uid"]), Assurance.SYMMETRIC_ROLLING)
    assert Proof(expected, counter=vector["counter"]) == result


@of("sun")
def test_an_address_with_any_other_digit_is_not(vector):
    address = vector["address"]
    shown = address.index("?") + 1
    for at in range(shown, len(address)):
        if address[at] in "0123456789ABCDEF":
            changed = address[:at] + ("0" if address[at] != "0" else "1") + address[at + 1 :]
            assert not isinstance(checked(vector, changed), Proof), changed


def checked(vector, address):
    """What is made of an address, with the example's key taken as the medium's own."""
    key = raw(vector["key"])
    mirror = sun.Mirror(
        lambda: key, DIVERSIFICATION, (lambda: key) if vector["encrypted"] else None,
        picc=vector["picc"], mac=vector["mac"], mac_from=vector["mac_from"],
    )  # fmt: skip
    shown = sun._mirrored(address.encode(), mirror)
    if shown is None:
        return None
    return sun.judged(raw(vector["uid"]), mirror, shown, lambda _uid: key)


def test_a_counter_that_is_used_up_ends_the_session():
    session = Session(bytes(16), bytes(16), bytes(4), secure.MAX_COUNTER)
    with pytest.raises(CardFault):
        session.command(0xAD)


@pytest.mark.parametrize("data", [b"", bytes(16), b"\x80" + bytes(16), b"ab", b"\x01" * 16])
def test_padding_that_is_none_is_refused(data):
    with pytest.raises(CardFault):
        secure.unpadded(data)


@pytest.mark.parametrize("size", range(33))
def test_padding_comes_off_again(size):
    data = bytes(range(size))
    assert len(secure.padded(data)) % 16 == 0
    assert data == secure.unpadded(secure.padded(data))


def test_a_response_is_read_as_what_it_is():
    assert (b"\x01", 0x9100) == (parse(b"\x01\x91\x00").body, parse(b"\x01\x91\x00").status)
