"""Questions and answers have one spelling and bounds; whatever else arrives is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gated.model.document import DocumentError
from gated.wire.event import canonical
from gated.wire.request import (
    HERE,
    LATER,
    MAX_BODY_BYTES,
    MAX_REQUEST_BYTES,
    NO_SUCH_THING,
    Answer,
    BlobWanted,
    HeadWanted,
    PulseWanted,
    Request,
    TrustWanted,
    UsesWanted,
    encode_answer,
    encode_request,
    read_answer,
    read_request,
)

ID = bytes(range(8))
WANTS = [
    HeadWanted(),
    BlobWanted(bytes(range(32))),
    PulseWanted(bytes(range(16))),
    UsesWanted(0),
    UsesWanted((1 << 53) - 1),
    TrustWanted("3.root.json"),
    TrustWanted("00" * 32 + ".profile-" + "a" * 32 + ".json", 7),
]


@pytest.mark.parametrize("want", WANTS, ids=repr)
def test_a_request_reads_as_it_was_written(want):
    request = Request("bron-1", ID, want)
    payload = encode_request(request)
    assert request == read_request(payload)
    assert len(payload) < 240


def spoilt(**changes):
    return canonical({"v": 1, "gate": "bron-1", "id": ID.hex(), "want": "head", **changes}).encode()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"noise",
        b"[]",
        b"{}",
        b"[" * 1000,
        b" " + spoilt(),
        spoilt() + b"\n",
        spoilt(v=2),
        spoilt(gate="Bron"),
        spoilt(gate="a/b"),
        spoilt(id="00"),
        spoilt(want="all"),
        spoilt(want=7),
        spoilt(more=1),
        spoilt(want="blob"),
        spoilt(want="blob", name="00" * 31),
        spoilt(want="blob", name="../" + "0" * 61),
        spoilt(want="pulse", nonce="00" * 15),
        spoilt(want="uses", after=-1),
        spoilt(want="uses", after=True),
        spoilt(want="trust", file="../secret"),
        spoilt(want="trust", file=".hidden"),
        spoilt(want="trust", file="a" * 129),
        spoilt(want="trust", file="a", part=0),  # one spelling: it is left out
        spoilt(want="trust", file="a", part=8),
        spoilt(want="trust", file="a", part=True),
        spoilt(want="head", part=1),
        spoilt(want="head", name="00" * 32),
        spoilt(want="x" * MAX_REQUEST_BYTES),
        json.dumps({"v": 1, "gate": "bron-1", "id": ID.hex(), "want": "head"}).encode(),
    ],
)
def test_any_other_request_is_refused(payload):
    with pytest.raises(DocumentError):
        read_request(payload)


@given(st.binary(max_size=300))
def test_noise_is_refused_and_nothing_else_is_raised(payload):
    for read in (read_request, read_answer):
        try:
            read(payload)
        except DocumentError:
            continue
        assert read is read_answer  # nine bytes and more may be an answer
        assert encode_answer(read_answer(payload)) == payload


@pytest.mark.parametrize(
    "answer", [Answer(ID, HERE, b"x" * MAX_BODY_BYTES), Answer(ID, NO_SUCH_THING), Answer(ID, LATER)]
)
def test_an_answer_reads_as_it_was_written(answer):
    assert answer == read_answer(encode_answer(answer))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        ID,
        ID + b"\x00",
        ID + b"\x01x",
        ID + b"\x02x",
        ID + b"\x03",
        ID + b"\x00" + b"x" * (MAX_BODY_BYTES + 1),
    ],
)
def test_any_other_answer_is_refused(payload):
    with pytest.raises(DocumentError):
        read_answer(payload)
