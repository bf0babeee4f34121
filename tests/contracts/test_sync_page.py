"""The prose of the contract says what the code does: numbers, codes, members, topics, bytes."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
from importlib import import_module
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gated.central import opening
from gated.credential.message import MESSAGE_TYPES
from gated.model.refusal import Reason
from gated.model.statement import Kind
from gated.wire import defect, topics
from gated.wire.ack import Ack, encode_ack
from gated.wire.batch import Batch, encode_batch
from gated.wire.event import genesis
from gated.wire.seal import SigningKey
from needs import need
from schemas import document

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "sync.md").read_text()
VECTORS = json.loads((ROOT / "tests" / "vectors" / "sync.json").read_text())


def section(title: str) -> str:
    """What stands under a heading, up to the next of its rank or above."""
    rank = re.search(rf"^(#+) {re.escape(title)}$", PAGE, re.MULTILINE)[1]
    found = re.search(
        rf"^{rank} {re.escape(title)}$(.*?)(?=^#{{1,{len(rank)}}} |\Z)", PAGE, re.MULTILINE | re.DOTALL
    )
    return found[1]


def first_column(text: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


def test_limits_have_the_values_of_the_code():
    row = r"^\| [^|]+ \| (\d+) \| [^|]+ \| `gated\.([\w.]+)`(?:, `(\w+)`)? \|$"
    rows = re.findall(row, section("Limits"), re.MULTILINE)
    assert 14 == len(rows) == section("Limits").count("`gated.")
    for value, name, parameter in rows:
        module, _, attribute = name.rpartition(".")
        limit = getattr(import_module(f"gated.{module}"), attribute)
        if parameter:
            limit = inspect.signature(limit).parameters[parameter].default
        assert int(value) == limit, name


def test_numbers_in_prose_are_those_of_the_table():
    from gated.credential.message import MAX_MESSAGE_BYTES
    from gated.wire.batch import MAX_EVENTS
    from gated.wire.statement_file import MAX_TOKEN_BYTES

    assert f"at most {MAX_MESSAGE_BYTES} bytes" in section("What a receiver checks")
    assert f"1 to {MAX_EVENTS} events" in section("A batch")
    assert f"at most {MAX_EVENTS} |" in section("An ack")
    assert f"at most {MAX_TOKEN_BYTES} bytes" in section("Live statements")
    packet = int(re.search(r"packets of (\d+) bytes", PAGE)[1])
    assert MAX_MESSAGE_BYTES + 200 < packet


def test_defaults_in_prose_are_those_of_the_configuration():
    text = (ROOT / "docs" / "reference" / "configuration.md").read_text()
    assert "| `sync.ack_wait` | duration, 0.1 s to 600 s | `5s` |" in text
    assert "After 5 s without one (`sync.ack_wait`)" in PAGE
    assert "| `sync.retention` | duration | `24h` |" in text
    assert "(24 h after the ack, by default)" in PAGE


@pytest.mark.parametrize(
    ("title", "schema"), [("A batch", "batch"), ("An ack", "ack"), ("Greeting and will", "state")]
)
def test_every_member_is_explained(title, schema):
    assert set(document(f"sync/{schema}.schema.json")["properties"]) == set(first_column(section(title)))


def test_the_order_of_members_is_the_one_that_is_written():
    told = re.search(r"in this order, without a space: (.*?)\. ", section("A batch"))[1]
    written = encode_batch(Batch("g", "0" * 16, 1, bytes(32), ("1",), erased=True)).decode()
    assert re.findall(r"`(\w+)`", told) == re.findall(r'"(\w+)":', written)


def test_every_code_of_a_row_kept_aside_is_explained_in_the_order_of_the_checks():
    codes = re.findall(r'"((?:not|unknown|wrong)_\w+)"', inspect.getsource(defect.defect))
    assert ["chain_broken", *dict.fromkeys(codes)] == first_column(section("Quarantine"))


def test_every_code_of_a_refusal_is_explained_and_has_a_vector():
    told = set(re.findall(r"`(\w+)`(?:, (?=`)| \|$)", section("What a receiver checks"), re.MULTILINE))
    reasons = {str(reason) for reason in Reason}
    own = set(re.findall(r'Unbelieved\(\w+, "(\w+)"\)', inspect.getsource(opening))) - {"no_ack_key"}
    own |= set(re.findall(r'else Unbelieved\(gate, "(\w+)"\)', inspect.getsource(opening)))
    assert told <= reasons | own
    assert own <= told
    seen = {step["expect"].get("refused") for talk in VECTORS["conversations"] for step in talk["steps"]}
    assert told - seen == {"foreign_topic"}


def test_topics_and_kinds_are_those_of_the_code():
    table = first_column(section("Topics"))
    assert table == [
        topics.events("<gate>"),
        topics.state("<gate>"),
        topics.request("<gate>"),
        topics.ack("<gate>"),
        topics.response("<gate>"),
        topics.head("<sector>"),
        topics.statement("<sector>"),
    ]
    assert f"`{topics.shared_events('<secret>')}`" in section("Topics")
    assert f"`{topics.shared_requests('<secret>')}`" in section("Topics")
    assert f"`{topics.ALL_STATES}`" in section("Topics")
    kinds = re.findall(r"^\| `(gated/\w+)` \|.*\| `(\w+)` \| \[", section("The envelope"), re.MULTILINE)
    wanted = (Kind.EVENTS, Kind.STATE, Kind.ACK)
    assert kinds == [(MESSAGE_TYPES[kind], str(kind)) for kind in wanted]


def test_the_worked_example_is_what_the_code_makes():
    shown = section("A worked example")
    gate, central = (
        SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(at, at + 32)))) for at in (0, 32)
    )
    rows = tuple(re.findall(r"^row \d +(.*)$", shown, re.MULTILINE))
    batch = Batch("bron-1", "00112233445566aa", 1, genesis("bron-1", "00112233445566aa"), rows)
    links = list(batch.digests())
    told = gate.sign("gated/events", encode_batch(batch))
    answer = encode_ack(Ack("bron-1", "00112233445566aa", 2, links[1], 1795478462))
    ack = central.sign("gated/ack", answer)
    together = "".join(shown.split())
    for key in (gate, central):
        assert key.public.hex() in together
        assert f"kid {key.kid.hex()}" in shown
    for part in (batch.prev, *links, told, ack):
        assert part.hex() in together
    payloads = re.findall(r"^payload +(.*)$", shown, re.MULTILINE)
    assert [encode_batch(batch).decode(), answer.decode()] == payloads
    assert f"a payload of {len(encode_batch(batch))} bytes, a message of {len(told)}" in shown
    assert f"a message of {len(ack)} bytes" in shown


def test_the_public_key_comes_out_of_its_file_as_the_how_to_says(tmp_path):
    need("openssl", "openssl")
    page = (ROOT / "docs" / "how-to" / "write-a-central-system.md").read_text()
    (command,) = re.findall(r"^openssl .*$", page, re.MULTILINE)
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    (tmp_path / "signing.key").write_bytes(key.pem())
    ended = subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert key.public.hex() == ended.stdout
    example = json.loads(
        re.search(
            r"```json\n(.*?)```",
            (ROOT / "docs" / "examples" / "central-node" / "README.md").read_text(),
            re.DOTALL,
        )[1]
    )
    assert (key.kid.hex(), key.public.hex()) == (example[0]["kid"], example[0]["public"])
