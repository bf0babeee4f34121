"""PKOC version 2: who is believed, who is refused and why, and that nobody gets back down to version 1."""

from __future__ import annotations

import hashlib
import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from gated.card import cvc
from gated.card.apdu import CardFault
from gated.card.identify import Media, Scheme, identify
from gated.card.talk import Talk
from gated.daemon.conversing import drive
from gated.devices.simulated.media import Faults, LeftFieldError, Medium, PkocMedium
from gated.devices.simulated.pkoc2 import Issuer, Pkoc2Medium, data_object
from gated.model.credential import Assurance, Credential, Proof
from gated.model.refusal import Reason, Refusal
from gated.model.time import ClockQuality, ClockSample, TimeReading

UID = b"\x04\x01\x02\x03\x04\x05\x06"
READER = bytes(32)
OK = b"\x90\x00"
NOON = 1_781_524_800  # 2026-06-15T12:00:00Z
MIDNIGHT = NOON + 43_200

ISSUER = Issuer.from_number("GATED00000000001", 7)
STRANGER = Issuer.from_number("GATED00000000002", 8)
FORGER = Issuer.from_number(ISSUER.reference, 9)
ISSUERS = {ISSUER.reference: ISSUER.public}
KEY, OTHER_KEY = (ec.derive_private_key(number, ec.SECP256R1()) for number in (11, 12))
PUBLIC, OTHER_PUBLIC = Pkoc2Medium(UID, KEY).public, Pkoc2Medium(UID, OTHER_KEY).public

#: What a lane lists, in whatever order.
LANES = {
    "alone": (Scheme.PKOC2,),
    "both": (Scheme.PKOC2, Scheme.PKOC),
    "all": (Scheme.UID, Scheme.PKOC, Scheme.PKOC2),
}

SELECT, INFO, CERTIFICATE, PROVE = range(4)  # which command of a tap is which


def reading(floor=NOON, estimate=None, ceiling=None):
    at = floor if estimate is None else estimate
    return TimeReading(floor, at, ceiling, ClockQuality.GOOD, ClockSample(at, 0.0, "0" * 16))


def tap(medium: Medium, schemes=LANES["alone"], time=None, issuers=ISSUERS, random=secrets.token_bytes):
    """(result, commands) of a tap."""
    commands = []

    class Session:
        def transmit(self, apdu):
            commands.append(apdu)
            return medium.transmit(apdu)

    medium.present()
    talk = Talk(medium.uid, random, lambda: time or reading())
    return drive(identify(talk, Media(READER, schemes, issuers=issuers)), Session()), commands


def credential(public=PUBLIC):
    return Credential("pkoc2", hashlib.sha256(public).digest(), Assurance.ASYMMETRIC)


def refusal(reason, what):
    return Refusal(reason, {"scheme": "pkoc2"} | ({} if what is None else {"what": what}))


# ------------------------------------------------------------------ certificates

OID = data_object(0x06, cvc.P256)
#: The objects of a good body, by name.
PARTS = {
    "profile": data_object(0x5F29, b"\x00"),
    "issuer": data_object(0x42, ISSUER.reference.encode()),
    "key": data_object(0x7F49, OID + data_object(0x86, PUBLIC)),
    "subject": data_object(0x5F20, b"MEDIUM0000000001"),
    "first": data_object(0x5F25, bytes((2, 6, 0, 1, 0, 1))),
    "last": data_object(0x5F24, bytes((3, 0, 1, 2, 3, 1))),
}


def body(**changes):
    return b"".join((PARTS | changes).values())


def certificate(by=ISSUER, **changes):
    """A certificate with other objects than the usual ones, signed all the same."""
    return by.certified(body(**changes))


def key_of(point, oid=cvc.P256):
    return {"key": data_object(0x7F49, data_object(0x06, oid) + data_object(0x86, point))}


def days(first, last):
    tags = {"first": 0x5F25, "last": 0x5F24}
    return {
        name: data_object(tags[name], bytes(map(int, day)))
        for name, day in (("first", first), ("last", last))
    }


def filled_to(size):
    """A certificate of ``size`` bytes."""
    for count in range(size):
        made = certificate(more=data_object(0x65, bytes(count)))
        if len(made) == size:
            return made
    raise AssertionError


SIGNED = data_object(0x7F4E, body())
WITH_ANOTHER_SIGNATURE = {
    "r = 0": bytes(32) + b"\x01" * 32,
    "s = 0": b"\x01" * 32 + bytes(32),
    "r and s beyond the order": b"\xff" * 64,
}


def around(*children):
    return data_object(0x7F21, b"".join(children))


GOOD = certificate()
SIGNATURE = data_object(0x5F37, GOOD[-64:])
LONG_FORM = b"\x7f\x21\x82" + len(GOOD[4:]).to_bytes(2, "big") + GOOD[4:]

BELIEVED = {
    "as usual": (GOOD, reading()),
    "extensions": (certificate(more=data_object(0x65, bytes(200))), reading()),
    "1024 bytes": (filled_to(1024), reading()),
    "an object we do not know": (certificate(more=data_object(0x5F50, b"who knows")), reading()),
    "an object of the key that we do not know": (
        certificate(key=data_object(0x7F49, OID + data_object(0x86, PUBLIC) + data_object(0x81, b"x"))),
        reading(),
    ),
    "another order": (ISSUER.certified(b"".join(reversed(PARTS.values()))), reading()),
    "padding that is signed": (certificate(first=b"\x00\x00" + PARTS["first"]), reading()),
    "a length of two bytes": (LONG_FORM, reading()),
    "a leap day": (certificate(**days("280229", "280229")), reading(1_835_395_200)),
    "its first second": (certificate(**days("260616", "260616")), reading(MIDNIGHT)),
    "its last second": (certificate(**days("260615", "260615")), reading(MIDNIGHT - 1)),
    "an end that may not have come": (
        certificate(**days("260615", "260615")),
        reading(NOON, MIDNIGHT + 9, MIDNIGHT + 99),
    ),
    "a beginning that may have come": (
        certificate(**days("260616", "260616")),
        reading(NOON, NOON, MIDNIGHT),
    ),
    "the end of the century": (certificate(**days("000101", "991231")), reading(4_102_444_799)),
}


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("case", BELIEVED)
def test_a_medium_is_believed_with(case, lane):
    shown, time = BELIEVED[case]
    result, commands = tap(Pkoc2Medium(UID, KEY, shown), LANES[lane], time)
    assert Proof(credential(), fresh=range(len(commands) - 1, len(commands))) == result


def test_the_commands_of_a_tap():
    result, commands = tap(Pkoc2Medium(UID, KEY, GOOD), random=lambda size: bytes(range(size)))
    assert Proof(credential(), fresh=range(3, 4)) == result
    assert [
        "00a4040008a00000089800000100",
        "00ca7f6300",
        "00ca7f2100",
        "0088000020" + bytes(range(32)).hex() + "00",
    ] == [one.hex() for one in commands]


def test_a_long_certificate_is_fetched_in_pieces():
    result, commands = tap(Pkoc2Medium(UID, KEY, filled_to(1024)))
    assert Proof(credential(), fresh=range(6, 7)) == result
    assert ["00c0000000"] * 3 == [one.hex() for one in commands[3:6]]


UNREADABLE, BAD_PROOF = Reason.UNREADABLE, Reason.BAD_PROOF
MISSING = {
    "profile": "missing_5f29",
    "issuer": "missing_42",
    "key": "missing_7f49",
    "subject": "missing_5f20",
    "first": "missing_5f25",
    "last": "missing_5f24",
}
OFF_THE_CURVE = b"\x04" + b"\x11" * 64
#: What a medium answers for a certificate, and what it is refused for.
REFUSED = {
    # Whom we do not believe.
    "an issuer we do not know": (
        STRANGER.certified(STRANGER.body(PUBLIC, ("260101", "301231"))),
        BAD_PROOF,
        "issuer",
    ),
    "signed by another key": (certificate(FORGER), BAD_PROOF, "certificate"),
    "a stranger who names our issuer": (certificate(STRANGER), BAD_PROOF, "certificate"),
    "another subject than was signed": (
        GOOD.replace(b"MEDIUM0000000001", b"MEDIUM0000000002"),
        BAD_PROOF,
        "certificate",
    ),
    "another key than was signed": (GOOD.replace(PUBLIC, OTHER_PUBLIC), BAD_PROOF, "certificate"),
    "another end than was signed": (
        GOOD.replace(PARTS["last"], days("260101", "991231")["last"]),
        BAD_PROOF,
        "certificate",
    ),
    "the signature of another certificate": (
        around(SIGNED, data_object(0x5F37, certificate(**days("260102", "301231"))[-64:])),
        BAD_PROOF,
        "certificate",
    ),
    **{
        name: (around(SIGNED, data_object(0x5F37, made)), BAD_PROOF, "certificate")
        for name, made in WITH_ANOTHER_SIGNATURE.items()
    },
    # When.
    "expired": (certificate(**days("260101", "260614")), BAD_PROOF, "expired"),
    "not yet valid": (certificate(**days("260616", "301231")), BAD_PROOF, "not_yet_valid"),
    # What it says.
    "profile 1": (certificate(profile=data_object(0x5F29, b"\x01")), UNREADABLE, "profile"),
    "a profile of two bytes": (certificate(profile=data_object(0x5F29, b"\x00\x00")), UNREADABLE, "profile"),
    "an issuer in small letters": (
        certificate(issuer=data_object(0x42, b"gated00000000001")),
        UNREADABLE,
        "issuer",
    ),
    "an issuer of 17 characters": (
        certificate(issuer=data_object(0x42, ISSUER.reference.encode() + b"\n")),
        UNREADABLE,
        "issuer",
    ),
    "a subject of 15 characters": (
        certificate(subject=data_object(0x5F20, bytes(15))),
        UNREADABLE,
        "subject",
    ),
    "another curve": (
        certificate(**key_of(b"\x04" + bytes(96), bytes.fromhex("2B81040022"))),
        UNREADABLE,
        "curve",
    ),
    "another curve of 256 bits": (
        certificate(**key_of(PUBLIC, bytes.fromhex("2B8104000A"))),
        UNREADABLE,
        "curve",
    ),
    "an RSA key": (
        certificate(
            key=data_object(
                0x7F49,
                data_object(0x06, bytes.fromhex("2A864886F70D010101"))
                + data_object(0x81, b"\xc1" * 256)
                + data_object(0x82, b"\x01\x00\x01"),
            )
        ),
        UNREADABLE,
        "curve",
    ),
    "a compressed point": (
        certificate(**key_of(bytes((2 + PUBLIC[64] % 2,)) + PUBLIC[1:33])),
        UNREADABLE,
        "key",
    ),
    "a hybrid point": (certificate(**key_of(bytes((6 + PUBLIC[64] % 2,)) + PUBLIC[1:])), UNREADABLE, "key"),
    "the point at infinity": (certificate(**key_of(b"\x00")), UNREADABLE, "key"),
    "a point off the curve": (certificate(**key_of(OFF_THE_CURVE)), UNREADABLE, "point"),
    "a key without a curve": (
        certificate(key=data_object(0x7F49, data_object(0x86, PUBLIC))),
        UNREADABLE,
        "missing_06",
    ),
    "a key without a point": (certificate(key=data_object(0x7F49, OID)), UNREADABLE, "missing_86"),
    "two points": (
        certificate(
            key=data_object(0x7F49, OID + data_object(0x86, PUBLIC) + data_object(0x86, OTHER_PUBLIC))
        ),
        UNREADABLE,
        "twice",
    ),
    "two curves": (
        certificate(key=data_object(0x7F49, OID + OID + data_object(0x86, PUBLIC))),
        UNREADABLE,
        "twice",
    ),
    **{f"{name} missing": (certificate(**{name: b""}), UNREADABLE, MISSING[name]) for name in PARTS},
    **{f"{name} twice": (certificate(**{name: 2 * PARTS[name]}), UNREADABLE, "twice") for name in PARTS},
    "the 30th of February": (certificate(**days("260230", "301231")), UNREADABLE, "dates"),
    "the 29th of February of no leap year": (certificate(**days("260101", "270229")), UNREADABLE, "dates"),
    "month 13": (certificate(**days("261301", "301231")), UNREADABLE, "dates"),
    "day 0": (certificate(**days("260100", "301231")), UNREADABLE, "dates"),
    "a date of five digits": (certificate(**days("26010", "301231")), UNREADABLE, "dates"),
    "a date of no digits": (certificate(**days("", "301231")), UNREADABLE, "dates"),
    "a date in packed digits": (
        certificate(first=data_object(0x5F25, bytes.fromhex("260101"))),
        UNREADABLE,
        "dates",
    ),
    "a date in letters": (certificate(first=data_object(0x5F25, b"260101")), UNREADABLE, "dates"),
    "an end before the beginning": (certificate(**days("260102", "260101")), UNREADABLE, "dates"),
    # How it is put together.
    "two bodies": (around(SIGNED, SIGNED, SIGNATURE), UNREADABLE, "layout"),
    "two signatures": (around(SIGNED, SIGNATURE, SIGNATURE), UNREADABLE, "layout"),
    "the signature first": (around(SIGNATURE, SIGNED), UNREADABLE, "layout"),
    "no body": (around(SIGNATURE), UNREADABLE, "layout"),
    "no signature": (around(SIGNED), UNREADABLE, "layout"),
    "a short signature": (around(SIGNED, data_object(0x5F37, GOOD[-64:-1])), UNREADABLE, "signature"),
    "a long signature": (around(SIGNED, data_object(0x5F37, GOOD[-64:] + b"\0")), UNREADABLE, "signature"),
    "something unsigned beside": (around(SIGNED, SIGNATURE, data_object(0x65, b"")), UNREADABLE, "layout"),
    "padding that is not signed": (around(SIGNED, b"\x00", SIGNATURE), UNREADABLE, "layout"),
    "padding before it": (b"\x00" + GOOD, UNREADABLE, "layout"),
    "something behind it": (GOOD + data_object(0x65, b""), UNREADABLE, "layout"),
    "two certificates": (GOOD + GOOD, UNREADABLE, "layout"),
    "no certificate around it": (SIGNED + SIGNATURE, UNREADABLE, "layout"),
    "cut short": (GOOD[:-1], UNREADABLE, "objects"),
    "a length without an end": (b"\x7f\x21\x80" + GOOD[4:] + b"\0\0", UNREADABLE, "objects"),
    "33 objects": (certificate(more=data_object(0x65, b"") * 27), UNREADABLE, "objects"),
    "1025 bytes": (filled_to(1025), UNREADABLE, "too_long"),
    "a zero": (b"\x00", UNREADABLE, "layout"),
}


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused(case, lane):
    shown, reason, what = REFUSED[case]
    result, commands = tap(Pkoc2Medium(UID, KEY, shown), LANES[lane])
    assert refusal(reason, what) == result
    assert not [one for one in commands if one[:2] in (b"\x00\x88", b"\x80\x80")], "it was asked to prove"


TO_THE_SECOND = {
    "the second after its last day": (days("260601", "260615"), reading(MIDNIGHT), "expired"),
    "the second before its first day": (days("260616", "260630"), reading(MIDNIGHT - 1), "not_yet_valid"),
    "a ceiling before its first day": (
        days("260616", "260630"),
        reading(NOON, NOON, MIDNIGHT - 1),
        "not_yet_valid",
    ),
}


@pytest.mark.parametrize("case", TO_THE_SECOND)
def test_a_day_begins_and_ends_to_the_second(case):
    when, time, what = TO_THE_SECOND[case]
    assert refusal(BAD_PROOF, what) == tap(Pkoc2Medium(UID, KEY, certificate(**when)), time=time)[0]


# ------------------------------------------------------------------ answers


def overheard():
    """What a good medium once answered to another challenge."""
    medium = Pkoc2Medium(UID, KEY, GOOD)
    tap(medium)
    return medium.last_answer


def proof(value):
    return {PROVE: data_object(0x9E, value) + OK}


#: Answers that are not the medium's own, by command; and what it is refused for.
ANSWERS = {
    "no certificate after all": ({CERTIFICATE: b"\x6a\x88"}, UNREADABLE, "status_6a88"),
    "an empty certificate": ({CERTIFICATE: OK}, UNREADABLE, "layout"),
    "nothing for a certificate": ({CERTIFICATE: b""}, UNREADABLE, "empty"),
    "65 kB": ({CERTIFICATE: bytes(65536)}, UNREADABLE, "too_long"),
    "an endless chain": (dict.fromkeys(range(2, 99), b"\x00\x61\x01"), UNREADABLE, "endless"),
    "an endless chain of nothing": (dict.fromkeys(range(2, 99), b"\x61\x00"), UNREADABLE, "endless"),
    "a status behind a chain": (
        {CERTIFICATE: GOOD[:60] + b"\x61\xff", 3: b"\x6f\x00"},
        UNREADABLE,
        "status_6f00",
    ),
    "status 6F00 for a proof": ({PROVE: b"\x6f\x00"}, UNREADABLE, "status_6f00"),
    "nothing for a proof": ({PROVE: OK}, UNREADABLE, "signature"),
    "65 kB for a proof": ({PROVE: bytes(65536)}, UNREADABLE, "too_long"),
    "a proof that chains too long": (
        dict.fromkeys(range(PROVE, 99), bytes(200) + b"\x61\xff"),
        UNREADABLE,
        "too_long",
    ),
    "a proof under another tag": ({PROVE: data_object(0x5A, GOOD[-64:]) + OK}, UNREADABLE, "signature"),
    "a proof cut short": (proof(GOOD[-64:-1]), UNREADABLE, "signature"),
    "two proofs": ({PROVE: 2 * data_object(0x9E, GOOD[-64:]) + OK}, UNREADABLE, "twice"),
    "an answer to another challenge": ({PROVE: overheard()}, BAD_PROOF, None),
    "the issuer's signature for a proof": (proof(GOOD[-64:]), BAD_PROOF, None),
    **{f"a proof of {name}": (proof(made), BAD_PROOF, None) for name, made in WITH_ANOTHER_SIGNATURE.items()},
}


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_is_refused(case, lane):
    answers, reason, what = ANSWERS[case]
    medium = Pkoc2Medium(UID, KEY, GOOD)
    medium.faults = Faults(answers=answers)
    assert refusal(reason, what) == tap(medium, LANES[lane])[0]


@pytest.mark.parametrize("lane", LANES)
def test_a_copied_certificate_is_nothing_without_its_key(lane):
    assert refusal(BAD_PROOF, None) == tap(Pkoc2Medium(UID, OTHER_KEY, GOOD), LANES[lane])[0]


def test_a_gate_that_knows_no_issuer_believes_none():
    assert refusal(BAD_PROOF, "issuer") == tap(Pkoc2Medium(UID, KEY, GOOD), issuers={})[0]


def test_an_issuer_whose_key_is_no_point_vouches_for_nobody():
    wrong = {ISSUER.reference: OFF_THE_CURVE}
    assert refusal(BAD_PROOF, "certificate") == tap(Pkoc2Medium(UID, KEY, GOOD), issuers=wrong)[0]


# ------------------------------------------------------------------ version 1


@pytest.mark.parametrize("lane", ["both", "all"])
def test_a_medium_that_fails_version_2_is_not_asked_for_version_1(lane):
    medium = FORGER.issue(UID, KEY)
    assert isinstance(tap(medium, (Scheme.PKOC,))[0], Proof), "it would pass as version 1"
    result, commands = tap(medium, LANES[lane])
    assert refusal(BAD_PROOF, "certificate") == result
    assert [b"\x00\xa4", b"\x00\xca", b"\x00\xca"] == [one[:2] for one in commands]


@pytest.mark.parametrize("lane", ["both", "all"])
def test_a_medium_of_version_1_alone_proves_its_key_after_one_select(lane):
    medium = PkocMedium(UID, KEY)
    result, commands = tap(medium, LANES[lane])
    assert (
        Proof(Credential("pkoc", hashlib.sha256(PUBLIC).digest(), Assurance.ASYMMETRIC), fresh=range(2, 3))
        == result
    )
    assert [b"\x00\xa4", b"\x00\xca", b"\x80\x80"] == [one[:2] for one in commands]


def test_a_medium_of_version_1_alone_is_none_of_ours_where_version_2_is_asked_for():
    assert tap(PkocMedium(UID, KEY))[0] is None


NO_VERSION_2 = {
    "an error": b"\x6d\x00",
    "an error beside the words": bytes.fromhex("7f63045c0202006a88"),
    "nothing": b"",
    "no object": OK,
    "another version": bytes.fromhex("7f63045c0203009000"),
    "version 1": bytes.fromhex("7f63045c0201009000"),
    "two versions": bytes.fromhex("7f63065c04010002009000"),
    "no object around it": bytes.fromhex("5c0202009000"),
    "the version twice": bytes.fromhex("7f63085c0202005c0202009000"),
    "cut short": bytes.fromhex("7f63055c0202009000"),
    "65 kB": bytes(65536),
}


@pytest.mark.parametrize("case", NO_VERSION_2)
def test_whoever_does_not_say_version_2_speaks_version_1(case):
    medium = Pkoc2Medium(UID, KEY, GOOD)
    medium.faults = Faults(answers={INFO: NO_VERSION_2[case]})
    assert tap(medium)[0] is None
    result, _ = tap(medium, LANES["both"])
    assert "pkoc" == result.credential.scheme


def test_an_object_beside_the_version_is_passed_over():
    medium = Pkoc2Medium(UID, KEY, GOOD)
    medium.faults = Faults(answers={INFO: bytes.fromhex("7f6307810107" + "5c020200" + "9000")})
    assert Proof(credential(), fresh=range(3, 4)) == tap(medium)[0]


# ------------------------------------------------------------------ tears

NOBODY = None
TORN = refusal(UNREADABLE, "torn")
TORN_V1 = Refusal(UNREADABLE, {"scheme": "pkoc", "what": "torn"})


@pytest.mark.parametrize(
    ("at", "lane", "told"),
    [
        (SELECT, "alone", NOBODY), (SELECT, "both", NOBODY), (SELECT, "all", NOBODY),
        (INFO, "alone", NOBODY), (INFO, "both", TORN_V1), (INFO, "all", TORN_V1),
        (CERTIFICATE, "alone", TORN), (CERTIFICATE, "both", TORN), (CERTIFICATE, "all", TORN),
        (3, "alone", TORN), (3, "all", TORN),  # in the middle of the certificate
        (4, "alone", TORN), (4, "all", TORN),  # instead of a proof
    ],
)  # fmt: skip
def test_a_medium_that_leaves_is_told_so_once_it_was_recognised(at, lane, told):
    medium = Pkoc2Medium(UID, KEY, certificate(more=data_object(0x65, bytes(200))))
    medium.faults = Faults(tear_at=at)
    result, commands = tap(medium, LANES[lane])
    assert told == result
    assert at + 1 == len(commands)


# ------------------------------------------------------------------ whatever comes


def parsed(raw):
    """A certificate, or None for what is none."""
    try:
        return cvc.parse(raw)
    except CardFault:
        return None


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=1100))
def test_nothing_at_random_is_a_certificate(raw):
    assert parsed(raw) is None
    assert parsed(ISSUER.certified(raw)) is None


def test_what_is_too_long_is_not_looked_into():
    with pytest.raises(CardFault, match="too_long"):
        cvc.parse(filled_to(1025))


PASSED_OVER = [b"\x00", data_object(0x5F50, b"who knows"), data_object(0x65, b"")]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([*PARTS.values(), *PASSED_OVER]), max_size=3).flatmap(
        lambda more: st.permutations([*PARTS.values(), *more])
    )
)
def test_a_body_says_each_thing_once_in_any_order(parts):
    found = parsed(ISSUER.certified(b"".join(parts)))
    once = all(1 == parts.count(part) for part in PARTS.values())
    assert once is (found is not None)
    if found is not None:
        assert (PUBLIC, None) == (found.public, cvc.objection(found, ISSUERS, reading()))


EDITS = st.lists(
    st.tuples(
        st.sampled_from(("set", "insert", "delete")),
        st.integers(0, len(GOOD) - 1),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=4,
)


def edited(raw, edits):
    made = bytearray(raw)
    for how, at, value in edits:
        made[at : at + (how != "insert")] = b"" if how == "delete" else bytes((value,))
    return bytes(made)


@settings(max_examples=500, deadline=None)
@given(EDITS)
def test_an_edited_certificate_never_verifies_unless_it_is_the_same(edits):
    found = parsed(edited(GOOD, edits))
    if found is not None and found != parsed(GOOD):
        assert cvc.objection(found, ISSUERS, reading()) in ("issuer", "certificate")


def test_no_byte_of_a_certificate_can_be_flipped():
    for at in range(len(GOOD)):
        found = parsed(edited(GOOD, [("set", at, GOOD[at] ^ 1)]))
        assert found is None or cvc.objection(found, ISSUERS, reading()) is not None, at


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=300),
            st.binary(max_size=80).map(lambda raw: raw + OK),
            st.binary(min_size=64, max_size=64).map(lambda raw: data_object(0x9E, raw) + OK),
            st.just(GOOD + OK),
        ),
        min_size=9,
        max_size=9,
    )
)
def test_no_answers_break_a_conversation(answers):
    for first in (SELECT, INFO, CERTIFICATE, PROVE):
        medium = Pkoc2Medium(UID, KEY, GOOD)
        medium.faults = Faults(answers=dict(enumerate(answers, first)))
        result, _ = tap(medium, LANES["all"])
        assert isinstance(result, Refusal) or result.credential.scheme == "uid"


# ------------------------------------------------------------------ what is shown, and the medium itself


def test_neither_keys_nor_subjects_are_shown():
    shown = repr(parsed(GOOD)) + repr(Media(READER, LANES["all"], issuers=ISSUERS))
    assert "Certificate(issuer GATED00000000001)" in shown
    assert not [one for one in (PUBLIC, ISSUER.public) if one.hex() in shown or repr(one) in shown]
    assert "MEDIUM" not in shown


def test_a_medium_without_a_certificate_says_so():
    assert refusal(UNREADABLE, "status_6a88") == tap(Pkoc2Medium(UID, KEY))[0]


def test_an_issued_medium_has_a_key_of_its_own():
    one, other = (Issuer("DEMO000000000001").issue(UID) for _ in range(2))
    assert one.public != other.public
    assert one.certificate != other.certificate


@pytest.mark.parametrize("command", ["00ca7f6300", "00ca7f2100", "00c0000000", "0088000020" + "00" * 33])
def test_a_medium_answers_nothing_before_it_was_selected(command):
    medium = Pkoc2Medium(UID, KEY, GOOD)
    medium.present()
    assert b"\x69\x85" == medium.transmit(bytes.fromhex(command))


def test_a_medium_signs_challenges_of_32_bytes_alone_and_forgets_them_out_of_the_field():
    medium = Pkoc2Medium(UID, KEY, filled_to(1024))
    medium.present()
    medium.transmit(bytes.fromhex("00a4040008a00000089800000100"))
    assert b"\x67\x00" == medium.transmit(bytes.fromhex("0088000010" + "00" * 17))
    assert b"\x61\x00" == medium.transmit(bytes.fromhex("00ca7f2100"))[-2:]
    medium.present()
    medium.transmit(bytes.fromhex("00a4040008a00000089800000100"))
    assert OK == medium.transmit(bytes.fromhex("00c0000000"))
    medium.faults = Faults(tear_at=2)
    with pytest.raises(LeftFieldError):
        medium.transmit(bytes.fromhex("00ca7f6300"))
