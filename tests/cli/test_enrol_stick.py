"""A box that is enrolled far from every network knows its sector from the first tap."""

from __future__ import annotations

import pytest

from fleet import Box, Office, here
from gated.wire.stick import FOLDER
from venue import medium

TOML = """
[gate]
id = "bron-1"
state_dir = "state"
[[lane]]
id = "in-1"
reader = "simulated"
barrier = "simulated"
"""


def issue(office, number):
    words = (
        "--account",
        f"account {number}",
        "--public-key",
        medium(number).public.hex(),
        "--product",
        "season",
    )
    said = here("central", "issue", office.path, "--sector", "pools", *words)
    assert 0 == said.code, said.err


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path / "city")
    issue(made, 1)
    return made


@pytest.fixture
def box(tmp_path):
    made = Box(tmp_path / "box")
    made.config.write_text(TOML)
    assert 0 == made.request().code
    return made


def test_the_first_snapshot_comes_with_the_enrolment(box, office, tmp_path):
    stick = tmp_path / "stick"
    stick.mkdir()
    said = office.enrol(box.asked, box.fingerprint, box.answer, "--stick", stick)
    assert 0 == said.code, said.err
    assert 1 == said["stick"]["heads"]
    said = box.install(office.fingerprint, "--stick", stick)
    assert 0 == said.code, said.err
    assert "taken in when the gate starts" in said.err
    waiting = {path.name for path in (box.path / "state" / "stick.incoming" / "sector-pools").iterdir()}
    assert waiting == {path.name for path in (stick / FOLDER / "sector-pools").iterdir()}


def test_what_waits_is_not_replaced_by_another_stick(box, office, tmp_path):
    stick, other = tmp_path / "stick", tmp_path / "other"
    assert 0 == office.enrol(box.asked, box.fingerprint, box.answer).code
    for number, one in enumerate((other, stick), 2):
        one.mkdir()
        issue(office, number)
        said = here("central", "stick", "export", office.path, "--sector", "pools", "--to", one)
        assert 0 == said.code, said.err
    assert 0 == box.install(office.fingerprint, "--stick", stick).code
    (head,) = (box.path / "state" / "stick.incoming").glob("*/head")
    before = head.read_bytes()
    assert before != (other / FOLDER / "sector-pools" / "head").read_bytes()
    said = here("stick", "import", other, "--config", box.config)
    assert 1 == said.code
    assert "start the gate, then import again" in said.err
    assert before == head.read_bytes()


def test_a_stick_that_is_not_there_leaves_the_box_enrolled_and_says_so(box, office, tmp_path):
    assert 0 == office.enrol(box.asked, box.fingerprint, box.answer).code
    said = box.install(office.fingerprint, "--stick", tmp_path / "nothing")
    assert 2 == said.code
    assert "nothing" in said.err
    assert (box.identity / "signing.key").exists()
