"""The office's side of the trust repository: who may do what, what stays if it fails, who reads it."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface, Updater

from fleet import here
from gated.central.answering import Asker
from gated.central.freshness import LOOK_S, Freshness
from gated.central.trust_repository import TARGETS_DAYS, TIMESTAMP_DAYS, TrustRepository
from gated.central.trust_shelf import TrustShelf
from gated.devices.clock import SystemClock
from gated.wire.request import PART_BYTES, TrustWanted

DAY = 86_400
ASKER = Asker("gate-1", "pools")


class Office:
    def __init__(self, path) -> None:
        self.path, self.media = path / "city", path / "media"
        self.media.mkdir()
        assert 0 == here("central", "init", self.path, "--sector", "pools", "--venue", "bron").code

    def begin(self, *more, keys="abc", threshold=2):
        words = [word for name in keys for word in ("--new-root-key", self.media / name)]
        words += ["--threshold", threshold, "--new-targets-key", self.media / "targets"]
        return here("central", "trust", "init", self.path, *words, "--json", *more)

    def publish(self, *more):
        return here("central", "trust", "publish", self.path, "--json", *more)

    def publish_all(self):
        said = self.publish("--targets-key", self.media / "targets")
        assert 0 == said.code, said.err
        return said

    def rotate(self, *more):
        return here("central", "trust", "rotate", self.path, "--json", *more)

    def files(self):
        return {path.name: path.read_bytes() for path in (self.path / "trust").glob("*.json")}

    def listed(self):
        return json.loads((self.path / "gate" / "keys.json").read_text())["keys"]


@pytest.fixture
def office(tmp_path):
    return Office(tmp_path)


@pytest.fixture
def published(office):
    assert 0 == office.begin().code
    office.publish_all()
    return office


class Folder(FetcherInterface):
    def __init__(self, path) -> None:
        self._path = path

    def _fetch(self, url):
        path = self._path / url.rpartition("/")[2]
        if not path.exists():
            raise DownloadHTTPError("no such file", 404)
        yield path.read_bytes()


def test_any_client_of_tuf_reads_what_the_office_publishes(published, tmp_path):
    published.rotate(
        "--role", "timestamp", "--root-key", published.media / "a", "--root-key", published.media / "b"
    )
    folder = published.path / "trust"
    local = tmp_path / "client"
    local.mkdir()
    root = (folder / "1.root.json").read_bytes()
    updater = Updater(str(local), "x://y/", str(local), "x://y/", Folder(folder), bootstrap=root)
    updater.refresh()
    for name in ("keys.json", "profile-bron.json"):
        path = Path(updater.download_target(updater.get_targetinfo(name)))
        assert json.loads((published.path / "gate" / name).read_bytes()) == json.loads(path.read_bytes())


def test_no_offline_key_lies_where_serving_reads(published):
    held = {path.name for path in (published.path / "secret").iterdir() if "trust" in path.name}
    assert {"trust-timestamp.pem", "trust-snapshot.pem"} == held
    for path in published.media.iterdir():
        assert 0o600 == path.stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--new-root-key", "{city}/secret/root", "--threshold", "1"], "lies in the office"),
        (["--new-root-key", "{media}/a", "--threshold", "2"], "2 of 1 root keys cannot sign"),
        (["--new-root-key", "{media}/a", "--threshold", "0"], "0 of 1 root keys cannot sign"),
        (["--new-root-key", "{media}/nowhere/a", "--threshold", "1"], "cannot be made"),
        (["--root-key", "{media}/a", "--threshold", "1"], "cannot be read"),
    ],
)
def test_what_would_begin_nothing_makes_nothing(office, words, what):
    words = [word.format(city=office.path, media=office.media) for word in words]
    said = here(
        "central", "trust", "init", office.path, *words, "--new-targets-key", office.media / "targets"
    )
    assert 2 == said.code
    assert what in said.err
    assert {} == office.files()


def test_it_is_begun_once(published):
    before = published.files()
    said = published.begin(keys="xyz")
    assert 2 == said.code
    assert "has a trust repository" in said.err
    assert before == published.files()
    assert not (published.media / "x").exists()


def test_an_office_without_one_works_as_before(office):
    for words in (["publish"], ["show"], ["rotate", "--role", "timestamp"]):
        said = here("central", "trust", *words[:1], office.path, *words[1:])
        assert 2 == said.code
        assert "no trust repository" in said.err
    shelf = TrustShelf(office.path)
    assert 0 == shelf.version
    assert shelf.answer(ASKER, TrustWanted("timestamp.json")) is None


# ------------------------------------------------------------------ publishing


def test_what_changed_asks_for_the_targets_key_and_what_did_not_does_not(published):
    said = published.publish()
    assert 0 == said.code
    assert [] == said["changed"]
    assert 2 == TrustShelf(published.path).version
    published.rotate("--sector", "pools", "--key", "online")
    said = published.publish()
    assert 2 == said.code
    assert "keys.json changed" in said.err
    assert ["keys.json"] == published.publish_all()["changed"]


def test_a_profile_that_changed_has_a_higher_version(published):
    path = published.path / "gate" / "profile-bron.json"
    document = json.loads(path.read_text()) | {"capacity": 7}
    path.write_text(json.dumps(document))
    said = published.publish("--targets-key", published.media / "targets")
    assert 2 == said.code
    assert "its version is 1 as before" in said.err
    path.write_text(json.dumps(document | {"version": 2}))
    published.publish_all()


def test_a_profile_that_no_gate_reads_is_not_published(published):
    path = published.path / "gate" / "profile-bron.json"
    path.write_text('{"v": 1}')
    before = published.files()
    assert 2 == published.publish("--targets-key", published.media / "targets").code
    assert before == published.files()


def test_another_key_than_the_roots_is_refused(published):
    before = published.files()
    said = published.publish("--targets-key", published.media / "a")
    assert 2 == said.code
    assert "names other keys for targets" in said.err
    assert before == published.files()


def test_keys_that_ended_are_published_no_more(published):
    path = published.path / "gate" / "keys.json"
    document = json.loads(path.read_text())
    document["keys"][0]["not_before"], document["keys"][0]["expires"] = 1, 2
    path.write_text(json.dumps(document))
    published.publish_all()
    listed = json.loads(TrustRepository(published.path).published()["keys.json"])
    kids = [one["kid"] for one in listed["keys"]]
    assert document["keys"][0]["kid"] not in kids
    assert len(document["keys"]) - 1 == len(kids)


# ------------------------------------------------------------------ roots


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "root"])
def test_fewer_root_keys_than_the_threshold_change_nothing(published, role):
    before = published.files()
    more = {"targets": ["--new-targets-key", published.media / "t2"]}
    said = published.rotate("--role", role, "--root-key", published.media / "a", *more.get(role, []))
    assert 2 == said.code
    assert "root keys must sign" in said.err
    assert before == published.files()
    assert not (published.media / "t2").exists()


def test_a_root_key_goes_and_another_comes(published):
    repository = TrustRepository(published.path)
    before = list(repository.root().roles["root"].keyids)
    roots = ["--root-key", published.media / "a", "--root-key", published.media / "b"]
    said = published.rotate(
        "--role", "root", *roots, "--drop", before[0][:12], "--new-root-key", published.media / "d"
    )
    assert 0 == said.code, said.err
    after = repository.root().roles["root"]
    assert 3 == len(after.keyids)
    assert before[0] not in after.keyids
    # The key that went signs nothing any more.
    said = published.rotate("--role", "timestamp", *roots)
    assert 2 == said.code
    roots = ["--root-key", published.media / "d", "--root-key", published.media / "b"]
    assert 0 == published.rotate("--role", "timestamp", *roots).code


@pytest.mark.parametrize("words", [["--drop", "zz"], ["--threshold", "4"]])
def test_a_root_that_nobody_could_follow_is_not_made(published, words):
    roots = ["--root-key", published.media / "a", "--root-key", published.media / "b"]
    before = published.files()
    said = published.rotate("--role", "root", *roots, *words)
    assert 2 == said.code
    assert before == published.files()


# ------------------------------------------------------------------ keys of a sector


def test_a_key_is_listed_then_used_then_ended(published):
    old = published.listed()
    assert 0 == published.rotate("--sector", "pools", "--key", "online").code
    assert len(old) + 1 == len(published.listed())
    assert 2 == published.rotate("--sector", "pools", "--key", "online").code, "one waits already"
    said = published.rotate("--sector", "pools", "--key", "online", "--use")
    assert "was not published" in said.err
    published.publish_all()
    used = published.rotate("--sector", "pools", "--key", "online", "--use")
    assert 0 == used.code
    listed = {one["kid"]: one for one in published.listed()}
    (before,) = [one["kid"] for one in old if "ack" in one["kinds"]]
    assert "ack" in listed[used["kid"]]["kinds"]
    assert listed[before]["expires"] < SystemClock().sample().wall + 31 * DAY
    assert 2 == published.rotate("--sector", "pools", "--key", "online", "--use").code, "none waits"


def test_the_key_that_makes_statements_counts_until_its_own_end(published):
    old = {one["kid"]: one for one in published.listed()}
    published.rotate("--sector", "pools", "--key", "issuing")
    published.publish_all()
    assert 0 == published.rotate("--sector", "pools", "--key", "issuing", "--use").code
    listed = {one["kid"]: one for one in published.listed()}
    assert old.items() <= listed.items()


@pytest.mark.parametrize("key", ["issuing", "online", "command"])
def test_a_compromised_key_leaves_the_list_at_once(published, key):
    said = published.rotate("--sector", "pools", "--key", key, "--compromised")
    assert 0 == said.code, said.err
    kids = [one["kid"] for one in published.listed()]
    assert said["kid"] in kids
    assert said["ended"] not in kids


@pytest.mark.parametrize(
    "words",
    [
        ["--key", "online"],
        ["--key", "online", "--sector", "none"],
        ["--key", "online", "--sector", "pools", "--use", "--compromised"],
    ],
)
def test_what_names_no_key_changes_nothing(published, words):
    before = published.listed()
    assert 2 == published.rotate(*words).code
    assert before == published.listed()


def test_no_sector_is_called_so_that_its_key_would_be_anothers(office):
    for name in ("pools.next", "pools.command", "trust-timestamp", "trust-snapshot"):
        assert 2 == here("central", "init", office.path, "--sector", name, "--venue", "x").code


# ------------------------------------------------------------------ served


def test_a_shelf_has_what_is_public_and_nothing_beside_it(published):
    shelf = TrustShelf(published.path)
    for name in published.files():
        assert published.files()[name] == shelf.answer(ASKER, TrustWanted(name))
    for name in ("lock", "keys.json", "..secret", "central.db", "0.root.json", "trust-timestamp.pem"):
        assert shelf.answer(ASKER, TrustWanted(name)) is None
    (published.path / "trust" / "9.root.json").write_bytes(bytes(PART_BYTES))
    assert bytes(PART_BYTES) == shelf.answer(ASKER, TrustWanted("9.root.json"))
    assert shelf.answer(ASKER, TrustWanted("9.root.json", 1)) is None


def test_who_serves_signs_the_timestamp_each_day_and_the_snapshot_each_month(published, caplog):
    begun = now = SystemClock().sample().wall
    clock = [0.0]
    kept = Freshness(TrustRepository(published.path), lambda: now, lambda: clock[0])
    kept.begin()
    shelf, seen = TrustShelf(published.path), []
    while now < begun + 30 * DAY:
        now, clock[0] = now + 6 * 3600, clock[0] + 6 * 3600
        assert () == kept.due(changed=False)
        ends = TrustRepository(published.path).ends()
        assert ends["timestamp"].ends - now > (TIMESTAMP_DAYS - 2) * DAY
        assert ends["snapshot"].ends - now > 10 * DAY
        seen.append(shelf.version)
    assert 30 == seen[-1] - 1
    assert 2 <= TrustRepository(published.path).ends()["snapshot"].version <= 4
    assert [] == caplog.records


def test_it_says_when_a_person_must_come(published, caplog):
    now = SystemClock().sample().wall + (TARGETS_DAYS - 20) * DAY
    Freshness(TrustRepository(published.path), lambda: now, lambda: 0.0).due(changed=False)
    (record,) = caplog.records
    assert "targets ends in" in record.getMessage()


def test_a_key_that_cannot_be_read_is_told_once_and_looked_for_again(published, caplog):
    path = published.path / "secret" / "trust-timestamp.pem"
    moved = path.rename(path.with_suffix(".away"))
    clock, now = [0.0], SystemClock().sample().wall + 2 * DAY
    kept = Freshness(TrustRepository(published.path), lambda: now, lambda: clock[0])
    for _ in range(3):
        kept.due(changed=False)
        clock[0] += LOOK_S
    assert 1 == len(caplog.records)
    moved.rename(path)
    kept.due(changed=False)
    assert 2 == TrustShelf(published.path).version


def test_show_tells_versions_ends_and_keys(published):
    said = here("central", "trust", "show", published.path, "--json")
    told = json.loads(said.out)
    assert {"root", "targets", "snapshot", "timestamp"} == told["metadata"].keys() == told["roles"].keys()
    assert 2 == told["roles"]["root"]["threshold"]
    ends = datetime.fromtimestamp(told["metadata"]["targets"]["ends"], UTC)
    assert f"ends {ends:%Y-%m-%d}" in here("central", "trust", "show", published.path).out


def test_a_damaged_folder_is_named(published):
    (published.path / "trust" / "timestamp.json").write_bytes(b"{")
    said = published.publish()
    assert 2 == said.code
    assert "is damaged" in said.err


def test_two_who_write_at_once_take_turns(published):
    repository = TrustRepository(published.path)
    done = threading.Event()

    def other():
        with TrustRepository(published.path).alone():
            done.set()

    with repository.alone():
        thread = threading.Thread(target=other)
        thread.start()
        assert not done.wait(0.1)
    thread.join(10)
    assert done.is_set()
