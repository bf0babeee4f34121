"""The client workflow against python-tuf's own: whatever it refuses we refuse, whatever it takes we take.

And the one thing of python-tuf that we build upon without it being asked for by its specification: that
metadata is judged by the time that it is handed.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime

import pytest
from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.api.metadata import Metadata, TargetFile, Timestamp
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from gated.credential.metadata import MAX_BYTES, Untrusted, check_root
from gated.credential.repository import MAX_ROOT_STEPS, Repository, open_root
from trust_repository import Simulator, fresh, signed
from venue import DAY, NOW

TARGETS = ("keys.json", "profile-bron.json")
#: What we refuse where python-tuf goes on with a copy of its own.
STRICTER = ("snapshot_mismatch", "missing", "oversize")


def read(repository, files, *, at=NOW, held=None, done=0):
    """What ``Repository.read`` finds in these files."""
    reading = repository.read(at, TARGETS, (held or {}).get, done)
    wanted = next(reading)
    asked = []
    try:
        while True:
            asked.append(wanted.name)
            wanted = reading.send(files.get(wanted.name))
    except StopIteration as ended:
        return ended.value, asked


class Gate:
    """Ours: a reader whose floors outlive it."""

    def __init__(self, root: bytes) -> None:
        self.floors: dict[str, int] = {}
        self.held: dict[str, bytes] = {}
        self.code = ""
        self.repository = Repository(open_root(root), lambda name: self.floors.get(name, 0))

    def takes(self, files, at) -> bool:
        try:
            found, _ = read(self.repository, files, at=at, held=self.held)
        except Untrusted as untrusted:
            self.code = untrusted.code
            return False
        else:
            self.floors |= found.seen
            self.held = {"targets.json": found.metadata}
            self.held |= {one.name: one.content for one in found.files.values()}
            return True
        finally:
            self.floors |= self.repository.seen


class Fetcher(FetcherInterface):
    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def _fetch(self, url):
        raw = self.files.get(url.rpartition("/")[2])
        if raw is None:
            raise DownloadHTTPError("no such file", 404)
        yield raw


class Tuf:
    """Theirs: the updater of python-tuf, over the same files, at the same time."""

    def __init__(self, root: bytes, path) -> None:
        self._root, self._path = root, path
        self._fetcher = Fetcher()
        path.mkdir()

    def takes(self, files, at) -> bool:
        self._fetcher.files = files
        config = UpdaterConfig(
            max_root_rotations=MAX_ROOT_STEPS,
            root_max_length=MAX_BYTES["root"],
            timestamp_max_length=MAX_BYTES["timestamp"],
            snapshot_max_length=MAX_BYTES["snapshot"],
            targets_max_length=MAX_BYTES["targets"],
        )
        updater = Updater(
            str(self._path), "x://m/", str(self._path), "x://m/", self._fetcher, config, bootstrap=self._root
        )
        updater._trusted_set.reference_time = datetime.fromtimestamp(at, UTC)
        try:
            updater.refresh()
            for name in TARGETS:
                found = updater.get_targetinfo(name)
                if found is None:
                    return False
                if updater.find_cached_target(found) is None:
                    updater.download_target(found)
        except (RepositoryError, DownloadError):
            return False
        return True


# ------------------------------------------------------------------ what an office and its enemies do


def _flip(repo, chance):
    """A byte of a file is another."""
    name = chance.choice(sorted(repo.files))
    raw = bytearray(repo.files[name])
    raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    repo.files[name] = bytes(raw)


def _swap(repo, chance):
    one, other = chance.sample(sorted(repo.files), 2)
    repo.files[one], repo.files[other] = repo.files[other], repo.files[one]


def _drop(repo, chance):
    del repo.files[chance.choice(sorted(set(repo.files) - {"1.root.json"}))]


def _old(repo, chance):
    """Files of an earlier state come back, all or some."""
    past = chance.choice(repo.past)
    for name in past:
        if chance.random() < 0.7:
            repo.files[name] = past[name]


def _lower(repo, chance):
    """Keys sign a lower or a much higher number than before."""
    role, before = chance.choice(("snapshot", "timestamp", "targets")), dict(repo.versions)
    getattr(repo, f"put_{role}")((before[role] + chance.choice((-1, 1, 5))) or 2)
    if role != "timestamp":
        repo.put_timestamp()
    # The office's own next number is a new one.
    repo.versions = {name: max(number, before[name]) for name, number in repo.versions.items()}


def _rotate(repo, chance):
    repo.rotate(chance.choice(("timestamp", "snapshot", "targets")))
    repo.publish()


def _root(repo, chance):
    repo.next_root()
    repo.put_root(chance.sample(repo.signers["root"], chance.choice((1, 2, 3))))


def _stranger(repo, chance):
    role = chance.choice(("snapshot", "timestamp", "targets"))
    getattr(repo, f"put_{role}")(signers=[fresh()])


def _publish(repo, _chance):
    repo.contents["keys.json"] += b" "
    repo.publish()


STEPS = (_flip, _swap, _drop, _old, _lower, _rotate, _root, _stranger, _publish, _publish, _publish)


@pytest.mark.parametrize("seed", range(60))
def test_python_tuf_and_we_agree(seed, tmp_path):
    """Of whole histories: what was seen before counts for both.

    One number that was signed twice is told apart by python-tuf alone, which keeps the bytes of the first.
    """
    chance = random.Random(seed)
    repo = Simulator(b"{}", b"{}")
    repo.past = [dict(repo.files)]
    ours, theirs = Gate(repo.files["1.root.json"]), Tuf(repo.files["1.root.json"], tmp_path / "tuf")
    at, both = NOW, 0
    for _ in range(12):
        honest = dict(repo.files)
        step = chance.choice(STEPS)
        step(repo, chance)
        at += chance.choice((0, 0, DAY, 5 * DAY))
        repo.now = at
        taken, mine = theirs.takes(repo.files, at), ours.takes(repo.files, at)
        assert not mine or taken, f"after {step.__name__} we take what python-tuf refuses"
        # It keeps its own copy of a snapshot that was damaged on the way, and we ask for that again.
        assert mine or not taken or ours.code in STRICTER, f"{ours.code} after {step.__name__}"
        both += mine
        if step in (_flip, _swap, _drop, _old, _stranger):
            repo.files = honest
        repo.past.append(dict(repo.files))
    assert both or seed, "nothing was ever believed"


def test_metadata_is_judged_by_the_time_that_it_is_handed():
    """ADR 0022: should a release of python-tuf look at the system clock, this says so."""
    for ends in (datetime(2001, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)):
        timestamp = Metadata.from_bytes(Metadata(Timestamp(expires=ends)).to_bytes()).signed
        second = ends.timestamp()
        assert not timestamp.is_expired(datetime.fromtimestamp(second - 1, UTC))
        assert timestamp.is_expired(datetime.fromtimestamp(second, UTC))


def test_a_reading_is_judged_by_the_time_that_it_is_handed():
    repo = Simulator(b"{}", b"{}", now=NOW - 20 * 365 * DAY)  # long ended by the clock of this machine
    gate = Gate(repo.files["1.root.json"])
    assert gate.takes(repo.files, repo.now + 8 * DAY - 1)
    assert not gate.takes(repo.files, repo.now + 8 * DAY)


def test_files_are_asked_for_in_order_and_only_those_that_are_not_here():
    repo = Simulator(b"{}", b"{}")
    root = open_root(repo.files["1.root.json"])
    found, asked = read(Repository(root, lambda _name: 0), repo.files)
    contents = [one.name for one in found.files.values()]
    metadata = ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]
    assert [*metadata, *contents] == asked
    held = {"targets.json": found.metadata, **{one.name: one.content for one in found.files.values()}}
    repo.put_timestamp()
    again, asked = read(Repository(root, lambda _name: 0), repo.files, held=held)
    assert ["2.root.json", "timestamp.json", "1.snapshot.json"] == asked
    assert found.files == again.files
    nothing, asked = read(Repository(root, lambda _name: 0), repo.files, held=held, done=2)
    assert nothing is None
    assert ["2.root.json", "timestamp.json"] == asked


def test_each_new_root_is_kept_before_anything_else_is_asked_for():
    repo = Simulator(b"{}", b"{}")
    for _ in range(3):
        repo.rotate("timestamp")
    kept = []
    reading = Repository(open_root(repo.files["1.root.json"]), lambda _: 0, lambda name, _: kept.append(name))
    conversation = reading.read(NOW, TARGETS, {}.get, 0)
    wanted = next(conversation)
    for number in (2, 3, 4):
        assert f"{number}.root.json" == wanted.name
        wanted = conversation.send(repo.files[wanted.name])
        assert f"{number}.root.json" == kept[-1]


def test_roots_without_end_are_given_up():
    """Each is signed as it should be: who has the root keys could keep a gate busy for ever."""
    repo = Simulator(b"{}", b"{}")
    reading = Repository(open_root(repo.files["1.root.json"]), lambda _: 0).read(NOW, TARGETS, {}.get, 0)
    next(reading)
    for _ in range(MAX_ROOT_STEPS - 1):
        repo.next_root()
        reading.send(repo.put_root(repo.signers["root"][:2]))
    repo.next_root()
    with pytest.raises(Untrusted) as refused:
        reading.send(repo.put_root(repo.signers["root"][:2]))
    assert "root_steps" == refused.value.code


@pytest.mark.parametrize(
    "bend",
    [
        lambda root: root.update(consistent_snapshot=False),
        lambda root: root["roles"]["timestamp"].update(keyids=[]),
        lambda root: root["roles"]["timestamp"].update(threshold=2),
        lambda root: root["keys"][next(iter(root["keys"]))].update(scheme="rsassa-pss-sha256", keytype="rsa"),
        lambda root: root.update(version=True),
        lambda root: root.update(version=1 << 40),
    ],
)
def test_a_root_that_tuf_allows_and_we_do_not(bend):
    repo = Simulator(b"{}", b"{}")
    document = json.loads(repo.files["1.root.json"])
    bend(document["signed"])
    with pytest.raises(Untrusted) as refused:
        open_root(json.dumps(document).encode())
    assert "root_malformed" == refused.value.code


# ------------------------------------------------------------------ what was seen, role by role


def refusal(gate, files, at=NOW):
    """The code with which a reading ends."""
    assert not gate.takes(files, at)
    return gate.code


@pytest.fixture
def repo():
    return Simulator(b"{}", b"{}")


@pytest.fixture
def gate(repo):
    made = Gate(repo.files["1.root.json"])
    assert made.takes(repo.files, NOW)
    return made


def test_a_chain_of_roots_that_ends_too_soon_is_refused(repo, gate):
    """The reader is made anew, as after a start without its files; what was seen is kept elsewhere."""
    repo.rotate("snapshot")
    repo.rotate("snapshot")
    repo.publish()
    assert gate.takes(repo.files, NOW)
    again = Gate(repo.files["1.root.json"])
    again.floors = gate.floors
    shorter = {name: raw for name, raw in repo.files.items() if name != "3.root.json"}
    assert "root_older" == refusal(again, shorter)
    assert again.takes(repo.files, NOW)


def test_a_snapshot_that_was_announced_and_withheld_counts_as_seen(repo, gate):
    repo.put_snapshot(5)
    repo.put_timestamp()
    withheld = {name: raw for name, raw in repo.files.items() if name != "5.snapshot.json"}
    assert "missing" == refusal(gate, withheld)
    repo.put_snapshot(4)
    repo.put_timestamp()
    assert "snapshot_older" == refusal(gate, repo.files)


def test_targets_that_were_listed_and_withheld_count_as_seen(repo, gate):
    repo.put_targets(5)
    repo.put_snapshot()
    repo.put_timestamp()
    withheld = {name: raw for name, raw in repo.files.items() if name != "5.targets.json"}
    assert "missing" == refusal(gate, withheld)
    repo.put_targets(4)
    repo.put_snapshot()
    repo.put_timestamp()
    assert "targets_older" == refusal(gate, repo.files)


@pytest.mark.parametrize(
    ("role", "code"), [("snapshot", "snapshot_mismatch"), ("targets", "targets_mismatch")]
)
def test_another_file_of_the_same_number_is_not_the_one_that_was_announced(repo, gate, role, code):
    """Who has one key, and not that of the role above: signed, numbered rightly, and another."""
    repo.publish()
    getattr(repo, f"put_{role}")(2, days=20)
    assert code == refusal(gate, repo.files)


def test_one_key_of_a_threshold_cannot_raise_what_all_are_held_to(repo):
    """A floor is that of as many keys as must sign: one stolen root key locks nobody out."""
    first = repo.signers["root"][0].public_key.keyid
    gate = Gate(repo.files["1.root.json"])
    gate.floors = {f"trust.root.{first[:16]}": 99}
    assert gate.takes(repo.files, NOW)
    second = repo.signers["root"][1].public_key.keyid
    gate.floors[f"trust.root.{second[:16]}"] = 7
    assert "root_older" == refusal(gate, repo.files)


# ------------------------------------------------------------------ signed by whoever may, and no such thing


def bent(repo, name, role, bend) -> None:
    """Change what a file says, and sign it as its role does."""
    content = Metadata.from_bytes(repo.files[name]).signed
    bend(content)
    repo.files[name] = repo.made[name] = signed(content, repo.signers[role])


def _yes_for_a_version(timestamp):
    timestamp.snapshot_meta.version = True


def _yes_for_a_length(timestamp):
    timestamp.snapshot_meta.length = True


@pytest.mark.parametrize("bend", [_yes_for_a_version, _yes_for_a_length])
def test_a_timestamp_whose_numbers_are_none(repo, gate, bend):
    repo.put_timestamp()
    bent(repo, "timestamp.json", "timestamp", bend)
    assert "timestamp_malformed" == refusal(gate, repo.files)


def test_a_snapshot_under_another_number_than_its_own(repo, gate):
    raw = repo.put_snapshot()
    repo.files["7.snapshot.json"] = raw
    repo.put_timestamp(named=7, raw=raw)
    assert "snapshot_mismatch" == refusal(gate, repo.files)


def test_a_snapshot_that_lists_nothing(repo, gate):
    repo.put_snapshot()
    bent(repo, "2.snapshot.json", "snapshot", lambda snapshot: snapshot.meta.clear())
    repo.put_timestamp()
    assert "snapshot_malformed" == refusal(gate, repo.files)


def test_targets_under_another_number_than_their_own(repo, gate):
    raw = repo.put_targets()
    repo.files["9.targets.json"] = raw
    repo.put_snapshot(listed=9, raw=raw)
    repo.put_timestamp()
    assert "targets_mismatch" == refusal(gate, repo.files)


def test_a_target_without_the_hash_that_counts(repo, gate):
    repo.put_targets()

    def another_hash(targets):
        targets.targets["keys.json"] = TargetFile.from_data("keys.json", b"{}", ["sha512"])

    bent(repo, "2.targets.json", "targets", another_hash)
    repo.put_snapshot()
    repo.put_timestamp()
    assert "targets_malformed" == refusal(gate, repo.files)


def test_what_lies_here_and_no_root_names_its_signer(repo):
    other = Simulator(b"{}", b"{}")
    here = Repository(open_root(repo.files["1.root.json"]), lambda _name: 0)
    with pytest.raises(Untrusted) as refused:
        here.restore(other.files["1.targets.json"], TARGETS, other.files.get)
    assert "targets_signature" == refused.value.code


def test_a_root_that_is_too_large_is_not_read():
    with pytest.raises(Untrusted) as refused:
        open_root(b"{" * (MAX_BYTES["root"] + 1))
    assert "oversize" == refused.value.code


def _an_id_of_another_form(root, key):
    root.keys["short"] = key


def _a_key_that_is_not_there(root, _key):
    root.roles["snapshot"].keyids.append("0" * 64)


@pytest.mark.parametrize("bend", [_an_id_of_another_form, _a_key_that_is_not_there])
def test_a_root_with_keys_that_nobody_could_tell(repo, bend):
    root = repo.next_root()
    bend(root, fresh().public_key)
    with pytest.raises(Untrusted) as refused:
        check_root(root)
    assert "root_malformed" == refused.value.code
