"""The commands as people use them: their exit codes, their one-line errors, their JSON."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from gated.cli.main import main
from gated.store.directory import JOURNAL
from venue import medium, until


def run(capsys, *words):
    code = main([str(word) for word in words])
    said = capsys.readouterr()
    return code, said.out, said.err


def last_json(out):
    return json.loads(out.strip().splitlines()[-1])


# ------------------------------------------------------------------ configuration: one line, exit code 2

BROKEN = {
    "an unknown key": ('hold = "8s"', 'hodl = "8s"', "lane[0].hodl: unknown key; known here:"),
    "a number without a unit": ('hold = "8s"', "hold = 8", "lane[0].hold: must be a duration with a unit"),
    "a wrong unit": ('hold = "8s"', 'hold = "8 minutes"', "lane[0].hold: must be a duration with a unit"),
    "a size with a wrong unit": ('ballast = "64kB"', 'ballast = "64K"', "journal.ballast: must be a size"),
    "a missing key": ('id = "gate-1"', "", "gate.id: is missing"),
    "a missing file": ("keys.json", "kesy.json", "is missing (trust)"),
    "an unknown reader": ('reader = "simulated"', 'reader = "acr"', "lane[0].reader: must be"),
    "an unknown scheme": ('hold = "8s"', 'schemes = ["rfid"]', "'rfid' is none of: pkoc2, pkoc, "),
    "no TOML": ("[gate]", "[gate", "is not TOML"),
    "a bad name": ('id = "gate-1"', 'id = "Gate 1"', "gate.id: must be 1 to 32"),
    "a hold that is too long": ('hold = "8s"', 'hold = "3h"', "lane[0].hold: must lie between"),
}


@pytest.fixture
def configured(site):
    site.lane_lines = 'hold = "8s"'
    site.config.write_text(site._toml())
    return site


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("command", [("config", "check"), ("run",), ("stick", "import", "x")])
def test_one_line_says_what_where_and_what_to_do(configured, capsys, case, command):
    old, new, told = BROKEN[case]
    text = configured.config.read_text()
    assert old in text
    configured.config.write_text(text.replace(old, new))
    code, out, err = run(capsys, *command, "--config", configured.config)
    assert (2, "") == (code, out)
    (line,) = err.strip().splitlines()
    assert told in line
    assert str(configured.path) in line


def test_a_good_configuration_is_told_in_full(configured, capsys):
    code, out, _ = run(capsys, "config", "check", "--config", configured.config)
    assert (0, True) == (code, "lane in-1: entry, reader simulated" in out)
    code, out, _ = run(capsys, "config", "check", "--config", configured.config, "--json")
    assert ("gate-1", "bron", ["in-1"]) == tuple(last_json(out)[key] for key in ("gate", "venue", "lanes"))


def spoil_sector_key(site, content, mode=0o600):
    key = site.path / "central" / "gate" / "pools.sector-key"
    key.chmod(0o600)
    key.write_bytes(content)
    key.chmod(mode)


def test_a_sector_key_that_is_none_is_told_without_showing_it(configured, capsys):
    spoil_sector_key(configured, b"abcd1234\n")
    code, _, err = run(capsys, "config", "check", "--config", configured.config)
    assert (2, True, False) == (code, "holds no sector key" in err, "abcd1234" in err)


def test_a_sector_key_that_everybody_can_read_is_refused(configured, capsys):
    spoil_sector_key(configured, b"00" * 32, 0o644)
    code, _, err = run(capsys, "config", "check", "--config", configured.config)
    assert (2, True) == (code, "can be read by everybody; chmod 0400" in err)


def test_a_sector_key_that_cannot_be_read_says_who_must_own_it(configured, capsys):
    key = configured.path / "central" / "gate" / "pools.sector-key"
    if os.geteuid() == 0:  # root may read every file, but not open a directory as one
        key.unlink()
        key.mkdir()
    else:
        key.chmod(0o000)
    code, _, err = run(capsys, "config", "check", "--config", configured.config)
    assert (2, 1) == (code, len(err.strip().splitlines()))
    assert "pools.sector-key cannot be read" in err


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"alg": "EdDSA"', '"alg": "RS256"', "keys[0].alg"),
        ('"kid": "', '"kid": "zz', "keys[0].kid"),
        ('"public": "', '"public": "00', "keys[0].public: is no EdDSA key"),
        ('"binding"', '"everything"', "keys[0].kinds: 'everything' is none of"),
        ('"v": 1', '"v": 2', "v: must be a whole number from 1 to 1"),
        ('"v": 1', '"v": 1, "v": 1', "a key stands twice"),
        ('"pools"', '"museums"', "no key may speak for sector 'pools'"),
        ("{", "[" * 50_000 + "{", "is not JSON"),
    ],
)
def test_a_spoilt_key_set_is_told_where(configured, capsys, old, new, told):
    keys = configured.path / "central" / "gate" / "keys.json"
    keys.write_text(keys.read_text().replace(old, new))
    code, _, err = run(capsys, "config", "check", "--config", configured.config)
    assert (2, 1) == (code, len(err.strip().splitlines()))
    assert told in err


def test_a_profile_with_a_wrong_time_zone_is_told(configured, capsys):
    profile = configured.path / "central" / "gate" / "profile-bron.json"
    profile.write_text(profile.read_text().replace("Europe/Paris", "Europe/Lyon"))
    code, _, err = run(capsys, "config", "check", "--config", configured.config)
    assert (2, True) == (code, "timezone: 'Europe/Lyon' is no time zone" in err)


def test_an_oversize_file_is_not_read(configured, capsys):
    configured.config.write_text("#" * 300_000)
    code, _, err = run(capsys, "config", "check", "--config", configured.config)
    assert (2, True) == (code, "is larger than" in err)


# ------------------------------------------------------------------ stick and central


def test_an_import_tells_what_it_took_and_why_not(site, capsys):
    good, other = site.give("alice", medium(1), "swim3")
    file = site.statement_file([good, other[:-1] + bytes([other[-1] ^ 1])])
    code, out, err = run(capsys, "stick", "import", file, "--config", site.config)
    assert (3, True) == (code, "1 accepted, 0 known already, 1 refused" in out)
    assert "statement 2: bad_signature" in err
    code, out, _ = run(capsys, "stick", "import", file, "--config", site.config, "--json")
    told = last_json(out)
    assert (3, 0, 1, {"bad_signature": 1}) == (code, told["accepted"], told["known"], told["refused"])


def test_a_statement_file_that_is_not_there_is_told(site, capsys):
    code, _, err = run(capsys, "stick", "import", site.path / "none", "--config", site.config)
    assert (2, True) == (code, "none cannot be read" in err)


def test_central_makes_what_a_gate_takes_in(site, capsys, tmp_path):
    city, out_file = tmp_path / "city", tmp_path / "a.gated"
    code, out, _ = run(
        capsys, "central", "init", city, "--sector", "baths", "--venue", "bron", "--product", "swim10:10"
    )
    assert (0, True) == (code, "keys.json" in out)
    assert 0o600 == (city / "secret" / "baths.pem").stat().st_mode & 0o777
    key = medium(1).public.hex()
    words = ["central", "issue", city, "--sector", "baths", "--account", "alice", "--out", out_file, "--json"]
    code, out, _ = run(capsys, *words, "--public-key", key, "--product", "swim10", "--days", 30)
    issued = last_json(out)
    assert (0, 2) == (code, issued["statements"])
    deny = ["central", "deny", city, "--sector", "baths", "--out", out_file]
    assert 0 == run(capsys, *deny, "--entitlement", issued["cti"], "--state", "blocked")[0]
    assert 0 == run(capsys, *deny, "--public-key", key)[0]
    text = site.config.read_text().replace(str(site.path / "central"), str(city)).replace("pools", "baths")
    site.config.write_text(text)
    code, out, _ = run(capsys, "stick", "import", out_file, "--config", site.config)
    assert (0, True) == (code, "4 accepted" in out)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["issue", "--account", "a"], "nothing to issue"),
        (["issue", "--account", "a", "--public-key", "04"], "--public-key must be 65 bytes"),
        (["issue", "--account", "a", "--uid", "08010203"], "--uid names no medium"),
        (["issue", "--account", "a", "--product", "Swim!"], "not a name"),
        (["issue", "--account", "a", "--product", "swim1", "--revises", "xy"], "--revises must be 8 bytes"),
        (["issue", "--account", "a", "--product", "swim1", "--days", "-1"], "must end after it begins"),
        (["issue", "--account", "a", "--product", "swim1", "--days", "0"], "must end after it begins"),
        (["deny"], "a denial has one target"),
        (["deny", "--account", "a", "--uid", "04010203"], "a denial has one target"),
    ],
)
def test_central_refuses_what_makes_no_sense(site, capsys, words, told):
    action, *more = words
    place = [site.path / "central", "--sector", "pools", "--out", site.path / "x.gated"]
    code, _, err = run(capsys, "central", action, *place, *more)
    assert (2, 1) == (code, len(err.strip().splitlines()))
    assert told in err
    assert not (site.path / "x.gated").exists()


def test_an_office_is_founded_once(site, capsys):
    words = ["central", "init", site.path / "central", "--sector", "pools", "--venue", "bron"]
    code, _, err = run(capsys, *words)
    assert (2, True) == (code, "already has sector 'pools'" in err)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--venue", "bron", "--venue", "bron"], "venue 'bron' is named 2 times"),
        (["--venue", "bron", "--timezone", "Europe/Lyon"], "'Europe/Lyon' is no time zone"),
        (["--venue", "bron", "--key-days", "-3"], "a key cannot live -3 days"),
        (["--venue", "bron", "--product", "a:99999999999"], "99999999999 uses cannot be counted"),
        (["--venue", "bron", "--product", "a:²"], "uses must be a number"),
        (["--venue", "bron", "--product", "a:" + "9" * 5000], "uses must be a number"),
        (["--venue", "bron", "--product", "a", "--product", "a:3"], "product 'a' is named 2 times"),
    ],
)
def test_central_founds_nothing_that_a_gate_would_refuse(capsys, tmp_path, words, told):
    code, out, err = run(capsys, "central", "init", tmp_path / "city", "--sector", "pools", *words)
    assert (2, "", 1) == (code, out, len(err.splitlines()))
    assert told in err
    assert not (tmp_path / "city").exists()


def test_a_second_sector_at_the_same_venue_is_refused_and_can_be_founded_at_another(site, capsys):
    words = ["central", "init", site.path / "central", "--sector", "museums", "--venue"]
    code, _, err = run(capsys, *words, "bron")
    assert (2, 1) == (code, len(err.splitlines()))
    assert "profile-bron.json is there already" in err
    assert 0 == run(capsys, *words, "fourviere")[0]


# ------------------------------------------------------------------ journal and status


@pytest.fixture
def used_gate(site, serve):
    """A gate that served three taps and stopped."""
    carried = medium(1)
    site.bring(site.give("alice", carried, "swim3"))
    served = serve(site)
    for _ in range(3):
        served.tap(carried)
    served.stop_now()
    return site


def test_the_journal_lists_rows_for_people_and_programs(used_gate, capsys):
    code, out, _ = run(capsys, "journal", "list", "--state-dir", used_gate.state, "--kind", "decided")
    assert (0, 3) == (code, len(out.splitlines()))
    assert "outcome=granted" in out
    code, out, _ = run(capsys, "journal", "list", "--config", used_gate.config, "--last", 2, "--json")
    assert ["settled", "stopped"] == [json.loads(line)["kind"] for line in out.splitlines()]
    code, out, _ = run(capsys, "journal", "list", "--config", used_gate.config, "--after", 1, "--json")
    assert 2 == json.loads(out.splitlines()[0])["seq"]


def test_verify_says_whole_or_names_the_row(used_gate, capsys):
    words = ["journal", "verify", "--state-dir", used_gate.state]
    code, out, _ = run(capsys, *words)
    assert (0, True) == (code, ": whole," in out)
    with closing(sqlite3.connect(used_gate.state / JOURNAL)) as connection, connection:
        connection.execute("UPDATE event SET body = replace(body, 'granted', 'GRANTED') WHERE id = 4")
    code, out, err = run(capsys, *words)
    assert (3, "", True) == (code, out, "row 4 was changed" in err)
    code, out, _ = run(capsys, *words, "--json")
    *defects, end = map(json.loads, out.splitlines())
    assert (3, len(defects)) == (code, end["defects"])
    assert any("row 4 was changed" in told["defect"] for told in defects)


def test_status_tells_a_stopped_and_a_running_gate(used_gate, capsys, serve):
    code, out, _ = run(capsys, "status", "--state-dir", used_gate.state)
    assert (0, True) == (code, out.startswith("gate gate-1: not running"))
    serve(used_gate)
    code, out, _ = run(capsys, "status", "--config", used_gate.config, "--json")
    told = last_json(out)
    assert (0, True, 0, 3) == (code, told["running"], told["unsettled"], told["settled"]["taken"])
    assert told["cache"]["complete"]
    # A lane is told of once it has said something in this run.
    words = ("status", "--config", used_gate.config, "--json")
    assert until(lambda: {"in-1"} == last_json(run(capsys, *words)[1])["lanes"].keys())


@pytest.mark.parametrize("command", [("journal", "list"), ("journal", "verify"), ("status",)])
def test_a_gate_that_never_ran_is_told(capsys, tmp_path, command):
    code, out, err = run(capsys, *command, "--state-dir", tmp_path, "--json")
    assert (1, True) == (code, "has this gate ever run" in err)
    assert "hint" in last_json(out)


# ------------------------------------------------------------------ the door itself


def test_a_second_gate_on_one_directory_is_refused(site, serve, capsys):
    serve(site)
    code, _, err = run(capsys, "run", "--config", site.config)
    assert (1, True) == (code, "in use by a running gate" in err)


def test_help_loads_no_reader_no_network_no_cbor(tmp_path):
    probe = (
        "import sys\n"
        "from gated.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(*sorted(sys.modules), sep='\\n', file=sys.stderr)\n"
    )
    # Measuring coverage would itself load what is looked for.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    ended = subprocess.run(
        [sys.executable, "-c", probe], check=True, capture_output=True, text=True, env=clean
    )
    loaded = {name.partition(".")[0] for name in ended.stderr.split()}
    heavy = {
        "cbor2",
        "cryptography",
        "paho",
        "smartcard",
        "nfc",
        "sqlite3",
        "sqlite_utils",
        "rich",
        "http",
        "asyncio",
        "ssl",
        "socket",
    }
    assert set() == loaded & heavy
    assert "usage: gated" in ended.stdout


def test_usage_errors_end_with_2(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["journal"])
    assert 2 == ended.value.code
