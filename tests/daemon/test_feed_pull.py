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


def live(site, follower, tokens):
    """Statements that arrive over the sector's topic, as the link takes them in."""
    site.bring(tokens)


def test_live_statements_that_are_all_that_is_missing_are_confirmed_without_a_fetch(site, follower):
    keys = follower.trust.keys
    follower.log.log(people(site, *range(10)), keys)
    follower.log.fold()
    follower.come_to(follower.log.publish())
    fresh = people(site, 20)
    follower.log.log(fresh, keys)
    live(site, follower, fresh)
    follower.source.asked.clear()
    assert follower.come_to(follower.log.publish())
    assert [] == follower.source.asked
    assert agrees(follower)


def test_a_live_statement_that_the_head_does_not_know_yet_is_not_confirmed(site, follower):
    keys = follower.trust.keys
    follower.log.log(people(site, *range(10)), keys)
    follower.come_to(follower.log.publish())
    fresh, ahead = people(site, 20), people(site, 21)
    follower.log.log(fresh, keys)
    live(site, follower, [*fresh, *ahead])
    assert follower.come_to(follower.log.publish())
    assert agrees(follower)
    follower.log.log(ahead, keys)
    assert follower.come_to(follower.log.publish())
    assert agrees(follower)


def test_a_lost_denial_is_found_missing_and_fetched(site, follower):
    keys = follower.trust.keys
    follower.log.log(people(site, *range(10)), keys)
    follower.come_to(follower.log.publish())
    index = site.office.index(credential_of(medium(3)))
    follower.log.log([site.office.deny(TargetKind.CREDENTIAL, index, DenialState.REVOKED, now=NOW)], keys)
    fresh = people(site, 20)
    follower.log.log(fresh, keys)
    live(site, follower, fresh)  # the denial was lost on its way
    assert follower.come_to(follower.log.publish())
    assert {"binding", "denial"} == {kind for kind, *_ in follower.recall(index)}
    assert agrees(follower)


def test_many_statements_are_built_onto_the_snapshot(site, follower):
    keys = follower.trust.keys
    cti, old = site.office.entitle("p3", "swim3", now=NOW)
    follower.log.log([*people(site, *range(10)), old], keys)
    follower.log.fold()
    follower.come_to(follower.log.publish())
    _, new = site.office.entitle("p3", "season", now=NOW, entitlement=cti)
    live(site, follower, people(site, 70))
    follower.log.log([new, *people(site, *range(20, 60))], keys)
    before = set(follower.source.asked)
    follower.source.asked.clear()
    assert follower.come_to(follower.log.publish(), most_direct=30)
    assert not before & set(follower.source.asked)  # not the snapshot's pages
    assert "snapshot-feed-2.db" == cache_status(follower.path)["snapshot"]
    assert new in [token for *_, token in follower.recall(site.office.pass_of("p3"))]
    assert old not in [token for *_, token in follower.recall(site.office.pass_of("p3"))]
    assert 2 == cache_status(follower.path)["delta_rows"]  # what the feed does not know
    assert agrees(follower)


def test_what_a_file_brought_and_the_feed_does_not_know_stays(site, follower):
    keys = follower.trust.keys
    mine = people(site, 7)
    site.bring(mine)
    from gated.store.snapshot import fold

    fold(site.state)
    cti, old = site.office.entitle("p3", "swim3", now=NOW)
    _, new = site.office.entitle("p3", "season", now=NOW, entitlement=cti)
    site.bring([new])
    follower.log.log([*people(site, 1, 2), old], keys)
    follower.log.fold()
    follower.come_to(follower.log.publish())
    assert 1 == len(follower.recall(site.office.index(credential_of(medium(7)))))
    assert [new] == [token for *_, token in follower.recall(site.office.pass_of("p3"))]
    assert agrees(follower)
    fold(site.state)
    assert [new] == [token for *_, token in follower.recall(site.office.pass_of("p3"))]
    assert 0 == cache_status(follower.path)["delta_rows"]
    assert agrees(follower)
    follower.log.log([new], keys)
    assert follower.come_to(follower.log.publish())
    assert agrees(follower)


def test_folding_between_heads_keeps_what_the_feed_said(site, follower):
    from gated.store.snapshot import fold

    keys = follower.trust.keys
    follower.log.log(people(site, *range(10)), keys)
    follower.log.fold()
    follower.come_to(follower.log.publish())
    for number in (30, 31, 32):
        follower.log.log(people(site, number), keys)
        assert follower.come_to(follower.log.publish())
        live(site, follower, people(site, 50 + number))
        fold(site.state)
        assert agrees(follower)
    assert 0 == cache_status(follower.path)["delta_rows"]
