"""``gated explain``: what a gate would say and why, from its files, beside the running gate."""

from __future__ import annotations

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from gated.cli.main import main
from gated.devices.simulated.clock import SimulatedClock
from gated.devices.simulated.media import Medium
from gated.model.credential import Assurance, Credential
from gated.model.refusal import Reason
from gated.model.statement import DenialState, TargetKind
from gated.store.directory import DELTA, JOURNAL
from gated.texts.languages import LANGUAGES
from gated.texts.sentences import Texts
from store.test_journal import rows
from turnstile import SHORT, Attended, two_way, why
from venue import DAY, NOW, credential_of, medium, until

PARIS = ZoneInfo("Europe/Paris")
RULES = [str(reason) for reason in (
    Reason.DENIED, Reason.WEAK_CREDENTIAL, Reason.WRONG_VENUE, Reason.EXPIRED, Reason.NOT_YET_VALID,
    Reason.KNOWLEDGE_EXPIRED, Reason.USES_EXHAUSTED, Reason.OUTSIDE_HOURS, Reason.PASSBACK, Reason.VENUE_FULL,
)]  # fmt: skip
BEFORE = ["unknown_medium", "denied"]
ALICE, UID = medium(1), Medium(b"\x04\xa1\xb2\xc3\xd4\xe5\xf6")
SATURDAY = "2026-12-05T12:00:00+01:00"
MONDAY = "2026-12-07T07:00:00+01:00"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


@pytest.fixture
def site(tmp_path):
    made = two_way(tmp_path, lane_lines=f'{SHORT}\nschemes = ["pkoc", "uid"]', profile={"passback": "hard"})
    right = {"hours": "Mo-Fr 07:00-20:00", "uses": 3, "expires": at("2026-12-31T00:00:00+01:00")}
    made.bring(made.give("alice", ALICE, "season", **right))
    uid = Credential("uid", UID.uid, Assurance.UID_ONLY)
    made.bring([made.office.bind("uli", uid, now=NOW, expires=None)])
    made.bring([made.office.entitle("uli", "season", now=NOW)[1]])
    yield made
    made.office.close()


@pytest.fixture
def gate(site, serve):
    return Attended(site, serve, SimulatedClock(at("2026-12-04T12:00:00+01:00")))


def explain(capsys, site, *words):
    """(exit code, what was printed, errors)."""
    code = main(["explain", "--config", str(site.config), *map(str, words)])
    said = capsys.readouterr()
    return code, said.out, said.err


def as_json(capsys, site, *words):
    code, out, err = explain(capsys, site, *words, "--json")
    assert "" == err
    return code, json.loads(out)


def refusing(told, product="season"):
    """The rules of a right that refuse, each with when it alone would pass."""
    (verdicts,) = [right["rules"] for right in told["rights"] if right["product"] == product]
    assert RULES == [one["rule"] for one in verdicts]
    return {one["rule"]: one["next_at"] for one in verdicts if not one["passes"]}


KEY = ("--public-key", ALICE.public.hex())
FRIDAY = ("--at", "2026-12-04T12:00:00+01:00")


def test_a_grant_with_every_rule(site, gate, capsys):
    code, told = as_json(capsys, site, *KEY, *FRIDAY)
    assert 0 == code
    assert {
        "at", "lane", "granted", "clock", "visitor", "staff", "before", "rights", "unusable", "cti",
        "persons", "cost", "left", "warnings",
    } == told.keys()  # fmt: skip
    assert (True, "in-1", at(FRIDAY[1]), 1, 1, 2) == tuple(
        told[key] for key in ("granted", "lane", "at", "persons", "cost", "left")
    )
    assert BEFORE == [one["rule"] for one in told["before"]]
    assert all(one["passes"] for one in told["before"])
    assert {} == refusing(told)
    (right,) = told["rights"]
    assert (told["cti"], "season", 3, told["at"]) == tuple(
        right[key] for key in ("cti", "product", "uses_left", "next_at")
    )


def test_a_refusal_with_each_rule_that_refuses_and_when_all_pass(site, gate, capsys):
    gate.go_to(at(SATURDAY) - 60)  # inside since a minute: hours and anti-passback refuse on Saturday
    come_in_on_another_right(gate)
    code, told = as_json(capsys, site, *KEY, "--at", SATURDAY)
    sunday = at("2026-12-06T04:00:00+01:00")
    assert (3, False, "outside_hours") == (code, told["granted"], told["reason"])
    assert {"outside_hours": at(MONDAY), "passback": sunday} == refusing(told)
    assert {"denied": None, "uses_exhausted": None, "passback": sunday} == refusing(told, "swim1")
    assert {"season": at(MONDAY), "swim1": None} == {
        right["product"]: right["next_at"] for right in told["rights"]
    }
    assert ("season", at(MONDAY)) == (
        next(right["product"] for right in told["rights"] if right["cti"] == told["cti"]), told["next_at"]
    )  # fmt: skip
    code, told = as_json(capsys, site, *KEY, "--at", MONDAY)
    assert (0, {}) == (code, refusing(told))


def come_in_on_another_right(gate):
    """Another right of the same pass, good on Saturdays, lets somebody in."""
    gate.site.bring([gate.site.office.entitle("alice", "swim1", now=NOW)[1]])
    assert gate.tap(ALICE).granted
    cti = next(row["cti"] for row in rows(gate.site.state / JOURNAL) if row["kind"] == "decided")
    deny = gate.site.office.deny(TargetKind.ENTITLEMENT, bytes.fromhex(cti), DenialState.BLOCKED, now=NOW)
    gate.site.bring([deny])


def test_what_it_says_comes_true_at_the_gate(site, gate, capsys):
    for moment in (FRIDAY[1], SATURDAY, MONDAY):
        code, told = as_json(capsys, site, *KEY, "--at", moment)
        gate.go_to(at(moment))
        tapped = gate.tap(ALICE)
        assert (code == 0, told.get("reason")) == (tapped.granted, why(tapped))
        assert told.get("next_at") == getattr(tapped.decision, "next_at", None)
        gate.tap(ALICE, "out-1")


def test_a_pass_is_asked_for_as_events_name_it(site, gate, capsys):
    alice = site.office.pass_of("alice").hex()
    code, told = as_json(capsys, site, "--pass", alice, *FRIDAY)
    assert (0, told["rights"]) == (code, as_json(capsys, site, *KEY, *FRIDAY)[1]["rights"])
    code, told = as_json(capsys, site, "--pass", alice, "--assurance", "uid-only", *FRIDAY)
    assert (3, "weak_credential") == (code, told["reason"])
    code, told = as_json(capsys, site, "--pass", "00" * 16, *FRIDAY)
    assert (3, "no_entitlement", []) == (code, told["reason"], told["rights"])


def test_a_denied_medium_is_explained_and_its_pass_is_not_denied(site, gate, capsys):
    index = site.office.index(credential_of(ALICE))
    site.bring([site.office.deny(TargetKind.CREDENTIAL, index, DenialState.BLOCKED, now=NOW)])
    code, told = as_json(capsys, site, *KEY, *FRIDAY)
    assert (3, "denied", None) == (code, told["reason"], told["next_at"])
    assert [True, False] == [one["passes"] for one in told["before"]]
    assert {"target": "credential", "state": "blocked"} == told["params"]
    assert 0 == as_json(capsys, site, "--pass", site.office.pass_of("alice").hex(), *FRIDAY)[0]


def test_a_medium_nobody_knows(site, gate, capsys):
    code, told = as_json(capsys, site, "--public-key", medium(9).public.hex(), *FRIDAY)
    assert (3, "unknown_medium", [], [False, True]) == (
        code, told["reason"], told["rights"], [one["passes"] for one in told["before"]]
    )  # fmt: skip


def test_a_medium_that_shows_its_uid_alone(site, gate, capsys):
    code, told = as_json(capsys, site, "--uid", UID.uid.hex(), *FRIDAY)
    assert (3, "weak_credential") == (code, told["reason"])
    assert {"weak_credential": None} == refusing(told)


def test_at_an_exit_nothing_refuses(site, gate, capsys):
    code, out, _ = explain(capsys, site, *KEY, *FRIDAY, "--lane", "out-1")
    assert (0, True) == (code, "an exit: always released" in out)
    code, told = as_json(capsys, site, *KEY, *FRIDAY, "--lane", "out-1")
    assert (0, True, 1, []) == (code, told["granted"], told["persons"], told["rights"])


def test_uses_are_those_that_the_running_gate_counted(site, gate, capsys):
    assert gate.tap(ALICE).granted
    gate.tap(ALICE, "out-1")
    assert 2 == as_json(capsys, site, *KEY, *FRIDAY)[1]["rights"][0]["uses_left"]
    gate.served.stop_now()
    assert 2 == as_json(capsys, site, *KEY, *FRIDAY)[1]["rights"][0]["uses_left"]


def test_it_changes_nothing(site, gate, capsys):
    # Both lanes have said that they serve.
    assert until(lambda: 2 == sum(row["kind"] == "lane" for row in rows(site.state / JOURNAL)))
    before = rows(site.state / JOURNAL)
    explain(capsys, site, *KEY)
    explain(capsys, site, *KEY, *FRIDAY)
    gate.flush()
    assert before == rows(site.state / JOURNAL)


def test_now_is_what_the_gate_believes(site, gate, capsys):
    """Its floor is later than this machine's clock: nothing older is believed."""
    (site.state / "floors.json").write_text(json.dumps({"time": at(SATURDAY)}))
    code, told = as_json(capsys, site, *KEY)
    assert (3, "outside_hours", at(SATURDAY), "behind") == (
        code, told["reason"], told["at"], told["clock"]
    )  # fmt: skip
    (site.state / "floors.json").unlink()
    assert abs(as_json(capsys, site, *KEY)[1]["at"] - NOW) < DAY


# ------------------------------------------------------------------ for people


def test_people_are_told_every_rule_too(site, gate, capsys):
    code, out, _ = explain(capsys, site, *KEY, "--at", SATURDAY)
    lines = out.splitlines()
    assert 3 == code
    assert f"lane in-1 at {SATURDAY} (clock good): REFUSED outside_hours, granted from {MONDAY}" == lines[0]
    assert f"  outside_hours    REFUSES until {MONDAY}" in lines
    for rule in (*BEFORE, *RULES):
        assert 1 <= sum(line.split()[0] == rule for line in lines), rule
    code, out, _ = explain(capsys, site, *KEY, *FRIDAY)
    assert (0, True) == (code, out.splitlines()[0].endswith("granted for 1 at the cost of 1"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_every_language(site, gate, capsys, language):
    _, told = as_json(capsys, site, *KEY, "--at", SATURDAY, "--language", language)
    gate.go_to(at(SATURDAY))
    denied = gate.tap(ALICE).decision
    texts = Texts(language, PARIS)
    assert texts.told(denied, at(SATURDAY)) == told["visitor"]
    _, out, _ = explain(capsys, site, *KEY, "--at", SATURDAY, "--language", language)
    assert f"  visitor: {told['visitor']}\n  staff:   {told['staff']}\n" in out
    others = {Texts(other, PARIS).told(denied, at(SATURDAY)) for other in LANGUAGES}
    assert len(LANGUAGES) == len(others)


@pytest.mark.parametrize("moment", [FRIDAY[1], SATURDAY])
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_nothing_names_the_medium_or_its_holder(site, gate, capsys, moment, more):
    for who, secret in (
        (KEY, ALICE.public), (("--uid", UID.uid.hex()), UID.uid),
        (("--pass", site.office.pass_of("alice").hex()), credential_of(ALICE).value),
    ):  # fmt: skip
        _, out, err = explain(capsys, site, *who, "--at", moment, *more)
        told = (out + err).lower()
        hidden = [secret.hex(), ALICE.public[1:33].hex(), credential_of(ALICE).value.hex(), ALICE.uid.hex()]
        hidden += [site.office.index(credential_of(ALICE)).hex(), "alice", "uli"]
        assert [] == [one for one in hidden if one in told]


def test_a_medium_by_its_name_is_told_the_same_as_by_its_key_or_uid(site, gate, capsys):
    for way, name in (
        (KEY, credential_of(ALICE).text),
        (("--uid", UID.uid.hex()), f"uid:{UID.uid.hex()}"),
    ):
        assert explain(capsys, site, *way, *FRIDAY) == explain(capsys, site, "--medium", name, *FRIDAY)
    code, told = as_json(capsys, site, "--medium", f"signed:{UID.uid.hex()}", *FRIDAY)
    assert (3, "unreadable", "binding") == (code, told["reason"], told["params"]["what"])


# ------------------------------------------------------------------ what cannot be answered


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--public-key", "04"), "--public-key must be 65 bytes"),
        (("--uid", "08010203"), "--uid names no medium"),
        (("--medium", "nfc:04a1b2c3d4e5f6"), "--medium: must be SCHEME:HEX, with one of pkoc2, pkoc, ev2"),
        (("--medium", "uid:08010203"), "--medium: uid is followed by a UID of 4, 7 or 10 bytes"),
        (("--medium", "uid:04a1b2c3d4e5f6", "--assurance", "asymmetric"), "is for a --pass"),
        (("--pass", "xy"), "--pass must be 16 bytes"),
        (("--pass", "00" * 16, "--assurance", "strong"), "gated explain --help"),
        (("--uid", "04a1b2c3d4e5f6", "--assurance", "asymmetric"), "is for a --pass"),
        (("--pass", "00" * 16, "--at", "9999-12-31T23:59:59+00:00"), "before the year 9999"),
        ((*KEY, "--at", "tomorrow"), "such as 2026-07-01T00:00:00+02:00"),
        ((*KEY, "--at", "2026-12-25T10:00:00"), "such as 2026-07-01T00:00:00+02:00"),
        ((*KEY, "--lane", "in-9"), "name one of: in-1, out-1"),
    ],
)
def test_a_question_that_makes_no_sense_is_told_in_one_line(site, gate, capsys, words, told):
    code, out, err = explain(capsys, site, *words)
    assert (2, "", 1) == (code, out, len(err.splitlines()))
    assert told in err


def test_one_has_to_say_who(site, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["explain", "--config", str(site.config)])
    assert 2 == ended.value.code
    assert "--medium --public-key --uid --pass" in capsys.readouterr().err


def test_an_incomplete_cache_explains_nothing(site, serve, capsys):
    raw = bytearray((site.state / DELTA).read_bytes())
    raw[4096:8192] = b"\x55" * 4096
    (site.state / DELTA).write_bytes(raw)
    Attended(site, serve)
    code, out, err = explain(capsys, site, *KEY)
    assert (1, "", 1) == (code, out, len(err.splitlines()))
    assert "the cache is incomplete" in err
    assert "gated stick import --complete" in err


def test_a_gate_that_never_ran_explains_nothing(site, capsys):
    code, out, err = explain(capsys, site, *KEY)
    assert (1, "", 1) == (code, out, len(err.splitlines()))
    assert "journal.db" in err
