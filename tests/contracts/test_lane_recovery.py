"""A lane whose medium answers nothing, and a lane whose reader goes away: on all twins."""

from __future__ import annotations

import json
import threading

import pytest

from gated.devices.simulated.media import faulty
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from twins import TWINS, field
from venue import PATIENCE_S, ServedSite, Site, medium, until


@pytest.fixture(params=TWINS)
def lane(request, tmp_path):
    """(site, field of its reader, served gate) of a lane with a short patience."""
    site = Site(tmp_path, lane_lines='conversation = "300ms"')
    site.bring([*site.give("alice", medium(1), "season"), *site.give("bob", medium(2), "season")])
    with field(request.param) as made:
        served = ServedSite(site, readers={"in-1": made.reader})
        yield site, made, served
        made.remove()
        served.stop_now()
    site.office.close()


def changes(site):
    reader = JournalReader(site.state / JOURNAL)
    try:
        events = [json.loads(row.body) for row in reader.rows()]
    finally:
        reader.close()
    return [event["cause"] for event in events if event["kind"] == "lane"]


def tap(made, served, carried):
    made.insert(carried)
    told = served.told.get(timeout=PATIENCE_S)
    made.remove()
    return told


def reader_threads():
    return sum(thread.name.startswith("reader ") for thread in threading.enumerate())


def test_a_medium_that_answers_nothing_closes_the_lane_until_it_is_taken_away(lane):
    site, made, served = lane
    assert tap(made, served, medium(2)).granted
    threads = reader_threads()
    hanging = medium(1)
    with faulty(hanging, hang_at=1):
        made.insert(hanging)
        assert until(lambda: "reader_hung" in changes(site))
        assert threads == reader_threads()  # nobody starts a second thread on a reader that hangs
        assert 1 == served.barriers["in-1"].releases
        assert "reader_hung" == served.told.get(timeout=PATIENCE_S).refusal.params["cause"]
        made.remove()
        assert until(lambda: changes(site)[-1] == "reader_back")
    assert served.told.empty()  # what the medium said too late opened nothing and told nothing
    assert tap(made, served, medium(1)).granted


def test_a_reader_that_goes_away_and_comes_back_needs_nobody(lane):
    site, made, served = lane
    assert tap(made, served, medium(1)).granted
    made.unplug()
    assert until(lambda: "reader_lost" in changes(site))
    made.replug()
    assert until(lambda: changes(site)[-1] == "reader_back")
    assert tap(made, served, medium(2)).granted
    assert ["started", "reader_lost", "reader_back"] == changes(site)


def test_a_medium_that_holds_the_reader_for_ever_makes_the_gate_unhealthy(tmp_path):
    site = Site(tmp_path, lane_lines='conversation = "100ms"\nhung_limit = "1s"')
    site.bring(site.give("alice", medium(1), "season"))
    served = ServedSite(site)
    hanging = medium(1)
    with faulty(hanging, hang_at=1):
        assert "" == served.gate.tick()
        served.readers["in-1"].present(hanging)
        assert until(lambda: "holds a reader" in served.gate.tick())
        served.readers["in-1"].remove()
        assert until(lambda: served.gate.tick() == "")
    served.stop_now()
    site.office.close()
