"""keys.json: read as strictly as a signed thing."""

from __future__ import annotations

import pytest

import forge as f
from gated.credential.index import index_of
from gated.credential.keys import MAX_KEYS, read_keys
from gated.credential.statement import moves_time
from gated.model.credential import Assurance, Credential
from gated.model.document import DocumentError
from gated.model.name import is_name

KEYS = read_keys(f.keys_document())


def changed(**fields):
    document = f.keys_document([f.POOLS])
    document["keys"][0].update(fields)
    return {**document, "keys": [{k: v for k, v in document["keys"][0].items() if v is not ...}]}


def test_a_good_set_is_read_in_full():
    assert {key.kid for key in f.TRUSTED} == set(KEYS)
    assert ("EdDSA", "ES256") == (KEYS[f.POOLS.kid].algorithm, KEYS[f.POOLS_P256.kid].algorithm)


WRONG = {
    "another version": ({"v": 2, "keys": []}, "v: must be a whole number from 1 to 1"),
    "no keys": ({"v": 1, "keys": []}, "keys: must be a list of 1 to"),
    "too many keys": ({"v": 1, "keys": [{}] * (MAX_KEYS + 1)}, "keys: must be a list of 1 to"),
    "no table": ([], "document: must be a table"),
    "a key that is no table": ({"v": 1, "keys": [1]}, "keys[0]: must be a table"),
    "unknown algorithm": (changed(alg="RS256"), "keys[0].alg"),
    "short key": (changed(public="00"), "keys[0].public: is no EdDSA key"),
    "not hex": (changed(public="xy"), "keys[0].public"),
    "compressed point": (changed(alg="ES256", public="02" + "11" * 32), "is no ES256 key"),
    "point off the curve": (changed(alg="ES256", public="04" + "11" * 64), "is no ES256 key"),
    "short kid": (changed(kid="00"), "keys[0].kid: must be 4 bytes"),
    "sector is no name": (changed(sectors=["A b"]), "keys[0].sectors: 'A b' is not a name"),
    "no sector": (changed(sectors=[]), "keys[0].sectors: must be a list of texts"),
    "unknown kind": (changed(kinds=["all"]), "keys[0].kinds: 'all' is none of"),
    "no end": (changed(expires=...), "keys[0].expires: is missing"),
    "unknown member": (changed(note="x"), "keys[0].note: unknown key"),
    "one kid twice": (f.keys_document([f.POOLS, f.POOLS]), "stands twice"),
    "unknown top member": ({**f.keys_document(), "x": 1}, "x: unknown key"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_defect_is_told_with_its_place(case):
    document, told = WRONG[case]
    with pytest.raises(DocumentError) as error:
        read_keys(document)
    assert told in str(error.value)


def test_only_a_key_scoped_for_time_moves_time():
    assert moves_time(f.token(f.CLOCK, f.DENIAL, f.denial()), KEYS)
    assert not moves_time(f.token(f.POOLS, f.DENIAL, f.denial()), KEYS)
    assert not moves_time(f.token(f.STRANGER, f.DENIAL, f.denial()), KEYS)


@pytest.mark.parametrize("name", ["a", "pools", "in-1", "a.b_c", "0", "a" * 32])
def test_a_name(name):
    assert is_name(name)


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a" * 33, "a b", "é", "a\n", 1, None, b"a"])
def test_no_name(name):
    assert not is_name(name)


def test_an_index_depends_on_sector_scheme_and_medium():
    def made(scheme, value, key):
        return index_of(Credential(scheme, value, Assurance.ASYMMETRIC), key)

    found = {
        made(s, v, k)
        for s in ("pkoc", "uid")
        for v in (b"\x01" * 32, b"\x02" * 32)
        for k in (b"a" * 32, b"b" * 32)
    }
    assert 8 == len(found)
    assert {16} == {len(index) for index in found}
