"""A binding is of one medium, and where that proves a key, of one key."""

from __future__ import annotations

import pytest

from gated.credential.index import index_of, is_bound
from gated.model.credential import Assurance, Credential
from gated.model.statement import Binding

SECTOR_KEY, OTHER_KEY = bytes(32), bytes(31) + b"\1"
KEY = Credential("pkoc", bytes(32), Assurance.ASYMMETRIC)
TAG = Credential("signed", bytes(7), Assurance.STATIC_SIGNED)


def binding(credential, confirmed_by=None, sector_key=SECTOR_KEY):
    return Binding(
        "pools", bytes(16), 0, None, 0, bytes(8), index_of(credential, sector_key), 0, confirmed_by
    )


@pytest.mark.parametrize(
    ("found", "credential", "expected"),
    [
        pytest.param(binding(TAG), TAG, True, id="a tag's own"),
        pytest.param(binding(KEY, KEY.value), KEY, True, id="a key's own"),
        pytest.param(binding(KEY), TAG, False, id="another medium's"),
        pytest.param(binding(TAG, sector_key=OTHER_KEY), TAG, False, id="another sector's index"),
        pytest.param(binding(KEY), KEY, False, id="a key's that names none"),
        pytest.param(binding(KEY, bytes(31) + b"\1"), KEY, False, id="a key's that names another"),
        pytest.param(binding(TAG, TAG.value), TAG, False, id="a tag's that names a key"),
    ],
)
def test_a_binding_is_of(found, credential, expected):
    assert expected is is_bound(found, credential, SECTOR_KEY)
