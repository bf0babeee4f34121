"""The files of an enrolment: one spelling each, bounded, read back as written; sealing and fingerprints."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from gated.model.document import DocumentError
from gated.model.trust import Algorithm
from gated.wire.box import BoxKey, seal
from gated.wire.certificate import TlsKey, asked_for, check_certificate, name, read_certificate
from gated.wire.enrolment import (
    MAX_BUNDLE_BYTES,
    MAX_ENROLMENT_BYTES,
    MAX_REQUEST_BYTES,
    Bundle,
    Enrolment,
    Record,
    Request,
    context,
    encode_bundle,
    encode_enrolment,
    encode_record,
    encode_request,
    read_broker,
    read_bundle,
    read_enrolment,
    read_record,
    read_request,
)
from gated.wire.event import canonical
from gated.wire.fingerprint import fingerprint, is_fingerprint_of
from gated.wire.seal import SigningKey

KEY = bytes(range(32))
BOX = BoxKey.generate()
TLS = TlsKey.generate()
SIGNING = SigningKey.generate(Algorithm.EDDSA)
REQUEST = Request("bron-1", TLS.request("bron-1"), Algorithm.EDDSA, SIGNING.public, BOX.public, 12)
ENROLMENT = Enrolment("bron-1", KEY, 1_800_000_000, 1_800_600_000, BOX.public, KEY, bytes(range(100)))
BUNDLE = Bundle(
    "pools", "bron", "mqtts://broker.city.example:8883", "one\ntwo\n", "ca\n",
    {"v": 1, "keys": [{"kid": "00"}]}, {"v": 1, "venue": "bron"}, KEY,
)  # fmt: skip
ROOTED = replace(BUNDLE, root={"signatures": [], "signed": {"_type": "root", "version": 3}})
RECORD = Record("bron-1", "pools", "bron", "mqtts://[::1]:8883", 1_800_000_000, KEY)

FORMS = {
    "request": (encode_request(REQUEST), read_request, encode_request, REQUEST),
    "enrolment": (encode_enrolment(ENROLMENT), read_enrolment, encode_enrolment, ENROLMENT),
    "bundle": (encode_bundle(BUNDLE), read_bundle, encode_bundle, BUNDLE),
    "rooted": (encode_bundle(ROOTED), read_bundle, encode_bundle, ROOTED),
    "record": (encode_record(RECORD), read_record, encode_record, RECORD),
}


@pytest.mark.parametrize("form", FORMS)
def test_it_is_read_back_as_it_was_written(form):
    payload, read, _, meant = FORMS[form]
    assert meant == read(payload)
    assert canonical(json.loads(payload)).encode() == payload


@given(st.data())
@pytest.mark.parametrize("form", FORMS)
def test_what_opens_after_a_change_encodes_back_to_the_same_bytes(form, data):
    """One meaning has one spelling."""
    payload, read, encode, _ = FORMS[form]
    at = data.draw(st.integers(0, len(payload) - 1))
    changed = payload[:at] + data.draw(st.binary(max_size=3)) + payload[at + data.draw(st.integers(0, 3)) :]
    try:
        message = read(changed)
    except DocumentError:
        return
    assert changed == encode(message)


@given(st.binary(max_size=300))
@pytest.mark.parametrize("form", FORMS)
def test_noise_is_refused(form, noise):
    with pytest.raises(DocumentError):
        FORMS[form][1](noise)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 60), 1 << 60) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.data(), ANY)
@pytest.mark.parametrize("form", FORMS)
def test_a_member_of_any_kind_is_refused_or_encodes_back(form, data, value):
    payload, read, encode, _ = FORMS[form]
    document = json.loads(payload)
    document[data.draw(st.sampled_from([*document, "more"]))] = value
    try:
        changed = canonical(document).encode()
        message = read(changed)
    except ValueError:
        return
    assert changed == encode(message)


CHANGES = {
    "request": [
        {"v": 2}, {"gate": "Bron"}, {"gate": ""}, {"csr": ""}, {"csr": "a\tb"}, {"csr": "a" * 4097},
        {"csr": 1}, {"csr": "a\n" * 2000 + "\x00"},
        {"signing": {"alg": "EdDSA", "public": "00"}}, {"signing": {"alg": "RS256", "public": "00" * 32}},
        {"signing": {"alg": "ES256", "public": "00" * 32}}, {"signing": []},
        {"signing": {"alg": "EdDSA", "public": "00" * 32, "more": 1}},
        {"box": "00"}, {"box": "0" * 63 + "A"}, {"at": -1}, {"at": 1 << 41}, {"at": True}, {"more": 1},
    ],
    "enrolment": [
        {"v": 0}, {"gate": "-"}, {"central": "00" * 31}, {"at": "1"}, {"expires": -1}, {"box": "zz" * 32},
        {"ephemeral": "00" * 33}, {"sealed": ""}, {"sealed": "00" * 31}, {"sealed": "0" * 65},
        {"sealed": "AA" * 40}, {"more": 1},
    ],
    "bundle": [
        {"v": 2}, {"sector": "Pools"}, {"venue": "a b"}, {"broker": "mqtt://h:1883"}, {"broker": "mqtts://h"},
        {"broker": "mqtts://h:0"}, {"broker": "mqtts://h:65536"}, {"broker": "mqtts://h:8883/"},
        {"broker": "mqtts://user@h:8883"}, {"broker": 'mqtts://h"\n:8883'}, {"certificate": ""},
        {"ca": "\x1b[2J"}, {"ca": "a" * 4097}, {"keys": []}, {"profile": None}, {"sector_key": "00" * 31},
        {"more": 1}, {"root": {}}, {"v": 3}, {"v": 0},
    ],
    "rooted": [{"v": 1}, {"v": 3}, {"root": []}, {"root": None}, {"root": "x"}, {"more": 1}],
    "record": [{"v": 2}, {"gate": ""}, {"broker": "h"}, {"enrolled_at": -1}, {"box": ""}, {"more": 1}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("form", "change"),
    [(form, change) for form, changes in CHANGES.items() for change in changes],
    ids=lambda value: str(value)[:60],
)
def test_any_other_form_is_refused(form, change):
    payload, read, _, _ = FORMS[form]
    with pytest.raises(DocumentError):
        read(canonical(json.loads(payload) | change).encode())


@pytest.mark.parametrize("form", FORMS)
def test_a_member_that_is_missing_is_refused(form):
    payload, read, _, _ = FORMS[form]
    document = json.loads(payload)
    for missing in document:
        with pytest.raises(DocumentError):
            read(canonical({name: value for name, value in document.items() if name != missing}).encode())


@pytest.mark.parametrize(
    ("read", "limit"),
    [
        (read_request, MAX_REQUEST_BYTES),
        (read_enrolment, MAX_ENROLMENT_BYTES),
        (read_bundle, MAX_BUNDLE_BYTES),
    ],
)
def test_what_is_too_large_or_too_deep_is_refused_before_it_is_built(read, limit):
    with pytest.raises(DocumentError, match=f"at most {limit} bytes"):
        read(b'"' + b"a" * limit + b'"')
    with pytest.raises(DocumentError, match="canonical JSON"):
        read(b"[" * (limit // 2) + b"]" * (limit // 2))


def test_a_bundle_that_no_answer_carries_is_not_made_and_the_largest_is_read():
    def sized(size):
        return Bundle("pools", "bron", "mqtts://h:1", "c", "c", {"k": "x" * size}, {}, KEY)

    spare = MAX_BUNDLE_BYTES - len(encode_bundle(sized(0)))
    largest = sized(spare)
    assert largest == read_bundle(encode_bundle(largest))
    answer = Enrolment("b" * 32, KEY, 1, 2, KEY, KEY, bytes(MAX_BUNDLE_BYTES + 16))
    assert answer == read_enrolment(encode_enrolment(answer))
    with pytest.raises(ValueError, match="larger than"):
        encode_bundle(sized(spare + 1))


def test_no_secret_is_shown():
    for shown in (BOX, TLS, SIGNING, BUNDLE, f"{BUNDLE}"):
        assert KEY.hex() not in repr(shown)
        assert str(KEY) not in repr(shown)
    numbers = TLS.private.private_numbers().private_value, BOX.private.private_bytes_raw().hex()
    assert not any(str(number) in f"{TLS!r}{BOX!r}" for number in numbers)
    with pytest.raises(DocumentError) as told:
        read_bundle(canonical(json.loads(encode_bundle(BUNDLE)) | {"sector_key": KEY.hex() + "0"}).encode())
    assert KEY.hex() not in str(told.value)


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("mqtts://broker.city.example", "mqtts://broker.city.example:8883"),
        ("mqtts://10.0.0.5:1234", "mqtts://10.0.0.5:1234"),
        ("mqtts://[fd00::1]", "mqtts://[fd00::1]:8883"),
    ],
)
def test_a_broker_has_a_port(told, meant):
    assert meant == read_broker(told)


# ------------------------------------------------------------------ fingerprints


def test_a_fingerprint_is_what_the_page_says():
    digest = hashlib.sha256(b"gated").digest()[:10]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    number = int.from_bytes(digest)
    text = "".join(alphabet[number >> shift & 31] for shift in range(75, -1, -5))
    assert "-".join((text[:4], text[4:8], text[8:12], text[12:])) == fingerprint(b"gated")


@given(st.binary(), st.binary())
def test_a_fingerprint_is_of_one_content(one, other):
    told = fingerprint(one)
    assert is_fingerprint_of(told, one)
    assert is_fingerprint_of(f" {told.lower().replace('-', '')} ", one)
    assert is_fingerprint_of(told, other) == (one == other)


@given(st.integers(0, 15), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_each_of_its_letters_counts(at, letter):
    told = fingerprint(b"gated").replace("-", "")
    changed = told[:at] + letter + told[at + 1 :]
    assert is_fingerprint_of(changed, b"gated") == (changed == told)


@pytest.mark.parametrize(
    "told", ["", "AAAA", "AAAA-AAAA-AAAA-AAA1", "AAAA-AAAA-AAAA-AAAAA", "ÄAAA-AAAA-AAAA-AAAA"]
)
def test_what_can_be_nobodys_fingerprint_is_told(told):
    with pytest.raises(ValueError, match="XXXX-XXXX"):
        is_fingerprint_of(told, b"")


# ------------------------------------------------------------------ sealing


@given(st.binary(max_size=500), st.binary(max_size=50))
def test_what_is_sealed_opens_for_its_box_alone(plain, belongs):
    ephemeral, sealed = seal(BOX.public, belongs, plain)
    assert plain == BOX.open(ephemeral, belongs, sealed)
    with pytest.raises(ValueError, match="another box"):
        BoxKey.generate().open(ephemeral, belongs, sealed)
    with pytest.raises(ValueError, match="another box"):
        BOX.open(ephemeral, belongs + b"x", sealed)


@given(st.data())
def test_no_byte_of_it_can_be_changed(data):
    ephemeral, sealed = seal(BOX.public, b"context", b"plain")
    at, change = data.draw(st.integers(0, len(sealed) - 1)), data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match="another box"):
        BOX.open(ephemeral, b"context", sealed[:at] + bytes([sealed[at] ^ change]) + sealed[at + 1 :])
    at = data.draw(st.integers(0, 30))
    with pytest.raises(ValueError, match="another box"):
        BOX.open(ephemeral[:at] + bytes([ephemeral[at] ^ change]) + ephemeral[at + 1 :], b"context", sealed)


def test_two_of_one_content_have_nothing_in_common():
    one, other = seal(BOX.public, b"", b"plain"), seal(BOX.public, b"", b"plain")
    assert one[0] != other[0]
    assert one[1] != other[1]


def test_a_public_key_that_gives_everybody_the_same_secret_is_refused():
    with pytest.raises(ValueError, match="shared key"):
        seal(bytes(32), b"", b"plain")
    with pytest.raises(ValueError, match="shared key"):
        BOX.open(bytes(32), b"", bytes(32))


def test_the_context_names_request_and_gate():
    assert hashlib.sha256(b"file").digest() + b"bron-1" == context("bron-1", b"file")


def test_keys_are_read_back_and_told_apart():
    assert BOX.public == BoxKey.from_pem(BOX.pem()).public
    assert TLS.private.public_key() == TlsKey.from_pem(TLS.pem()).private.public_key()
    for read, other in ((BoxKey.from_pem, TLS.pem()), (TlsKey.from_pem, BOX.pem()), (TlsKey.from_pem, b"x")):
        with pytest.raises(ValueError):  # the words are cryptography's own
            read(other)


# ------------------------------------------------------------------ certificates


def pem_of(made) -> str:
    return made.public_bytes(serialization.Encoding.PEM).decode()


SHA256 = hashes.SHA256()
BRON = name("bron-1")


def csr(key, subject=BRON, algorithm=SHA256):
    return pem_of(x509.CertificateSigningRequestBuilder(subject).sign(key, algorithm))


def test_a_request_tells_its_key():
    assert TLS.private.public_key() == asked_for(REQUEST.csr, "bron-1")


def spoilt(pem: str) -> str:
    """The same with another name in it: the signature no longer holds."""
    der = x509.load_pem_x509_csr(pem.encode()).public_bytes(serialization.Encoding.DER)
    changed = der.replace(b"bron-1", b"bron-2")
    return pem_of(x509.load_der_x509_csr(changed))


@pytest.mark.parametrize(
    ("pem", "told"),
    [
        ("", "is no certificate request"),
        (REQUEST.csr[:200], "is no certificate request"),
        (spoilt(REQUEST.csr), "is not signed by its own key"),
        (TLS.request("bron-2"), "must be for the common name 'bron-1' alone"),
        (csr(TLS.private, x509.Name([*name("bron-1"), *name("central")])), "alone"),
        (csr(TLS.private, x509.Name([])), "alone"),
        (csr(ec.generate_private_key(ec.SECP384R1())), "must be of a P-256 key"),
        (csr(rsa.generate_private_key(65537, 2048)), "must be of a P-256 key"),
        (csr(SIGNING.private, algorithm=None), "must be of a P-256 key"),
    ],
)
def test_a_request_of_another_form_is_refused(pem, told):
    with pytest.raises(ValueError, match=told):
        asked_for(pem, "bron-1")


def test_what_is_no_certificate_is_told():
    for pem in ("", "x", REQUEST.csr):
        with pytest.raises(ValueError, match="is no certificate"):
            read_certificate(pem)
        with pytest.raises(ValueError, match="is no certificate"):
            check_certificate(pem, "bron-1", TLS)
