"""``gated doctor``: every secret on the box, who can read it, and nothing of what it says."""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
from pathlib import Path

import pytest

from fleet import Box, Office, here
from gated.app.custody import THIEF
from gated.card.identify import Scheme
from gated.config.secrets import DIRECTORY
from gated.model.credential import Assurance

DOCS = Path(__file__).parents[2] / "docs"
DIVERSIFICATION = 'diversification = ["uid", "aid"]'
MEDIA = f"""
[[media.ev2]]
aid = "d2760000850101"
key = "venue"
key_number = 1
key_version = 33
uid_key = "uid"
uid_key_number = 2
{DIVERSIFICATION}
[[media.ev2]]
aid = "3042f5"
key = "credential:native"
key_number = 4
{DIVERSIFICATION}
[media.sun]
key = "venue"
meta_key = "meta"
{DIVERSIFICATION}
"""
WHAT = [
    "sector key",
    "media key: ev2, application d2760000850101, key 1",
    "media key: ev2, application d2760000850101, key 2 (tells the UID)",
    "media key: ev2, application 3042f5, key 4",
    "media key: sun, application d2760000850101",
    "media key: sun, application d2760000850101 (hides UID and number)",
    "signing key of this gate",
    "TLS key of this gate",
]


@pytest.fixture
def box(tmp_path, monkeypatch):
    """An enrolled box with keys of media of all kinds; one of them is a systemd credential."""
    made = Box(tmp_path / "box")
    made.enrol(Office(tmp_path / "city"))
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    monkeypatch.setenv(DIRECTORY, str(credentials))
    made.keys = {}
    for path in (*(made.path / name for name in ("venue", "uid", "meta")), credentials / "native"):
        made.keys[path.name] = secrets.token_bytes(16)
        path.write_text(made.keys[path.name].hex() + "\n")
        path.chmod(0o400)
    made.credential = credentials / "native"
    made.credential.chmod(0o440)  # as it looks with the list by which systemd lets its service read it
    text = made.config.read_text()
    made.config.write_text(text + MEDIA)
    return made


def doctor(box, *words):
    return here("doctor", "--config", box.config, *words)


def listed(box, *words):
    """(exit code, secrets by what they are, what is not there)."""
    said = doctor(box, "--custody", "--json", *words)
    assert "" == said.err
    lines = [json.loads(line) for line in said.out.splitlines()]
    return (
        said.code,
        {one["secret"]: one for one in lines if "secret" in one},
        [one["absent"] for one in lines if "absent" in one],
    )


def test_every_secret_is_listed_with_where_it_lies_and_what_it_is_worth(box):
    code, kept, absent = listed(box)
    assert (0, WHAT) == (code, list(kept))
    assert {None} == {one["trouble"] for one in kept.values()}
    assert {
        "secret", "where", "credential", "mode", "owner", "group", "trouble", "mend", "thief", "then",
    } == kept["sector key"].keys()  # fmt: skip
    assert str(box.path / "venue") == kept[WHAT[1]]["where"] == kept[WHAT[4]]["where"]
    assert (str(box.credential), True, "0440") == tuple(
        kept[WHAT[3]][key] for key in ("where", "credential", "mode")
    )
    assert (THIEF[Scheme.EV2], THIEF[Scheme.SUN]) == (kept[WHAT[1]]["thief"], kept[WHAT[4]]["thief"])
    assert ("0400", "0600") == (kept["sector key"]["mode"], kept["TLS key of this gate"]["mode"])
    assert ["a key that makes statements", "a secret of PKOC media"] == absent


def test_people_are_told_the_same(box):
    said = doctor(box, "--custody")
    assert (0, "") == (said.code, said.err)
    lines = said.out.splitlines()
    assert [] == [what for what in WHAT if what not in lines]
    assert "8 secrets: each is its owner's alone" == lines[-1]
    assert f"  a thief {THIEF[Scheme.EV2]}" in lines
    assert any(line.startswith("not here: a key that makes statements: ") for line in lines)


@pytest.mark.parametrize(
    ("name", "mode", "what", "trouble"),
    [
        ("venue", 0o440, WHAT[1], "the group "),
        ("venue", 0o404, WHAT[4], "everybody can read it"),
        ("meta", 0o600 | stat.S_IWOTH, WHAT[5], "everybody can read it"),
        ("uid", 0o644, WHAT[2], "everybody can read it"),
        ("sector.key", 0o640, "sector key", "the group "),
        ("identity/signing.key", 0o640, "signing key of this gate", "the group "),
        ("identity/gate.key", 0o644, "TLS key of this gate", "everybody can read it"),
    ],
)
def test_what_others_can_read_is_told_and_how_it_is_mended(box, name, mode, what, trouble):
    (box.path / name).chmod(mode)
    code, kept, _ = listed(box)
    assert (3, True, f"{mode:04o}") == (code, trouble in kept[what]["trouble"], kept[what]["mode"])
    assert f"chmod 0400 {box.path / name}" in kept[what]["mend"]
    said = doctor(box, "--custody")
    assert (3, True) == (said.code, "  readers WRONG: " in said.out)
    assert " WRONG\n" in said.out


def test_a_credential_that_everybody_reads_is_told(box):
    box.credential.chmod(0o444)
    code, kept, _ = listed(box)
    assert (3, "everybody can read it") == (code, kept[WHAT[3]]["trouble"])


@pytest.mark.parametrize("name", ["venue", "sector.key", "identity/signing.key"])
def test_one_that_is_missing_is_told_and_the_others_too(box, name):
    (box.path / name).unlink()
    code, kept, _ = listed(box)
    missing = [one for one in kept.values() if one["where"] == str(box.path / name)]
    assert (3, len(WHAT)) == (code, len(kept))
    assert {("it is not there", None, None)} == {
        (one["trouble"], one["mode"], one["owner"]) for one in missing
    }


def test_a_credential_is_there_while_the_service_runs(box):
    box.credential.unlink()
    _, kept, _ = listed(box)
    assert "while the service runs" in kept[WHAT[3]]["mend"]


@pytest.mark.parametrize("words", [(), ("--json",), ("--custody",), ("--custody", "--json")])
def test_nothing_of_a_secret_is_shown(box, words):
    said = doctor(box, *words)
    told = (said.out + said.err).lower()
    hidden = [key.hex() for key in box.keys.values()]
    hidden.append((box.path / "sector.key").read_text().strip())
    for name in ("signing.key", "gate.key"):
        hidden += [line.lower() for line in (box.identity / name).read_text().splitlines()[1:-1]]
    assert [] == [one for one in hidden if one in told]


def test_with_custody_alone_no_secret_is_looked_into(box):
    """Whoever opened one of these would wait for ever."""
    for name in ("venue", "uid", "meta", "sector.key", "identity/signing.key", "identity/gate.key"):
        (box.path / name).unlink()
        os.mkfifo(box.path / name, 0o400)
    assert (0, WHAT) == (doctor(box, "--custody").code, list(listed(box)[1]))


def test_a_request_that_waits_has_secrets_too(box):
    assert 0 == box.request("--again").code
    code, kept, _ = listed(box)
    more = [f"{name} of a request that waits" for name in ("signing.key", "gate.key", "enrolment.key")]
    assert (0, [*WHAT, *more]) == (code, list(kept))


def test_a_gate_without_media_keys_says_that_there_are_none(site):
    said = here("doctor", "--custody", "--config", site.config, "--json")
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert ["sector key"] == [one["secret"] for one in lines if "secret" in one]
    assert "a key of media" in [one.get("absent") for one in lines]


def test_without_custody_the_configuration_is_checked_as_well(box):
    box.credential.chmod(0o400)
    said = doctor(box)
    assert (0, f"{box.config}: ok") == (said.code, said.out.splitlines()[-1])
    assert {"config": str(box.config), "ok": True} == json.loads(doctor(box, "--json").out.splitlines()[-1])
    (box.path / "meta").chmod(0o600)
    (box.path / "meta").write_text("no key at all")
    said = doctor(box)
    assert (2, 1, True) == (said.code, len(said.err.splitlines()), "holds no key" in said.err)
    assert "sector key" in said.out
    assert here("config", "check", "--config", box.config).err == said.err


def test_a_configuration_that_cannot_be_read_is_told_in_one_line(tmp_path):
    said = here("doctor", "--custody", "--config", tmp_path / "none.toml")
    assert (2, "", 1) == (said.code, said.out, len(said.err.splitlines()))


def test_the_reference_says_of_every_scheme_what_the_code_says():
    text = (DOCS / "reference" / "custody.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    assert list(Scheme) == [row[0] for row in rows] == list(THIEF)
    assert {Scheme(row[0]): row[1] for row in rows} == dict(THIEF)
    # The page of media says of each what it reaches, and then what secret it needs on a gate.
    schemes = (DOCS / "reference" / "media.md").read_text().partition("\n## The schemes\n")[2]
    schemes = schemes.partition("\n## ")[0]
    reached = re.findall(r"^\| \[`(\w+)`\][^|]* \| `([a-z-]+)` \|", schemes, re.MULTILINE)
    needed = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", schemes, re.MULTILINE))
    assert list(Scheme) == [name for name, _ in reached] == list(needed)
    assert {label for _, label in reached} <= {level.label for level in Assurance}
    # A thief gets nothing where nothing lies, and something where something does.
    for name, gets, _ in rows:
        assert needed[name].startswith("none") == gets.startswith("nothing: ")
