"""No UID, no key and no name in an event, a log line or an error: whatever is tapped, whatever breaks."""

from __future__ import annotations

import logging

import pytest

from gated.devices.simulated.media import Faults, Medium, PkocMedium, Replayer
from gated.model.credential import Assurance, Credential
from gated.model.statement import DenialState, TargetKind
from gated.store.intake import StatementStore
from venue import DAY, NOW, ServedSite, Site, credential_of, medium, until

NAME = "rosalind"
RIGHTS = {
    "granted": {"product": "swim1"},
    "none": {"product": None},
    "expired": {"product": "season", "not_before": NOW - 9 * DAY, "expires": NOW - DAY},
    "early": {"product": "season", "not_before": NOW + DAY},
    "elsewhere": {"product": "elsewhere"},
    "denied": {"product": "season"},
    "barrier": {"product": "season"},
}
MEDIA = {role: medium(number) for number, role in enumerate([*RIGHTS, "stranger", "faulty", "buggy"])}
WEAK = Medium(bytes.fromhex("04C1D2E3F4A5B6"))


class Buggy(PkocMedium):
    """One whose driver fails in a way nobody thought of."""

    def answer(self, _apdu):
        raise RuntimeError("unheard of")


def secrets():
    """(what it is, its bytes) of all that was presented."""
    yield "uid", WEAK.uid
    for role, carried in MEDIA.items():
        yield f"uid of {role}", carried.uid
        yield f"key of {role}", carried.public[1:33]
        yield f"hash of {role}'s key", credential_of(carried).value


def spelt(secret):
    """The ways in which bytes get into a line of text, in lower case."""
    ways = [secret.hex(separator) for separator in " :-"] + [secret.hex(), str(list(secret))[1:-1]]
    return [way.lower() for way in (*ways, repr(secret)[2:-1])]


def told_of(text):
    """Which secrets a text tells."""
    text = text.lower()
    found = [what for what, secret in secrets() if any(way in text for way in spelt(secret))]
    return found + [NAME] * (NAME in text)


def bring_all(site):
    """Everybody's statements, and one of each kind that is refused. Returns what the import says."""
    tokens = []
    for role, right in RIGHTS.items():
        tokens += site.give(f"{NAME}-{role}", MEDIA[role], **right)
    denied = site.office.index(credential_of(MEDIA["denied"]))
    weak = Credential("uid", WEAK.uid, Assurance.UID_ONLY)
    tokens += [
        site.office.bind(f"{NAME}-weak", weak, now=NOW, expires=None),
        site.office.entitle(f"{NAME}-weak", "season", now=NOW)[1],
        site.office.deny(TargetKind.CREDENTIAL, denied, DenialState.REVOKED, now=NOW),
        tokens[0][:-1],
        tokens[0][:-1] + bytes([tokens[0][-1] ^ 1]),
        b"\xa0",
    ]
    intake = site.bring(tokens)
    assert 3 == sum(intake.refused.values())
    return [str(refusal) for _, refusal in intake.examples]


def tap_all(served: ServedSite, site):
    """Every kind of tap and of breakage. Returns the reasons and what each refusal says."""
    told = [served.tap(MEDIA[role]) for role in ("granted", "granted", "none", "expired", "early")]
    told += [served.tap(MEDIA[role]) for role in ("elsewhere", "denied", "stranger")]
    told += [served.tap(Replayer(MEDIA["stranger"].uid, MEDIA["granted"].last_answer)), served.tap(WEAK)]
    told.append(served.tap(Medium(MEDIA["stranger"].uid)))
    faulty = MEDIA["faulty"]
    for faults in (Faults(tear_at=1), Faults(empty_at=0), Faults(answers={1: faulty.public + b"\x90\x00"})):
        faulty.faults = faults
        told.append(served.tap(faulty))
    served.barriers["in-1"].break_down()
    told.append(served.tap(MEDIA["barrier"]))
    served.barriers["in-1"].repair()
    store = StatementStore(site.state, site.sector)
    store.mark(complete=False)
    store.close()
    told.append(served.tap(MEDIA["granted"]))
    return told


def break_all(served: ServedSite, caplog):
    """A medium that hangs, one that no driver expected, a reader that goes."""
    reader = served.readers["in-1"]
    hanging = MEDIA["faulty"]
    hanging.faults = Faults(hang_at=1)
    reader.present(hanging)
    assert until(lambda: "reader_hung" in caplog.text)
    reader.remove()
    buggy = Buggy.from_number(MEDIA["buggy"].uid, 7)
    reader.present(buggy)
    assert until(lambda: "unheard of" in caplog.text)
    reader.remove()
    assert until(lambda: caplog.text.count("reader_back") == 2)
    reader.unplug()
    assert until(lambda: "is gone" in caplog.text)
    reader.replug()


REASONS = {
    "uses_exhausted", "no_entitlement", "expired", "not_yet_valid", "wrong_venue", "denied", "unknown_medium",
    "bad_proof", "weak_credential", "unreadable", "out_of_service",
}  # fmt: skip


def test_no_uid_no_key_and_no_account_stand_in_a_log_line_or_an_error(tmp_path, serve, caplog):
    site = Site(tmp_path, lane_lines='schemes = ["pkoc", "uid"]\nconversation = "300ms"')
    with caplog.at_level(logging.DEBUG):
        said = bring_all(site)
        served = serve(site)
        told = tap_all(served, site)
        break_all(served, caplog)
        served.stop_now()
    assert {None, *REASONS} == {one.refusal and str(one.refusal.reason) for one in told}
    assert caplog.text.count("lane in-1: ") > len(told)
    errors = [str(one.refusal) for one in told if one.refusal]
    assert [] == told_of("\n".join([caplog.text, *errors, *said]))
    site.office.close()


@pytest.mark.parametrize("way", range(len(spelt(WEAK.uid))))
def test_the_search_finds_a_secret_however_it_is_spelt(way):
    assert ["uid"] == told_of(f"card {spelt(WEAK.uid)[way].upper()} refused")


def test_no_uid_no_key_and_no_account_stand_in_the_journal(site, serve):
    carried, stranger = medium(1), medium(2)
    site.bring(site.give("alice", carried, "swim1"))
    served = serve(site)
    for shown in (carried, carried, stranger, Medium(stranger.uid)):
        served.tap(shown)
    served.stop_now()
    raw = b"".join(path.read_bytes() for path in site.state.glob("journal.db*"))
    for secret in (carried.uid, carried.public[1:33], credential_of(carried).value, b"alice", stranger.uid):
        assert secret not in raw
        assert secret.hex().encode() not in raw


def test_repr_of_trust_and_credential_tells_no_secret(site):
    _, trust = site.settings_and_trust()
    assert trust.sector_key.hex() not in repr(trust)
    credential = credential_of(medium(1))
    assert credential.value.hex() not in repr(credential)
