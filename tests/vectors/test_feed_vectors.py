"""Every vector of feed.json does what its name says, and the generator still makes the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gated.credential.keys import read_keys
from gated.credential.message import open_message
from gated.credential.statement import open_statement
from gated.model.document import DocumentError
from gated.model.refusal import Refusal
from gated.model.statement import KIND_NUMBERS, Kind, Row, place_of
from gated.wire.blob import BlobError, name_of
from gated.wire.event import canonical
from gated.wire.head import encode_head, read_head
from gated.wire.manifest import encode_manifest, read_index, read_manifest
from gated.wire.page import read_page
from gated.wire.request import encode_request, read_answer, read_request
from set_opinion import in_buckets
from vectors import make_feed_vectors

HERE = Path(__file__).parent
FILE = json.loads((HERE / "feed.json").read_text())
SECTOR, FLOOR = FILE["sector"], FILE["floor"]
KEYS = read_keys({"v": 1, "keys": FILE["keys"]})


def named(section):
    return [pytest.param(case, id=case["name"]) for case in FILE[section]]


def blob_of(case) -> bytes:
    told = case["blob"]
    if isinstance(told, str):
        return bytes.fromhex(told)
    return b"".join(bytes.fromhex(piece) * times for piece, times in told)


def row_of(told) -> Row:
    key, id_, token = (bytes.fromhex(told[name]) for name in ("key", "id", "token"))
    return Row(key, KIND_NUMBERS[Kind(told["kind"])], id_, told["rank"], token, told["number"])


def read(case, reader):
    """What a blob says, or the code of its refusal."""
    try:
        return reader(blob_of(case))
    except BlobError as error:
        return {"refused": error.code}


@pytest.mark.parametrize("case", named("pages"))
def test_a_page_opens_or_is_refused_as_it_says(case):
    found = read(case, read_page)
    if isinstance(found, dict):
        assert case["expect"] == found
    else:
        assert [row_of(told) for told in case["expect"]["rows"]] == found


@pytest.mark.parametrize("case", named("indexes"))
def test_an_index_opens_or_is_refused_as_it_says(case):
    found = read(case, read_index)
    assert case["expect"] == (found if isinstance(found, dict) else {"names": [name.hex() for name in found]})


@pytest.mark.parametrize("case", named("manifests"))
def test_a_manifest_opens_or_is_refused_as_it_says(case):
    found = read(case, read_manifest)
    if isinstance(found, dict):
        assert case["expect"] == found
    else:
        assert found == read_manifest(encode_manifest(found))
        again = make_feed_vectors.frame(canonical(case["expect"]).encode())
        assert blob_of(case) == again
        assert (case["expect"]["position"], case["expect"]["sector"]) == (found.position, found.sector)


def opened(token: bytes):
    payload = open_message(token, Kind.HEAD, KEYS, SECTOR, FLOOR)
    if isinstance(payload, Refusal):
        return {"refused": str(payload.reason)}
    try:
        head = read_head(payload)
    except DocumentError:
        return {"refused": "malformed"}
    return head if head.sector == SECTOR else {"refused": "foreign_sector"}


@pytest.mark.parametrize("case", named("heads"))
def test_a_head_opens_or_is_refused_as_it_says(case):
    found = opened(bytes.fromhex(case["token"]))
    assert case["expect"] == (found if isinstance(found, dict) else json.loads(encode_head(found)))


@pytest.mark.parametrize("case", named("sets"))
def test_a_set_has_the_digest_that_it_says(case):
    places = [
        (
            bytes.fromhex(place["key"]),
            KIND_NUMBERS[Kind(place["kind"])],
            bytes.fromhex(place["id"]),
            place["rank"],
        )
        for place in case["places"]
    ]
    assert case["digest"] == in_buckets(places).digest().hex()


@pytest.mark.parametrize("case", named("questions"))
def test_a_question_opens_as_it_says(case):
    entry = {key: value for key, value in FILE["gate"].items() if key != "gate"}
    keys = read_keys({"v": 1, "keys": [entry]})
    payload = open_message(bytes.fromhex(case["message"]), Kind.REQUEST, keys, SECTOR, FLOOR)
    request = read_request(payload)
    assert (case["expect"], FILE["gate"]["gate"]) == (json.loads(encode_request(request)), request.gate)


@pytest.mark.parametrize("case", named("answers"))
def test_an_answer_opens_or_is_refused_as_it_says(case):
    try:
        answer = read_answer(bytes.fromhex(case["message"]))
    except DocumentError:
        assert case["expect"] == {"refused": "malformed"}
    else:
        assert case["expect"] == {"id": answer.id.hex(), "code": answer.code, "body": answer.body.hex()}


def test_a_whole_feed_is_the_set_that_its_head_signs():
    feed = FILE["feed"]
    blobs = {bytes.fromhex(name): bytes.fromhex(blob) for name, blob in feed["blobs"].items()}
    assert all(name == name_of(blob) for name, blob in blobs.items())
    head = opened(bytes.fromhex(feed["head"]))
    manifest = read_manifest(blobs.pop(head.manifest))
    pages = [
        page
        for index in (*manifest.snapshot.denials, *manifest.snapshot.pages)
        for page in read_index(blobs.pop(index))
    ]
    pages += [name for delta in manifest.deltas for name in (delta.denials, delta.others) if name]
    newest: dict = {}
    for name in pages:
        for row in read_page(blobs.pop(name)):
            if row[:3] not in newest or row.rank > newest[row[:3]].rank:
                newest[row[:3]] = row
    rows = sorted(newest.values())
    assert not blobs  # nothing is in it that nothing names
    assert [row_of(told) for told in feed["rows"]] == rows
    told = in_buckets([row[:4] for row in rows])
    assert (head.set_, head.rows, head.position) == (told.digest(), told.rows, manifest.position)


def test_rows_stand_where_their_statements_belong():
    for told in FILE["feed"]["rows"]:
        row = row_of(told)
        statement = open_statement(row.token, KEYS, FLOOR)
        kind, row_id = place_of(statement)
        assert row[:4] == (statement.key, KIND_NUMBERS[kind], row_id, statement.rank)


@pytest.mark.parametrize(
    "section", ["pages", "indexes", "manifests", "heads", "sets", "questions", "answers"]
)
def test_no_two_vectors_bear_one_name(section):
    names = [case["name"] for case in FILE[section]]
    assert len(names) == len(set(names))


def test_the_generator_makes_these_very_bytes():
    assert make_feed_vectors.files()["feed.json"] == (HERE / "feed.json").read_text()
