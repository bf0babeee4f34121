"""The identity on the disk: one link says which counts, and secrets belong to the daemon's user."""

from __future__ import annotations

import os
import shutil
import stat

import pytest

from gated.errors import ConfigError, StoreError
from gated.model.trust import Algorithm
from gated.store.identity import GATE_KEY, PUBLIC, RECORD, SECRET, Identity, Owner, Part, Waiting
from gated.wire.box import BoxKey
from gated.wire.certificate import TlsKey
from gated.wire.enrolment import Record, encode_record
from gated.wire.seal import SigningKey

WAITING = Waiting(b"request", TlsKey.generate(), SigningKey.generate(Algorithm.EDDSA), BoxKey.generate())
RECORDED = Record("bron-1", "pools", "bron", "mqtts://h:1", 7, WAITING.box.public)
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def identity(tmp_path):
    return Identity(tmp_path / "etc" / "identity")


@pytest.fixture
def made(identity):
    """One that an enrolment was installed in."""
    identity.keep_request(WAITING)
    identity.install(parts("one"), {"keys.json": identity.path.with_name("keys.json")})
    identity.finish()
    return identity


def parts(word):
    return {
        GATE_KEY: Part(f"key {word}".encode(), SECRET),
        "sector.key": Part(b"secret", 0o400),
        "keys.json": Part(f"keys {word}".encode(), PUBLIC),
        RECORD: Part(encode_record(RECORDED)),
    }


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_request_waits_with_its_keys_and_nobody_else_reads_them(identity):
    assert identity.waiting() is None
    assert identity.waiting_request is None
    identity.keep_request(WAITING)
    waiting = identity.waiting()
    assert (WAITING.request, WAITING.box.public) == (waiting.request, waiting.box.public)
    folder = identity.waiting_request.parent
    assert 0o700 == mode(folder)
    assert {"gate.key", "signing.key", "enrolment.key"} == {
        p.name for p in folder.iterdir() if mode(p) == 0o600
    }


def test_modes_do_not_hang_on_the_umask(identity):
    before = os.umask(0o377)
    try:
        identity.path.parent.mkdir(mode=0o700)
        identity.path.parent.chmod(0o700)
        os.umask(0o077)
        identity.keep_request(WAITING)
        identity.install(parts("one"), {})
    finally:
        os.umask(before)
    assert (0o600, 0o400, 0o644) == tuple(
        mode(identity.path / name) for name in (GATE_KEY, "sector.key", "keys.json")
    )


def test_the_daemons_group_reaches_the_identity_whatever_the_umask(tmp_path):
    owner = Owner(os.geteuid(), os.getegid())
    identity = Identity(tmp_path / "opt" / "etc" / "identity", owner)
    before = os.umask(0o077)
    try:
        identity.keep_request(WAITING)
        identity.install(parts("one"), {})
    finally:
        os.umask(before)
    for folder in (identity.path.parent.parent, identity.path.parent, identity.path):
        assert (0o750, owner.gid) == (mode(folder), folder.stat().st_gid)


@root
def test_folders_on_the_way_are_given_to_the_daemons_group(tmp_path):
    identity = Identity(tmp_path / "opt" / "etc" / "identity", Owner(12345, 12346))
    identity.keep_request(WAITING)
    for folder in (identity.path.parent.parent, identity.path.parent):
        assert (0, 12346, 0o750) == (folder.stat().st_uid, folder.stat().st_gid, mode(folder))


def test_another_request_replaces_one_that_waits(identity):
    identity.keep_request(WAITING)
    other = Waiting(b"other", WAITING.tls, WAITING.signing, BoxKey.generate())
    identity.keep_request(other)
    assert (b"other", other.box.public) == (identity.waiting().request, identity.waiting().box.public)


@pytest.mark.parametrize("name", ["gate.key", "signing.key", "enrolment.key"])
def test_a_request_whose_keys_are_damaged_is_told_and_shows_none_of_them(identity, name):
    identity.keep_request(WAITING)
    path = identity.waiting_request.with_name(name)
    path.write_bytes(b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n")
    with pytest.raises(StoreError, match=r"\(it is damaged\); run this as the user") as told:
        identity.waiting()
    assert "c2VjcmV0" not in str(told.value)


def test_the_identity_changes_by_one_link_and_paths_outside_follow(made):
    assert "identity.installed-1" == str(made.path.readlink())
    keys = made.path.with_name("keys.json")
    assert b"keys one" == keys.read_bytes()
    made.install(parts("two"), {"keys.json": keys})
    assert b"keys two" == keys.read_bytes()
    made.finish()
    assert ["identity", "identity.installed-2", "keys.json"] == names(made.path.parent)


def test_a_file_that_stood_there_is_kept_until_the_change(identity):
    """What the daemon reads under its names stays the same until the one step that changes all of it."""
    folder = identity.path.parent
    folder.mkdir()
    keys, elsewhere = folder / "keys.json", folder / "trust" / "profile.json"
    elsewhere.parent.mkdir()
    keys.write_bytes(b"by hand")
    keys.chmod(0o640)
    elsewhere.write_bytes(b"profile by hand")
    seen = []
    point = identity._point

    def pointing(new):
        seen.append((keys.read_bytes(), elsewhere.read_bytes(), mode(keys), keys.is_symlink()))
        point(new)

    identity._point = pointing
    new = {**parts("one"), "profile.json": Part(b"profile one")}
    identity.install(new, {"keys.json": keys, "profile.json": elsewhere})
    assert (b"by hand", b"profile by hand", 0o640, True) == seen[-1]
    assert (b"keys one", b"profile one") == (keys.read_bytes(), elsewhere.read_bytes())
    assert "../identity/profile.json" == str(elsewhere.readlink())


def test_a_file_that_a_person_put_in_the_place_of_the_link_gives_way(made):
    keys = made.path.with_name("keys.json")
    keys.unlink()
    keys.write_bytes(b"by hand")
    made.install(parts("two"), {"keys.json": keys})
    assert b"keys two" == keys.read_bytes()
    assert keys.is_symlink()


def test_what_a_power_cut_left_is_in_nobodys_way(made):
    folder = made.path.parent
    for name in ("identity.installed-7", "identity.request.new"):
        (folder / name).mkdir()
        (folder / name / "gate.key").touch()
    (folder / "identity.new").symlink_to("identity.installed-7")
    (folder / "keys.json.new").symlink_to("nowhere")
    made.keep_request(WAITING)
    made.install(parts("two"), {"keys.json": folder / "keys.json"})
    made.finish()
    assert ["identity", "identity.installed-2", "keys.json"] == names(folder)


@pytest.mark.parametrize("what", ["folder", "link"])
def test_an_identity_that_is_not_ours_is_left_alone(identity, what):
    identity.path.parent.mkdir()
    other = identity.path.with_name("mine")
    other.mkdir()
    (other / "gate.key").touch()
    other.rename(identity.path) if what == "folder" else identity.path.symlink_to("mine")
    for touch in (identity.check, lambda: identity.install(parts("one"), {})):
        with pytest.raises(ConfigError, match="was not made by `gated enrol`; move it away: mv"):
            touch()
    assert (identity.path / "gate.key").exists()


def test_a_link_that_leads_nowhere_is_led_anew(made):
    keys = made.path.with_name("keys.json")
    keys.unlink()
    keys.write_bytes(b"by hand")
    shutil.rmtree(made.path.resolve())
    assert not made.is_enrolled
    made.install(parts("two"), {"keys.json": keys})
    made.finish()
    assert b"keys two" == keys.read_bytes()
    assert 2 == len([name for name in names(made.path.parent) if name.startswith("identity")])


def test_folders_of_other_names_are_not_tidied_away(made):
    kept = [
        made.path.with_name(name)
        for name in ("identity.installed-1.bak", "identity.old", "identity.installed-x")
    ]
    for path in kept:
        path.mkdir()
    made.install(parts("two"), {})
    made.finish()
    assert all(path.is_dir() for path in kept)


def test_the_one_time_key_is_gone_after_the_end(made):
    assert made.waiting() is None
    assert not list(made.path.parent.rglob("enrolment.key"))
    made.finish()


def test_the_record_says_what_is_installed(identity, made):
    assert RECORDED == made.record()
    assert made.is_enrolled
    assert Identity(made.path.with_name("other")).record() is None
    (made.path / RECORD).write_bytes(b"noise")
    with pytest.raises(StoreError, match=r"enrolment.json cannot be read .*; enrol this box anew: --again"):
        made.record()


def test_a_disk_that_refuses_is_told(identity, tmp_path):
    (tmp_path / "etc").touch()
    with pytest.raises(StoreError, match="cannot be written"):
        identity.keep_request(WAITING)
    with pytest.raises(StoreError, match="cannot be written"):
        identity.install(parts("one"), {})


@root
def test_root_gives_secrets_to_the_daemons_user_and_nothing_else(tmp_path):
    given = Identity(tmp_path / "etc" / "identity", Owner(1234, 2345))
    given.keep_request(WAITING)
    given.install(parts("one"), {})
    owners = {path.name: (path.stat().st_uid, path.stat().st_gid) for path in given.path.iterdir()}
    assert {
        "gate.key": (1234, 2345),
        "sector.key": (1234, 2345),
        "keys.json": (0, 0),
        RECORD: (0, 0),
    } == owners
    for folder in (given.path, given.path.parent):
        told = folder.stat()
        assert (0, 2345, 0o750) == (told.st_uid, told.st_gid, stat.S_IMODE(told.st_mode))


@root
def test_an_owner_of_a_file_by_hand_keeps_it_until_the_change(tmp_path):
    identity = Identity(tmp_path / "identity", Owner(1234, 2345))
    key = tmp_path / "sector.key"
    key.write_bytes(b"by hand")
    os.chown(key, 77, 78)
    key.chmod(0o400)
    present = identity._lead(key, "sector.key", None)
    told = (present / "sector.key").stat()
    assert (77, 78, 0o400) == (told.st_uid, told.st_gid, stat.S_IMODE(told.st_mode))
