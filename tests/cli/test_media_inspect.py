"""``gated media inspect``: every kind of medium at a desk, what is told of it, what it is not charged for."""

from __future__ import annotations

import json
import secrets
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

import pcscd
from fleet import here
from gated.app.inspecting import Ended, Inspector, carried_statements, judged
from gated.card import ndef
from gated.card.describe import Manner
from gated.card.identify import Scheme
from gated.cli.media import _free
from gated.cli.media_view import Shown, exit_code, lines_of, object_of
from gated.config.driver import Driver
from gated.config.media import ROUND_TRIPS
from gated.credential.index import index_of
from gated.daemon.carried import MAX_CARRIED
from gated.devices.clock import SystemClock
from gated.devices.simulated.media import Medium, faulty
from gated.devices.simulated.reader import SimulatedReader
from gated.devices.simulated.tag2 import Type2Medium
from gated.errors import CardError, ReaderError
from gated.model.credential import Assurance, Credential, Proof
from gated.model.refusal import Reason, Refusal
from gated.model.statement import Kind
from gated.model.time import ClockQuality, ClockSample, TimeReading
from gated.model.venue import Direction
from gated.store.directory import JOURNAL, LOCK, held
from gated.texts.sentences import Texts
from gated.wire.statement_file import frame
from kinds import (
    KEY_NUMBER,
    KEY_VERSION,
    KINDS,
    META_KEY,
    NATIVE_AID,
    NOW,
    OTHER_UID,
    RANDOM_UID,
    UID,
    UID_KEY,
    UID_KEY_NUMBER,
    VENUE_KEY,
    applet_of,
    desfire,
    media_for,
    ntag424,
    pkoc,
    pkoc2,
    proven,
    tag,
)
from store.test_journal import rows
from twins import TWINS, field

LIMITS_S = dict.fromkeys(ROUND_TRIPS, 5.0)  # a shared machine is slower than a card
EVERYTHING = media_for(*Scheme, reads_carried=True)
STATEMENTS = bytes(range(180))
URI = ndef.record(1, b"U", b"\x04city.example/hello")

#: (manner, applications, size of the container, chip) of each kind.
LOOKS = {
    "pkoc": (Manner.ISO_DEP, ["pkoc"], None, None),
    "pkoc2": (Manner.ISO_DEP, ["pkoc"], None, None),
    "pkoc carrying": (Manner.ISO_DEP, ["pkoc", "ndef"], 192, None),
    "ntag424": (Manner.ISO_DEP, ["ndef", "ev2"], None, 0x04),
    "ntag424 random uid": (Manner.ISO_DEP, ["ndef", "ev2"], None, 0x04),
    "desfire": (Manner.ISO_DEP, ["ev2"], None, 0x01),
    "sun": (Manner.ISO_DEP, ["ndef", "ev2"], None, 0x04),
    "tag": (Manner.TYPE_2, [], 496, None),
    "type 4 tag": (Manner.ISO_DEP, ["ndef"], 192, None),
    "calypso": (Manner.ISO_DEP, ["calypso"], None, None),
    "record": (Manner.ISO_DEP, ["record"], None, None),
    "uid": (Manner.ISO_DEP, [], None, None),
}


def inspector(reader, media=EVERYTHING, limits_s=None):
    return Inspector(
        reader=reader,
        media=media,
        round_trips_s=LIMITS_S if limits_s is None else limits_s,
        random=secrets.token_bytes,
        time=lambda: NOW,
        monotonic=SystemClock().monotonic,
    )


def looked_at(medium, media=EVERYTHING, **more):
    reader = SimulatedReader("desk")
    reader.present(medium)
    found = inspector(reader, media, **more).inspect(5.0)
    assert found is not None
    return found


def schemes(attempts):
    return [attempt.scheme for attempt in attempts]


# ------------------------------------------------------------------ what it is, what it proves


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_is_told_as_it_is_and_proves_what_a_tap_has_it_prove(name):
    kind = KINDS[name]
    found = looked_at(kind.make(STATEMENTS), kind.media)
    (attempt,) = found.attempts
    assert (kind.scheme, None, ()) == (attempt.scheme, found.ended, found.untried)
    expected = proven(kind.make(STATEMENTS), kind.media)
    assert expected == found.result == attempt.result
    fresh = kind.scheme in ROUND_TRIPS
    assert (fresh, fresh) == (attempt.fresh_s is not None, attempt.limit_s is not None)
    assert (kind.scheme is Scheme.UID) == (attempt.commands == 0) == (attempt.exchanged == 0)

    told = looked_at(kind.make(STATEMENTS)).description
    size, chip = told.container and told.container.size, told.chip and told.chip.kind
    assert LOOKS[name] == (told.manner, [one.scheme for one in told.applications], size, chip)
    random = "random" in name
    assert (4 if random else 7, random) == (told.uid_bytes, told.uid_random)


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("name", ["pkoc", "desfire", "tag"])
def test_every_reader_shows_the_same(twin, name):
    kind = KINDS[name]
    with field(twin) as made:
        made.insert(kind.make(STATEMENTS))
        found = inspector(made.reader).inspect(10.0)
        made.remove()
    expected = looked_at(kind.make(STATEMENTS))
    assert expected.description == found.description
    assert [(one.scheme, one.result) for one in expected.attempts] == [
        (one.scheme, one.result) for one in found.attempts
    ]


def test_versions_and_memory_are_told():
    assert ("version 1.0",) == looked_at(pkoc()).description.applications[0].told
    assert ("version 1.0", "version 2.0") == looked_at(pkoc2()).description.applications[0].told
    assert (256, 512) == looked_at(ntag424()).description.chip.storage
    assert (4096, 4096) == looked_at(desfire()).description.chip.storage


def test_each_scheme_of_the_lane_is_tried_alone_and_a_tap_goes_by_the_strongest():
    found = looked_at(ntag424(ndef.carrying(STATEMENTS)))
    assert [Scheme.EV2, Scheme.SUN, Scheme.UID] == schemes(found.spoken)
    assert list(Scheme) == schemes(found.attempts)
    assert (Scheme.EV2, STATEMENTS) == (found.result.credential.scheme, found.result.carried)
    assert all(isinstance(one.result, Proof) for one in found.spoken)
    # A medium that speaks both versions of PKOC passes as the stronger one, whatever it is asked beside.
    assert [Scheme.PKOC2, Scheme.PKOC, Scheme.UID] == schemes(looked_at(pkoc2()).spoken)


@pytest.mark.parametrize("make", [ntag424, desfire, lambda: ntag424(shown_uid=RANDOM_UID)])
def test_a_copy_with_a_wrong_key_is_charged_one_failure_and_asked_nothing_more(make):
    medium = make()
    applet_of(medium).keys[KEY_NUMBER] = bytes(16)
    found = looked_at(medium)
    assert Refusal(Reason.BAD_PROOF, {"scheme": "ev2", "what": "key"}) == found.result
    assert 1 == applet_of(medium).failures
    assert 0 == applet_of(medium).sun.counter  # its address was not read either
    assert (Ended.FAILED, Scheme.EV2) == (found.ended, found.attempts[-1].scheme)
    assert tuple(list(Scheme)[3:]) == found.untried


def test_one_that_failed_a_stronger_scheme_is_not_asked_for_a_key():
    medium = pkoc2()
    medium.certificate = b""
    found = looked_at(medium)
    assert ([Scheme.PKOC2], Ended.FAILED) == (schemes(found.attempts), found.ended)


def test_one_that_is_too_slow_is_told_with_both_times_and_the_rest_is_tried():
    found = looked_at(pkoc(), limits_s={"pkoc": 0.0})
    slow, uid = found.spoken
    assert (Reason.TOO_SLOW, 0.0) == (slow.result.reason, slow.limit_s)
    assert slow.fresh_s > 0
    assert (Reason.TOO_SLOW, Scheme.UID, None) == (found.result.reason, uid.scheme, found.ended)


def test_a_foreign_medium_speaks_nothing_and_is_none_of_ours():
    found = looked_at(Medium(UID), media_for(*[one for one in Scheme if one is not Scheme.UID]))
    assert ((), None, None) == (found.spoken, found.result, found.ended)


def test_a_tag_with_a_foreign_message_carries_nothing_of_ours():
    found = looked_at(Type2Medium(UID, URI), media_for(Scheme.SIGNED, Scheme.UID))
    assert [Scheme.UID] == schemes(found.spoken)
    assert (Manner.TYPE_2, 496, True) == (
        found.description.manner, found.description.container.size, found.description.container.readable
    )  # fmt: skip


@pytest.mark.parametrize("name", [name for name in KINDS if name != "uid"])
def test_one_that_leaves_at_any_moment_is_told_and_nothing_more_is_asked(name):
    medium = KINDS[name].make(STATEMENTS)
    looked_at(medium)
    for at in range(medium._count):
        with faulty(medium, tear_at=at):
            found = looked_at(medium)
        assert (Ended.LEFT, at + 1) == (found.ended, medium._count)
        assert list(Scheme) == schemes(found.attempts) + list(found.untried)


def test_where_no_medium_comes_or_none_wakes_nothing_is_told():
    class Asleep(Medium):
        def wake(self):
            raise CardError("it does not wake up")

    reader = SimulatedReader("desk")
    assert None is inspector(reader).inspect(0.01)
    reader.present(Asleep(UID))
    assert None is inspector(reader).inspect(0.05)
    reader.unplug()
    with pytest.raises(ReaderError, match="is not there"):
        inspector(reader).inspect(1.0)


# ------------------------------------------------------------------ what this gate would say


@pytest.fixture
def served(site, serve):
    """A site whose gate has served, and its only lane."""
    serve(site).stop_now()
    settings, trust = site.settings_and_trust()
    return site, settings, trust, settings.lanes[0]


def reading_at(at):
    return TimeReading(at, at, None, ClockQuality.GOOD, ClockSample(at, 1.0, "0" * 16))


def told(served, medium, media=EVERYTHING, *, show=False):
    """(exit code, text, JSON) of a medium."""
    site, settings, trust, lane = served
    found = looked_at(medium, media)
    reading = reading_at(site.now + 60)
    judgement = judged(settings, trust, lane, found.result, reading)
    uid = found.uid if show else None
    shown = Shown(
        lane, "pcsc:desk", found, judgement, reading.estimate, Texts("en", trust.profile.timezone), uid
    )
    return exit_code(shown), "\n".join(lines_of(shown)), object_of(shown)


def given(site, scheme, value, assurance, product="weak"):
    """(binding, right) of a medium."""
    credential = Credential(scheme, value, assurance)
    binding = site.office.bind("alice", credential, now=site.now, expires=None)
    return binding, site.office.entitle("alice", product, now=site.now)[1]


def test_statements_on_a_medium_open_the_gate_and_each_is_told(served):
    tokens = given(served[0], "signed", UID, Assurance.STATIC_SIGNED)
    code, text, shown = told(served, tag(b"".join(map(frame, tokens))))
    assert (0, True) == (code, shown["decision"]["granted"])
    assert [("binding", True, len(tokens[0])), ("entitlement", True, len(tokens[1]))] == [
        (one["kind"], one["opens"], one["bytes"]) for one in shown["carried"]
    ]
    assert f"what it carries: 2 statements, {sum(map(len, tokens))} bytes" in text
    assert "granted for 1 at the cost of 1" in text
    assert f"    visitor: {shown['decision']['visitor']}" in text.splitlines()


def test_statements_of_another_medium_or_another_city_are_told_by_name(served, tmp_path):
    tokens = given(served[0], "signed", OTHER_UID, Assurance.STATIC_SIGNED)
    code, text, shown = told(served, tag(b"".join(map(frame, tokens)) + b"\x43abc"))
    assert (3, "copied") == (code, shown["decision"]["reason"])
    assert ["copied", None, "malformed"] == [one["reason"] for one in shown["carried"]]
    assert "binding" in text
    assert "REFUSED copied (scheme=signed)" in text
    # Far too many are not all verified: as at a tap.
    found = carried_statements(
        Proof(Credential("signed", UID, Assurance.STATIC_SIGNED), frame(tokens[1]) * 20),
        served[2].now,
        NOW.floor,
    )
    assert [Kind.ENTITLEMENT] * MAX_CARRIED == [one.kind for one in found]


def test_a_number_of_a_rolling_proof_is_not_spent_and_one_shown_before_is_refused(served):
    site, _, trust, _ = served
    site.bring(given(site, "sun", UID, Assurance.SYMMETRIC_ROLLING))
    lane, medium = media_for(Scheme.SUN), ntag424()
    before = rows(site.state / JOURNAL)
    for number in (1, 2):
        code, text, shown = told(served, medium, lane)
        assert (0, number) == (code, shown["proofs"][0]["counter"])
        assert f"its number, {number}, was not spent" in text
    assert before == rows(site.state / JOURNAL)
    index = index_of(Credential("sun", UID, Assurance.SYMMETRIC_ROLLING), trust.sector_key)
    with closing(sqlite3.connect(site.state / JOURNAL)) as journal, journal:
        assert [] == journal.execute("SELECT * FROM rolling").fetchall()
        journal.execute("INSERT INTO rolling VALUES (?, ?)", (index, 3))
    code, _, shown = told(served, replace_counter(medium, 2), lane)
    assert (3, "replayed") == (code, shown["decision"]["reason"])
    assert 0 == told(served, replace_counter(medium, 3), lane)[0]


def replace_counter(medium, number):
    applet_of(medium).sun.counter = number
    return medium


@pytest.mark.parametrize(
    ("medium", "media", "reason"),
    [
        (Medium(UID), media_for(Scheme.PKOC), "unknown_medium"),
        (Medium(UID), EVERYTHING, "unknown_medium"),
        (tag(b"\x43abc"), media_for(Scheme.SIGNED), "malformed"),
    ],
)
def test_what_is_refused_says_why(served, medium, media, reason):
    code, text, shown = told(served, medium, media)
    assert (3, reason) == (code, shown["decision"]["reason"])
    assert f"REFUSED {reason}" in text


def test_an_exit_lets_out_whatever_the_medium_is(served):
    site, settings, trust, lane = served
    exit_lane = replace(lane, lane=replace(lane.lane, direction=Direction.EXIT))
    for result in (None, Refusal(Reason.BAD_PROOF)):
        decision = judged(settings, trust, exit_lane, result, reading_at(site.now)).explanation.decision
        assert 1 == decision.persons


def test_a_gate_that_never_ran_tells_what_the_medium_is_all_the_same(site):
    settings, trust = site.settings_and_trust()
    code, text, shown = told((site, settings, trust, settings.lanes[0]), pkoc())
    assert (1, None) == (code, shown["decision"])
    assert "journal.db" in shown["trouble"]
    assert "pkoc     proved asymmetric" in text
    assert "cannot be told: " in text


@pytest.mark.parametrize("name", KINDS)
def test_no_key_and_no_uid_is_told_unless_it_is_asked_for(served, name):
    kind = KINDS[name]
    tokens = given(served[0], "ev2", UID, Assurance.SYMMETRIC_MUTUAL)
    _, text, shown = told(served, kind.make(b"".join(map(frame, tokens))))
    for said in (text.lower(), json.dumps(shown)):
        hidden = [VENUE_KEY, META_KEY, UID_KEY, UID, RANDOM_UID, served[2].sector_key, pkoc().public[1:33]]
        hidden.append(proven(kind.make(b""), kind.media).credential.value)
        assert [] == [one.hex() for one in hidden if one.hex() in said]
    _, text, shown = told(served, kind.make(b""), show=True)
    uid = RANDOM_UID if "random" in name else UID
    assert (True, uid.hex()) == (uid.hex() in text, shown["medium"]["uid"])


def test_no_medium_is_told_so(served):
    _, _, trust, lane = served
    shown = Shown(lane, "pcsc:desk", None, None, 0, Texts("en", trust.profile.timezone), None)
    assert (3, None) == (exit_code(shown), object_of(shown)["medium"])
    assert ["reader pcsc:desk: no medium was held to the reader in time, or none woke up"] == list(
        lines_of(shown)
    )


# ------------------------------------------------------------------ the command


def inspect(site, *words):
    return here("media", "inspect", "--config", site.config, *words)


def test_a_simulated_reader_is_refused_with_what_to_do(site):
    said = inspect(site)
    assert (2, "", True) == (said.code, said.out, "--reader 'pcsc:NAME'" in said.err)
    assert 1 == len(said.err.splitlines())


@pytest.mark.parametrize(
    ("words", "words_told"),
    [
        (("--reader", "acr"), '"pcsc:READER NAME"'),
        (("--lane", "in-9"), "name one of: in-1"),
        (("--reader", "pcsc:x", "--timeout", "30"), "must be a duration"),
        (("--reader", "pcsc:x", "--timeout", "2h"), "must lie between"),
    ],
)
def test_a_mistake_is_told_in_one_line(site, words, words_told):
    said = inspect(site, *words)
    assert (2, "", 1) == (said.code, said.out, len(said.err.splitlines()))
    assert words_told in said.err


def test_while_the_gate_runs_its_reader_is_left_alone_and_another_is_free(site, serve):
    serve(site)
    site.config.write_text(site.config.read_text().replace('reader = "simulated"', 'reader = "pcsc:Gate"'))
    said = inspect(site)
    assert (1, True) == (said.code, "systemctl stop gated; or take a reader of your own" in said.err)
    settings, _ = site.settings_and_trust()
    with _free(settings, Driver("pcsc", "Desk")):
        pass


def test_no_gate_starts_while_its_reader_is_used(served):
    site, settings, *_ = served
    with _free(settings, settings.lanes[0].reader), held(site.state / LOCK) as alone:
        assert not alone


@pytest.fixture
def desk(site, serve):
    """A gate's files with keys of media, and a virtual reader behind a real pcscd."""
    for name, key in (("venue", VENUE_KEY), ("meta", META_KEY), ("uid", UID_KEY)):
        (site.path / name).write_text(key.hex() + "\n")
        (site.path / name).chmod(0o400)
    site.lane_lines = 'schemes = ["uid", "sun", "ev2"]'
    divers = 'diversification = ["uid", "aid", "text:pools"]'
    site.more = (
        f'[[media.ev2]]\naid = "d2760000850101"\nkey = "venue"\nkey_number = {KEY_NUMBER}\n'
        f'key_version = {KEY_VERSION}\nuid_key = "uid"\nuid_key_number = {UID_KEY_NUMBER}\n{divers}\n'
        f'[[media.ev2]]\naid = "{NATIVE_AID.hex()}"\nkey = "venue"\nkey_number = {KEY_NUMBER}\n{divers}\n'
        f'[media.sun]\nkey = "venue"\nmeta_key = "meta"\n{divers}\n[media.round_trip]\nev2 = "5s"\n'
    )
    site.config.write_text(site._toml())
    serve(site).stop_now()
    with pcscd.running() as service:
        yield site, service.slots[0]


@pytest.mark.pcsc
def test_the_command_at_a_real_reader(desk):
    site, slot = desk
    site.bring(given(site, "ev2", UID, Assurance.SYMMETRIC_MUTUAL))
    slot.insert(ntag424())
    said = inspect(site, "--reader", f"pcsc:{slot.reader}", "--language", "fr")
    lines = said.out.splitlines()
    assert (0, "hold a medium to the reader, and leave it there\n") == (said.code, said.err)
    assert [
        "what it is",
        "  UID: 7 bytes, the same at each tap; not shown",
        "  converses by ISO-DEP",
        "  chip: NTAG, hardware 30.0, 256 to 512 bytes",
        "  has the application of ndef, d2760000850101",
        "  has the application of ev2, d2760000850101",
        "what it can prove at lane in-1",
        "  ev2      proved symmetric-mutual",
    ] == lines[:8]
    assert " (at most 5000 ms)" in lines[8]
    assert "  sun      proved symmetric-rolling" in lines
    assert "           its number, 1, was not spent: the floors of this gate are as before" in lines
    assert "what this gate would say" in lines
    assert any(line.endswith("granted for 1 at the cost of 1") for line in lines)

    shown = json.loads(inspect(site, "--reader", f"pcsc:{slot.reader}", "--json", "--show-uid").out)
    assert {
        "lane", "reader", "medium", "proofs", "not_spoken", "not_tried", "ended", "carried", "decision",
        "trouble",
    } == shown.keys()  # fmt: skip
    assert (UID.hex(), "NTAG", "in-1") == (
        shown["medium"]["uid"],
        shown["medium"]["chip"]["name"],
        shown["lane"],
    )
    assert ["ev2", "sun", "uid"] == [one["scheme"] for one in shown["proofs"]]
    assert {
        "scheme", "proved", "assurance", "counter", "carried_bytes", "commands", "bytes", "fresh_ms",
        "limit_ms", "took_ms",
    } == shown["proofs"][0].keys()  # fmt: skip
    assert 5000 == shown["proofs"][0]["limit_ms"]
    assert shown["decision"]["granted"]


@pytest.mark.pcsc
def test_nobody_comes_to_a_real_reader(desk):
    site, slot = desk
    said = inspect(site, "--reader", f"pcsc:{slot.reader}", "--timeout", "300ms", "--json")
    assert (3, None) == (said.code, said["medium"])
    said = inspect(site, "--reader", "pcsc:Nowhere", "--json")
    assert (1, True) == (said.code, "Nowhere is not there" in said.err)
