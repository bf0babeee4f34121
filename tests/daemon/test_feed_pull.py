"""From a head to a cache that agrees with it, whatever it held before."""

from __future__ import annotations

import pytest

from feeding import Follower
from gated.model.statement import DenialState, TargetKind
from gated.store.intake import cache_status
from gated.store.setcheck import SetCheck
from store.test_journal import open_journal
from venue import NOW, credential_of, medium, until


@pytest.fixture
def journal(tmp_path):
    made = open_journal(tmp_path / "journal.db")
    made.start()
    yield made
    made.stop(10)


@pytest.fixture
def follower(site, journal):
    made = Follower(site, journal)
    yield made
    made.close()


def people(site, *numbers):
    return [token for number in numbers for token in site.give(f"p{number}", medium(number), "season")]


def agrees(follower) -> bool:
    """Whether the cache's own set is what its head says, read anew."""
    check = SetCheck(follower.path)
    found = []
    assert until(lambda: bool(found.append(check.result()) or found[-1]))
    head = follower.state.applied.head
    return (head.set_, head.rows) == (found[-1].digest, found[-1].rows)


def test_an_empty_cache_gets_a_snapshot(site, follower):
    keys = follower.trust.keys
    follower.log.log(people(site, *range(40)), keys)
    index = site.office.index(credential_of(medium(3)))
    follower.log.log([site.office.deny(TargetKind.CREDENTIAL, index, DenialState.REVOKED, now=NOW)], keys)
    follower.log.fold()
    follower.log.log(people(site, 100), keys)
    assert follower.come_to(follower.log.publish())
    assert {"binding", "denial"} == {kind for kind, *_ in follower.recall(index)}
    assert "snapshot-feed-1.db" == cache_status(follower.path)["snapshot"]
    assert 0 == cache_status(follower.path)["delta_rows"]
    assert 1 == len(follower.recall(site.office.index(credential_of(medium(100)))))
    assert agrees(follower)
    assert [] == list((follower.path / "feed").iterdir())


def test_a_few_statements_go_into_the_delta(site, follower):
    keys = follower.trust.keys
    follower.log.log(people(site, *range(10)), keys)
    follower.log.fold()
    follower.come_to(follower.log.publish())
    follower.log.log(people(site, 20, 21), keys)
    follower.source.asked.clear()
    assert follower.come_to(follower.log.publish())
    assert 4 == cache_status(follower.path)["delta_rows"]
    assert len(follower.source.asked) <= 5
    assert agrees(follower)
    assert not follower.come_to(follower.log.sign(follower.state.applied.head))


def test_a_new_head_of_the_same_set_asks_for_nothing(site, follower):
    follower.log.log(people(site, 1), follower.trust.keys)
    follower.come_to(follower.log.publish())
    follower.source.asked.clear()
    assert follower.come_to(follower.log.publish(at=NOW + 300))
    assert [] == follower.source.asked
    assert NOW + 300 == follower.state.store.applied().at
    assert agrees(follower)
