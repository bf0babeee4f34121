"""The documentation says what is there, and what it shows can be done as shown."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from gated.cli.main import parser
from gated.model.event import KINDS
from gated.model.refusal import Reason

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", *(ROOT / "tests").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), target


def test_decisions_are_numbered_once_listed_and_named_rightly():
    pages = sorted(path.name for path in (DOCS / "adr").glob("[0-9]*.md"))
    numbers = [name[:4] for name in pages]
    assert numbers == [f"{number:04}" for number in range(1, len(pages) + 1)]
    index = (DOCS / "adr" / "README.md").read_text()
    assert pages == re.findall(r"\]\((\d{4}[^)]*\.md)\)", index)
    for page in pages:
        text = (DOCS / "adr" / page).read_text()
        assert text.startswith(f"# {page[:4]} ")
        assert "\n## Cost\n" in text
    named = {
        number
        for path in (ROOT / "gated").rglob("*.py")
        for number in re.findall(r"ADR (\d+)", path.read_text())
    }
    assert named <= set(numbers)


def test_every_reason_is_explained():
    text = (DOCS / "reference" / "reasons.md").read_text()
    assert [] == [reason for reason in Reason if f"`{reason}`" not in text]


def test_every_event_and_field_is_explained():
    text = (DOCS / "reference" / "events.md").read_text()
    for kind in KINDS:
        names = [kind.kind, *(field.name.rstrip("_") for field in fields(kind))]
        assert [] == [name for name in names if f"`{name}`" not in text]


def commands(made: argparse.ArgumentParser, path: str = "gated"):
    for action in made._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                if name != "demo-gate":  # the demo's own process: not for people
                    yield from commands(below, f"{path} {name}")
            return
    yield path, made


@pytest.mark.parametrize(("path", "made"), list(commands(parser())), ids=lambda value: str(value)[:40])
def test_every_command_is_documented_and_shows_examples(path, made):
    text = (DOCS / "reference" / "cli.md").read_text()
    assert path in text
    for action in made._actions:
        for option in action.option_strings:
            assert option.startswith("-h") or option == "--help" or option in text, f"{path} {option}"
    assert "examples:" in made.format_help()


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def test_the_tutorial_can_be_followed_as_written(tmp_path):
    page = DOCS / "tutorial" / "first-tap.md"
    (tmp_path / "gate.toml").write_text(blocks(page, "toml")[0])
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for block in blocks(page, "console"):
        for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            assert "||" not in command, f"{command}: hides an exit code"
            ended = subprocess.run(
                ["sh", "-c", command],
                cwd=tmp_path,
                env={**os.environ, "PATH": path},
                check=False,
                capture_output=True,
                text=True,
            )
            assert 0 == ended.returncode, f"{command}: {ended.stderr}"
            seen = ended.stdout + ended.stderr  # as it stands on a terminal
            for line in shown.splitlines():
                assert line.strip() in seen, f"{command}: {seen}"


def test_the_sample_configuration_loads(site, tmp_path, capsys):
    from gated.cli.main import main

    text = (ROOT / "config" / "gate.toml").read_text()
    gate = site.path / "central" / "gate"
    for old, new in (
        ("keys", "keys.json"),
        ("profile", "profile-bron.json"),
        ("sector_key", "pools.sector-key"),
    ):
        text = re.sub(rf'^{old} = ".*"', f'{old} = "{gate / new}"', text, flags=re.MULTILINE)
    (tmp_path / "sample.toml").write_text(text)
    code = main(["config", "check", "--config", str(tmp_path / "sample.toml")])
    assert 0 == code, capsys.readouterr().err


def test_the_readme_begins_with_the_two_commands_that_work():
    first, second = (shlex.split(block) for block in blocks(ROOT / "README.md", "sh"))
    assert ["python3", "-m", "venv"] == first[:3]
    assert ["sh", "tests/run"] == second
    assert (ROOT / "tests" / "run").exists()


def test_every_link_to_a_heading_finds_it():
    for page in PAGES:
        for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text()):
            there = page.parent / target if target else page
            headings = re.findall(r"^#+ (.*)$", there.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{page.name}: {target}#{anchor}"


def test_links_outside_lead_to_standards_alone():
    for page in PAGES:
        for host in re.findall(r"https?://([^/)\s]+)", page.read_text()):
            assert host == "www.rfc-editor.org", f"{page.name}: {host}"


def test_the_house_words_are_used():
    for page in PAGES:
        prose = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(), flags=re.DOTALL)
        assert not re.search(
            r"\b(swipe|whitelist|blacklist|seamless|robust|powerful)", prose, re.IGNORECASE
        ), page


def known_keys(read, table: dict) -> set[str]:
    """The keys that a reader asks for, as it tells them itself beside an unknown one."""
    from gated.model.document import DocumentError

    spoilt = table | {"no such key": 1}
    with pytest.raises(DocumentError, match="unknown key") as told:
        read(spoilt)
    return set(told.value.what.partition("known here: ")[2].split(", "))


def test_every_key_of_gate_toml_is_in_the_sample_at_its_default_and_in_the_reference():
    import tomllib

    from gated.config.settings import read_settings

    shown = (ROOT / "config" / "gate.toml").read_text()
    for table in ("sync", "media"):
        assert table not in tomllib.loads(shown)  # off unless asked for: its lines stand as comments
    sample = tomllib.loads(re.sub(r"^#(\[|\w+ = )", r"\1", shown, flags=re.MULTILINE))
    text = (DOCS / "reference" / "configuration.md").read_text()
    tables = {"gate", "trust", "journal", "control", "sync", "media", "lane"}
    assert tables == set(sample) == known_keys(lambda top: read_settings(top, ROOT), sample)
    for name in tables:
        one = sample[name][0] if name == "lane" else sample[name]

        def read(table, name=name):
            return read_settings(sample | {name: [table] if name == "lane" else table}, ROOT)

        assert set(one) == known_keys(read, one)
        told = ["carried"] if name == "media" else one  # the tables below it have a test of their own
        assert [] == [key for key in told if f"| `{name}.{key}` |" not in text]
    # These have no default to show: left out, a lane leads into the venue as a whole, and has no display.
    lane = {key: sample["lane"][0][key] for key in ("id", "reader", "barrier", "zone", "display")}
    least = {
        "gate": {"id": sample["gate"]["id"]},
        "trust": {"root": sample["trust"]["root"]},  # off unless asked for, too
        "sync": {"broker": sample["sync"]["broker"]},
        "lane": [lane],
    }
    assert read_settings(least, ROOT) == read_settings(sample | {"media": {}}, ROOT)


def test_every_key_of_the_media_is_in_the_sample_at_its_default_and_in_the_reference():
    import tomllib

    from gated.config.media import read_media
    from gated.model.document import Table

    text = re.sub(r"^#(\[|\w+ = )", r"\1", (ROOT / "config" / "gate.toml").read_text(), flags=re.MULTILINE)
    shown = tomllib.loads(text)["media"]
    reference = (DOCS / "reference" / "configuration.md").read_text()

    def read(media):
        return read_media(Table({"media": media}), ROOT)

    def below(name, table):
        return read(shown | {name: [table] if name == "ev2" else table})

    assert set(shown) == known_keys(read, shown)
    tables = {name: shown[name] for name in ("round_trip", "sun", "record")} | {"ev2": shown["ev2"][0]}
    for name, one in tables.items():
        assert set(one) == known_keys(lambda table, name=name: below(name, table), one)
        assert f"`media.{name}" in reference
        assert [] == [key for key in one if f"| `media.{name}.{key}` |" not in reference]
    assert "| `media.carried` |" in reference
    # Issuers are named by whoever names them: there stands an example, which is none.
    (issuer,) = re.findall(r"^# (\w{16}) = ", text, re.MULTILINE)
    point = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    point += "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
    assert {issuer} == read({"pkoc2": {issuer: point}}).issuers.keys()
    assert "| `media.pkoc2.REFERENCE` |" in reference
    must = {
        "ev2": ("aid", "key", "key_number", "key_version", "uid_key", "uid_key_number", "file"),
        "sun": ("key", "meta_key", "mac_from"),
        "record": ("aid", "file", "record", "bytes"),
    }
    least = {name: {key: tables[name][key] for key in keys} for name, keys in must.items()}
    assert read(shown) == read(least | {"ev2": [least["ev2"]]})


def test_every_scheme_is_in_the_sample_and_in_the_references():
    from gated.card.identify import Scheme

    sample, configuration, media = (
        (ROOT / path).read_text()
        for path in (
            "config/gate.toml",
            "docs/reference/configuration.md",
            "docs/reference/media.md",
        )
    )
    in_order = ", ".join(f'"{scheme}"' for scheme in Scheme)
    assert in_order in " ".join(sample.replace("\n#", "").split())
    assert in_order.replace('"', "`") in configuration
    table = media.partition("\n## The schemes\n")[2]
    first = list(dict.fromkeys(re.findall(r"^\| \[`(\w+)`\]", table, re.MULTILINE)))
    assert list(map(str, Scheme)) == first
    for scheme in Scheme:
        assert f"\n## `{scheme}`\n" in media


def test_every_code_that_a_conversation_can_say_is_explained():
    import ast

    text = (DOCS / "reference" / "media.md").read_text()
    makers = {"CardFault": 0, "_NotGenuine": 0, "__init__": 0, "unreadable": 1, "bad_proof": 1}
    found = set()
    for path in (*(ROOT / "gated" / "card").glob("*.py"), ROOT / "gated" / "config" / "secrets.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            said = []
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                said = node.args[makers[name] :] if name in makers else []
            elif isinstance(node, ast.IfExp) and path.stem == "talk":  # why it could not go on
                said = [node.body, node.orelse]
            elif isinstance(node, ast.Return) and path.stem == "cvc":  # what speaks against a certificate
                said = [node.value]
            found |= {
                one.value for one in said if isinstance(one, ast.Constant) and isinstance(one.value, str)
            }
    assert {"torn", "slow", "random_uid", "mac", "answer", "expired", "picc_data", "key_missing"} <= found
    nobodys = {"container", "block", "tlv"}  # these end a reading, and no tap: such memory is nobody's
    assert [] == sorted(code for code in found - nobodys if f"`{code}`" not in text)


def test_every_key_of_a_wiring_is_in_the_sample_at_its_default_and_in_the_reference():
    import tomllib

    from gated.config.settings import read_settings

    text = re.sub(r"^#(\[|\w+ = )", r"\1", (ROOT / "config" / "gate.toml").read_text(), flags=re.MULTILINE)
    sample = tomllib.loads(text)
    (lane,) = sample["lane"]
    shown = lane["wiring"]

    def read(wiring, barrier="gpio"):
        return read_settings(sample | {"lane": [lane | {"barrier": barrier, "wiring": wiring}]}, ROOT)

    # A flash has no default, and is of no use on pins: its two forms stand there as examples.
    assert {*shown, "flash"} == known_keys(read, shown)
    for flash in re.findall(r"^# (flash = .*)$", text, re.MULTILINE):
        read(shown | tomllib.loads(flash) | {"pulse": "2s", "poll": "30ms"}, "modbus:tcp://10.0.0.7")
    reference = (DOCS / "reference" / "configuration.md").read_text()
    assert [] == [key for key in (*shown, "flash") if f"| `lane.wiring.{key}` |" not in reference]
    without = ("pulse", "debounce", "stuck", "poll")
    assert read(shown) == read({key: value for key, value in shown.items() if key not in without})


def test_every_key_of_the_lights_is_in_the_sample_and_in_the_reference():
    import tomllib

    from gated.config.settings import read_settings

    text = re.sub(r"^#(\[|\w+ = )", r"\1", (ROOT / "config" / "gate.toml").read_text(), flags=re.MULTILINE)
    sample = tomllib.loads(text)
    (lane,) = sample["lane"]
    shown = lane["lights"]

    def read(lights, barrier="gpio"):
        return read_settings(sample | {"lane": [lane | {"barrier": barrier, "lights": lights}]}, ROOT)

    # Its default is the barrier's: it stands there as an example.
    (board,) = re.findall(r"^# (board = .*)$", text, re.MULTILINE)
    example = tomllib.loads(board.replace("HOST:PORT", "10.0.0.7"))
    assert "modbus" == read(shown | example).lanes[0].lights.board.name
    assert {*shown, *example} == known_keys(read, shown)
    reference = (DOCS / "reference" / "configuration.md").read_text()
    assert [] == [key for key in (*shown, *example) if f"| `lane.lights.{key}` |" not in reference]


def test_every_key_of_keys_and_profile_is_in_the_reference():
    import json

    from gated.config.files import zone
    from gated.credential.keys import read_keys
    from gated.policy.profile import read_profile

    for name, part, read in (
        ("keys", "keys", read_keys),
        ("profile", "products", lambda document: read_profile(document, zone)),
    ):
        page = DOCS / "reference" / f"{name}.md"
        shown = json.loads(blocks(page, "json")[0])

        def inner(table, shown=shown, part=part, read=read):
            return read(shown | {part: [table]})

        text = page.read_text()
        assert [] == [key for key in known_keys(read, shown) if f"| `{key}` |" not in text]
        assert [] == [key for key in known_keys(inner, shown[part][0]) if f"| `{part}[].{key}` |" not in text]
        read(shown)


def test_every_limit_has_the_value_that_the_reference_says():
    from importlib import import_module

    text = (DOCS / "reference" / "limits-and-timings.md").read_text()
    rows = re.findall(r"^\| `(gated[\w.]+)\.(\w+)` \| (\d+) \| [^|]+ \| [^|]+ \|$", text, re.MULTILINE)
    assert len(rows) == text.count("| `gated.")
    assert [] == [row for row in rows if getattr(import_module(row[0]), row[1]) != int(row[2])]


def test_the_worked_examples_are_what_the_code_makes():
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from gated.central.sign import sign_statement
    from gated.credential.index import index_of
    from gated.model.credential import Assurance, Credential
    from gated.model.statement import Entitlement
    from gated.wire.event import digest, genesis
    from gated.wire.seal import SigningKey

    shown = "".join((DOCS / "reference" / "statements.md").read_text().split())
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    right = Entitlement(
        "pools", bytes(range(16)), 1795478400, 1827014400, 1795478400, bytes(range(8)), "swim10", 0
    )
    token = sign_statement(key, right)
    medium = Credential("uid", bytes.fromhex("04a1b2c3d4e5f6"), Assurance.UID_ONLY)
    for part in (key.public, key.kid, token, index_of(medium, bytes(32))):
        assert part.hex() in shown
    assert f"these{len(token)}bytes" in shown

    (example,) = blocks(DOCS / "reference" / "events.md", "text")
    beginning, first = re.findall(r"^ +([0-9a-f]{64})$", example, re.MULTILINE)
    assert genesis("bron-1", "00112233445566aa").hex() == beginning
    body = re.search(r"^row 1 +(.*)$", example, re.MULTILINE)[1]
    assert digest(bytes.fromhex(beginning), body).hex() == first
