"""A gate hears the vectors of use records, and ends where they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from following import Following
from gated.credential.keys import read_keys
from gated.store.cache import Cache
from gated.store.elsewhere import ElsewhereReader
from vectors.make_uses_vectors import document

FILE = Path(__file__).with_name("uses.json")


def test_the_file_is_what_its_maker_makes():
    assert json.loads(FILE.read_text()) == document()


@pytest.fixture
def gate(tmp_path):
    vectors = json.loads(FILE.read_text())
    made = Following(tmp_path, gate=vectors["gate"], now=vectors["floor"])
    made.trust.keys.clear()
    made.trust.keys.update(read_keys(vectors["keys"]))
    yield made
    made.close()


def test_a_gate_does_as_the_vectors_say(gate, tmp_path):
    vectors = json.loads(FILE.read_text())
    cti, pass_, day = bytes.fromhex(vectors["cti"]), bytes.fromhex(vectors["pass"]), vectors["day"]
    cache = Cache(tmp_path)
    reader = ElsewhereReader(cache)
    for step in vectors["steps"]:
        before = dict(gate.unbelieved.refused)
        gate.hear(bytes.fromhex(step["message"]))
        new = {code: count for code, count in gate.unbelieved.refused.items() if before.get(code) != count}
        assert [f"uses_{step[name]}" for name in step if name == "code"] == list(new), step["name"]
        with cache:
            used, people = reader.recall([cti], vectors["venue"], day, (pass_, vectors["zone"], day))
        seen = people.of_pass
        assert step["expect"] == {
            "seq": gate.knowledge.uses,
            "elsewhere": used[cti].uses.total if used else 0,
            "inside": 0 if seen is None else seen.come - seen.gone,
        }, step["name"]
    cache.close()
