"""Central answers who is enrolled and asks under its own name, and nobody else."""

from __future__ import annotations

import pytest

from gated.central.answering import Answering, Asker, Later
from gated.wire.request import (
    HERE,
    LATER,
    MAX_BODY_BYTES,
    NO_SUCH_THING,
    Answer,
    BlobWanted,
    HeadWanted,
    Request,
)

ID = bytes(8)
ASKER = Asker("bron-1", "pools")


def later(_asker, _want):
    raise Later


@pytest.mark.parametrize(
    ("answerer", "expected"),
    [
        (lambda asker, want: asker.sector.encode() + want.name[:1], Answer(ID, HERE, b"pools\x07")),
        (lambda _asker, _want: None, Answer(ID, NO_SUCH_THING)),
        (lambda _asker, _want: b"", Answer(ID, NO_SUCH_THING)),
        (lambda _asker, _want: bytes(MAX_BODY_BYTES + 1), Answer(ID, NO_SUCH_THING)),
        (later, Answer(ID, LATER)),
    ],
    ids=["here", "nothing", "empty", "too large", "later"],
)
def test_the_one_who_has_it_answers(answerer, expected):
    answering = Answering({BlobWanted: answerer})
    request = Request("bron-1", ID, BlobWanted(b"\x07" * 32))
    assert expected == answering.answer(ASKER, request)
    assert Answer(ID, NO_SUCH_THING) == answering.answer(ASKER, Request("bron-1", ID, HeadWanted()))
