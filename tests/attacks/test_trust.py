"""Attacks on the trust repository: each is refused with its own code, and the gate goes on as before.

What the attacker holds is said for each: the way (broker, stick, disk), or keys below a threshold.
"""

from __future__ import annotations

import json
import shutil
from copy import deepcopy

import pytest

from gated.credential.metadata import MAX_VERSION
from gated.devices.simulated.clock import SimulatedClock
from gated.store.trust_files import hand_over
from trust_repository import fresh
from trusting import TrustingGate, keys_of, profile_of, with_key
from venue import DAY, NOW


@pytest.fixture
def gate(site, serve):
    return TrustingGate(site, serve)


# ------------------------------------------------------------------ what each attacker does with a repository


def _old_timestamp(repo):
    """The way: yesterday's timestamp, with all that it names."""
    old = repo.files["timestamp.json"]
    repo.publish()
    yield
    repo.files["timestamp.json"] = old


def _old_snapshot(repo):
    """The timestamp key: a new timestamp that names the snapshot before."""
    repo.publish()
    yield
    repo.put_timestamp(named=1)


def _old_snapshot_unseen(repo):
    """The snapshot and timestamp keys: the number goes back, the time does not."""
    repo.put_snapshot(9)
    repo.put_timestamp()
    yield
    repo.put_snapshot(8)
    repo.put_timestamp(99, named=8)


def _old_targets(repo):
    """The snapshot and timestamp keys: a new snapshot that lists the keys of before."""
    repo.contents["keys.json"] += b" "
    repo.publish()
    yield
    repo.put_snapshot(listed=1)
    repo.put_timestamp()


def _mix_and_match(repo):
    """The way: a file of targets under the name of another."""
    yield
    repo.publish()
    repo.files["2.targets.json"] = repo.files["1.targets.json"]


def _other_snapshot(repo):
    """The way: a snapshot under the name of another."""
    yield
    repo.publish()
    repo.files["2.snapshot.json"] = repo.files["1.snapshot.json"]


def _wrong_hash(repo):
    """The way: another profile, of the same length."""
    repo.contents["profile-bron.json"] = profile = repo.contents["profile-bron.json"] + b" "
    yield
    repo.publish()
    (name,) = [n for n, raw in repo.files.items() if raw == profile]
    repo.files[name] = profile[:-1] + b"\n"


def _wrong_length(repo):
    """The way: a shorter profile."""
    repo.contents["profile-bron.json"] = profile = repo.contents["profile-bron.json"] + b"  "
    yield
    repo.publish()
    (name,) = [n for n, raw in repo.files.items() if raw == profile]
    repo.files[name] = profile[:-1]


def _endless_timestamp(repo):
    """The way: a timestamp that does not end; on a stick it is as large as a file may be."""
    yield
    repo.files["timestamp.json"] = repo.put_timestamp() + b" " * 200_000


def _endless_target(repo):
    """The way: more bytes than the targets tell."""
    repo.contents["profile-bron.json"] = profile = repo.contents["profile-bron.json"] + b" "
    yield
    repo.publish()
    (name,) = [n for n, raw in repo.files.items() if raw == profile]
    repo.files[name] = profile + b" " * 100_000


def _few_of_the_old(repo):
    """One root key of two: a root that would give everything to the attacker."""
    yield
    mine = [fresh(), fresh()]
    root = repo.next_root()
    for key in list(root.roles["root"].keyids):
        root.revoke_key(key, "root")
    for one in mine:
        root.add_key(one.public_key, "root")
    repo.put_root([repo.signers["root"][0], *mine])


def _few_of_the_new(repo):
    """Two root keys, one of them forgotten: a root that asks for three and has two."""
    yield
    repo.next_root().roles["root"].threshold = 3
    repo.put_root(repo.signers["root"][:2])


def _counted_twice(repo):
    """One root key: its signature stands twice in the file."""
    yield
    repo.next_root()
    raw = json.loads(repo.put_root(repo.signers["root"][:1]))
    raw["signatures"] *= 2
    repo.files["2.root.json"] = json.dumps(raw).encode()


def _two_names(repo):
    """One root key: it stands in the new root under a second id."""
    yield
    root = repo.next_root()
    first = repo.signers["root"][0].public_key
    twin = deepcopy(first)
    twin.keyid = "ab" * 32
    root.add_key(twin, "root")
    repo.put_root(repo.signers["root"])


def _skipped(repo):
    """The way: root 3 in the place of root 2."""
    yield
    repo.next_root()
    repo.next_root()
    repo.files["2.root.json"] = repo.put_root(repo.signers["root"])


def _stolen_timestamp_key(repo):
    """The timestamp key: it names a snapshot that the attacker signed with it."""
    yield
    repo.publish()
    repo.put_snapshot(signers=repo.signers["timestamp"])
    repo.put_timestamp()


def _stolen_snapshot_keys(repo):
    """The snapshot and timestamp keys: keys.json of the attacker's own, signed with them."""
    yield
    repo.contents["keys.json"] = with_key(repo.contents["keys.json"])[0]
    repo.put_targets(signers=repo.signers["snapshot"])
    repo.put_snapshot()
    repo.put_timestamp()


def _foreign_timestamp(repo):
    """The way: a timestamp of nobody's."""
    yield
    repo.put_timestamp(signers=[fresh()])


def _museums_office(repo):
    """The way: the repository of another office, whole."""
    other = type(repo)(repo.contents["keys.json"], repo.contents["profile-bron.json"])
    yield
    repo.files = {**other.files, "1.root.json": repo.files["1.root.json"]}


def _malformed_root(repo):
    yield
    repo.files["2.root.json"] = b'{"signatures":[],"signed":{"_type":"root"}}'


def _deep(repo):
    """The way: a file that would exhaust a parser."""
    yield
    repo.files["timestamp.json"] = b"[" * 16_000


def _huge_version(repo):
    """The timestamp key: the last version that there could be, and one more."""
    yield
    repo.put_timestamp(MAX_VERSION + 1)


def _malformed_keys(repo):
    """A mistake of the office: keys.json that no gate reads."""
    yield
    repo.contents["keys.json"] = b'{"v": 1, "keys": [{}]}'
    repo.publish()


def _useless_keys(repo):
    """A mistake of the office: no key may speak for the gate's sector."""
    yield
    keys, _ = with_key(b'{"v": 1, "keys": []}', sectors=["museums"])
    repo.contents["keys.json"] = keys
    repo.publish()


def _malformed_profile(repo):
    yield
    repo.contents["profile-bron.json"] = b'{"v": 1}'
    repo.publish()


def _profile(**changed):
    def attack(repo):
        yield
        document = json.loads(repo.contents["profile-bron.json"])
        repo.contents["profile-bron.json"] = json.dumps(document | changed).encode()
        repo.publish()

    return attack


def _no_profile(repo):
    yield
    del repo.contents["profile-bron.json"]
    repo.publish()


def _withheld(repo):
    """The way: the newest timestamp, and nothing of what it names."""
    yield
    repo.publish()
    del repo.files["2.snapshot.json"]


ATTACKS = {
    "rollback of the timestamp": (_old_timestamp, "timestamp_older"),
    "rollback of the snapshot": (_old_snapshot, "snapshot_older"),
    "rollback of the snapshot's number": (_old_snapshot_unseen, "snapshot_older"),
    "rollback of the targets": (_old_targets, "targets_older"),
    "mix and match: targets": (_mix_and_match, "targets_mismatch"),
    "mix and match: snapshot": (_other_snapshot, "snapshot_mismatch"),
    "wrong file: hash": (_wrong_hash, "target_mismatch"),
    "wrong file: length": (_wrong_length, "target_mismatch"),
    "endless data: timestamp": (_endless_timestamp, "oversize"),
    "endless data: target": (_endless_target, "oversize"),
    "root: too few of the old keys": (_few_of_the_old, "root_old_threshold"),
    "root: too few of the new keys": (_few_of_the_new, "root_new_threshold"),
    "root: a signature stands twice": (_counted_twice, "root_malformed"),
    "root: a key has two ids": (_two_names, "root_malformed"),
    "root: a version is skipped": (_skipped, "root_version"),
    "root: malformed": (_malformed_root, "root_malformed"),
    "keys below the threshold: timestamp": (_stolen_timestamp_key, "snapshot_signature"),
    "keys below the threshold: snapshot": (_stolen_snapshot_keys, "targets_signature"),
    "a timestamp of nobody's": (_foreign_timestamp, "timestamp_signature"),
    "another office's repository": (_museums_office, "timestamp_signature"),
    "a parser is exhausted": (_deep, "timestamp_malformed"),
    "a version beyond all versions": (_huge_version, "timestamp_malformed"),
    "keys.json is malformed": (_malformed_keys, "keys_malformed"),
    "keys.json without the sector": (_useless_keys, "keys_useless"),
    "the profile is malformed": (_malformed_profile, "profile_malformed"),
    "the profile of another sector": (_profile(sector="museums", version=2), "foreign"),
    "the profile of another venue": (_profile(venue="vaise", version=2), "foreign"),
    "an older profile": (_profile(version=0), "profile_older"),
    "no profile of the venue": (_no_profile, "missing"),
    "a snapshot is withheld": (_withheld, "missing"),
}


@pytest.mark.parametrize(("attack", "code"), ATTACKS.values(), ids=ATTACKS.keys())
def test_it_is_refused_with_its_code_and_the_gate_goes_on(gate, attack, code):
    doing = attack(gate.repository)
    next(doing)
    assert [] == gate.read(), "what came before the attack is honest"
    honest, before, files = gate.repository.saved(), gate.trust.now, in_force(gate)
    assert next(doing, None) is None
    assert [code] == gate.read()
    assert before is gate.trust.now
    assert files == in_force(gate)
    assert gate.serves()
    gate.start_again()
    assert before.keys == gate.trust.keys
    # No lasting harm: the office replaces the keys that may be stolen, and publishes.
    gate.repository.restore(honest)
    recovers(gate)


def in_force(gate):
    """What is kept of what was verified, but for roots, which an attack may bring along."""
    return {path.name: path.read_bytes() for path in gate.folder.iterdir() if "root" not in path.name}


def recovers(gate):
    gate.repository.rotate("timestamp")
    gate.repository.rotate("snapshot")
    gate.repository.contents["keys.json"], key = with_key(keys_of(gate.site))
    gate.repository.contents["profile-bron.json"] = profile_of(gate.site, version=7)
    gate.repository.publish()
    assert [] == gate.read()
    assert key.kid.hex() in gate.kids()
    assert 7 == gate.trust.profile.version
    assert gate.serves()


# ------------------------------------------------------------------ time


def learn(gate, at):
    gate.gate._time.learn(at)


@pytest.mark.parametrize(
    ("role", "days", "code"),
    [
        ("timestamp", 8, "timestamp_expired"),
        ("snapshot", 30, "snapshot_expired"),
        ("targets", 200, "targets_expired"),
        ("root", 365, "root_expired"),
    ],
)
def test_what_ended_by_signed_time_freezes_nobody(gate, role, days, code):
    """Freeze: the newest that there is, shown for ever. The system clock says that it is fresh."""
    repo, later = gate.repository, NOW + days * DAY
    repo.now = later - 3 * DAY
    for step in ("targets", "snapshot", "timestamp"):
        getattr(repo, f"put_{step}")(**({"days": 3} if step == role else {"days": 400}))
    if role == "root":
        repo.put_timestamp(days=400)
    learn(gate, later - 1 if role != "root" else NOW + 365 * DAY - 1)
    assert [] == gate.read(), "a second before its end it is believed"
    repo.put_timestamp(days=400 if role != "timestamp" else 3)
    learn(gate, later if role != "root" else NOW + 365 * DAY)
    before = gate.trust.now
    assert [code] == gate.read()
    assert before is gate.trust.now
    assert gate.serves()


def test_a_clock_that_runs_ahead_freezes_nothing(site, serve):
    """The reverse: the system clock is twenty years ahead, and nothing signed says so."""
    gate = TrustingGate(site, serve, clock=SimulatedClock(NOW + 20 * 365 * DAY))
    gate.repository.contents["keys.json"], key = with_key(keys_of(site))
    gate.repository.publish()
    assert [] == gate.read()
    assert key.kid.hex() in gate.kids()


def test_a_clock_in_1970_unfreezes_nothing(site, serve):
    gate = TrustingGate(site, serve, clock=SimulatedClock(0))
    learn(gate, NOW + 9 * DAY)
    gate.repository.put_timestamp()
    assert ["timestamp_expired"] == gate.read()


def test_last_months_stick_brings_nothing_back(gate, tmp_path):
    """A thief puts the stick of last month into a gate that has been online since."""
    old = gate.repository.saved()
    gate.repository.contents["keys.json"], key = with_key(keys_of(gate.site))
    gate.repository.publish()
    assert [] == gate.read()
    gate.repository.restore(old)
    assert ["timestamp_older"] == gate.read()
    assert key.kid.hex() in gate.kids()


# ------------------------------------------------------------------ keys that were stolen


def test_a_fast_forward_ends_with_the_keys_that_made_it(gate):
    """Who stole timestamp and snapshot keys drives their versions to the end: nothing newer can follow."""
    repo = gate.repository
    honest = repo.saved()
    repo.put_snapshot(MAX_VERSION)
    repo.put_timestamp(MAX_VERSION)
    assert [] == gate.read(), "it is signed as it should be"
    repo.restore(honest)
    repo.contents["keys.json"], _ = with_key(keys_of(gate.site))
    repo.publish()
    assert ["timestamp_older"] == gate.read(), "the office is locked out"
    repo.rotate("timestamp")
    repo.put_timestamp()
    assert ["snapshot_older"] == gate.read(), "as long as one of both keys is the thief's"
    recovers(gate)


def test_a_key_that_was_stolen_counts_no_more_at_once(gate):
    contents = gate.repository.contents
    contents["keys.json"], stolen = with_key(keys_of(gate.site))
    gate.repository.publish()
    assert [] == gate.read()
    assert stolen.kid.hex() in gate.kids()
    contents["keys.json"] = keys_of(gate.site)
    gate.repository.publish()
    assert [] == gate.read()
    assert stolen.kid.hex() not in gate.kids()
    gate.start_again()
    assert stolen.kid.hex() not in gate.kids()


def test_a_pools_key_never_signs_for_museums_and_no_role_of_less_gives_it_that(gate):
    """Scope: what a key may sign stands in keys.json, and only the targets key signs that."""
    repo = gate.repository
    honest = repo.saved()
    repo.contents["keys.json"], _ = with_key(keys_of(gate.site), sectors=["museums"], kinds=["entitlement"])
    repo.put_targets(signers=[*repo.signers["snapshot"], *repo.signers["timestamp"]])
    repo.put_snapshot()
    repo.put_timestamp()
    assert ["targets_signature"] == gate.read()
    repo.restore(honest)
    # Signed by targets, a head of the pools is what its key may sign; a right of the museums is not.
    repo.contents["keys.json"], key = with_key(keys_of(gate.site), kinds=["head"])
    repo.publish()
    repo.put_timestamp()
    assert [] == gate.read()
    listed = gate.trust.keys[key.kid]
    assert ({"pools"}, {"head"}) == (listed.sectors, {str(kind) for kind in listed.kinds})


# ------------------------------------------------------------------ the gate's own disk

DAMAGE = {
    "the targets are gone": lambda folder: (folder / "targets.json").unlink(),
    "the targets are torn": lambda folder: (folder / "targets.json").write_bytes(b'{"signed":'),
    "the folder is gone": shutil.rmtree,
    "the newest root is gone": lambda folder: (folder / "2.root.json").unlink(),
    "the newest root is torn": lambda folder: (folder / "2.root.json").write_bytes(b""),
    "keys.json is torn": lambda folder: next(folder.glob("*.keys.json")).write_bytes(b"{}"),
    "the profile is gone": lambda folder: next(folder.glob("*.profile-bron.json")).unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_of_what_was_verified_opens_no_way_back(gate, damage):
    repo = gate.repository
    repo.rotate("snapshot")
    first = repo.saved()
    repo.contents["keys.json"], key = with_key(keys_of(gate.site))
    repo.rotate("targets")
    repo.publish()
    assert [] == gate.read()
    newest = repo.saved()
    gate.served.stop_now()
    damage(gate.folder)
    gate.start_again()
    assert gate.serves(), "with what the enrolment brought, where nothing else can be believed"
    repo.restore(first)
    assert gate.read() in (["root_older"], ["timestamp_older"])
    repo.restore(newest)
    assert [] == gate.read()
    assert key.kid.hex() in gate.kids()


def test_rollback_of_the_root_that_the_disk_forgot(gate):
    """The newest root is removed here and never offered again: keys that it took away would count anew."""
    repo = gate.repository
    before = repo.saved()
    repo.rotate("snapshot")
    repo.rotate("timestamp")
    repo.publish()
    assert [] == gate.read()
    gate.served.stop_now()
    shutil.rmtree(gate.folder)
    gate.start_again()
    repo.restore(before)
    assert ["root_older"] == gate.read()
    assert gate.serves()


def test_an_older_folder_put_back_is_set_aside(gate, tmp_path):
    """A thief of the disk puts last month's verified files back; the floors are kept elsewhere, twice."""
    shutil.copytree(gate.folder, tmp_path / "old")
    gate.repository.contents["keys.json"], _ = with_key(keys_of(gate.site))
    gate.repository.publish()
    assert [] == gate.read()
    gate.served.stop_now()
    shutil.rmtree(gate.folder)
    shutil.copytree(tmp_path / "old", gate.folder)
    gate.start_again()
    assert [] != list(gate.site.state.glob("trust.damaged-*"))
    assert gate.serves()


def test_targets_of_a_key_that_was_replaced_are_not_put_back(gate):
    """Who stole the old targets key and writes to the disk: a new root named another, which has signed."""
    repo = gate.repository
    stolen = repo.signers["targets"]
    repo.rotate("targets")
    repo.publish()
    assert [] == gate.read()
    gate.served.stop_now()
    repo.contents["keys.json"], mine = with_key(keys_of(gate.site))
    (gate.folder / "targets.json").write_bytes(repo.put_targets(99, signers=stolen))
    for name, content in repo.files.items():
        if len(name) > 64:
            (gate.folder / name).write_bytes(content)
    gate.start_again()
    assert mine.kid.hex() not in gate.kids()
    assert [] != list(gate.site.state.glob("trust.damaged-*"))


def test_names_on_a_stick_lead_nowhere(gate, tmp_path):
    folder = gate.repository.write(tmp_path / "stick")
    (folder / "9.root.json").symlink_to("/etc/passwd")
    (folder / "..%2f..%2fgate.toml").write_bytes(b"x")
    (folder / "keys.json").write_bytes(b"x")
    (folder / "8.root.json").mkdir()
    copied = hand_over(folder, gate.site.state)
    assert len(gate.repository.files) == copied
