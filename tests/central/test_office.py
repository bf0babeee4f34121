"""An office makes nothing that a gate would refuse, and a sector as a whole or not at all."""

from __future__ import annotations

import json
import random
from contextlib import closing
from dataclasses import fields, replace

import pytest

from gated.central.ack_keys import AckKeys
from gated.central.ledger import Ledger
from gated.central.ledger_statements import mark_published, unpublished
from gated.central.office import Office, ProductRules, found
from gated.central.sign import sign_statement
from gated.config.files import load_keys, load_profile
from gated.credential.message import open_message
from gated.credential.statement import open_statement
from gated.errors import ConfigError
from gated.model.credential import Assurance, Credential
from gated.model.refusal import Reason, Refusal
from gated.model.rules import (
    MAX_HOURS_CHARS,
    MAX_PARTY,
    MAX_REENTRY_S,
    MAX_USES,
    MAX_VENUES,
    PartyUses,
    Rules,
    Said,
    in_order,
)
from gated.model.statement import DenialState, Entitlement, Kind, TargetKind
from gated.model.time import END_OF_TIME
from gated.model.trust import Algorithm
from gated.model.venue import MAX_PRODUCTS, Product
from gated.wire.ack import Ack, encode_ack
from gated.wire.seal import SigningKey

NOW = 1_800_000_000


def make(place, sector="pools", **changes) -> Office:
    usual = {
        "venues": ["bron"],
        "products": [ProductRules("season")],
        "timezone": "Europe/Paris",
        "algorithm": Algorithm.EDDSA,
        "now": NOW,
        "key_days": 730,
        "random": random.Random(sector).randbytes,
    }
    return found(place, sector=sector, **{**usual, **changes})


def files(place):
    return {
        path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()
    }


LONGEST = (END_OF_TIME - NOW) // 86400

REFUSED = {
    "a venue twice": ({"venues": ["bron", "bron"]}, "venue 'bron' is named 2 times"),
    "a product twice": (
        {"products": [ProductRules("a"), ProductRules("a", uses=1)]},
        "product 'a' is named 2 times",
    ),
    "no product": ({"products": []}, "0 products"),
    "too many products": (
        {"products": [ProductRules(f"p{number}") for number in range(MAX_PRODUCTS + 1)]},
        "1001 products",
    ),
    "uses too many": (
        {"products": [ProductRules("a", uses=MAX_USES + 1)]},
        "2147483648 uses cannot be counted",
    ),
    "uses below none": ({"products": [ProductRules("a", uses=-1)]}, "-1 uses cannot be counted"),
    "a product at no venue": ({"products": [ProductRules("a", venues=("Bron",))]}, "'Bron' is not a name"),
    "a party of none": ({"products": [ProductRules("a", party=0)]}, "0 persons cannot be counted"),
    "no hours": ({"products": [ProductRules("a", hours="")]}, "are no text of 1 to 255"),
    "venues too many": (
        {"products": [ProductRules("a", venues=tuple(f"v{number}" for number in range(1001)))]},
        "1001 venues cannot be named",
    ),
    "no country": ({"country": "fr"}, "'fr' is no country; use its two capital letters"),
    "a name of the office's own keys": ({"sector": "device-ca"}, "no sector can be called 'device-ca'"),
    "a name that another's key file has": ({"sector": "pools.ack"}, "a sector's name cannot end with .ack"),
    "a name that its command key has": (
        {"sector": "pools.command"},
        "a sector's name cannot end with .command",
    ),
    "no time zone": ({"timezone": "Europe/Lyon"}, "'Europe/Lyon' is no time zone"),
    "a folder of time zones": ({"timezone": "Europe"}, "'Europe' is no time zone"),
    "a path for a time zone": ({"timezone": "../../etc/passwd"}, "is no time zone"),
    "a key that has ended": ({"key_days": 0}, "a key cannot live 0 days"),
    "a key that ended before": ({"key_days": -3}, "a key cannot live -3 days"),
    "a key without end": ({"key_days": LONGEST + 1}, f"give it 1 to {LONGEST}"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_gate_would_refuse_is_not_founded_and_leaves_nothing(tmp_path, case):
    changes, told = REFUSED[case]
    with pytest.raises(ConfigError) as raised:
        make(tmp_path / "city", **changes)
    assert told in str(raised.value)
    assert not (tmp_path / "city").exists()


def test_what_is_founded_at_the_limits_is_read_by_a_gate(tmp_path):
    products = [ProductRules(f"p{number}", uses=MAX_USES) for number in range(MAX_PRODUCTS)]
    make(tmp_path, products=products, key_days=LONGEST).close()
    keys = load_keys(tmp_path / "gate" / "keys.json").values()
    assert [True] * 3 == [END_OF_TIME - 86400 < key.expires <= END_OF_TIME for key in keys]
    assert MAX_PRODUCTS == len(load_profile(tmp_path / "gate" / "profile-bron.json").products)


def test_a_gate_takes_no_more_than_those_limits(tmp_path):
    make(tmp_path, products=[ProductRules("a", uses=MAX_USES)]).close()
    profile = tmp_path / "gate" / "profile-bron.json"
    document = json.loads(profile.read_text())
    for products in (
        [{"id": "a", "uses": MAX_USES + 1}],
        [{"id": f"p{number}"} for number in range(MAX_PRODUCTS + 1)],
    ):
        profile.write_text(json.dumps({**document, "products": products}))
        with pytest.raises(ConfigError):
            load_profile(profile)


def test_a_second_sector_cannot_take_the_first_ones_venue_and_can_be_founded_with_another(tmp_path):
    make(tmp_path).close()
    before = files(tmp_path)
    with pytest.raises(
        ConfigError, match=r"profile-bron.json is there already; a venue belongs to one sector"
    ):
        make(tmp_path, "museums", venues=["fourviere", "bron"])
    assert before == files(tmp_path)
    make(tmp_path, "museums", venues=["fourviere"]).close()
    assert 6 == len(load_keys(tmp_path / "gate" / "keys.json"))


@pytest.mark.parametrize("spoilt", [b"noise", b"[1]", b'{"v":1,"keys":[]}', b"[" * 100_000])
def test_a_key_set_that_cannot_be_added_to_is_left_as_it_is(tmp_path, spoilt):
    make(tmp_path).close()
    (tmp_path / "gate" / "keys.json").write_bytes(spoilt)
    before = files(tmp_path)
    with pytest.raises(ConfigError, match=r"keys.json cannot be added to"):
        make(tmp_path, "museums", venues=["fourviere"])
    assert before == files(tmp_path)


def test_a_write_that_fails_leaves_nothing_of_a_sector(tmp_path):
    make(tmp_path).close()
    before = files(tmp_path)
    (tmp_path / "gate" / "keys.json.new").mkdir()  # the last file to be written cannot be
    with pytest.raises(ConfigError, match="nothing was made"):
        make(tmp_path, "museums", venues=["fourviere"])
    assert before == files(tmp_path)
    (tmp_path / "gate" / "keys.json.new").rmdir()
    make(tmp_path, "museums", venues=["fourviere"]).close()


def test_a_file_where_the_office_should_be_is_told(tmp_path):
    (tmp_path / "city").touch()
    with pytest.raises(ConfigError, match="city cannot be written"):
        make(tmp_path / "city")


def test_files_are_for_their_owner_but_the_public_keys(tmp_path):
    make(tmp_path / "city").close()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "city").rglob("*")}
    del modes["central.db"]
    assert {0o644} == {modes.pop("keys.json")}
    assert {modes.pop("secret"), modes.pop("gate"), (tmp_path / "city").stat().st_mode & 0o777} == {0o700}
    assert {0o600} == set(modes.values())


# ------------------------------------------------------------------ rights


@pytest.fixture
def office(tmp_path):
    made = make(tmp_path)
    yield made
    made.close()


EIGHT = tuple(f"v{number}" for number in range(MAX_VENUES))
SHARES = tuple((venue, MAX_USES) for venue in EIGHT)
LIMITS = {
    "the last second": {"expires": END_OF_TIME - 1},
    "one second": {"expires": NOW + 1},
    "all uses": {"uses": MAX_USES},
    "no use": {"uses": 0},
    "all venues": {"venues": EIGHT},
    "the first second": {"not_before": 0},
    "no use a day": {"per_day": 0},
    "all uses a day": {"per_day": MAX_USES},
    "all shares": {"per_venue": SHARES},
    "all shares of all venues": {"venues": EIGHT, "per_venue": SHARES},
    "hours of one character": {"hours": "0"},
    "the longest hours": {"hours": "0" * MAX_HOURS_CHARS},
    "one person": {"party": 1},
    "most persons": {"party": MAX_PARTY, "party_uses": PartyUses.ONCE},
    "a use for each": {"party_uses": PartyUses.EACH},
    "a second of re-entry": {"reentry_s": 1},
    "the longest re-entry": {"reentry_s": MAX_REENTRY_S},
    "the weakest proof": {"min_assurance": Assurance.UID_ONLY},
    "a concession": {"concession": "student"},
    "all at once": {
        "expires": END_OF_TIME - 1, "not_before": NOW + 1, "uses": MAX_USES, "per_day": MAX_USES,
        "venues": EIGHT, "per_venue": SHARES, "hours": "0" * MAX_HOURS_CHARS, "party": MAX_PARTY,
        "party_uses": PartyUses.ONCE, "reentry_s": MAX_REENTRY_S, "min_assurance": Assurance.ASYMMETRIC,
        "concession": "c" * 32,
    },
}  # fmt: skip
BEYOND = {
    "no second": {"expires": NOW},
    "an end before": {"expires": NOW - 86400},
    "an end before a later beginning": {"not_before": NOW + 10, "expires": NOW + 5},
    "no end at all": {"expires": END_OF_TIME},
    "uses too many": {"uses": MAX_USES + 1},
    "a venue too many": {"venues": (*EIGHT, "more")},
    "no venue": {"venues": ()},
    "a beginning before all": {"not_before": -1},
    "a beginning after all": {"not_before": END_OF_TIME},
    "uses a day below none": {"per_day": -1},
    "uses a day too many": {"per_day": MAX_USES + 1},
    "a share too many": {"per_venue": (*SHARES, ("more", 1))},
    "no share": {"per_venue": ()},
    "a share too large": {"per_venue": (("bron", MAX_USES + 1),)},
    "a share of no name": {"per_venue": (("Bron", 1),)},
    "no hours": {"hours": ""},
    "hours too long": {"hours": "0" * (MAX_HOURS_CHARS + 1)},
    "hours of two lines": {"hours": "Mo\nTu"},
    "no person": {"party": 0},
    "persons too many": {"party": MAX_PARTY + 1},
    "no re-entry": {"reentry_s": 0},
    "re-entry too long": {"reentry_s": MAX_REENTRY_S + 1},
    "a concession of no name": {"concession": "A"},
    "too much for a statement": {
        "venues": tuple(f"{number}{'v' * 31}" for number in range(8)),
        "per_venue": tuple((f"{number}{'v' * 31}", MAX_USES) for number in range(8)),
        "hours": "é" * MAX_HOURS_CHARS,
    },
}


@pytest.mark.parametrize("case", LIMITS)
def test_a_right_at_the_limits_is_opened_by_a_gate(office, tmp_path, case):
    _, token = office.entitle("alice", "season", now=NOW, **LIMITS[case])
    keys = load_keys(tmp_path / "gate" / "keys.json")
    assert isinstance(open_statement(token, keys, NOW), Entitlement)


@pytest.mark.parametrize("case", BEYOND)
def test_a_right_that_a_gate_would_refuse_is_not_issued(office, tmp_path, case):
    with pytest.raises(ConfigError):
        office.entitle("alice", "season", now=NOW, **BEYOND[case])
    keys = load_keys(tmp_path / "gate" / "keys.json")
    right = open_statement(office.entitle("alice", "season", now=NOW)[1], keys, NOW)
    assert isinstance(right, Entitlement)
    token = sign_statement(office._key, replace(right, **BEYOND[case]))
    assert isinstance(open_statement(token, keys, NOW), Refusal)


def test_a_right_says_all_that_it_was_given(office, tmp_path):
    said = {
        **LIMITS["all at once"],
        "per_venue": in_order({"vaise": 6, "bron": 4}),
        "venues": ("bron", "vaise"),
    }
    _, token = office.entitle("alice", "bundle", now=NOW, **said)
    right = open_statement(token, load_keys(tmp_path / "gate" / "keys.json"), NOW)
    assert said == {name: getattr(right, name) for name in said}
    assert (("bron", 4), ("vaise", 6)) == right.per_venue


def test_a_share_elsewhere_is_not_issued(office, tmp_path):
    with pytest.raises(
        ConfigError, match="a share for 'vaise', which is not among its venues; name it with --at"
    ):
        office.entitle("alice", "season", now=NOW, venues=("bron",), per_venue=(("vaise", 1),))
    assert [] == logged(tmp_path)


def test_a_right_too_large_is_told_and_takes_no_number(office, tmp_path):
    with pytest.raises(ConfigError, match=r"takes 1\d\d\d of at most 1024 bytes; say the hours"):
        office.entitle("alice", "season", now=NOW, entitlement=bytes(8), **BEYOND["too much for a statement"])
    assert [] == logged(tmp_path)
    _, token = office.entitle("alice", "season", now=NOW, entitlement=bytes(8))
    assert 0 == open_statement(token, load_keys(tmp_path / "gate" / "keys.json"), NOW).revision


def test_what_may_be_said_has_the_names_of_the_rules():
    assert [field.name for field in fields(Rules)] == list(Said.__annotations__)


def test_a_product_says_in_a_profile_all_that_it_was_given(tmp_path):
    rules = {
        "venues": ("bron", "vaise"), "uses": 10, "per_day": 1, "per_venue": in_order({"vaise": 6, "bron": 4}),
        "hours": "Mo-Fr 07:00-09:00", "party": 5, "party_uses": PartyUses.ONCE, "reentry_s": 1800,
        "min_assurance": Assurance.ASYMMETRIC, "concession": "student",
    }  # fmt: skip
    products = [ProductRules("all", **rules), ProductRules("swim3", uses=3), ProductRules("daily", per_day=1)]
    make(tmp_path, products=products, country="FR").close()
    profile = load_profile(tmp_path / "gate" / "profile-bron.json")
    assert "FR" == profile.country
    assert profile.products == {
        "all": Product("all", **rules),
        "swim3": Product("swim3", uses=3),
        "daily": Product("daily", per_day=1),
    }
    listed = json.loads((tmp_path / "gate" / "profile-bron.json").read_text())["products"]
    assert {"id": "swim3", "uses": 3} == listed[1]


def test_what_was_revoked_stays_so_and_what_was_blocked_can_be_lifted(tmp_path):
    office = make(tmp_path)
    blocked, revoked = bytes(16), bytes([1]) * 16
    for state in (DenialState.BLOCKED, DenialState.LIFTED, DenialState.BLOCKED):
        office.deny(TargetKind.PASS, blocked, state, now=NOW)
    for _ in range(2):
        office.deny(TargetKind.PASS, revoked, DenialState.REVOKED, now=NOW)
    for state in (DenialState.LIFTED, DenialState.BLOCKED):
        with pytest.raises(ConfigError, match="this pass was revoked, which is for good"):
            office.deny(TargetKind.PASS, revoked, state, now=NOW)
    office.deny(TargetKind.CREDENTIAL, revoked, DenialState.LIFTED, now=NOW)  # another target
    office.close()


# ------------------------------------------------------------------ three keys, one of which serves


def test_a_sector_has_a_key_for_statements_one_that_serves_and_one_for_commands(tmp_path):
    make(tmp_path).close()
    statements, serving, commands = load_keys(tmp_path / "gate" / "keys.json").values()
    assert {Kind.BINDING, Kind.ENTITLEMENT, Kind.DENIAL, Kind.TIME} == statements.kinds
    assert {Kind.ACK, Kind.HEAD, Kind.USES, Kind.TIME} == serving.kinds
    assert {Kind.COMMAND} == commands.kinds
    assert {"pools"} == statements.sectors == serving.sectors == commands.sectors
    command_key = SigningKey.from_pem((tmp_path / "secret" / "pools.command.pem").read_bytes())
    assert commands.kid == command_key.kid
    assert 0o600 == (tmp_path / "secret" / "pools.command.pem").stat().st_mode & 0o777


def test_an_older_offices_key_signs_what_it_may(tmp_path):
    make(tmp_path).close()
    listed(tmp_path, lambda entry: entry.update({"kinds": ["ack", "time"]}))
    keys = AckKeys.load(tmp_path)
    assert (True, False) == (keys.may("pools", Kind.ACK, NOW), keys.may("pools", Kind.HEAD, NOW))
    assert keys.sign("pools", Kind.TIME, b"now", NOW) is not None
    assert keys.sign("pools", Kind.HEAD, b"head", NOW) is None
    assert keys.sign("pools", Kind.TIME, b"then", NOW - 1) is None


def test_receipts_are_signed_where_no_key_for_statements_is(tmp_path):
    make(tmp_path).close()
    make(tmp_path, "museums", venues=["fourviere"], algorithm=Algorithm.ES256).close()
    for path in (tmp_path / "secret").iterdir():
        if not path.name.endswith(".ack.pem"):
            path.unlink()
    keys = AckKeys.load(tmp_path)
    assert {"pools", "museums"} == keys.sectors
    ack = Ack("bron-1", "0" * 16, 7, bytes(32), NOW)
    believed = load_keys(tmp_path / "gate" / "keys.json")
    for sector in keys.sectors:
        assert encode_ack(ack) == open_message(keys.seal(sector, ack), Kind.ACK, believed, sector, NOW)
        other = "museums" if sector == "pools" else "pools"
        refused = open_message(keys.seal(sector, ack), Kind.ACK, believed, other, NOW)
        assert refused.reason is Reason.OUT_OF_SCOPE
    assert "AckKeys(museums, pools)" == repr(keys)


def test_a_directory_without_keys_for_receipts_is_told(tmp_path):
    with pytest.raises(ConfigError, match="has no keys for receipts; is it an office's directory"):
        AckKeys.load(tmp_path)
    make(tmp_path).close()
    (tmp_path / "secret" / "pools.ack.pem").write_bytes(b"noise")
    with pytest.raises(ConfigError, match=r"pools.ack.pem cannot be read"):
        AckKeys.load(tmp_path)


def listed(place, change):
    """keys.json with another entry for the key for receipts."""
    path = place / "gate" / "keys.json"
    document = json.loads(path.read_bytes())
    change(document["keys"][1])
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    "change",
    [
        {"kinds": ["time"]},
        {"sectors": ["museums"]},
        {"kid": "00000000"},
        {"public": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"},
    ],
    ids=str,
)
def test_a_key_for_receipts_that_gates_would_not_believe_is_told(tmp_path, change):
    make(tmp_path).close()
    AckKeys.load(tmp_path)
    listed(tmp_path, lambda entry: entry.update(change))
    with pytest.raises(ConfigError, match=r"no gate believes .*pools.ack.pem: .* sector 'pools'.*one backup"):
        AckKeys.load(tmp_path)


def test_keys_json_that_cannot_be_read_is_told_to_who_serves(tmp_path):
    make(tmp_path).close()
    path = tmp_path / "gate" / "keys.json"
    path.write_bytes(b"noise")
    with pytest.raises(ConfigError, match=r"keys.json is damaged"):
        AckKeys.load(tmp_path)
    path.unlink()
    with pytest.raises(ConfigError, match=r"keys.json cannot be read .*who serves"):
        AckKeys.load(tmp_path)


def test_a_key_for_receipts_counts_within_its_time_and_its_end_is_told_before(tmp_path):
    make(tmp_path, key_days=100).close()
    keys, end = AckKeys.load(tmp_path), NOW + 100 * 86400
    assert [] == keys.check(NOW) == keys.check(end - 60 * 86400 - 1)
    assert [("pools", end)] == keys.check(end - 60 * 86400) == keys.check(end - 1)
    with pytest.raises(ConfigError, match=r"pools.ack.pem has ended: no gate believes"):
        keys.check(end)
    with pytest.raises(ConfigError, match=r"does not count yet: .*is the clock of this machine right"):
        keys.check(NOW - 1)


def test_no_receipt_bears_a_time_outside_of_its_keys_own(tmp_path):
    """A receipt moves the clock of every gate forward: once, and for good."""
    make(tmp_path, key_days=100).close()
    keys, end = AckKeys.load(tmp_path), NOW + 100 * 86400
    signed = {
        at: keys.seal("pools", Ack("bron-1", "0" * 16, 7, bytes(32), at))
        for at in (NOW - 1, NOW, end - 1, end)
    }
    assert [NOW, end - 1] == [at for at, message in signed.items() if message is not None]


# ------------------------------------------------------------------ the log


def logged(tmp_path):
    with closing(Ledger(tmp_path / "central.db")) as ledger:
        return [(one.number, one.token) for one in unpublished(ledger, 100)]


def test_everything_issued_stands_in_the_log_in_order(office, tmp_path):
    tokens = [office.bind("alice", medium(1), now=NOW, expires=None)]
    tokens.append(office.entitle("alice", "season", now=NOW)[1])
    tokens.append(office.deny(TargetKind.PASS, bytes(16), DenialState.BLOCKED, now=NOW))
    assert list(enumerate(tokens, 1)) == logged(tmp_path)


def test_what_is_issued_at_once_is_issued_as_a_whole(office, tmp_path):
    with pytest.raises(ConfigError), office.at_once():  # noqa: PT012
        office.bind("alice", medium(1), now=NOW, expires=None)
        office.entitle("alice", "season", now=NOW, uses=-1)
    assert [] == logged(tmp_path)
    token = office.bind("alice", medium(1), now=NOW, expires=None)
    assert 0 == open_statement(token, load_keys(tmp_path / "gate" / "keys.json"), NOW).revision


def test_what_a_broker_took_is_not_published_again(office, tmp_path):
    tokens = [office.bind("alice", medium(number), now=NOW, expires=None) for number in range(3)]
    with closing(Ledger(tmp_path / "central.db")) as ledger:
        assert [1, 2] == [one.number for one in unpublished(ledger, 2)]
        mark_published(ledger, [("pools", 1), ("pools", 3), ("museums", 2)], NOW)
        assert [("pools", 2, tokens[1])] == [
            (one.sector, one.number, one.token) for one in unpublished(ledger, 9)
        ]


# ------------------------------------------------------------------ a medium takes another's place


def medium(number) -> Credential:
    return Credential("pkoc", bytes([number]) * 32, Assurance.ASYMMETRIC)


def test_a_medium_is_replaced_by_a_denial_and_a_binding(office, tmp_path):
    office.bind("alice", medium(1), now=NOW, expires=None)
    made = office.replace("alice", medium(1), medium(2), now=NOW)
    keys = load_keys(tmp_path / "gate" / "keys.json")
    denial, binding = (open_statement(token, keys, NOW) for token in made.tokens)
    assert (TargetKind.CREDENTIAL, office.index(medium(1)), DenialState.REVOKED) == (
        denial.target_kind,
        denial.target,
        denial.state,
    )
    assert (office.index(medium(2)), office.pass_of("alice")) == (binding.index, binding.pass_)
    assert list(made.tokens) == [token for _, token in logged(tmp_path)[1:]]


def test_replacing_again_is_done_already_and_makes_nothing(office, tmp_path):
    made = office.replace("alice", medium(1), medium(2), now=NOW)
    again = office.replace("alice", medium(1), medium(2), now=NOW + 60)
    assert (False, True, made.tokens) == (made.again, again.again, again.tokens)
    assert 2 == len(logged(tmp_path))


def test_a_replaced_medium_can_be_replaced_in_its_turn(office):
    office.replace("alice", medium(1), medium(2), now=NOW)
    assert not office.replace("alice", medium(2), medium(3), now=NOW).again
    assert office.replace("alice", medium(1), medium(2), now=NOW).again


@pytest.mark.parametrize(
    ("account", "old", "new", "told"),
    [
        ("alice", 1, 1, "a medium cannot take its own place"),
        ("alice", 1, 3, "another medium or account took the place"),
        ("bob", 1, 2, "another medium or account took the place"),
        ("alice", 2, 1, "the new medium was revoked, which is for good"),
    ],
)
def test_a_replacement_that_makes_no_sense_leaves_nothing(office, tmp_path, account, old, new, told):
    office.replace("alice", medium(1), medium(2), now=NOW)
    before = logged(tmp_path)
    with pytest.raises(ConfigError, match=told):
        office.replace(account, medium(old), medium(new), now=NOW)
    assert before == logged(tmp_path)


def test_a_replacement_that_breaks_in_the_middle_leaves_nothing(tmp_path):
    make(tmp_path).close()

    def no_random(size):
        raise OSError

    with closing(Office(tmp_path, "pools", no_random)) as office, pytest.raises(OSError):
        office.replace("alice", medium(1), medium(2), now=NOW)  # a binding needs an id, a denial none
    assert [] == logged(tmp_path)
    with closing(Office(tmp_path, "pools", random.Random(1).randbytes)) as office:
        assert not office.replace("alice", medium(2), medium(1), now=NOW).again
