"""Keys of media: each venue another, worked out as documented, and nowhere but in the file."""

from __future__ import annotations

import hmac
import json
import re
import shlex
import stat
import tomllib
from pathlib import Path

import pytest

from central.pools import run
from gated.card.diversify import Diversification, diversified
from gated.card.type4 import AID as NDEF_AID
from gated.central.media_keys import Purpose, Use, key_of
from gated.cli import central_media
from gated.cli.main import parser
from gated.config.media import read_media
from gated.config.secrets import MediaKey
from gated.model.document import Table

UID = "04a1b2c3d4e580"
NATIVE = "3042f5"


@pytest.fixture
def city(tmp_path, capsys):
    place = tmp_path / "city"
    assert 0 == run(capsys, "init", place, "--sector", "pools", "--venue", "bron", "--venue", "vaise")[0]
    assert 0 == run(capsys, "init", place, "--sector", "museums", "--venue", "beaux-arts")[0]
    return place


@pytest.fixture
def make(city, capsys, tmp_path):
    """Make a key; (exit code, all that is said, the file)."""
    made = []

    def call(*words, scheme="ev2", sector="pools"):
        path = tmp_path / f"{len(made)}.key"
        made.append(path)
        place = ("--sector", sector, "--scheme", scheme, "--out", path)
        code, out, err = run(capsys, "media-key", city, *place, *words)
        return code, out + err, path

    return call


def key_in(path):
    """As a gate reads it."""
    return MediaKey(path, path.name).checked()


def master_of(city, sector="pools"):
    return bytes.fromhex((city / "secret" / f"{sector}.media-key").read_text())


def by_hand(master, info):
    """HKDF-SHA256 without a salt (RFC 5869): 16 bytes are the half of the first block."""
    return hmac.digest(hmac.digest(bytes(32), master, "sha256"), info + b"\x01", "sha256")[:16]


# ------------------------------------------------------------------ which key


@pytest.mark.parametrize(
    ("use", "info"),
    [
        (Use(Purpose.EV2, "pools", "bron", 1), b"gated media \x03ev2\x05pools\x04bron\x01"),
        (Use(Purpose.SUN, "pools", None, 255), b"gated media \x03sun\x05pools\x00\xff"),
        (Use(Purpose.EV2_UID, "p", "b", 2), b"gated media \x07ev2-uid\x01p\x01b\x02"),
        (Use(Purpose.SUN_META, "p", "b", 2), b"gated media \x08sun-meta\x01p\x01b\x02"),
    ],
)
def test_a_key_is_what_the_documents_say(use, info):
    assert info == use.info()
    assert by_hand(bytes(range(32)), info) == key_of(bytes(range(32)), use)


def test_a_key_can_be_made_again_by_hand_from_the_secret_of_the_sector(city, make):
    code, said, path = make("--venue", "bron")
    assert (0, f"{path}: ev2 key, version 1, for gates of sector pools, venue bron\n") == (code, said)
    assert by_hand(master_of(city), b"gated media \x03ev2\x05pools\x04bron\x01") == key_in(path)
    _, said, path = make(scheme="sun")
    assert f"{path}: sun key, version 1, for gates of sector pools\n" == said
    assert by_hand(master_of(city), b"gated media \x03sun\x05pools\x00\x01") == key_in(path)


def test_every_use_has_a_key_of_its_own(make):
    ways = [
        ({"scheme": scheme, "sector": sector}, (*venue, "--key-version", version))
        for scheme in Purpose
        for sector, venues in (("pools", ["bron", "vaise"]), ("museums", ["beaux-arts"]))
        for venue in ((), *(("--venue", name) for name in venues))
        for version in (1, 2)
    ]
    keys = [key_in(make(*words, **more)[2]) for more, words in ways]
    assert 4 * 5 * 2 == len(set(keys))


def test_asked_again_it_is_the_same_key(city, make):
    first = key_in(make("--venue", "bron")[2])
    secret = master_of(city)
    assert (first, secret) == (key_in(make("--venue", "bron")[2]), master_of(city))


def test_names_that_run_into_each_other_are_told_apart():
    one, other = Use(Purpose.EV2, "ab", "c", 1), Use(Purpose.EV2, "a", "bc", 1)
    assert key_of(bytes(32), one) != key_of(bytes(32), other)


# ------------------------------------------------------------------ one medium's own


def test_a_mediums_own_key_follows_from_the_venues(make):
    venue = key_in(make("--venue", "bron")[2])
    code, said, path = make("--venue", "bron", "--uid", UID.upper(), "--aid", NATIVE)
    assert (0, f"{path}: ev2 key, version 1, for medium {UID} of sector pools, venue bron\n") == (code, said)
    assert diversified(venue, bytes.fromhex(UID + NATIVE)) == key_in(path)
    words = ("--aid", NATIVE, "--diversify", "aid,uid,text:pools,hex:00ff")
    own = key_in(make("--venue", "bron", "--uid", UID, *words)[2])
    assert diversified(venue, bytes.fromhex(NATIVE + UID) + b"pools\x00\xff") == own


def test_sun_is_of_the_ndef_application(make):
    sector = key_in(make(scheme="sun")[2])
    how = Diversification(("uid", "aid"))
    own = key_in(make("--uid", UID, scheme="sun")[2])
    assert diversified(sector, how.input(bytes.fromhex(UID), NDEF_AID)) == own


# ------------------------------------------------------------------ where it is


def test_it_lies_in_files_that_their_owner_alone_can_read(city, make):
    _, _, path = make("--venue", "bron")
    assert (0o400, 33) == (stat.S_IMODE(path.stat().st_mode), path.stat().st_size)
    secret = city / "secret" / "pools.media-key"
    assert 0o600 == stat.S_IMODE(secret.stat().st_mode)
    assert not (city / "secret" / "museums.media-key").exists()


@pytest.mark.parametrize("more", [(), ("--json",), ("--uid", UID, "--aid", NATIVE), ("--key-version", "0")])
def test_nothing_of_a_key_is_ever_said(city, make, more):
    key_in(make("--venue", "bron")[2])
    _, said, path = make("--venue", "bron", *more)
    hidden = [key_in(path).hex()] if path.exists() else []
    hidden += [master_of(city).hex(), key_in(make("--venue", "bron")[2]).hex()]
    assert [] == [one for one in hidden for part in (one[:8], one[-8:]) if part in said.lower()]


def test_json_says_what_it_is_for(make):
    _, said, path = make("--venue", "bron", "--uid", UID, "--aid", NATIVE, "--key-version", 7, "--json")
    assert json.loads(said) == {
        "file": str(path), "scheme": "ev2", "sector": "pools", "venue": "bron", "key_version": 7, "uid": UID,
    }  # fmt: skip


def test_a_key_takes_no_files_place(city, capsys, tmp_path):
    path = tmp_path / "there"
    path.write_bytes(b"another's")
    words = ("--sector", "pools", "--venue", "bron", "--scheme", "ev2", "--out", path)
    code, out, err = run(capsys, "media-key", city, *words)
    assert (2, "", b"another's") == (code, out, path.read_bytes())
    assert f"{path} is there already; name a new file: no key was written" in err


REFUSED = {
    "another sector's venue": (("--venue", "beaux-arts"), {}, "'beaux-arts' is no venue of sector 'pools'"),
    "no venue": (("--venue", "brno"), {}, "'brno' is no venue of sector 'pools'; no key was made"),
    "no name": (("--venue", "../bron"), {}, "'../bron' is not a name"),
    "no sector": ((), {"sector": "parks"}, "has no sector 'parks'"),
    "the version of a blank": (("--key-version", 0), {}, "--key-version 0: must lie between 1 and 255"),
    "a version too high": (("--key-version", 256), {}, "--key-version 256: must lie between 1 and 255"),
    "no application": (("--uid", UID), {}, "that of an application; name it: --aid HEX"),
    "no medium": (("--aid", NATIVE), {}, "--aid and --diversify are for one medium"),
    "words for no medium": (("--diversify", "uid"), {}, "--aid and --diversify are for one medium"),
    "a short UID": (("--uid", "0401", "--aid", NATIVE), {}, "--uid must be 7 bytes in hex"),
    "a wrong AID": (("--uid", UID, "--aid", "3042"), {}, "--aid: must be 3 bytes (native) or 5 to 16"),
    "an AID for sun": (("--uid", UID, "--aid", NATIVE), {"scheme": "sun"}, "--aid is for ev2"),
    "without its UID": (
        ("--uid", UID, "--aid", NATIVE, "--diversify", "aid"),
        {},
        "or one medium broken open would open for all; no key was written",
    ),
    "words that say nothing": (
        ("--uid", UID, "--aid", NATIVE, "--diversify", "uid,pools"),
        {},
        "--diversify: 'pools' is none of",
    ),
    "too much": (
        ("--uid", UID, "--aid", NATIVE, "--diversify", "uid,text:" + "x" * 25),
        {},
        "comes to 32 bytes, and AN10922 takes 31",
    ),
    "one medium's of what is all mediums'": (("--uid", UID), {"scheme": "sun-meta"}, "the same on all media"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_key_of_anybody_is_refused(make, name):
    words, more, told = REFUSED[name]
    code, said, path = make(*words, **more)
    assert (2, True, 1, False) == (code, told in said, len(said.splitlines()), path.exists()), said


def test_a_damaged_secret_is_told_and_stays(city, make):
    secret = city / "secret" / "pools.media-key"
    secret.write_text("00")
    code, said, path = make("--venue", "bron")
    assert (2, "00", False) == (code, secret.read_text(), path.exists())
    assert "pools.media-key is damaged; bring it back from a copy" in said


def test_where_it_cannot_be_written_none_is(city, capsys, tmp_path):
    words = ("--sector", "pools", "--scheme", "ev2", "--out", tmp_path / "none" / "a.key")
    code, out, err = run(capsys, "media-key", city, *words)
    assert (2, "", True) == (code, out, "check the path: no key was written" in err)


# ------------------------------------------------------------------ the page

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "keys-for-media.md"


def test_the_vector_of_the_page_is_what_comes_out():
    text = PAGE.read_text()
    use = Use(Purpose.EV2, "pools", "bron", 1)
    (info,) = re.findall(r"^6761.*$", text, re.MULTILINE)
    assert bytes.fromhex(info) == use.info()
    assert f"makes the key\n`{by_hand(bytes(range(32)), use.info()).hex()}`." in text


def test_a_gate_understands_the_lines_of_the_page(tmp_path):
    (block,) = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    settings = read_media(Table(tomllib.loads(block)), tmp_path)
    assert ["credential:pools-ev2", "bron-sun.key", "bron-sun-meta.key"] == [
        key.name for key in settings.keys
    ]


def test_every_purpose_stands_in_the_page_and_at_the_command():
    rows = re.findall(r"^\| `([\w-]+)` \| `\w+` of ", PAGE.read_text(), re.MULTILINE)
    assert list(Purpose) == rows == list(central_media.SCHEMES)


@pytest.mark.parametrize("name", ["keys-for-media.md", "write-statements-onto-media.md"])
def test_the_commands_of_the_pages_are_commands(name):
    text = "".join(
        re.findall(r"^```sh\n(.*?)^```", PAGE.with_name(name).read_text(), re.MULTILINE | re.DOTALL)
    )
    lines = [line for line in text.replace("\\\n", "").splitlines() if line.startswith("gated ")]
    assert lines
    for line in lines:
        parser().parse_args(shlex.split(line)[1:])
