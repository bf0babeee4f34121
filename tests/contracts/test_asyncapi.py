"""docs/reference/asyncapi.yaml is AsyncAPI, complete, and says of the topics what the code says.

The published schemas of AsyncAPI judge its form: 7 MB, where the official parser is 54 MB. What they do not
see is asked for here: references that lead nowhere, messages of no channel, examples that do not open.
"""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from referencing import Registry
from referencing.jsonschema import DRAFT7

from gated.credential import cose
from gated.credential.message import MAX_MESSAGE_BYTES, MESSAGE_TYPES
from gated.credential.statement import CONTENT_TYPES
from gated.model.statement import Kind
from gated.wire import topics
from gated.wire.ack import MAX_ACK_BYTES
from gated.wire.batch import MAX_BATCH_BYTES
from gated.wire.head import MAX_HEAD_BYTES
from gated.wire.request import MAX_BODY_BYTES, MAX_REQUEST_BYTES, read_answer
from gated.wire.state import MAX_STATE_BYTES
from gated.wire.statement_file import MAX_TOKEN_BYTES
from node import modules

HERE = Path(__file__).parent
REFERENCE = HERE.parents[1] / "docs" / "reference"
VECTORS = HERE.parent / "vectors"
DOCUMENT = yaml.safe_load((REFERENCE / "asyncapi.yaml").read_text())
MESSAGES = DOCUMENT["components"]["messages"]


@pytest.fixture(scope="module")
def judge():
    """The published schema of this version, with its bindings."""
    schemas = modules(HERE / "asyncapi") / "@asyncapi" / "specs" / "schemas"
    schema = json.loads((schemas / f"{DOCUMENT['asyncapi']}.json").read_text())
    parts = [(name, DRAFT7.create_resource(part)) for name, part in schema["definitions"].items()]
    return jsonschema.Draft7Validator(schema, registry=Registry().with_resources(parts))


def walk(part, path=()):
    """Every table of the document, with where it stands."""
    if isinstance(part, dict):
        yield path, part
        for name, inner in part.items():
            yield from walk(inner, (*path, name))
    elif isinstance(part, list):
        for number, inner in enumerate(part):
            yield from walk(inner, (*path, number))


def follow(reference: str):
    file, _, pointer = reference.partition("#")
    if file:
        return json.loads((REFERENCE / file).read_text())
    part = DOCUMENT
    for name in pointer.removeprefix("/").split("/"):
        part = part[name]
    return part


def test_it_is_asyncapi(judge):
    judge.validate(DOCUMENT)


@pytest.mark.parametrize(
    ("path", "mistake"),
    [
        (("operations", "greet", "action"), "publish"),
        (("operations", "greet", "bindings", "mqtt", "qos"), 3),
        (("operations", "greet", "bindings", "mqtt", "retained"), True),
        (("operations", "greet", "channel"), "state"),
        (("servers", "broker", "protocol"), 8883),
        (("servers", "broker", "bindings", "mqtt", "lastWill", "retain"), "yes"),
        (("components", "securitySchemes", "certificate", "type"), "x509"),
        (("channels", "ack", "topic"), "gated"),
        (("channels", "ack", "parameters", "gate", "schema"), {}),
        (("components", "messages", "centralAck", "examples"), {}),
        (("info", "version"), 1),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else str(value),
)
def test_a_planted_mistake_is_seen(judge, path, mistake):
    spoilt = copy.deepcopy(DOCUMENT)
    part = spoilt
    for name in path[:-1]:
        part = part[name]
        if "$ref" in part:
            part.clear()
    part[path[-1]] = mistake
    assert not judge.is_valid(spoilt)


def test_every_reference_leads_somewhere():
    references = [part["$ref"] for _, part in walk(DOCUMENT) if "$ref" in part]
    sealed = {f"./sync/{name}.schema.json" for name in ("batch", "ack", "state", "head")}
    assert sealed < set(references)
    for reference in references:
        assert follow(reference), reference
    assert (REFERENCE / MESSAGES["freshStatement"]["x-sealed"]["grammar"]).exists()


def test_channels_are_the_topics_of_the_code():
    addresses = {name: channel["address"] for name, channel in DOCUMENT["channels"].items()}
    assert addresses == {
        "events": topics.events("{gate}"),
        "state": topics.state("{gate}"),
        "ack": topics.ack("{gate}"),
        "request": topics.request("{gate}"),
        "response": topics.response("{gate}"),
        "head": topics.head("{sector}"),
        "statement": topics.statement("{sector}"),
    }
    for name, channel in DOCUMENT["channels"].items():
        assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel["parameters"]), name
    assert topics.shared_events("<secret>") in DOCUMENT["channels"]["events"]["description"]
    assert topics.shared_requests("<secret>") in DOCUMENT["channels"]["request"]["description"]
    assert topics.ALL_STATES in DOCUMENT["channels"]["state"]["description"]
    assert topics.state("{gate}") == DOCUMENT["servers"]["broker"]["bindings"]["mqtt"]["lastWill"]["topic"]


def test_every_channel_has_one_operation_as_the_gate_does_it():
    done = {
        operation["channel"]["$ref"].rpartition("/")[2]: operation
        for operation in DOCUMENT["operations"].values()
    }
    assert done.keys() == DOCUMENT["channels"].keys()
    for name, operation in done.items():
        address, binding = DOCUMENT["channels"][name]["address"], operation["bindings"]["mqtt"]
        assert operation["action"] == ("send" if "/up/" in address else "receive")
        assert (1, name in ("state", "head")) == (binding["qos"], binding["retain"])
        assert [follow(one["$ref"]) for one in operation["messages"]] == list(
            DOCUMENT["channels"][name]["messages"].values()
        )


def test_messages_are_those_of_the_code():
    sealed = {name: message["x-sealed"] for name, message in MESSAGES.items() if "x-sealed" in message}
    assert MESSAGES.keys() - sealed.keys() == {"centralAnswer"}
    told = {name: one["contentType"] for name, one in sealed.items()}
    assert told["gateRequest"] == MESSAGE_TYPES[Kind.REQUEST]
    assert told["sectorHead"] == MESSAGE_TYPES[Kind.HEAD]
    assert told["gateEvents"] == MESSAGE_TYPES[Kind.EVENTS]
    assert told["gateState"] == MESSAGE_TYPES[Kind.STATE]
    assert told["centralAck"] == MESSAGE_TYPES[Kind.ACK]
    assert list(CONTENT_TYPES) == re.split(r", | or ", told["freshStatement"])
    used = {part["$ref"] for _, part in walk(DOCUMENT["channels"]) if "$ref" in part}
    assert {f"#/components/messages/{name}" for name in MESSAGES} <= used


@pytest.mark.parametrize(
    ("message", "sizes"),
    [
        ("gateEvents", {MAX_MESSAGE_BYTES, MAX_BATCH_BYTES}),
        ("gateState", {MAX_STATE_BYTES}),
        ("centralAck", {MAX_ACK_BYTES}),
        ("freshStatement", {MAX_TOKEN_BYTES}),
        ("gateRequest", {MAX_REQUEST_BYTES}),
        ("centralAnswer", {MAX_BODY_BYTES}),
        ("sectorHead", {MAX_HEAD_BYTES}),
    ],
)
def test_sizes_are_those_of_the_code(message, sizes):
    assert sizes == {int(number) for number in re.findall(r"\d{3,}", MESSAGES[message]["summary"])}


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_examples_are_vectors_and_open(name):
    (example,) = MESSAGES[name]["examples"]
    sync = json.loads((VECTORS / "sync.json").read_text())
    feed = json.loads((VECTORS / "feed.json").read_text())
    statements = json.loads((VECTORS / "statements.json").read_text())["statements"]
    vectors = (
        {case["name"]: case["steps"][0]["message"] for case in sync["conversations"]}
        | {case["name"]: case["message"] for case in sync["acks"]}
        | {case["name"]: case["token"] for case in statements}
        | {case["name"]: case["token"] for case in feed["heads"]}
        | {case["name"]: case["message"] for case in feed["questions"] + feed["answers"]}
    )
    assert example["payload"] == vectors[example["name"]]
    if name == "centralAnswer":
        assert read_answer(bytes.fromhex(example["payload"])).body
        return
    sealed = MESSAGES[name]["x-sealed"]
    header = cose.split(bytes.fromhex(example["payload"]), MAX_MESSAGE_BYTES).header
    assert header.content_type in re.split(r", | or ", sealed["contentType"])
