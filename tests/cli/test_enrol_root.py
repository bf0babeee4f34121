"""An enrolment of an office that has a trust repository: the box gets its root, and follows from there."""

from __future__ import annotations

import json
import tomllib

import pytest

from fleet import Box, Office, here
from gated.config.settings import check


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path / "city")
    words = ["--new-root-key", tmp_path / "root", "--threshold", 1, "--new-targets-key", tmp_path / "targets"]
    assert 0 == here("central", "trust", "init", made.path, *words).code
    assert 0 == here("central", "trust", "publish", made.path, "--targets-key", tmp_path / "targets").code
    return made


def rotate(office, tmp_path):
    words = ["--role", "timestamp", "--root-key", tmp_path / "root"]
    assert 0 == here("central", "trust", "rotate", office.path, *words).code


def root_of(box):
    return json.loads((box.identity / "root.json").read_bytes())["signed"]


def test_a_bare_box_gets_the_newest_root_and_a_line_for_it(office, tmp_path):
    rotate(office, tmp_path)
    box = Box(tmp_path / "box")
    box.enrol(office)
    assert ("root", 2) == (root_of(box)["_type"], root_of(box)["version"])
    assert "identity/root.json" == tomllib.loads(box.config.read_text())["trust"]["root"]
    settings, _ = check(box.config)
    assert box.identity / "root.json" == settings.trust_root
    assert 0o644 == (box.identity / "root.json").stat().st_mode & 0o777


def test_a_gate_of_before_is_told_which_line_to_write(office, tmp_path):
    box = Box(tmp_path / "box")
    before = Office(tmp_path / "before")
    box.enrol(before)
    assert not (box.identity / "root.json").exists()
    assert "root" not in tomllib.loads(box.config.read_text())["trust"]
    box.request("--again")
    office.enrol(box.asked, box.fingerprint, box.answer)
    said = box.install(office.fingerprint)
    assert 3 == said.code
    assert [f'{box.config}: write trust.root = "identity/root.json" (now left out)'] == said["change"]
    assert 1 == root_of(box)["version"]


def test_an_office_that_has_none_any_more_says_so(office, tmp_path):
    box = Box(tmp_path / "box")
    box.enrol(office)
    before = Office(tmp_path / "before")
    box.request("--again")
    before.enrol(box.asked, box.fingerprint, box.answer)
    said = box.install(before.fingerprint)
    assert 3 == said.code
    assert "remove trust.root" in said["change"][0]


@pytest.mark.parametrize("content", [b"{}", b"", b'{"signatures": [], "signed": {"_type": "root"}}'])
def test_an_office_whose_root_is_damaged_enrols_nobody(office, tmp_path, content):
    (office.path / "trust" / "1.root.json").write_bytes(content)
    box = Box(tmp_path / "box")
    box.request()
    said = office.enrol(box.asked, box.fingerprint, box.answer)
    assert 2 == said.code
    assert "cannot be used" in said.err
    assert not box.answer.exists()
