"""A gate that no network reaches, and a stick that does: events to the office, receipts and commands back."""

from __future__ import annotations

import shutil
from contextlib import closing

import pytest

from carrying import Courier
from gated.central.ledger import Ledger
from gated.model.statement import DenialState, TargetKind
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from hall import GATE, all_acknowledged
from records import journaled
from venue import credential_of, medium, until


@pytest.fixture
def courier(site, capsys):
    made = Courier(site, capsys)
    yield made
    made.hall.stop()


@pytest.fixture
def served(site, courier, serve):
    site.bring(site.give("alice", medium(1), "season"))
    made = serve(site, link=courier.hall.gate_link(), jitter=lambda: 0.05)
    assert made.tap(medium(1)).granted
    return made


def test_events_go_to_the_office_and_receipts_come_back_to_a_running_gate(courier, served, site):
    assert until(lambda: courier.unsent() >= 3)
    code, told = courier.export_events()
    assert (0, 1) == (code, told["batches"])
    code, told = courier.visit_office()
    assert (0, told["events"], 1) == (code, len(courier.hall.rows()), told["receipts"])
    code, told = courier.bring()
    assert (0, 1, False, {}) == (code, told["files"], told["waits"], told["refused"])
    assert until(lambda: courier.unsent() <= 1)
    assert served.tap(medium(1)).granted


def test_what_is_carried_twice_counts_once_and_the_network_may_tell_it_too(courier, served, site):
    for _ in range(2):
        served.tap(medium(1))
        for _ in range(2):
            courier.export_events()
            assert 0 == courier.visit_office()[0]
        assert 0 == courier.bring()[0]
    old = site.path / "old"
    shutil.copytree(courier.stick, old)
    served.tap(medium(1))
    courier.hall.serve()
    courier.hall.broker.pardon(GATE)
    assert all_acknowledged(served, site.state)
    assert 0 == courier.bring()[0]
    assert 0 == courier.visit_office()[0]
    served.stop_now()
    courier.hall.stop()
    assert journaled(site.state).items() >= courier.hall.rows().items()
    assert set() == courier.hall.alarms()


def test_a_gate_that_does_not_run_takes_it_in_when_it_starts(courier, served, site, serve):
    courier.export_events()
    courier.visit_office()
    served.stop_now()
    before = courier.unsent()
    code, told = courier.run("stick", "import", courier.stick, "--config", site.config)
    assert (0, True) == (code, told["waits"])
    assert before == courier.unsent()
    serve(site, link=courier.hall.gate_link(), jitter=lambda: 0.05)
    assert until(lambda: courier.unsent() < before)


def test_receipts_are_written_for_a_gate_whose_events_came_over_the_network(courier, served, site):
    courier.hall.serve()
    courier.hall.broker.pardon(GATE)
    assert all_acknowledged(served, site.state)
    courier.hall.broker.ban(GATE)
    code, told = courier.fetch("--gate", GATE)
    assert (0, 1, 1) == (code, told["gates"], told["files"]["acks"])
    assert (0, {}) == (courier.bring()[0], courier.bring()[1]["refused"])


def test_a_command_waits_for_the_stick(courier, served, site):
    words = ("command", courier.hall.directory, "--gate", GATE, "report", "--operator", "Mia")
    assert 0 == courier.run("central", *words, "--reason", "well?", "--valid", "1h")[0]
    assert 1 == courier.fetch()[1]["files"]["commands"]
    assert 0 == courier.bring()[0]

    def reports():
        with closing(JournalReader(site.state / JOURNAL)) as reader:
            return [row.event for row in reader.rows() if row.event["kind"] == "reported"]

    assert until(lambda: len(reports()) == 1)
    assert {"Mia"} == {report["operator"] for report in reports()}
    courier.export_events()
    courier.visit_office()
    listed = courier.run("central", "commands", courier.hall.directory)[1]
    assert "done" == listed["state"]
    with closing(Ledger(courier.hall.ledger_path)) as ledger:
        assert 1 == len(ledger.rows("SELECT 1 FROM command WHERE outcome = 'done'"))


def test_what_was_issued_and_denied_arrives_as_over_the_network(courier, served, site):
    bob, eve = medium(2), medium(3)
    site.give("bob", bob, "season")
    site.give("eve", eve, "swim3")
    assert not served.tap(bob).granted
    code, told = courier.fetch()
    assert (0, 1) == (code, told["files"]["heads"])
    assert (0, {}) == (courier.bring()[0], courier.bring()[1]["refused"])
    assert until(lambda: served.tap(bob).granted)
    assert served.tap(eve).granted
    index = site.office.index(credential_of(bob))
    site.office.deny(TargetKind.CREDENTIAL, index, DenialState.REVOKED, now=site.now)
    courier.fetch()
    assert 0 == courier.bring()[0]
    assert until(lambda: not served.tap(bob).granted)
    assert [] == courier.disbelieved()


def test_the_next_stick_carries_only_what_is_new(courier, served, site):
    courier.fetch()
    pages = {path.name: path.stat().st_mtime_ns for path in (courier.folder / "sector-pools").iterdir()}
    site.give("bob", medium(2), "season")
    courier.fetch()
    after = {path.name: path.stat().st_mtime_ns for path in (courier.folder / "sector-pools").iterdir()}
    same = pages.keys() & after.keys() - {"head"}
    assert all(pages[name] == after[name] for name in same)
    assert pages["head"] != after["head"]


def test_a_stick_that_is_pulled_out_is_written_again(courier, served):
    courier.export_events()
    (batch,) = (courier.folder / f"gate-{GATE}" / "up").iterdir()
    batch.write_bytes(batch.read_bytes()[:100])  # half of it came
    code, told = courier.visit_office()
    assert (3, {"truncated": 1}, 0) == (code, told["refused"], told["events"])
    courier.export_events()
    assert 0 == courier.visit_office()[0]
