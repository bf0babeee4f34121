"""Commands at central: counted, signed, sent until their gate has told, and never twice the same number."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from central.box import Box
from central.pools import run
from gated.central.command_keys import CommandKey
from gated.central.commanding import AGAIN_S, CommandPublisher, Wish, give
from gated.central.intake import take_in
from gated.central.ledger import Ledger
from gated.central.ledger_commands import commands, learn_outcomes, waiting_tokens
from gated.central.sector_files import COMMAND_SUFFIX
from gated.config.files import load_keys
from gated.credential.message import open_message
from gated.devices.clock import SystemClock
from gated.errors import ConfigError
from gated.model.order import Mode
from gated.model.statement import Kind
from gated.model.trust import Algorithm
from gated.wire import topics
from gated.wire.command import Command, What, read_command
from gated.wire.event import canonical
from gated.wire.seal import SigningKey

NOW = SystemClock().sample().wall + 7200  # later than the keys of an office that is made in a test
OPEN = Wish("bron-1", "Mia", "card broken", What.OPEN, "in-1", 1)


@pytest.fixture
def city(tmp_path, capsys):
    place = tmp_path / "city"
    assert 0 == run(capsys, "init", place, "--sector", "pools", "--venue", "bron")[0]
    return place


@pytest.fixture
def ledger(city):
    with closing(Ledger(city / "central.db")) as made:
        yield made


@pytest.fixture
def box(ledger):
    return Box().enrol(ledger)


@pytest.fixture
def key(city):
    return CommandKey.load(city, "pools")


def told(box, ledger, kind, given, *, key, **more):
    """Let the gate tell of a command."""
    header = {
        "v": 1, "seq": box.last + 1, "at": NOW, "wall": NOW, "boot": box.epoch, "up": 1, "clock": "good",
        "kind": kind, "operator": given.by, "reason": given.reason, "key": key.listed.kid.hex(),
        "counter": given.counter,
    }  # fmt: skip
    box.write_body(canonical(header | more))
    take_in(ledger, [box.told(box.last)], NOW)


def test_a_command_opens_with_the_keys_of_the_gate_and_says_what_was_wished(city, ledger, box, key):
    given, token = give(ledger, key, "pools", OPEN, now=NOW, valid_s=60)
    payload = open_message(token, Kind.COMMAND, load_keys(city / "gate" / "keys.json"), "pools", NOW)
    assert given == read_command(payload)
    assert Command("bron-1", NOW, NOW, NOW + 60, "Mia", "card broken", What.OPEN, "in-1", 1) == given
    assert [(NOW, token)] == waiting_tokens(ledger, "bron-1", NOW)
    assert [] == waiting_tokens(ledger, "bron-1", NOW + 60)


def test_no_counter_is_used_twice_also_where_the_clock_or_the_ledger_went_back(ledger, box, key):
    counters = [give(ledger, key, "pools", OPEN, now=NOW, valid_s=9)[0].counter for _ in range(3)]
    counters.append(give(ledger, key, "pools", OPEN, now=NOW - 30, valid_s=9)[0].counter)
    assert [NOW, NOW + 1, NOW + 2, NOW + 3] == counters
    ledger.execute("DELETE FROM command")  # put back from a backup of before
    assert NOW + 60 == give(ledger, key, "pools", OPEN, now=NOW + 60, valid_s=9)[0].counter


@pytest.mark.parametrize(
    "wish",
    [
        Wish("bron-1", "x" * 65, "r", What.REPORT), Wish("bron-1", "Mia", "", What.REPORT),
        Wish("bron-1", "Mia", "a\nb", What.REPORT), Wish("bron-1", "Mia", "\ud800", What.REPORT),
        Wish("bron-1", "Mia", "r", What.OPEN), Wish("bron-1", "Mia", "r", What.OPEN, "in-1", 100),
        Wish("bron-1", "Mia", "r", What.MODE, "in-1"), Wish("bron-1", "Mia", "r", What.OPEN, "in 1", 1),
    ],
)  # fmt: skip
def test_what_no_gate_would_read_is_not_given(ledger, box, key, wish):
    with pytest.raises(ConfigError):
        give(ledger, key, "pools", wish, now=NOW, valid_s=60)
    assert [] == commands(ledger)


def test_a_command_is_sent_by_one_worker_and_again_until_its_gate_has_told(ledger, box, key):
    given, token = give(ledger, key, "pools", OPEN, now=NOW, valid_s=60)
    time = [NOW]
    one, other = (CommandPublisher(ledger, lambda: time[0]) for _ in range(2))
    (letter,) = one.due(changed=False)
    assert (topics.command("bron-1"), token) == (letter.topic, letter.payload)
    assert ([], []) == (one.due(changed=False), other.due(changed=False))
    time[0] += AGAIN_S
    assert [letter] == other.due(changed=True)
    told(box, ledger, "ordered", given, key=key, lane="in-1", order="open", persons=1)
    time[0] += AGAIN_S
    assert [] == one.due(changed=True)
    assert "done" == commands(ledger)[0].outcome


def test_nothing_is_sent_past_its_end(ledger, box, key):
    give(ledger, key, "pools", OPEN, now=NOW, valid_s=60)
    publisher = CommandPublisher(ledger, lambda: NOW + 60)
    publisher.begin()
    assert [] == publisher.due(changed=True)


def test_the_gates_own_word_says_what_became_of_it(ledger, box, key):
    box.write(3)
    take_in(ledger, [box.told(1, 3)], NOW)
    opened, moded, asked, silent = (
        give(ledger, key, "pools", wish, now=NOW, valid_s=60)[0]
        for wish in (
            OPEN,
            Wish("bron-1", "Mia", "bent", What.MODE, "in-1", mode=Mode.OUT_OF_SERVICE),
            Wish("bron-1", "Mia", "well?", What.REPORT),
            OPEN,
        )
    )
    told(box, ledger, "commanded", opened, key=key, what="open", refused="release_open")
    told(box, ledger, "ordered", moded, key=key, lane="in-1", order="out_of_service")
    told(box, ledger, "reported", asked, key=key, status={"unsent": 1})
    told(box, ledger, "ordered", silent, key=key, lane="in-1", order="open", persons=1, counter=5)  # another
    learn_outcomes(ledger, NOW + 1)
    found = [(one.counter, one.outcome, one.outcome_at) for one in commands(ledger)]
    assert [
        (opened.counter, "release_open", NOW + 1), (moded.counter, "done", NOW + 1),
        (asked.counter, "done", NOW + 1), (silent.counter, None, None),
    ] == found  # fmt: skip
    body = json.loads(box.bodies[0]) | {
        "seq": box.last + 1, "kind": "unbelieved", "what": "command", "code": "clock", "count": 1,
    }  # fmt: skip
    own = {"lane", "outcome", "day", "pass", "cti", "product", "persons", "cost"}
    box.write_body(canonical({name: body[name] for name in body.keys() - own}))
    take_in(ledger, [box.told(box.last)], NOW)
    learn_outcomes(ledger, NOW + 2)
    assert ("clock", None) == (commands(ledger)[-1].doubt, commands(ledger)[-1].outcome)


# ------------------------------------------------------------------ as people use it


WHO = ("--operator", "Mia", "--reason", "card broken")


def test_a_command_is_given_and_looked_after_on_the_command_line(city, ledger, box, key, capsys):
    words = ("command", city, "--gate", "bron-1", "open", "in-1", "--persons", 2, *WHO, "--json")
    code, out, _ = run(capsys, *words)
    given = json.loads(out)
    assert (0, "bron-1", "open", key.listed.kid.hex()) == (code, *(given[n] for n in ("gate", "what", "key")))
    assert abs(given["expires"] - SystemClock().sample().wall) < 120
    listed = json.loads(run(capsys, "commands", city, "--json")[1])
    assert ("waits", 2, given["counter"]) == (listed["state"], listed["persons"], listed["counter"])
    wish = read_command(
        open_message(
            waiting_tokens(ledger, "bron-1", 0)[0][1],
            Kind.COMMAND,
            {key.listed.kid: key.listed},
            "pools",
            0,
        )
    )
    told(box, ledger, "ordered", wish, key=key, lane="in-1", order="open", persons=2)
    code, out, _ = run(capsys, "commands", city)
    assert (0, True) == (code, out.endswith("open in-1 (2 persons), by Mia (card broken): done\n")), out


@pytest.mark.parametrize(
    "words",
    [
        ("--gate", "bron-9", "report"), ("--gate", "bron-1", "shut"), ("--gate", "bron-1", "open"),
        ("--gate", "bron-1", "mode", "in-1"), ("--gate", "bron-1", "mode", "in-1", "fire"),
        ("--gate", "bron-1", "report", "--persons", "2"), ("--gate", "bron-1", "report", "in-1"),
        ("--gate", "bron-1", "report", "--valid", "2h"),
        ("--gate", "bron-1", "open", "in-1", "--persons", "0x"),
        ("--gate", "bron-1", "open", "in-1", "--persons", "100"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_usage(city, ledger, box, capsys, words):
    try:
        code, _, err = run(capsys, "command", city, *words, *WHO)
    except SystemExit as ended:  # argparse says so itself
        code, err = ended.code, capsys.readouterr().err.splitlines()[-1] + "\n"
    assert (2, 1) == (code, len(err.splitlines())), err
    assert [] == commands(ledger)


def test_without_the_key_nobody_commands(city, ledger, box, capsys):
    (city / "secret" / f"pools{COMMAND_SUFFIX}.pem").unlink()
    code, _, err = run(capsys, "command", city, "--gate", "bron-1", "report", *WHO)
    assert (2, True) == (code, "command.pem" in err)


def test_a_key_that_gates_do_not_know_is_named(city, ledger, box, capsys):
    path = city / "secret" / f"pools{COMMAND_SUFFIX}.pem"
    path.write_bytes(SigningKey.generate(Algorithm.EDDSA).pem())
    code, _, err = run(capsys, "command", city, "--gate", "bron-1", "report", *WHO)
    assert (2, True) == (code, "no gate believes" in err)


def test_the_key_shows_nothing_of_itself(key):
    assert repr(key) == f"CommandKey({key.listed.kid.hex()})"
