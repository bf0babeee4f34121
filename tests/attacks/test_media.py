"""Copies, recordings and downgrades of media, at a whole gate: each refused with its own reason."""

from __future__ import annotations

import json
import logging
from contextlib import closing

import pytest

from gated.card import ndef
from gated.card.identify import Scheme
from gated.central.office import ProductRules
from gated.devices.simulated.applets import AppletMedium
from gated.devices.simulated.media import Medium, Replayer, faulty
from gated.devices.simulated.tag2 import Type2Medium
from gated.model.credential import Assurance
from gated.model.statement import DenialState, TargetKind
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL, ROLLING
from gated.wire.statement_file import frame
from kinds import (
    CREDENTIALS,
    KINDS,
    OTHER_UID,
    RANDOM_UID,
    UID,
    applet_of,
    calypso,
    desfire,
    ev2_applet,
    ntag424,
    phone,
    pkoc,
    pkoc2,
    schemes,
    showing,
    tables,
    tag,
    type4_tag,
)
from venue import NOW, Site, until

ALL = schemes(*Scheme)
ANY = ProductRules("any", min_assurance=Assurance.UID_ONLY)
STRONG = ProductRules("strong", min_assurance=Assurance.SYMMETRIC_ROLLING)
ONCE = ProductRules("once", uses=1, min_assurance=Assurance.UID_ONLY)


def made(tmp_path, lanes=ALL, more=""):
    tmp_path.mkdir(exist_ok=True)
    return Site(tmp_path, lane_lines=lanes, more=tables(tmp_path) + more, products=(ANY, STRONG, ONCE))


@pytest.fixture
def site(tmp_path):
    yield (one := made(tmp_path))
    one.office.close()


def bind(site, account, name):
    return site.office.bind(account, CREDENTIALS[name], now=NOW, expires=None)


def bring(site, names, product="any"):
    """Each medium bound to an account of its own, which may come in."""
    tokens = []
    for name in names:
        tokens += [bind(site, name, name), site.office.entitle(name, product, now=NOW)[1]]
    site.bring(tokens)


def carried(site, account, name, product="any", **more):
    """What a medium carries: its binding and a right."""
    binding = site.office.bind(account, CREDENTIALS[name], now=NOW, expires=None, carried=True)
    return frame(binding) + frame(site.office.entitle(account, product, now=NOW, **more)[1])


def rows(site, kind="decided"):
    with closing(JournalReader(site.state / JOURNAL)) as reader:
        events = [json.loads(row.body) for row in reader.rows()]
    return [event for event in events if event["kind"] == kind]


def reason(told):
    return str(told.refusal.reason) if told.refusal else None


NAMES = [name for name in KINDS if "random" not in name]


def test_every_kind_of_medium_passes_and_its_row_says_how_it_was_proved(site, serve):
    bring(site, ("pkoc", "pkoc2", "ntag424", "sun", "calypso", "record", "uid"))
    served = serve(site)
    taps = {
        "pkoc": pkoc(), "pkoc2": pkoc2(), "ev2": ntag424(), "calypso": calypso(OTHER_UID),
        "record": KINDS["record"].make(b""), "uid": Medium(UID),
    }  # fmt: skip
    for name, medium in taps.items():
        assert served.tap(medium).granted, name
    assert list(taps) == [row["scheme"] for row in rows(site)]
    assert ["asymmetric", "asymmetric", "symmetric-mutual", *["uid-only"] * 3] == [
        row["assurance"] for row in rows(site)
    ]


# ------------------------------------------------------------------ copies, each of its kind


def copies(site):
    """(what it is, the copy, the reason by which it is refused)."""
    original = pkoc2()
    yield "a recorded PKOC answer", Replayer(UID, heard(pkoc())), "bad_proof"
    stolen = pkoc2(number=8)
    stolen.certificate = original.certificate
    yield "a certificate on another key", stolen, "bad_proof"
    blank = ntag424()
    applet_of(blank).keys[1] = bytes(16)
    yield "the UID of an NTAG 424 without its key", blank, "bad_proof"
    yield "its keys on another UID", AppletMedium(OTHER_UID, [ev2_applet(uid=UID)]), "bad_proof"
    statements = carried(site, "alice", "tag")
    yield "a record copied onto another tag", tag(statements, OTHER_UID), "copied"
    yield "a record copied into another file", type4_tag(statements, OTHER_UID), "copied"
    yield "a record of a tag on a phone of somebody's", phone(statements, number=99), "copied"
    mine = carried(site, "alice", "pkoc")
    yield "a record of a phone on another phone", phone(mine, number=99), "copied"
    yield "a record of a phone on a tag", tag(mine), "copied"
    signature = statements.index(b"\xd2", 10) - 10  # the last bytes of the binding
    yield "a record with a byte changed", tag(flipped(statements, signature)), "bad_signature"
    yield "an invalidated card", calypso(invalidated=True), "invalidated"


def flipped(raw, at):
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


def heard(medium):
    from kinds import proven

    proven(medium, KINDS["pkoc"].media)
    return medium.last_answer


def test_a_copied_medium_of_each_kind_is_refused_with_its_own_reason(site, serve):
    bring(site, ("pkoc", "pkoc2", "ntag424"))
    served = serve(site)
    for what, copy, due in copies(site):
        told = served.tap(copy)
        assert not told.granted, what
        assert reason(told) == due if due else reason(told) in ("malformed", "bad_signature", "unreadable"), (
            what
        )
    assert served.tap(pkoc()).granted
    assert served.tap(ntag424()).granted


def test_a_medium_that_failed_is_not_asked_for_something_weaker(site, serve):
    """It is bound by its UID as well, which any weaker scheme would find."""
    bring(site, ("ntag424", "uid", "sun"))
    served = serve(site)
    blank = ntag424()
    applet_of(blank).keys[1] = bytes(16)
    assert "bad_proof" == reason(served.tap(blank))
    assert 1 == applet_of(blank).failures
    assert "bad_proof" == reason(served.tap(Replayer(UID, heard(pkoc(number=3)))))


# ------------------------------------------------------------------ SUN


SUN = schemes(Scheme.SUN)


def test_an_address_that_was_read_before_opens_nothing_not_even_after_a_restart(tmp_path, serve):
    site = made(tmp_path, SUN)
    bring(site, ("sun",), "strong")
    medium = ntag424()
    served = serve(site)
    assert [True, True] == [served.tap(medium).granted for _ in range(2)]
    recording = showing(applet_of(medium).sun.message(UID))
    assert "replayed" == reason(served.tap(recording))
    served.stop_now()
    again = serve(site)
    assert "replayed" == reason(again.tap(recording))
    assert again.tap(medium).granted
    again.stop_now()
    (site.state / ROLLING).unlink()
    third = serve(site)
    assert "replayed" == reason(third.tap(recording))
    assert [None, None, "replayed", "replayed", None, "replayed"] == [row.get("reason") for row in rows(site)]
    site.office.close()


def test_a_number_is_spent_by_a_refused_tap_and_by_going_out_too(tmp_path, serve):
    site = made(tmp_path, SUN, '[[lane]]\nid = "out-1"\nreader = "simulated"\nbarrier = "simulated"\n'
                 'direction = "exit"\n' + SUN)  # fmt: skip
    site.lanes = ("in-1", "out-1")
    medium = ntag424()
    recording = showing(b"")
    served = serve(site)
    assert "unknown_medium" == reason(served.tap(medium))
    recording.applets[0].message = applet_of(medium).sun.message(UID)
    assert "replayed" == reason(served.tap(recording))
    assert served.tap(medium, "out-1").granted
    recording.applets[0].message = applet_of(medium).sun.message(UID)
    assert "replayed" == reason(served.tap(recording))
    site.office.close()


def test_a_floor_that_cannot_be_written_lets_nobody_in(tmp_path, serve):
    site = made(tmp_path, SUN)
    bring(site, ("sun",), "strong")
    served = serve(site)
    (site.state / ROLLING).unlink()
    (site.state / ROLLING).mkdir()
    told = served.tap(ntag424())
    assert ("out_of_service", "journal_failed") == (reason(told), told.refusal.params["cause"])
    site.office.close()


# ------------------------------------------------------------------ carried, at a gate that never synced


CARRIERS = {
    "tag": tag,
    "type 4 tag": type4_tag,
    "desfire": lambda s: desfire(ndef.carrying(s)),
    "pkoc carrying": phone,
}


@pytest.mark.parametrize("name", CARRIERS)
def test_a_gate_that_has_never_heard_of_a_medium_admits_what_it_carries(tmp_path, serve, name):
    site = made(tmp_path, ALL)
    served = serve(site)
    medium = CARRIERS[name](carried(site, "alice", name, "once"))
    told = served.tap(medium)
    assert told.granted, told.refusal
    assert CREDENTIALS[name].assurance.label == rows(site)[0]["assurance"]
    assert "uses_exhausted" == reason(served.tap(medium))
    site.office.close()


@pytest.mark.parametrize("target", list(TargetKind))
def test_a_denial_applies_to_what_a_medium_carries(site, serve, target):
    binding = site.office.bind("alice", CREDENTIALS["tag"], now=NOW, expires=None, carried=True)
    right, token = site.office.entitle("alice", "any", now=NOW)
    medium = tag(frame(binding) + frame(token))
    whom = {
        TargetKind.CREDENTIAL: site.office.index(CREDENTIALS["tag"]),
        TargetKind.PASS: site.office.pass_of("alice"),
        TargetKind.ENTITLEMENT: right,
    }[target]
    served = serve(site)
    assert served.tap(medium).granted
    site.bring([site.office.deny(target, whom, DenialState.BLOCKED, now=NOW)])
    assert "denied" == reason(served.tap(medium))
    site.bring([site.office.deny(target, whom, DenialState.LIFTED, now=NOW)])
    assert served.tap(medium).granted


def test_what_central_says_now_counts_over_what_a_medium_carries_from_before(site, serve):
    old = carried(site, "alice", "tag")
    site.bring([site.office.bind("bob", CREDENTIALS["tag"], now=NOW, expires=None)])
    served = serve(site)
    assert "no_entitlement" == reason(served.tap(tag(old)))  # it is bob's now, and the right is alice's
    right, first = site.office.entitle("carol", "once", now=NOW, uses=5)
    _, second = site.office.entitle("carol", "once", now=NOW, uses=1, entitlement=right)
    site.bring([second])
    binding = site.office.bind("carol", CREDENTIALS["tag"], now=NOW, expires=None, carried=True)
    assert [True, False] == [served.tap(tag(frame(binding) + frame(first))).granted for _ in range(2)]


def test_shares_of_other_sectors_are_passed_over(site, serve, tmp_path):
    (tmp_path / "museum").mkdir()
    other = Site(tmp_path / "museum", sector="museums")
    foreign = frame(other.office.bind("alice", CREDENTIALS["tag"], now=NOW, expires=None, carried=True))
    foreign += frame(other.office.entitle("alice", "season", now=NOW)[1])
    served = serve(site)
    assert served.tap(tag(foreign + carried(site, "alice", "tag"), chip="ntag216")).granted
    assert "unknown_key" == reason(served.tap(tag(foreign)))
    other.office.close()


def test_a_right_of_somebody_else_on_a_medium_is_nobodys(site, serve):
    binding = frame(site.office.bind("alice", CREDENTIALS["tag"], now=NOW, expires=None, carried=True))
    right = frame(site.office.entitle("bob", "any", now=NOW)[1])
    assert "no_entitlement" == reason(serve(site).tap(tag(binding + right)))


def test_a_tag_without_a_binding_is_nobody_whatever_the_gate_knows_of_its_uid(site, serve):
    bring(site, ("tag", "uid"))
    served = serve(site)
    told = served.tap(tag(frame(site.office.entitle("tag", "any", now=NOW)[1])))
    assert ("unreadable", "binding") == (reason(told), told.refusal.params["what"])
    assert "unreadable" == reason(served.tap(tag(b"")))
    assert served.tap(tag(frame(bind(site, "tag", "tag")))).granted


def test_a_denial_on_a_medium_says_nothing_and_too_many_statements_are_not_read(site, serve):
    served = serve(site)
    lifted = frame(site.office.deny(TargetKind.PASS, site.office.pass_of("x"), DenialState.LIFTED, now=NOW))
    good = carried(site, "alice", "tag")
    assert served.tap(tag(lifted + good, chip="ntag216")).granted
    many = type4_tag(lifted * 8 + good)
    many.applets[0].message = ndef.carrying(lifted * 4)
    assert "unreadable" == reason(served.tap(many))


def test_a_binding_for_a_key_is_none_for_a_tag_and_the_other_way_round(site, serve):
    """``cnf`` says that a key must be proved: a medium that proves none cannot have it."""
    served = serve(site)
    token = site.office.bind("alice", CREDENTIALS["pkoc"], now=NOW, expires=None)  # without cnf
    right = site.office.entitle("alice", "any", now=NOW)[1]
    assert "copied" == reason(served.tap(phone(frame(token) + frame(right))))


def test_a_cached_binding_that_was_spoilt_is_not_replaced_by_what_is_carried(site, serve):
    from gated.store.directory import DELTA

    statements = carried(site, "alice", "tag")
    site.bring([bind(site, "alice", "tag")])
    import sqlite3

    with closing(sqlite3.connect(site.state / DELTA)) as connection, connection:
        connection.execute("UPDATE statement SET token = substr(token, 1, 60)")
    assert "truncated" == reason(serve(site).tap(tag(statements)))


# ------------------------------------------------------------------ torn, then good


@pytest.mark.parametrize("name", NAMES)
def test_torn_after_each_command_then_good_is_one_grant_and_one_use(tmp_path, serve, name):
    kind = KINDS[name]
    site = made(tmp_path, schemes(kind.scheme))
    bound = [site.office.bind(name, CREDENTIALS[name], now=NOW, expires=None)]
    statements = (
        carried(site, "alice", name) if kind.carries and "ntag" not in name and name != "desfire" else b""
    )
    medium = kind.make(statements)
    served = serve(site)
    site.bring(bound)
    served.tap(medium)  # how many commands there are
    for at in range(medium._count):
        account = f"{name} {at}"
        tokens = [
            site.office.bind(account, CREDENTIALS[name], now=NOW, expires=None, carried=bool(statements))
        ]
        right, token = site.office.entitle(account, "once", now=NOW)
        site.bring([*tokens, token])
        with faulty(medium, tear_at=at):
            assert not served.tap(medium).granted
        assert served.tap(medium).granted
        assert "uses_exhausted" == reason(served.tap(medium))
        assert until(lambda right=right: taken(site, right) == 1)
    granted = [row for row in rows(site) if row["outcome"] == "granted" and row["product"] == "once"]
    assert medium._count == len(granted)
    site.office.close()


def taken(site, right):
    import sqlite3

    with closing(sqlite3.connect(site.state / JOURNAL)) as connection:
        (found,) = connection.execute(
            "SELECT coalesce(sum(taken), 0) FROM counter WHERE cti = ?", (right,)
        ).fetchone()
    return found


# ------------------------------------------------------------------ nothing leaks


def test_no_uid_and_no_key_stands_in_the_journal_or_a_log_line(site, serve, caplog):
    caplog.set_level(logging.DEBUG)
    from kinds import META_KEY, SERIAL, UID_KEY, VENUE_KEY

    bring(site, ("ntag424", "sun", "calypso", "record"))
    served = serve(site)
    taps = [
        ntag424(),
        ntag424(shown_uid=RANDOM_UID),
        calypso(),
        KINDS["record"].make(b""),
        tag(b"\x01"),
        Medium(UID),
    ]
    blank = ntag424()
    applet_of(blank).keys[1] = bytes(16)
    for medium in (*taps, blank, Type2Medium(OTHER_UID, ndef.carrying(b"junk"))):
        served.tap(medium)
    served.stop_now()
    raw = b"".join(path.read_bytes() for path in site.state.iterdir() if path.is_file())
    for secret in (UID, OTHER_UID, SERIAL, VENUE_KEY, META_KEY, UID_KEY):
        assert secret not in raw
        for way in (secret.hex(), secret.hex().upper(), secret.hex(" "), secret.hex(":")):
            assert way.encode() not in raw
            assert way not in caplog.text


def test_a_replayed_address_at_an_exit_lets_somebody_out_and_counts_nobody_as_gone(tmp_path, serve):
    exit_ = '[[lane]]\nid = "out-1"\nreader = "simulated"\nbarrier = "simulated"\ndirection = "exit"\n' + SUN
    site = made(tmp_path, SUN, exit_)
    site.lanes = ("in-1", "out-1")
    bring(site, ("sun",), "strong")
    medium = ntag424()
    served = serve(site)
    assert served.tap(medium).granted
    recording = showing(applet_of(medium).sun.message(UID))
    told = served.tap(recording, "out-1")
    assert (True, None) == (told.granted, told.decision.pass_)
    told = served.tap(medium, "out-1")
    assert (True, site.office.pass_of("sun")) == (told.granted, told.decision.pass_)
    site.office.close()


def test_what_was_shown_to_a_lane_out_of_service_is_spent_all_the_same(tmp_path, serve):
    site = made(tmp_path, SUN)
    bring(site, ("sun",), "strong")
    medium = ntag424()
    served = serve(site)
    served.barriers["in-1"].break_down()
    served.tap(medium)
    served.barriers["in-1"].repair()
    told = served.tap(showing(applet_of(medium).sun.message(UID)))
    while reason(told) == "out_of_service":  # the barrier is coming back
        told = served.tap(showing(applet_of(medium).sun.message(UID)))
    assert "replayed" == reason(told)
    site.office.close()


def test_an_emulator_with_another_number_at_each_tap_leaves_one_row(site, serve):
    statements = carried(site, "alice", "tag")
    served = serve(site)
    for number in range(6):
        assert "copied" == reason(served.tap(tag(statements, bytes([4, number]) + OTHER_UID[2:])))
    assert ["copied"] == [row["reason"] for row in rows(site)]
