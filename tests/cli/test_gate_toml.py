"""gate.toml after an enrolment: written for a bare box, added to, or left with a word on what to change."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from pathlib import Path

import pytest

from fleet import BROKER, Box, Office
from gated.cli.gate_toml import plan
from gated.config.settings import read_settings

ROOT = Path(__file__).parents[2]
LANE = '[[lane]]\nid = "in-1"\nreader = "simulated"\nbarrier = "simulated"\n'
THERE = f'# my own words\n[gate]\nid = "bron-1"\nstate_dir = "state"\n{LANE}'


@pytest.fixture
def office(tmp_path):
    return Office(tmp_path / "city")


@pytest.fixture
def box(tmp_path, office):
    """A box with an answer to install."""
    made = Box(tmp_path / "etc" / "gated")
    made.request()
    assert 0 == office.enrol(made.asked, made.fingerprint, made.answer).code
    return made


def read_json(path):
    return json.loads(path.read_bytes())


def test_a_new_one_has_every_key_of_the_sample_at_its_default(box, office):
    assert 0 == box.install(office.fingerprint).code
    written, sample = (
        tomllib.loads(path.read_text()) for path in (box.config, ROOT / "config" / "gate.toml")
    )
    assert {"broker": BROKER, "identity": "identity"} == written.pop("sync")
    sample.pop("sync", None)
    assert sample == written
    read_settings(written, box.path)
    explained = [line for line in box.config.read_text().splitlines() if line.startswith("#")]
    assert len(explained) > 20


def test_the_daemon_can_read_a_new_one_whatever_the_umask(box, office):
    before = os.umask(0o077)
    try:
        assert 0 == box.install(office.fingerprint).code
    finally:
        os.umask(before)
    assert 0o644 == stat.S_IMODE(box.config.stat().st_mode)


def test_a_reader_and_a_barrier_can_be_named_for_a_new_one(box, office):
    reader = 'pcsc:ACS "ACR122U" \\ 00 00'
    assert 0 == box.install(office.fingerprint, "--reader", reader, "--barrier", "simulated").code
    assert reader == tomllib.loads(box.config.read_text())["lane"][0]["reader"]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--reader", "acr"], 'lane[0].reader: must be "simulated", "pcsc:READER NAME" or "nfcpy:PATH"'),
        (["--reader", "nfcpy:usb"], "lane[0].reader: nfcpy's path must be usb:VVVV:PPPP"),
        (["--barrier", "relay"], "lane[0].barrier"),
        (["--reader", "pcsc:a\nb"], "cannot stand in gate.toml"),
    ],
)
def test_what_no_daemon_would_take_is_refused_and_nothing_changed(box, office, words, what):
    before = sorted(box.path.rglob("*"))
    said = box.install(office.fingerprint, *words)
    assert (2, True) == (said.code, what in said.err), said.err
    assert before == sorted(box.path.rglob("*"))
    assert 0 == box.install(office.fingerprint).code


def test_one_without_sync_is_added_to_and_stays_as_it_was_otherwise(box, office):
    box.config.write_text(THERE.rstrip())
    box.config.chmod(0o640)
    assert 0 == box.install(office.fingerprint, "--reader", "pcsc:ignored").code
    text = box.config.read_text()
    assert text.startswith(THERE)
    assert {"broker": BROKER, "identity": "identity"} == tomllib.loads(text)["sync"]
    assert 0o640 == stat.S_IMODE(box.config.stat().st_mode)


SAME = f'[sync]\nbroker = "{BROKER}"\nidentity = "identity"\nretention = "48h"\n'


@pytest.mark.parametrize(
    "sync",
    [SAME, SAME.replace(":8883", ""), SAME.replace(':8883"', ':8883/"'), f'[sync]\nbroker = "{BROKER}"\n'],
)
def test_one_that_names_this_broker_already_is_left_as_it_is(box, office, sync):
    box.config.write_text(THERE + sync)
    said = box.install(office.fingerprint)
    assert (0, [], THERE + sync) == (said.code, said["change"], box.config.read_text())


OTHERS = {
    "another broker": (SAME.replace("localhost", "old.example"), [f'write sync.broker = "{BROKER}"']),
    "another port": (SAME.replace("8883", "1234"), [f'write sync.broker = "{BROKER}"']),
    "no broker": ("[sync]\n", [f'write sync.broker = "{BROKER}" (now None)']),
    "no address": ("[sync]\nbroker = 7\n", [f'write sync.broker = "{BROKER}" (now 7)']),
    "another identity": (
        SAME.replace('"identity"', '"who"'),
        ["write sync.identity = \"identity\" (now 'who')"],
    ),
    "both": ('[sync]\nbroker = "x"\nidentity = 7\n', ["write sync.broker", "write sync.identity"]),
}


@pytest.mark.parametrize("case", OTHERS)
def test_one_with_another_broker_is_installed_and_says_what_to_change(box, office, case):
    sync, wanted = OTHERS[case]
    box.config.write_text(THERE + sync)
    said = box.install(office.fingerprint)
    assert (3, len(wanted)) == (said.code, len(said["change"]))
    for what, told in zip(wanted, said["change"], strict=True):
        assert f"{box.config}: {what}" in told
    assert THERE + sync == box.config.read_text()
    assert (box.identity / "gate.crt").exists()


def test_what_to_change_is_told_to_people_too(box, office):
    from fleet import here

    box.config.write_text(THERE + "[sync]\n")
    words = ["--central", office.fingerprint, "--config", box.config, "--identity", box.identity]
    said = here("enrol", "install", box.answer, *words)
    assert (3, True) == (said.code, f"  change in {box.config}: write sync.broker" in said.out)


REFUSED = {
    "another gate": (
        THERE.replace("bron-1", "bron-2"),
        "gate.id is 'bron-2', and the enrolment is for 'bron-1'",
    ),
    "no TOML": ("[gate", "is not TOML"),
    "an unknown key": (THERE + "colour = 1\n", "lane[0].colour: unknown key"),
    "one file for two": (THERE + '[trust]\nkeys = "a"\nprofile = "a"\n', "trust names one file twice"),
    "no room for a table": ("sync = 1\n" + THERE + "[trust]\nkeys = 1\n", "trust.keys: must be a text"),
    "a name of the identity's own": (THERE + '[trust]\nkeys = "identity/gate.key"\n', "trust.keys names"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_one_that_does_not_fit_is_told_and_nothing_changed(box, office, case):
    text, what = REFUSED[case]
    box.config.write_text(text)
    before = sorted(box.path.rglob("*"))
    said = box.install(office.fingerprint)
    assert (2, True) == (said.code, what in said.err), said.err
    assert (before, text) == (sorted(box.path.rglob("*")), box.config.read_text())


def test_trust_is_written_where_it_names_it(box, office, tmp_path):
    (box.path / "trust").mkdir()
    elsewhere = tmp_path / "elsewhere.key"
    elsewhere.write_text("by hand")
    trust = f'[trust]\nkeys = "trust/k.json"\nprofile = "identity/p.json"\nsector_key = "{elsewhere}"\n'
    box.config.write_text(THERE + trust)
    said = box.install(office.fingerprint)
    assert 0 == said.code, said.err
    gate = office.path / "gate"
    assert read_json(gate / "keys.json") == read_json(box.path / "trust" / "k.json")
    assert read_json(gate / "profile-bron.json") == read_json(box.identity / "p.json")
    assert (gate / "pools.sector-key").read_bytes() == elsewhere.read_bytes()
    assert not (box.path / "keys.json").exists()


def test_a_configuration_elsewhere_names_the_identity_in_full(box, office, tmp_path):
    box_config = tmp_path / "other" / "gate.toml"
    said = box.install(office.fingerprint, "--config", box_config)
    assert (2, True) == (said.code, "sudo install -d" in said.err), said.err
    box_config.parent.mkdir()
    assert 0 == box.install(office.fingerprint, "--config", box_config).code
    assert str(box.identity) == tomllib.loads(box_config.read_text())["sync"]["identity"]
    assert read_json(office.path / "gate" / "keys.json") == read_json(box_config.parent / "keys.json")


def test_one_behind_a_link_is_changed_where_it_stands(box, office, tmp_path):
    real = tmp_path / "real.toml"
    real.write_text(THERE)
    box.config.symlink_to(real)
    assert 0 == box.install(office.fingerprint).code
    assert box.config.is_symlink()
    assert "[sync]" in real.read_text()


def test_a_plan_writes_nothing(tmp_path):
    made = plan(
        tmp_path / "gate.toml",
        gate="g",
        broker=BROKER,
        identity=tmp_path / "identity",
        reader="simulated",
        barrier="simulated",
    )
    assert made.is_new
    assert [] == list(tmp_path.iterdir())
