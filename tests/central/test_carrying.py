"""What a medium carries: written as one message, issued with it or not at all, and believed by a gate."""

from __future__ import annotations

import json
import random
import re
from contextlib import closing
from pathlib import Path

import pytest

from central.pools import run
from gated.card import ndef
from gated.card.identify import Scheme
from gated.card.named import named
from gated.central.files import claimed
from gated.central.ledger import Ledger
from gated.central.ledger_statements import unpublished
from gated.central.office import Office, ProductRules, found
from gated.central.on_media import CHIPS, chip_named, fitting_chips, message_of
from gated.config.files import load_keys, load_profile
from gated.credential.statement import open_statement
from gated.daemon.beliefs import Beliefs
from gated.daemon.carried import open_carried
from gated.devices.simulated.tag2 import Type2Medium
from gated.model.refusal import Reason
from gated.model.statement import Binding
from gated.model.trust import Algorithm
from kinds import OTHER_UID, UID, media_for, proven

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-statements-onto-media.md"
PLACE = ("--sector", "pools", "--account", "dora")
MEDIUM = f"signed:{UID.hex()}"
PKOC = "pkoc:" + "11" * 32


@pytest.fixture
def city(tmp_path, capsys):
    place = tmp_path / "city"
    words = ("--product", "season", "--product", "bundle", "--venue", "bron", "--venue", "vaise")
    assert 0 == run(capsys, "init", place, "--sector", "pools", *words)[0]
    return place


@pytest.fixture
def ledger(city):
    with closing(Ledger(city / "central.db")) as made:
        yield made


@pytest.fixture
def issue(city, capsys, tmp_path):
    """Issue with a message; (exit code, what it says, the file)."""

    def call(*words, file="dora.ndef"):
        path = tmp_path / file
        code, out, err = run(capsys, "issue", city, *PLACE, "--carry", path, *words)
        return code, out + err, path

    return call


def believed(city):
    gate = city / "gate"
    sector_key = bytes.fromhex((gate / "pools.sector-key").read_text())
    return Beliefs(load_keys(gate / "keys.json"), sector_key, load_profile(gate / "profile-bron.json"))


def tapped(city, message, uid=UID):
    """What a gate believes of a tag with this message."""
    proof = proven(Type2Medium(uid, message, "ntag216"), media_for(Scheme.SIGNED))
    return open_carried(proof, believed(city), 0)


# ------------------------------------------------------------------ what is written


def test_a_gate_that_never_heard_of_it_believes_what_was_written(city, ledger, issue):
    code, said, path = issue("--medium", MEDIUM, "--product", "season", "--chip", "ntag215")
    assert (0, True) == (code, f"{path}: a message of {path.stat().st_size} bytes, which fits" in said)
    carried = tapped(city, path.read_bytes())
    assert ((), ["season"]) == (carried.refused, [right.product for right in carried.rights])
    assert carried.binding is not None
    assert carried.binding.pass_ == carried.rights[0].pass_
    # The same two stand in the log: other gates learn of them as of everything.
    logged = [
        open_statement(one.token, load_keys(city / "gate" / "keys.json"), 0) for one in unpublished(ledger, 9)
    ]
    assert [carried.binding, *carried.rights] == logged


def test_on_another_medium_it_is_a_copy(city, issue):
    _, _, path = issue("--medium", MEDIUM, "--product", "season")
    carried = tapped(city, path.read_bytes(), OTHER_UID)
    assert (None, [Reason.COPIED]) == (carried.binding, [one.reason for one in carried.refused])


def test_the_message_of_a_key_names_the_key_and_that_of_another_does_not(city, ledger, issue):
    digest = named(PKOC).value
    for medium, key in (
        (PKOC, digest),
        ("pkoc2" + PKOC[4:], digest),
        ("ev2:04a1b2c3d4e580", None),
        (MEDIUM, None),
    ):
        assert 0 == issue("--medium", medium, file=medium[:6])[0]
        binding = open_statement(unpublished(ledger, 99)[-1].token, load_keys(city / "gate" / "keys.json"), 0)
        assert isinstance(binding, Binding)
        assert key == binding.confirmed_by


def test_a_binding_that_no_medium_carries_names_no_key(city, ledger, capsys):
    assert 0 == run(capsys, "issue", city, *PLACE, "--medium", PKOC)[0]
    binding = open_statement(unpublished(ledger, 9)[0].token, load_keys(city / "gate" / "keys.json"), 0)
    assert isinstance(binding, Binding)
    assert binding.confirmed_by is None


def test_written_once_more_it_has_a_higher_revision_and_the_newest_rights(city, capsys, issue):
    _, said, _ = issue("--medium", MEDIUM, "--product", "season", "--json")
    cti = json.loads(said)["cti"]
    assert 0 == run(capsys, "issue", city, *PLACE, "--product", "season", "--revises", cti, "--uses", 7)[0]
    more = ("--product", "bundle", "--with", cti, "--with", cti.upper())
    code, _, path = issue("--medium", MEDIUM, *more, file="again.ndef")
    carried = tapped(city, path.read_bytes())
    assert (0, 1) == (code, carried.binding.revision)
    assert [("bundle", 0, None), ("season", 1, 7)] == [
        (right.product, right.revision, right.uses) for right in carried.rights
    ]


def test_json_says_how_large_it_is_and_where_it_fits(issue):
    _, said, path = issue("--medium", MEDIUM, "--product", "season", "--json")
    told = json.loads(said)
    size = len(path.read_bytes())
    assert {
        "file": None, "statements": 2, "carry": str(path), "bytes": size, "fits": fitting_chips(size),
    }.items() <= told.items()  # fmt: skip


def test_a_statement_file_can_be_had_beside(city, issue, tmp_path):
    code, _, path = issue("--medium", MEDIUM, "--product", "season", "--out", tmp_path / "all.gated")
    assert 0 == code
    assert ndef.carried_in(path.read_bytes()) == (tmp_path / "all.gated").read_bytes()


# ------------------------------------------------------------------ all of it or nothing

SEASON = ("--medium", MEDIUM, "--product", "season")
REFUSED = {
    "too small a chip": ((*SEASON, "--chip", "ntag213"), "do not fit ntag213"),
    "no such chip": ((*SEASON, "--chip", "x"), "known: ntag213, ntag215, ntag216, ntag424, type4"),
    "no medium": (("--product", "season"), "a message is for a medium; name it: --medium"),
    "a sun medium": (("--medium", f"sun:{UID.hex()}"), "a sun medium shows its address in that place"),
    "no such right": ((*SEASON, "--with", "00" * 8), f"no right {'00' * 8} here; nothing was issued"),
    "no right": ((*SEASON, "--with", "00"), "--with must be 8 bytes in hex"),
    "an unknown scheme": (("--medium", "nfc:04a1"), "--medium: must be SCHEME:HEX, with one of pkoc2, "),
    "a random UID": (("--medium", "signed:08112233"), "--medium: signed is followed by a UID of 4, 7 or"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_carried_is_not_issued_and_leaves_no_file(city, ledger, issue, tmp_path, name):
    words, told = REFUSED[name]
    before = sorted(tmp_path.iterdir())
    code, said, _ = issue(*words)
    assert (2, True, 1) == (code, told in said, len(said.splitlines())), said
    assert ([], before) == (unpublished(ledger, 9), sorted(tmp_path.iterdir()))


def test_a_refused_message_takes_no_number(city, issue):
    assert 2 == issue("--medium", MEDIUM, "--product", "season", "--chip", "ntag213")[0]
    _, _, path = issue("--medium", MEDIUM)
    assert 0 == tapped(city, path.read_bytes()).binding.revision


def test_another_accounts_right_is_not_carried(city, ledger, capsys, issue):
    words = ("--sector", "pools", "--account", "emil", "--product", "season", "--json")
    cti = json.loads(run(capsys, "issue", city, *words)[1])["cti"]
    code, said, path = issue("--medium", MEDIUM, "--with", cti)
    assert (2, False, 1) == (code, path.exists(), len(unpublished(ledger, 9))), said


def test_a_message_that_no_gate_would_read_is_not_issued(city, ledger, issue):
    ctis = []
    for number in range(5):
        code, said, _ = issue("--medium", MEDIUM, "--product", "season", "--json", file=f"{number}.ndef")
        ctis += ["--with", json.loads(said)["cti"]]
    code, said, path = issue("--medium", MEDIUM, "--product", "bundle", *ctis)
    assert (2, 10, False) == (code, len(unpublished(ledger, 99)), path.exists())
    assert f"gates read {ndef.MAX_MESSAGE_BYTES}; carry fewer rights: nothing was issued" in said


def test_a_file_that_is_there_stays_as_it_is(ledger, issue, tmp_path):
    (tmp_path / "dora.ndef").write_bytes(b"another's")
    code, said, path = issue("--medium", MEDIUM, "--product", "season")
    assert (2, True) == (code, f"{path} is there already; name a new file: nothing was issued" in said)
    assert ([], b"another's") == (unpublished(ledger, 9), path.read_bytes())


def test_nothing_is_issued_where_it_cannot_be_written(ledger, issue):
    code, said, _ = issue("--medium", MEDIUM, "--product", "season", file="none/dora.ndef")
    assert (2, True, []) == (code, "check the path: nothing was issued" in said, unpublished(ledger, 9))


def test_two_files_are_not_one(ledger, issue, tmp_path):
    code, said, path = issue("--medium", MEDIUM, "--out", tmp_path / "dora.ndef")
    assert (2, True, False) == (code, "--out and --carry name one file" in said, path.exists())
    assert [] == unpublished(ledger, 9)


@pytest.mark.parametrize("words", [("--chip", "ntag215"), ("--with", "00" * 8)])
def test_what_belongs_to_a_message_needs_one(city, ledger, capsys, words):
    code, _, err = run(capsys, "issue", city, *PLACE, "--product", "season", *words)
    assert (2, True, []) == (code, "--chip and --with are for --carry" in err, unpublished(ledger, 9))


def test_a_name_that_was_claimed_is_free_again_if_it_came_to_nothing(tmp_path):
    path = tmp_path / "a"

    def spoilt():
        with claimed(path) as write:
            write(b"whole")
            assert b"" == path.read_bytes()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        spoilt()
    assert [] == list(tmp_path.iterdir())
    with claimed(path) as write:
        write(b"whole")
    assert ([path], b"whole") == (list(tmp_path.iterdir()), path.read_bytes())


# ------------------------------------------------------------------ every command that names a medium


def test_a_medium_of_any_scheme_is_denied_and_replaced_by_its_name(city, ledger, capsys):
    old, new = "ev2:04a1b2c3d4e580", "calypso:0000000012345678"
    assert 0 == run(capsys, "issue", city, *PLACE, "--medium", old)[0]
    assert 0 == run(capsys, "replace-medium", city, *PLACE, "--old-medium", old, "--medium", new)[0]
    assert 0 == run(capsys, "deny", city, "--sector", "pools", "--medium", new)[0]
    keys = load_keys(city / "gate" / "keys.json")
    first, denial, second, last = (open_statement(one.token, keys, 0) for one in unpublished(ledger, 9))
    with closing(Office(city, "pools", random.Random(1).randbytes)) as office:
        before, after = (office.index(named(text)) for text in (old, new))
    assert (before, before, after, after) == (first.index, denial.target, second.index, last.target)
    code, _, err = run(capsys, "replace-medium", city, *PLACE, "--old-medium", "x", "--medium", new)
    assert (2, True) == (code, "--old-medium: must be SCHEME:HEX" in err)


# ------------------------------------------------------------------ chips


@pytest.mark.parametrize(
    ("name", "most"),
    [("ntag213", 142), ("ntag215", 492), ("ntag216", 868), ("ntag424", 254), ("type4", 1024)],
)
def test_a_chip_holds_so_much_and_no_byte_more(name, most):
    assert (True, False) == (chip_named(name).holds(most), chip_named(name).holds(most + 1))


@pytest.mark.parametrize("chip", [chip for chip in CHIPS if not chip.is_file], ids=lambda chip: chip.name)
def test_what_fits_a_chip_can_be_read_back_from_one_as_it_was_delivered(chip):
    most = max(size for size in range(chip.size) if chip.holds(size))
    head = len(ndef.carrying(bytes(most - 14))) - (most - 14)
    message = ndef.carrying(bytes(most - head))
    assert most == len(message)
    tag = Type2Medium(UID, message, chip.name)
    tag.memory[14] = chip.size // 8  # what the container tells, which is less than the memory
    assert ndef.carried_in(message) == proven(tag, media_for(Scheme.SIGNED)).carried


# ------------------------------------------------------------------ the table of the page

NOW = 1_800_000_000


def measured(tmp_path):
    """Each row of the table, made anew."""
    with closing(
        found(
            tmp_path / "office",
            sector="pools",
            venues=["bron", "vaise"],
            products=[ProductRules("season"), ProductRules("bundle")],
            timezone="Europe/Paris",
            algorithm=Algorithm.EDDSA,
            now=NOW,
            key_days=730,
            random=random.Random(1).randbytes,
        )
    ) as office:
        said = {"uses": 10, "venues": ("bron", "vaise"), "per_venue": (("bron", 4), ("vaise", 6))}
        signed, key = (
            office.bind("dora", named(one), now=NOW, expires=None, carried=True) for one in (MEDIUM, PKOC)
        )
        season = office.entitle("dora", "season", now=NOW)[1]
        bundle = office.entitle("dora", "bundle", now=NOW, expires=NOW + 365 * 86400, **said)[1]
        return {
            "binding alone": [signed],
            "binding alone, of a key": [key],
            "binding and a season right": [signed, season],
            "binding and a right with an end, uses and two shares": [signed, bundle],
            "binding and both rights": [signed, season, bundle],
        }


def test_the_table_of_what_fits_is_what_comes_out(tmp_path):
    rows = []
    for what, tokens in measured(tmp_path).items():
        message = message_of(tokens)
        rows.append(
            [what, str(len(message)), *("yes" if chip.holds(len(message)) else "no" for chip in CHIPS)]
        )
    table = PAGE.read_text().partition("## What fits")[2].partition("\n## ")[0]
    shown = [
        [cell.strip() for cell in line[1:-1].split("|")]
        for line in re.findall(r"^\|.*\|$", table, re.MULTILINE)
    ]
    assert rows == shown[2:]
    assert [chip.name for chip in CHIPS] == [re.sub(r"[^a-z0-9]", "", cell.lower()) for cell in shown[0][2:]]


def test_the_limits_of_the_page_are_those_of_the_chips():
    text = PAGE.read_text()
    for chip in CHIPS:
        most = max(size for size in range(chip.size) if chip.holds(size))
        assert f"`{chip.name}` {most}" in text
