"""The commands of central as people use them: replace-medium, serve, events, gates."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

import mosquitto
from central.box import EPOCH, NOW, Box
from central.pools import run
from central.talker import PATIENCE_S
from gated.central.intake import take_in
from gated.central.ledger import Ledger
from gated.central.ledger_gates import end_gate, gate_keys, note_refused
from gated.central.ledger_statements import unpublished
from gated.cli.central_events import list_events
from gated.cli.central_serve import serve_workers
from gated.config.files import load_keys, load_profile
from gated.credential.keys import read_keys
from gated.credential.message import open_message
from gated.credential.statement import open_statement
from gated.model.credential import Assurance
from gated.model.letter import Letter, Received
from gated.model.rules import PartyUses, Said
from gated.model.statement import Kind
from gated.model.venue import Product
from gated.wire import topics
from gated.wire.ack import read_ack
from venue import medium, until


@pytest.fixture
def city(tmp_path, capsys):
    place = tmp_path / "city"
    assert 0 == run(capsys, "init", place, "--sector", "pools", "--venue", "bron")[0]
    return place


@pytest.fixture
def ledger(city):
    with closing(Ledger(city / "central.db")) as made:
        yield made


DOCS = Path(__file__).parents[2] / "docs"
OLD, NEW = medium(1).public.hex(), medium(2).public.hex()
PLACE = ("--sector", "pools", "--account", "alice")


# ------------------------------------------------------------------ proof


def test_verify_proves_what_gates_signed_and_names_what_was_changed(city, ledger, capsys):
    boxes = [Box(gate=name).enrol(ledger).write(3) for name in ("bron-1", "bron-2")]
    take_in(ledger, [box.told() for box in boxes], NOW)
    code, out, _ = run(capsys, "verify", city)
    assert (0, True) == (code, "of 2 gates" in out)
    ledger.execute("UPDATE event SET body = replace(body, '\"seq\":2', '\"seq\":3') WHERE chain = 1")
    code, out, err = run(capsys, "verify", city)
    assert (3, "") == (code, out)
    assert [f"gate bron-1, epoch {EPOCH}: rows 1 to 3: bad_signature"] == err.splitlines()
    code, out, _ = run(capsys, "verify", city, "--json")
    first, last = map(json.loads, out.splitlines())
    assert (3, "bron-1", 1, 3) == (code, first["gate"], first["first"], first["last"])
    assert {"gates": 2, "doubts": 1} == last
    assert 0 == run(capsys, "verify", city, "--gate", "bron-2")[0]
    code, _, err = run(capsys, "verify", city, "--gate", "bron-9")
    assert (2, True) == (code, "bron-9" in err)


# ------------------------------------------------------------------ issuing


def test_what_is_issued_needs_no_file(city, ledger, capsys):
    code, out, _ = run(capsys, "issue", city, *PLACE, "--public-key", OLD, "--product", "season")
    assert (0, True) == (code, out.startswith("sector pools: 2 statements in the log (pass="))
    code, out, _ = run(capsys, "deny", city, "--sector", "pools", "--public-key", OLD, "--json")
    assert (0, None) == (code, json.loads(out)["file"])
    assert 3 == len(unpublished(ledger, 9))


def test_nothing_is_issued_where_the_file_cannot_be_written(city, ledger, capsys):
    words = ("issue", city, *PLACE, "--product", "season", "--out")
    for path in (city / "none" / "a.gated", city, "a\0b"):
        code, _, err = run(capsys, *words, path)
        assert (2, 1) == (code, len(err.splitlines())), err
        assert "cannot be written" in err
    assert [] == unpublished(ledger, 9)


def test_a_disk_that_fills_up_says_where_the_statements_are(city, ledger, capsys):
    words = ("issue", city, *PLACE, "--product", "season", "--out")
    code, _, err = run(capsys, *words, "/dev/full")
    assert (2, True) == (code, "in the office's log, which `gated central serve` sends" in err)
    assert 1 == len(unpublished(ledger, 9))


def test_of_a_medium_and_a_right_both_are_issued_or_none(city, ledger, capsys):
    code, _, _ = run(capsys, "issue", city, *PLACE, "--public-key", OLD, "--product", "season", "--days", 0)
    assert (2, []) == (code, unpublished(ledger, 9))


def right(city, ledger):
    """The newest right in the log, as a gate opens it."""
    token = unpublished(ledger, 99)[-1].token
    return open_statement(token, load_keys(city / "gate" / "keys.json"), 0)


def issued(city, capsys, *words):
    code, out, err = run(capsys, "issue", city, *PLACE, *words)
    return code, out + err


def test_a_right_says_what_the_options_say(city, ledger, capsys):
    words = (
        *("--product", "bundle", "--uses", 10, "--per-day", 1, "--at", "bron", "--at", "vaise"),
        *(
            "--share",
            "vaise=6",
            "--share",
            "bron=0",
            "--party",
            30,
            "--party-uses",
            "once",
            "--reentry",
            "PT30M",
        ),
        *("--minimum-assurance", "asymmetric", "--concession", "student"),
        *("--from", "2026-09-01T00:00:00+02:00", "--until", "2027-07-01T00:00:00+02:00"),
    )
    assert 0 == issued(city, capsys, *words)[0]
    said = right(city, ledger)
    assert (said.not_before, said.expires) == (1_788_213_600, 1_814_392_800)
    assert {name: getattr(said, name) for name in Said.__annotations__} == {
        "venues": ("bron", "vaise"),
        "uses": 10,
        "per_day": 1,
        "per_venue": (("bron", 0), ("vaise", 6)),
        "hours": None,
        "party": 30,
        "party_uses": PartyUses.ONCE,
        "reentry_s": 1800,
        "min_assurance": Assurance.ASYMMETRIC,
        "concession": "student",
    }


def test_a_right_without_options_is_as_its_product_says(city, ledger, capsys):
    assert 0 == issued(city, capsys, "--product", "season")[0]
    said = right(city, ledger)
    assert (said.issued_at, None) == (said.not_before, said.expires)
    assert {None} == {getattr(said, name) for name in Said.__annotations__}


def test_days_count_from_the_begin(city, ledger, capsys):
    begin = ("--product", "season", "--from", "2026-09-01T00:00:00+02:00")
    assert 0 == issued(city, capsys, *begin, "--days", 2)[0]
    assert 1_788_213_600 + 2 * 86400 == right(city, ledger).expires


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--from", "2026-09-01"], "--from: must be a time in whole seconds with its offset"),
        (["--until", "2026-09-01T00:00:00"], "--until: must be a time in whole seconds with its offset"),
        (["--until", "1990-01-01T00:00:00Z"], "a right must end after it begins"),
        (["--reentry", "30min"], "--reentry: use days, hours, minutes and seconds, such as PT30M"),
        (["--reentry", "P32D"], "--reentry: must lie between 1 s and 2678400 s"),
        (["--minimum-assurance", "x"], "--minimum-assurance: unknown assurance 'x', use one of: uid-only"),
        (["--party", "0"], "0 persons cannot be counted"),
        (["--per-day", "-1"], "-1 uses cannot be counted"),
        (["--share", "bron"], "--share bron: must be a venue and a number, and each venue once"),
        (["--share", "bron=-1"], "--share bron=-1: must be"),
        (["--share", "bron=1", "--share", "bron=2"], "--share bron=2: must be"),
        (["--share", "Bron=1"], "'Bron' is not a name"),
        (["--at", "bron", "--share", "vaise=1"], "a share for 'vaise', which is not among its venues"),
        (["--concession", "A"], "'A' is not a name"),
        (["--hours", ""], "--hours: "),
        (["--hours", "Mo-Xy"], "; nothing was issued: bron could not keep them"),
        (["--hours", "PH off"], "country"),
        (["--hours", "sunrise-sunset"], "coordinates"),
        (
            ["--at", "vaise", "--hours", "24/7"],
            "profile-vaise.json to judge them by; say them in the product",
        ),
    ],
    ids=str,
)
def test_rules_that_no_gate_would_keep_are_refused_before_anything_is_issued(
    city, ledger, capsys, words, told
):
    code, _, err = run(capsys, "issue", city, *PLACE, "--public-key", OLD, "--product", "season", *words)
    assert (2, 1, []) == (code, len(err.splitlines()), unpublished(ledger, 9))
    assert told in err


def test_days_and_until_are_not_said_both(city, ledger, capsys):
    words = ("--product", "season", "--days", "1", "--until", "2027-07-01T00:00:00+02:00")
    with pytest.raises(SystemExit) as ended:
        issued(city, capsys, *words)
    assert (2, []) == (ended.value.code, unpublished(ledger, 9))


def test_rules_need_a_right(city, ledger, capsys):
    code, told = issued(city, capsys, "--public-key", OLD, "--per-day", 1)
    assert (2, True, []) == (code, "rules without a right; name its product" in told, unpublished(ledger, 9))


def test_hours_are_judged_by_each_venue_where_the_right_is_good(city, ledger, capsys):
    """bron knows no country; nord does; the museum is of another sector."""
    for sector, venue in (("museums", "fourviere"), ("pools-of-nord", "nord")):
        words = ("--sector", sector, "--venue", venue)
        country = () if venue == "fourviere" else ("--country", "FR")
        assert 0 == run(capsys, "init", city, *words, *country)[0]
    hours = ("--product", "season", "--hours", "Mo-Fr 07:00-09:00; PH off")
    place = ("--sector", "pools-of-nord", "--account", "alice")
    assert 0 == run(capsys, "issue", city, *place, *hours)[0]
    assert "Mo-Fr 07:00-09:00; PH off" == right(city, ledger).hours
    assert 0 == run(capsys, "issue", city, *place, *hours, "--at", "nord")[0]
    for at in ((), ("--at", "nord", "--at", "bron")):
        code, told = issued(city, capsys, *hours, *at)
        assert (2, True) == (code, "bron could not keep them" in told)
    assert 2 == len(unpublished(ledger, 9))


def test_a_damaged_profile_judges_no_hours(city, ledger, capsys):
    (city / "gate" / "profile-bron.json").write_text("{}")
    code, told = issued(city, capsys, "--product", "season", "--hours", "24/7")
    assert (2, True, []) == (code, "profile-bron.json: v: is missing" in told, unpublished(ledger, 9))


def founded(tmp_path, capsys, tariff, *words):
    (tmp_path / "tariff.toml").write_text(tariff)
    place = ("--sector", "pools", "--venue", "bron", "--venue", "vaise", "--tariff", tmp_path / "tariff.toml")
    return run(capsys, "init", tmp_path / "city", *place, *words)


def test_a_tariff_is_written_into_the_profile_of_each_venue(tmp_path, capsys):
    page = (DOCS / "reference" / "cli.md").read_text()
    (tariff,) = re.findall(r"^```toml\n(\[\[product\]\].*?)^```", page, re.MULTILINE | re.DOTALL)
    code, _, err = founded(tmp_path, capsys, tariff, "--country", "FR", "--product", "swim10:10")
    assert 0 == code, err
    for venue in ("bron", "vaise"):
        profile = load_profile(tmp_path / "city" / "gate" / f"profile-{venue}.json")
        assert "FR" == profile.country
        assert profile.products == {
            "swim10": Product("swim10", uses=10),
            "off-peak": Product("off-peak", hours="Mo-Fr 07:00-09:00; PH off", per_day=1),
            "family": Product("family", party=5, party_uses=PartyUses.ONCE, uses=10, reentry_s=1800),
        }


@pytest.mark.parametrize(
    ("tariff", "words", "told"),
    [
        ("[[product]]", [], "tariff.toml: product[0].id: is missing"),
        ("", [], "tariff.toml: product: must be a list of 1 to 1000 tables"),
        ("[[product]]\nid = 'a'\nparty = 0", [], "product[0].party: must be a whole number from 1 to 200"),
        ("[[product]]\nid = 'a'\ncolour = 'b'", [], "product[0].colour: unknown key"),
        ("[[products]]\nid = 'a'", [], "must be a list of 1 to 1000 tables"),
        ("[[product]]\nid = 'a'\n[pool]", [], "pool: unknown key"),
        ("[[product]]\nid = 'a'\nhours = 'PH off'", [], "product[0].hours: "),
        ("[[product]]\nid = 'a'", ["--product", "a"], "product 'a' is named 2 times"),
        ("[[product]]\nid = 'a'", ["--country", "France"], "'France' is no country"),
        ("[[product]", [], "tariff.toml is not TOML"),
    ],
    ids=str,
)
def test_a_tariff_that_no_gate_would_keep_founds_nothing(tmp_path, capsys, tariff, words, told):
    code, _, err = founded(tmp_path, capsys, tariff, *words)
    assert (2, 1, False) == (code, len(err.splitlines()), (tmp_path / "city").exists())
    assert told in err


def test_a_medium_is_replaced_once(city, ledger, capsys, tmp_path):
    words = ("replace-medium", city, *PLACE, "--old-public-key", OLD, "--public-key", NEW)
    code, out, _ = run(capsys, *words)
    assert (0, True) == (code, "sector pools: old medium denied, new one bound (pass=" in out)
    made = [one.token for one in unpublished(ledger, 9)]
    file = tmp_path / "new.gated"
    code, out, _ = run(capsys, *words, "--out", file)
    assert (0, True) == (code, "done already, nothing is new" in out)
    assert all(token in file.read_bytes() for token in made)
    code, out, _ = run(capsys, *words, "--json")
    told = json.loads(out)
    assert (0, True, 2) == (code, told["again"], told["statements"])
    assert made == [one.token for one in unpublished(ledger, 9)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--old-public-key", OLD, "--public-key", OLD], "a medium cannot take its own place"),
        (["--old-public-key", "04", "--public-key", NEW], "--old-public-key must be 65 bytes in hex"),
        (["--old-uid", "08010203", "--public-key", NEW], "--old-uid names no medium"),
    ],
)
def test_a_replacement_that_makes_no_sense_is_refused(city, ledger, capsys, words, told):
    code, _, err = run(capsys, "replace-medium", city, *PLACE, *words)
    assert (2, True, 1) == (code, told in err, len(err.splitlines()))
    assert [] == unpublished(ledger, 9)


# ------------------------------------------------------------------ looking


def test_a_directory_without_an_office_is_told_and_left_alone(tmp_path, capsys):
    for words in (("events",), ("gates",), ("serve", "--broker", "mqtt://localhost")):
        code, _, err = run(capsys, words[0], tmp_path, *words[1:])
        assert (2, 1) == (code, len(err.splitlines()))
        assert str(tmp_path) in err
    assert [] == list(tmp_path.iterdir())


@pytest.fixture
def told(ledger):
    """Two gates with some history."""
    box = Box().enrol(ledger).write(2).write_body('"\\u001b noise"').write(2)
    twin = box.copy().write(1, lane="b")
    box.write(1)
    other = Box("nord-1", "museums").enrol(ledger).write(9)
    other.oldest = 6
    Box("west-1").enrol(ledger)
    take_in(ledger, [box.told()], NOW)
    take_in(ledger, [other.told(6, 8)], NOW, [("pools", box.write(3).state())])
    take_in(ledger, [twin.told()], NOW, [("museums", other.state(online=False))])
    note_refused(ledger, {("", "unknown_gate"): 7, ("bron-1", "bad_signature"): 2}, NOW)
    return box


def test_events_are_listed_in_the_order_of_arrival(city, told, capsys):
    code, out, _ = run(capsys, "events", city)
    lines = out.splitlines()
    assert (0, 10) == (code, len(lines))
    assert f"       1  bron-1 {EPOCH}      1  2027-01-15 08:00:00Z  decided   cost=1" in lines[0]
    assert rf"""bron-1 {EPOCH}      3  kept aside: not_an_event: '"\\u001b noise"'""" in lines[2]
    assert f"bron-1 {EPOCH}      6 branch 1  2027" in lines[9]
    _, out, _ = run(capsys, "events", city, "--last", 2, "--json")
    first, second = map(json.loads, out.splitlines())
    assert ("nord-1", "museums", 8, True, 8) == (
        first["gate"], first["sector"], first["seq"], first["counted"], first["event"]["seq"],
    )  # fmt: skip
    assert (10, 1, False) == (second["number"], second["branch"], second["counted"])
    _, out, _ = run(capsys, "events", city, "--gate", "bron-1", "--after", 2, "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert [3, 4, 5, 6, 10] == [one["number"] for one in found]
    assert ("not_an_event", '"\\u001b noise"', False) == (
        found[0]["quarantined"],
        found[0]["raw"],
        found[0]["counted"],
    )
    _, out, _ = run(capsys, "events", city, "--sector", "museums")
    assert 3 == len(out.splitlines())


def test_a_long_list_comes_as_a_whole(city, ledger, capsys):
    box = Box().enrol(ledger).write(2500)
    take_in(ledger, [box.told(first, min(first + 199, 2500)) for first in range(1, 2501, 200)], NOW)
    _, out, _ = run(capsys, "events", city, "--after", 0, "--json")
    assert list(range(1, 2501)) == [json.loads(line)["number"] for line in out.splitlines()]


def test_events_are_followed(city, ledger):
    box = Box().enrol(ledger).write(1)
    take_in(ledger, [box.told()], NOW)
    words = [sys.executable, "-m", "gated", "central", "events", str(city), "--follow", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert 1 == json.loads(process.stdout.readline())["seq"]
            box.write(2)
            take_in(ledger, [box.told()], NOW)
            assert [2, 3] == [json.loads(process.stdout.readline())["seq"] for _ in range(2)]
            process.terminate()
            assert -signal.SIGTERM == process.wait(PATIENCE_S)
        finally:
            process.kill()


@pytest.mark.parametrize("start", [None, 0])
def test_who_follows_a_quiet_gate_reads_no_row_of_others_twice(ledger, capsys, start):
    busy, quiet = Box().enrol(ledger), Box("nord-1").enrol(ledger, serial="02")
    only = argparse.Namespace(gate="nord-1", sector=None, last=50, json=True, follow=True)

    def comes(box, count):
        box.write(count)
        take_in(ledger, [box.told(box.last - count + 1)], NOW)

    def shown(number):
        number = list_events(ledger, number, only)
        return number, [json.loads(line)["number"] for line in capsys.readouterr().out.splitlines()]

    assert (start or 0, []) == shown(start)
    comes(busy, 3)
    assert (3, []) == shown(start)
    comes(quiet, 2)
    comes(busy, 1)
    assert (6, [4, 5]) == shown(3)
    assert (6, []) == shown(6)
    comes(quiet, 1)
    assert (7, [7]) == shown(6)
    assert (99, []) == shown(99)


def test_each_gate_is_told_with_what_is_wrong(city, told, capsys):
    code, out, _ = run(capsys, "gates", city)
    assert 0 == code
    assert [
        "gate bron-1 (pools, bron): online, last heard 2027-01-15 08:00:00Z",
        f"  epoch {EPOCH}: 6 rows here, 3 unsent, 1 quarantined, FORKED into 2",
        f"  ALARM forked in epoch {EPOCH}: 1 times, last 2027-01-15 08:00:00Z",
        "  not believed by central: bad_signature 2",
        "gate nord-1 (museums, bron): offline, last heard 2027-01-15 08:00:00Z",
        f"  epoch {EPOCH}: 8 rows here, 1 unsent, 5 missing",
        f"  ALARM missing in epoch {EPOCH}: 1 times, last 2027-01-15 08:00:00Z",
        "gate west-1 (pools, bron): never heard",
        "gates that nobody enrolled",
        "  not believed by central: unknown_gate 7",
    ] == out.splitlines()
    _, out, _ = run(capsys, "gates", city, "--json")
    bron, nord, west, nobody = map(json.loads, out.splitlines())
    assert {
        "epoch": EPOCH, "upto": 6, "told": 9, "unsent": 3,
        "missing": 0, "quarantined": 1, "branches": 2, "waiting": 0,
    } == bron["epochs"][0]  # fmt: skip
    assert (True, "0.1", ["forked"]) == (
        bron["online"], bron["version"], [one["code"] for one in bron["alarms"]],
    )  # fmt: skip
    assert (False, 5) == (nord["online"], nord["epochs"][0]["missing"])
    assert (None, []) == (west["heard_at"], west["epochs"])
    assert {"gate": None, "refused": {"unknown_gate": 7}} == nobody


def test_keys_of_the_enrolments_in_force_are_told(city, ledger, capsys, tmp_path):
    """With what the example in Node says, its list of gates is made of it."""
    box, gone = Box().enrol(ledger), Box("west-1").enrol(ledger)
    assert end_gate(ledger, gone.gate, NOW + 5)
    code, out, _ = run(capsys, "gates", city, "--json")
    bron, west = map(json.loads, out.splitlines())
    assert (0, box.key.kid.hex(), box.key.public.hex()) == (code, bron["kid"], bron["public"])
    assert (True, None) == (bron["enrolled_at"] <= NOW, bron["ended_at"])
    assert (None, None, NOW + 5) == (west["kid"], west["public"], west["ended_at"])
    page = (DOCS / "examples" / "central-node" / "README.md").read_text()
    (script,) = re.findall(
        r"^gated central gates .*?\| python3 -c '([^']*)' > gates\.json$", page, re.MULTILINE
    )
    made = subprocess.run(
        [sys.executable, "-c", script], input=out, check=True, capture_output=True, text=True
    ).stdout
    (entry,) = json.loads(made)
    assert ("bron-1", hashlib.sha256(box.key.public).hexdigest()[:8]) == (entry.pop("gate"), entry["kid"])
    (key,) = read_keys({"v": 1, "keys": [entry]}).values()
    assert gate_keys(ledger, "bron-1") == ("pools", {key.kid: key})


# ------------------------------------------------------------------ serving


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--broker", "http://x"], "--broker: begins with neither mqtts:// nor mqtt://"),
        (["--broker", "mqtts://x"], "mqtts:// needs --tls DIR"),
        (["--broker", "mqtts://x", "--tls", "none"], "none/ca.crt is missing"),
        (["--broker", "mqtt://localhost", "--workers", "0"], "0 workers; name 1 to 16"),
    ],
)
def test_what_cannot_serve_is_told(city, capsys, words, told):
    code, _, err = run(capsys, "serve", city, *words)
    assert (2, True, 1) == (code, told in err, len(err.splitlines())), err


@pytest.fixture
def started(tmp_path):
    """Start commands that are ended when the test is."""
    running = []

    def start(*words):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with (tmp_path / f"log-{len(running)}").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "gated", "central", *map(str, words)],
                stdout=log, stderr=log, env=environment,
            )  # fmt: skip
        running.append(process)
        return process, tmp_path / f"log-{len(running) - 1}"

    yield start
    for process in running:
        process.kill()
        process.wait(10)


def ending(city, when):
    path = city / "gate" / "keys.json"
    document = json.loads(path.read_bytes())
    path.write_text(json.dumps({**document, "keys": [key | {"expires": when} for key in document["keys"]]}))


def test_the_end_of_a_key_for_receipts_is_told_before_and_afterwards_nothing_serves(city, capsys, started):
    ending(city, mosquitto.now() + 59 * 86400)
    _, log = started("serve", city, "--broker", "mqtt://127.0.0.1:1")
    assert until(lambda: "trying again" in log.read_text())
    assert "WARNING the key for receipts of sector pools ends 20" in log.read_text()
    ending(city, mosquitto.now() - 1)
    code, _, err = run(capsys, "serve", city, "--broker", "mqtt://127.0.0.1:1")
    assert (2, True, 1) == (code, "pools.ack.pem has ended" in err, len(err.splitlines())), err


def tell(link, box, keys, first):
    """Send the rows from ``first`` on until they are acknowledged."""
    for _ in range(50):
        link.send(Letter(topics.events(box.gate), box.letter(first, box.last)))
        for _ in range(5):
            came = link.receive(0.3)
            if isinstance(came, Received):
                link.take(came)
                ack = read_ack(open_message(came.payload, Kind.ACK, keys, "pools", 0))
                if (ack.upto, ack.digest) == (box.last, box.links[-1]):
                    return
    raise AssertionError("never acknowledged")


def test_two_processes_serve_one_ledger_over_tls_and_stop_in_order(city, ledger, tmp_path, started):
    with mosquitto.running(tmp_path / "broker", name_is_id=False) as broker:
        files = broker.pki.issue("central")
        assert files.key.parent == broker.pki.path
        url = f"mqtts://localhost:{broker.port}"
        words = ("serve", city, "--broker", url, "--tls", broker.pki.path, "--workers", 2)
        served = [started(*words), started(*words)]
        assert until(lambda: all(2 == log.read_text().count("serving") for _, log in served))
        box = Box().enrol(ledger).write(30)
        keys = load_keys(city / "gate" / "keys.json")
        link = broker.link(box.gate)
        link.open([topics.ack(box.gate)])
        tell(link, box, keys, 1)
        broker.kill()
        assert until(lambda: all(2 == log.read_text().count("trying again") for _, log in served))
        broker.start()
        assert until(lambda: all(2 == log.read_text().count("the broker is back") for _, log in served))
        link.open([topics.ack(box.gate)])
        box.write(10)
        tell(link, box, keys, 31)
        link.close()
        for process, log in served:
            process.send_signal(signal.SIGTERM)
            assert 0 == process.wait(PATIENCE_S), log.read_text()
            assert 6 == len(log.read_text().splitlines()), log.read_text()
    assert [(40, 40)] == ledger.rows("SELECT count(*), max(seq) FROM counted")


class Serves:
    """A worker that serves until it is stopped."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def run(self) -> None:
        assert self._stopped.wait(PATIENCE_S)

    def stop(self) -> None:
        self._stopped.set()


class Breaks(Serves):
    def run(self) -> None:
        raise RuntimeError("a defect")


def test_a_worker_that_breaks_ends_the_others_and_is_told(caplog):
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        assert 1 == serve_workers([Serves(), Breaks(), Serves()])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert "a worker broke" in caplog.text
    assert "RuntimeError: a defect" in caplog.text
