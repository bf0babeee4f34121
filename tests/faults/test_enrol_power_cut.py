"""Power that fails in front of each step of an enrolment: the old gate or the new one is whole.

A killed process shows in which order things are done; that each is on the disk before the next, strace shows.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fleet import GATED, Box, Office, here
from needs import need

RUNNER = Path(__file__).with_name("power_cut.py")
#: What two runs of one install may tell differently: when it was.
WHEN = re.compile(rb'"enrolled_at":\d+')


class Case:
    """A box in front of an install, with the old and the new that it may be."""

    def __init__(self, tmp_path: Path) -> None:
        self.office = Office(tmp_path / "city")
        self.template, self.places = tmp_path / "template", tmp_path / "places"
        self.box = Box(self.template / "box")
        self.places.mkdir()

    def answer(self, *more: str) -> None:
        """Bring the answer of the office."""
        assert 0 == self.box.request(*["--again"] * bool(more)).code
        said = self.office.enrol(self.box.asked, self.box.fingerprint, self.box.answer, *more)
        assert 0 == said.code, said.err

    def kill_at_each_step(self, *words: str) -> dict:
        command = [sys.executable, str(RUNNER), str(self.template), str(self.places), *words]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        ended = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        return json.loads(ended.stdout.splitlines()[-1])

    def each(self, steps: int):
        """The box as each kill left it; the last one was not killed."""
        for number in range(steps + 1):
            yield number, Box(self.places / str(number) / "box")


def bare(case):
    """Nothing is there but the request."""
    case.answer()


def by_hand(case):
    """A gate that a technician set up with copied files, and that serves."""
    case.answer()
    gate = case.office.path / "gate"
    for name, source in (
        ("keys.json", "keys.json"), ("profile.json", "profile-bron.json"), ("sector.key", "pools.sector-key"),
    ):  # fmt: skip
        shutil.copy(gate / source, case.box.path / name)
    (case.box.path / "keys.json").write_text(
        (gate / "keys.json").read_text() + "\n"
    )  # told apart from the new
    (case.box.path / "profile.json").write_text((gate / "profile-bron.json").read_text() + "\n")
    (case.box.path / "sector.key").write_text("11" * 32)
    lane = '[[lane]]\nid = "in-1"\nreader = "simulated"\nbarrier = "simulated"\n'
    case.box.config.write_text(f'[gate]\nid = "bron-1"\n{lane}')


def enrolled(case):
    """A gate that was enrolled before, at an office that has changed since."""
    case.box.enrol(case.office)
    assert 0 == here("central", "init", case.office.path, "--sector", "baths", "--venue", "vaise").code
    profile = case.office.path / "gate" / "profile-bron.json"
    profile.write_text(profile.read_text().replace('"version": 1', '"version": 2'))
    case.answer("--replace")


def seen(box):
    return {name: WHEN.sub(b"", content) for name, content in box.files().items()}


@pytest.mark.parametrize("before", [bare, by_hand, enrolled])
def test_an_install_cut_off_anywhere_leaves_the_old_or_the_new_and_can_be_repeated(tmp_path, before):
    case = Case(tmp_path)
    before(case)
    old, central = seen(case.box), case.office.fingerprint
    told = case.kill_at_each_step(
        "enrol", "install", "box.enrolment", "--central", central,
        "--config", "box/gate.toml", "--identity", "box/identity",
    )  # fmt: skip
    assert 0 == told["code"]
    steps = told["steps"]
    assert steps > 20
    new = seen(Box(case.places / str(steps) / "box"))
    assert {name for name in new if old.get(name) != new[name]} >= {
        "keys.json",
        "profile.json",
        "identity/gate.key",
    }
    # New, but not yet named by gate.toml: a gate without [sync] serves by the new files.
    between = {**new, "gate.toml": old["gate.toml"]} if "gate.toml" in old else dict(list(new.items())[1:])
    states = []
    for number, box in case.each(steps):
        now = seen(box)
        assert now in (old, new, between), f"neither old nor new before step {number}: {sorted(now)}"
        states.append("old" if now == old else "new")
        again = box.install(central)
        assert again.code == 0 or "was used already" in again.err, f"step {number}: {again}"
        assert new == seen(box), f"step {number}"
        assert not list(box.path.rglob("enrolment.key")), f"step {number}"
    assert states == sorted(states, reverse=True), "from old to new, once"
    assert {"old", "new"} == set(states)


def test_a_new_request_cut_off_anywhere_harms_no_gate_and_can_be_repeated(tmp_path):
    case = Case(tmp_path)
    enrolled(case)  # a request waits, too
    old = seen(case.box)
    words = ["--gate", "bron-1", "--again", "--identity", "box/identity", "--out", "new.request"]
    told = case.kill_at_each_step("enrol", "request", *words)
    assert (0, True) == (told["code"], told["steps"] > 8)
    for number, box in case.each(told["steps"]):
        assert old == seen(box), number
        box.enrol(case.office, "--replace", again=True)


def test_a_first_request_cut_off_anywhere_can_be_repeated_without_again(tmp_path):
    case = Case(tmp_path)
    words = ["--gate", "bron-1", "--identity", "box/identity", "--out", "box.request"]
    told = case.kill_at_each_step("enrol", "request", *words)
    for number, box in case.each(told["steps"]):
        said = box.request()
        kept = box.path / "identity.request" / "request"
        assert said.code == 0 or kept.is_file(), f"{number}: {said}"
        # Refused only where a whole request waits, and the error says where its file is.
        assert said.code == 0 or str(kept) in said.err, f"{number}: {said}"


# ------------------------------------------------------------------ what is on the disk, and when


CALLS = "openat,mkdir,symlink,rename,unlink,rmdir,unlinkat,fsync"
_OPEN = re.compile(r'openat\(AT_FDCWD[^,]*, "([^"]+)", ([A-Z_|]+)[^)]*\) = \d')
_NEW = re.compile(r'(?:mkdir|symlink)\((?:"[^"]+", )?"([^"]+)"(?:, \d+)?\) += 0')
_RENAME = re.compile(r'rename\("([^"]+)", "([^"]+)"\) += 0')
_GONE = re.compile(r'(?:unlink|rmdir)\("([^"]+)"\) += 0')
_FSYNC = re.compile(r"fsync\(\d+<([^>]+)>\) += 0")


def steps_of(trace: Path):
    """(what, path) of each step, in order; of a rename, the new name."""
    for line in trace.read_text().splitlines():
        if (found := _OPEN.search(line)) and "O_CREAT" in found[2]:
            yield "written", found[1]
        elif found := _NEW.search(line):
            yield "named", found[1]
        elif found := _RENAME.search(line):
            yield "renamed", found[2]
            yield "moved", found[1]
        elif found := _GONE.search(line):
            yield "gone", found[1]
        elif found := _FSYNC.search(line):
            yield "durable", found[1]


@pytest.mark.strace
@pytest.mark.parametrize("before", [bare, by_hand, enrolled])
def test_everything_is_on_the_disk_before_the_step_that_counts(tmp_path, before):
    strace, case = need("strace", "strace"), Case(tmp_path)
    before(case)
    box, trace = case.box, tmp_path / "trace"
    words = [GATED, "enrol", "install", box.answer, "--central", case.office.fingerprint]
    words += ["--config", box.config, "--identity", box.identity]
    subprocess.run(
        [strace, "-f", "-qq", "-y", "-s", "4096", "-e", f"trace={CALLS}", "-o", trace, *words],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    pending: dict[str, str] = {}  # a file or folder with something that a power cut would take
    flips, forgotten = [], False
    for what, path in steps_of(trace):
        if not path.startswith(str(box.path)):
            continue
        folder = str(Path(path).parent)
        if what == "durable":
            pending.pop(path, None)
            continue
        if (what, path) == ("renamed", str(box.identity)):
            flips.append(dict(pending))
        if what == "gone" and path.endswith("/enrolment.key"):
            assert {} == pending, "the one-time key goes only when all that it opened is on the disk"
            forgotten = True
        if what == "written":
            pending[path] = "content"
        if what == "moved":
            pending.pop(path, None)
        pending[folder] = "names"
    assert 1 <= len(flips) <= 2  # the first gathers what stood there by hand, where something did
    assert all(flip == {} for flip in flips), flips
    assert forgotten
