"""From the tap to the ledger: whole gates, a whole central, and what happens to both."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing

import pytest

from gated.devices.simulated.clock import SimulatedClock
from gated.links.memory import MemoryBroker, MemoryLink
from gated.model.statement import DenialState, TargetKind
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from gated.store.outbox import Outbox
from gated.store.sync_note import SYNC_NOTE, read_sync_note
from gated.wire import topics
from hall import GATE, Hall, all_acknowledged
from records import journaled
from venue import NOW, ServedSite, Site, credential_of, medium, until


@pytest.fixture
def hall(site):
    made = Hall(site)
    made.serve(workers=2)
    yield made
    made.stop()


@pytest.fixture
def start(site, hall, serve):
    def begin(at: Site = site, **more) -> ServedSite:
        return serve(at, link=hall.gate_link(), jitter=lambda: 0.05, **more)

    return begin


def kinds(state):
    with closing(JournalReader(state / JOURNAL)) as reader:
        return [row.event["kind"] for row in reader.rows()]


def kinds_of_all(state):
    with closing(sqlite3.connect(state / JOURNAL)) as connection:
        return [json.loads(body)["kind"] for (body,) in connection.execute("SELECT body FROM event")]


def test_every_row_arrives_once_whatever_the_broker_does_with_letters(site, hall, start):
    faults = hall.broker.faults
    served = start()
    for number in range(12):
        served.tap(medium(number % 3))
        if number == 2:
            faults.lose(2)
        elif number == 4:
            faults.double(3)
        elif number == 6:
            faults.reorder(2)
        elif number == 8:
            hall.broker.cut(GATE)
        elif number == 10:
            hall.broker.stop(forget=True)
            hall.broker.start()
    assert all_acknowledged(served, site.state)
    hall.broker.release()
    served.stop_now()
    assert journaled(site.state) == hall.rows()
    assert set() == hall.alarms()


def test_a_denial_that_is_issued_now_denies_at_the_next_tap(site, hall, start):
    carried = medium(5)
    site.bring(site.give("a5", carried, "season"))
    served = start()
    assert served.tap(carried).granted
    assert until(lambda: served.gate.sync.is_up)
    site.office.deny(
        TargetKind.CREDENTIAL, site.office.index(credential_of(carried)), DenialState.REVOKED, now=NOW
    )
    assert until(lambda: not served.tap(carried).granted)
    assert "denied" == str(served.tap(carried).refusal.reason)


def test_a_replaced_medium_opens_and_the_old_one_does_not(site, hall, start):
    old, new = medium(5), medium(6)
    site.bring(site.give("a5", old, "season"))
    served = start()
    assert served.tap(old).granted
    assert until(lambda: served.gate.sync.is_up)
    site.office.replace("a5", credential_of(old), credential_of(new), now=NOW)
    assert until(lambda: served.tap(new).granted)
    assert until(lambda: not served.tap(old).granted)


# ------------------------------------------------------------------ copied, lost, restored


def copy_of(site, path):
    """The same box once more: the same files, the same keys, the same machine."""
    path.mkdir()
    for name in ("identity", "state"):
        shutil.copytree(site.path / name, path / name)
    (path / "gate.toml").write_text(site.config.read_text())
    twin = object.__new__(Site)
    twin.__dict__.update(site.__dict__ | {"path": path})
    return twin


def test_a_copied_disk_is_told_and_both_journals_are_kept(site, hall, start, tmp_path):
    hall.stop()
    hall.serve(workers=1)  # of two, the other could meet the copy's later rows first, and name them broken
    served = start()
    served.tap(medium(1))
    assert all_acknowledged(served, site.state)
    served.stop_now()
    twin = copy_of(site, tmp_path / "twin")

    original = start()
    for number in range(4):
        original.tap(medium(number))
    assert all_acknowledged(original, site.state)
    original.stop_now()
    copied = start(twin)
    for number in range(7):
        copied.tap(medium(20 + number))
    assert all_acknowledged(copied, twin.state)
    assert until(lambda: "forked" in kinds(twin.state))
    assert all_acknowledged(copied, twin.state)
    copied.stop_now()

    assert journaled(site.state) == hall.rows()
    told = hall.rows(branch=1)
    own = {place: link for place, link in journaled(twin.state).items() if hall.rows().get(place) != link}
    assert own == told
    assert "forked" in hall.alarms()

    hall.enrol(twin, NOW)  # as it was told to: a new key, and with it a new epoch
    again = start(twin)
    again.tap(medium(1))
    assert all_acknowledged(again, twin.state)
    again.stop_now()
    assert not again.gate.sync._uplink.forked
    assert 1 == kinds_of_all(twin.state).count("forked")
    assert len({epoch for epoch, _ in journaled(twin.state)}) == 2
    assert len({epoch for epoch, _ in hall.rows()}) == 2

    with closing(Outbox(twin.state / JOURNAL)) as outbox:
        cursor = outbox.acknowledged()[0]
    again = start(twin)  # nothing is sent again because an epoch is over
    # Its first row is written while the link opens: until then there is nothing new to acknowledge.
    assert until(lambda: again.gate.sync.acknowledged > cursor)
    assert all_acknowledged(again, twin.state)
    assert 0 == again.gate.sync._uplink.resent
    assert not again.gate.sync._uplink._went_back


def renamed(site):
    """The same box under another name, and back."""
    whole = site.config.read_text()
    site.config.write_text(whole.replace('id = "gate-1"', 'id = "old-name"', 1))
    yield
    site.config.write_text(whole)


def test_rows_of_an_old_name_are_not_told_under_the_new_one(site, hall, start, serve):
    """They would be another gate's. The gate serves, and says what to do."""
    names = renamed(site)
    next(names)
    before = serve(site, link=MemoryLink(MemoryBroker(), "old-name"))
    before.tap(medium(1))
    before.stop_now()
    next(names, None)
    served = start()
    assert served.tap(medium(2))
    assert until(lambda: "rows of gate 'old-name'" in read_sync_note(site.state / SYNC_NOTE).get("why", ""))
    assert served.gate.sync.is_up
    served.stop_now()
    assert {} == hall.rows() | hall.quarantined()


def test_a_gate_whose_old_name_told_everything_goes_on_under_the_new_one(site, hall, start, serve, tmp_path):
    names = renamed(site)
    next(names)
    served = serve(site, link=MemoryLink(MemoryBroker(), "old-name"))
    served.tap(medium(1))
    served.stop_now()
    old = journaled(site.state)
    with (
        closing(sqlite3.connect(site.state / JOURNAL)) as connection,
        connection,
    ):  # as its central would have
        connection.execute("INSERT INTO acknowledged VALUES (1, (SELECT id FROM head), 1)")
    next(names, None)
    for _ in range(2):
        served = start()
        served.tap(medium(2))
        assert all_acknowledged(served, site.state)
        served.stop_now()
    new = {place: link for place, link in journaled(site.state).items() if place not in old}
    assert new == hall.rows()
    assert set() == hall.alarms()


def test_after_a_lost_journal_a_new_epoch_is_told_and_nothing_is_counted_twice(site, hall, start):
    served = start()
    for number in range(3):
        served.tap(medium(number))
    assert all_acknowledged(served, site.state)
    served.stop_now()
    before = hall.rows()
    journal = site.state / JOURNAL
    content = bytearray(journal.read_bytes())
    content[1024 * 3 : 1024 * 4] = b"\xa5" * 1024
    journal.write_bytes(content)

    served = start()
    served.tap(medium(1))
    assert all_acknowledged(served, site.state)
    served.stop_now()
    assert list(site.state.glob("journal.db.damaged-*"))
    assert "set_aside" in kinds(site.state)
    after = hall.rows()
    assert before.items() <= after.items()
    assert after == before | journaled(site.state)
    assert set() == hall.alarms()


def test_a_restored_central_is_sent_again_what_it_lacks(site, hall, start, tmp_path):
    served = start()
    served.tap(medium(1))
    assert all_acknowledged(served, site.state)
    hall.backup(tmp_path / "backup.db")
    for number in range(5):
        served.tap(medium(number))
    assert all_acknowledged(served, site.state)
    hall.stop()
    hall.restore(tmp_path / "backup.db")
    assert len(hall.rows()) < len(journaled(site.state))
    hall.serve(workers=2)
    assert until(lambda: hall.rows() == journaled(site.state))
    assert all_acknowledged(served, site.state)
    served.stop_now()
    assert hall.rows() == journaled(site.state)
    assert set() == hall.alarms()


def test_a_restored_central_is_told_what_is_missing_for_good(site, serve, tmp_path):
    clock = SimulatedClock(NOW)
    hall = Hall(site, lines='retention = "1h"', clock=clock)  # of one time, or each pulse leaves a row
    hall.serve()
    try:
        served = serve(site, link=hall.gate_link(), jitter=lambda: 0.05, clock=clock)
        served.tap(medium(1))
        assert all_acknowledged(served, site.state)
        hall.backup(tmp_path / "backup.db")
        had = len(hall.rows())
        for number in range(5):
            served.tap(medium(number))
        assert all_acknowledged(served, site.state)
        newest = max(seq for _, seq in journaled(site.state))
        served.gate.tick()  # central's time is learned
        clock.advance(10)  # past the time after which the cursor is made durable
        with closing(Outbox(site.state / JOURNAL)) as outbox:
            assert until(lambda: outbox.acknowledged()[0] == outbox.newest())
        clock.advance(2.5 * 3600)
        assert until(lambda: (served.gate.tick(), not journaled(site.state))[1])
        hall.stop()
        hall.restore(tmp_path / "backup.db")
        hall.serve()
        served.tap(medium(9))
        assert until(lambda: hall.missing() == [(had + 1, newest)])
        assert {"missing"} == hall.alarms()
        assert until(lambda: journaled(site.state).items() <= hall.rows().items())
        assert all_acknowledged(served, site.state)
        served.stop_now()
    finally:
        hall.stop()


# ------------------------------------------------------------------ secrets


def test_no_uid_public_key_or_name_is_on_the_wire_or_at_central(site, hall, start, caplog):
    caplog.set_level("DEBUG")
    wire: list[bytes] = []
    hall.broker.watch(lambda _client, letter: wire.append(letter.topic.encode() + letter.payload))
    people = {f"Odette-Zephyrine-{number}": medium(40 + number) for number in range(3)}
    site.bring([token for name, carried in people.items() for token in site.give(name, carried, "season")])
    served = start()
    for carried in people.values():
        assert served.tap(carried).granted
    site.office.bind("Odette-Zephyrine-9", credential_of(medium(49)), now=NOW, expires=None)
    assert all_acknowledged(served, site.state)
    assert until(lambda: any(topics.statement("pools").encode() in letter for letter in wire))
    served.stop_now()
    hall.stop()
    places = {"wire": b"".join(wire), "log": caplog.text.encode()}
    for path in (*site.state.iterdir(), *hall.directory.glob("central.db*")):
        places[path.name] = path.read_bytes()
    assert len(wire) > 6
    for carried in (*people.values(), medium(49)):
        for secret in (carried.uid, carried.public, carried.public[1:33]):
            for where, content in places.items():
                assert secret not in content, where
                assert secret.hex().encode() not in content.lower(), where
    for where, content in places.items():
        assert b"Odette" not in content, where
