"""Central's pulse: its time over the number that was drawn for it, and never outside its key's own time."""

from __future__ import annotations

import json

import pytest

from central.pools import founded
from gated.central.ack_keys import AckKeys
from gated.central.answering import Asker, Later
from gated.central.pulse import Pulses
from gated.config.files import load_keys
from gated.credential.message import open_message
from gated.model.statement import Kind
from gated.model.trust import Algorithm
from gated.wire.pulse import PulseAnswer, read_pulse
from gated.wire.request import HERE, Answer, PulseWanted, Request, encode_answer, encode_request
from gated.wire.seal import SigningKey

NOW = 1_800_000_000
ASKER, WANT = Asker("bron-1", "pools"), PulseWanted(bytes(range(16)))


@pytest.fixture
def office(tmp_path):
    return founded(tmp_path / "city", NOW)


def test_what_is_signed_is_what_was_asked_and_where_central_stands(office):
    counts = {"head": 7, "uses": 8, "trust": 9}
    more = {
        name: (lambda sector, value=value: value if sector == "pools" else 0)
        for name, value in counts.items()
    }
    token = Pulses(AckKeys.load(office), lambda: NOW + 5, **more).answer(ASKER, WANT)
    payload = open_message(token, Kind.TIME, load_keys(office / "gate" / "keys.json"), "pools", NOW)
    assert PulseAnswer("pools", "bron-1", WANT.nonce, NOW + 5, **counts) == read_pulse(payload)


def test_where_nothing_is_published_yet_the_time_is_told_alone(office):
    token = Pulses(AckKeys.load(office), lambda: NOW).answer(ASKER, WANT)
    payload = open_message(token, Kind.TIME, load_keys(office / "gate" / "keys.json"), "pools", NOW)
    assert PulseAnswer("pools", "bron-1", WANT.nonce, NOW) == read_pulse(payload)


def test_no_time_is_signed_outside_that_of_the_key(office):
    keys = json.loads((office / "gate" / "keys.json").read_text())["keys"]
    (entry,) = [one for one in keys if "ack" in one["kinds"]]
    pulses = [
        Pulses(AckKeys.load(office), lambda at=at: at) for at in (entry["not_before"] - 1, entry["expires"])
    ]
    for one in pulses:
        with pytest.raises(Later):
            one.answer(ASKER, WANT)
    assert Pulses(AckKeys.load(office), lambda: entry["expires"] - 1).answer(ASKER, WANT)


def test_a_key_that_may_tell_no_time_tells_none(office):
    path = office / "gate" / "keys.json"
    document = json.loads(path.read_text())
    for entry in document["keys"]:
        if "ack" in entry["kinds"]:
            entry["kinds"] = ["ack"]
    path.write_text(json.dumps(document))
    with pytest.raises(Later):
        Pulses(AckKeys.load(office), lambda: NOW).answer(ASKER, WANT)


def test_question_and_answer_stay_below_a_kilobyte(office):
    """With everything as long as it may be, and what MQTT and its acknowledgements add: 200 bytes."""
    asker = Asker("b" * 32, "pools")
    most = (1 << 53) - 1
    pulses = Pulses(
        AckKeys.load(office), lambda: NOW, head=lambda _: most, uses=lambda _: most, trust=lambda _: most
    )
    answer = encode_answer(Answer(bytes(8), HERE, pulses.answer(asker, WANT)))
    question = SigningKey.generate(Algorithm.EDDSA).sign(
        "gated/request", encode_request(Request(asker.gate, bytes(8), WANT))
    )
    topics = len(f"gated/v1/gate/{asker.gate}/up/request") + len(f"gated/v1/gate/{asker.gate}/down/response")
    assert len(question) + len(answer) + topics + 200 <= 1024
