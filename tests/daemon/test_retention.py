"""Rows leave the gate only after central's receipt, and some time later."""

from __future__ import annotations

from contextlib import closing

from desk import Desk
from gated.devices.simulated.clock import SimulatedClock
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from gated.store.outbox import Outbox
from venue import NOW, medium, until


def rows(site):
    with closing(JournalReader(site.state / JOURNAL)) as reader:
        return [row.seq for row in reader.rows()]


def test_acknowledged_rows_are_erased_and_unacknowledged_ones_are_kept(site, serve):
    desk = Desk(site, more='retention = "1h"')
    clock = SimulatedClock(NOW)
    served = serve(site, link=desk.gate_link(), clock=clock)
    batch = desk.hear()
    desk.ack(batch.epoch, batch.last, at=NOW)
    uplink = served.gate.sync._uplink
    assert until(lambda: uplink.acknowledged >= batch.last)
    clock.advance(10)  # past the time after which the cursor is made durable
    with closing(Outbox(site.state / JOURNAL)) as outbox:
        assert until(lambda: outbox.acknowledged()[0] >= batch.last)
        for _ in range(5):
            served.gate.tick()
        assert 1 == rows(site)[0]
        clock.advance(2.1 * 3600)
        served.tap(medium(1))
        erased = outbox.acknowledged()[0]
        newest = outbox.newest()
        assert erased < newest
        assert until(lambda: (served.gate.tick(), rows(site)[0] > erased)[1])
    assert list(range(erased + 1, newest + 1)) == rows(site)[: newest - erased]
    with closing(JournalReader(site.state / JOURNAL)) as reader:
        assert [] == list(reader.verify())
