"""The follower in a whole gate: heads come, what is missing is asked for, and taps go on."""

from __future__ import annotations

import os
import signal
import sqlite3

import pytest

from feed_central import FeedCentral
from gated.errors import StoreError
from gated.model.statement import DenialState, TargetKind
from gated.store.feed_note import read_feed_note
from gated.store.snapshot import fold
from gated.wire.request import LATER, NO_SUCH_THING, Answer, BlobWanted, HeadWanted
from venue import NOW, credential_of, medium, until


@pytest.fixture
def central(site):
    made = FeedCentral(site)
    yield made
    made.stop()


def sell(site, central, *numbers):
    for number in numbers:
        central.log_tokens(site.give(f"p{number}", medium(number), "season"))


def deny(site, number):
    index = site.office.index(credential_of(medium(number)))
    return site.office.deny(TargetKind.CREDENTIAL, index, DenialState.REVOKED, now=NOW)


def test_an_empty_gate_comes_to_the_retained_head(site, central, serve):
    sell(site, central, *range(5))
    central.log.fold()
    sell(site, central, 6)
    central.publish()
    served = serve(site, link=central.desk.gate_link())
    assert central.reached()
    assert served.tap(medium(3)).granted
    assert served.tap(medium(6)).granted
    assert until(lambda: read_feed_note(site.state).get("version") == central.log.version)


def test_what_is_sold_is_known_without_a_question(site, central, serve):
    sell(site, central, *range(5))
    central.publish()
    served = serve(site, link=central.desk.gate_link())
    assert central.reached()
    served.gate.tick()  # housekeeping checks the set
    assert until(lambda: served.gate.tick() is not None and central_knows_its_buckets(served))
    asked = len(central.asked)
    tokens = site.give("p9", medium(9), "season")
    central.log_tokens(tokens)
    for token in tokens:
        central.live(token)
    central.publish()
    assert central.reached()
    assert asked == len(central.asked)
    assert served.tap(medium(9)).granted


def central_knows_its_buckets(served):
    return not served.gate._feeding._state.store.buckets.unknown


def test_keys_that_are_exchanged_when_a_head_was_reached_raise_no_doubt(site, central, serve):
    sell(site, central, *range(5))
    central.publish()
    served = serve(site, link=central.desk.gate_link())
    assert central.reached()
    assert until(lambda: read_feed_note(site.state).get("version") == central.log.version)
    asked = len(central.asked)
    trust = served.gate._trust
    trust.replace({kid: key for kid, key in trust.keys.items() if kid != central.key.kid}, trust.profile)
    for token in site.give("p9", medium(9), "season"):
        central.live(token)
    assert until(lambda: served.tap(medium(9)).granted)
    assert asked == len(central.asked)
    assert [] == central.unbelieved()


def test_keys_that_go_during_a_transfer_vouch_for_nothing_at_its_end(site, central, serve):
    """What the feed does not know stays only if it is genuine, by the keys of the moment."""
    sell(site, central, *range(5))
    site.bring(site.give("p9", medium(9), "season"))
    fold(site.state)
    place = site.office.index(credential_of(medium(9)))
    assert central.recall(place)
    central.log.fold()
    (others,) = central.log.manifest().snapshot.pages
    late = BlobWanted(central.log.blobs[others][:32])
    central.answering = lambda request: Answer(request.id, LATER) if request.want == late else None
    central.publish()
    served = serve(site, link=central.desk.gate_link())
    assert until(lambda: late in [request.want for request in central.asked])
    trust = served.gate._trust
    trust.replace({central.key.kid: trust.keys[central.key.kid]}, trust.profile)
    central.answering = lambda _request: None
    assert central.reached()
    assert until(lambda: [] == central.recall(place))


def test_a_lost_live_denial_is_fetched_with_the_next_head(site, central, serve):
    sell(site, central, *range(5))
    central.publish()
    served = serve(site, link=central.desk.gate_link())
    assert central.reached()
    assert served.tap(medium(3)).granted
    central.log_tokens([deny(site, 3)])
    central.publish()
    assert central.reached()
    assert "denied" == served.tap(medium(3)).refusal.reason


def test_denials_are_in_force_before_the_rest_has_come(site, central, serve):
    sell(site, central, *range(5))
    site.bring(site.give("p3", medium(3), "season"))
    central.log_tokens([deny(site, 3)])
    central.log.fold()
    manifest = central.log.manifest()
    (others,) = manifest.snapshot.pages
    late = central.log.blobs[others][:32]
    central.answering = lambda request: (
        Answer(request.id, LATER) if request.want == BlobWanted(late) else None
    )
    central.publish()
    served = serve(site, link=central.desk.gate_link())
    assert until(lambda: "denied" == getattr(served.tap(medium(3)).refusal, "reason", None))
    assert 0 == central.applied().version
    central.answering = lambda _request: None
    assert central.reached()


def test_a_manifest_that_is_gone_leads_to_the_newest_head(site, central, serve):
    sell(site, central, *range(3))
    old = central.log.publish()
    del central.log.blobs[central.log.head().manifest]
    sell(site, central, 4)
    central.publish(old)
    newest = central.log.publish()
    central.answering = lambda request: (
        Answer(request.id, 0, newest) if request.want == HeadWanted() else None
    )
    serve(site, link=central.desk.gate_link())
    assert central.reached()


def test_no_head_comes_by_itself_and_it_is_asked_for(site, central, serve):
    sell(site, central, *range(3))
    central.head = central.log.publish()
    serve(site, link=central.desk.gate_link())
    assert central.reached()


def test_a_transfer_goes_on_after_a_restart(site, central, serve):
    sell(site, central, *range(30))
    central.log.page_rows = 5
    central.log.fold()
    given = []

    def some(request):
        if isinstance(request.want, BlobWanted):
            given.append(request.want.name)
            return Answer(request.id, LATER) if len(given) > 6 else None
        return None

    central.answering = some
    central.publish()
    served = serve(site, link=central.desk.gate_link())
    assert until(lambda: len(given) > 6)
    served.stop_now()
    central.answering = lambda _request: None
    first = set(given[:6])
    central.asked.clear()
    serve(site, link=central.desk.gate_link())
    assert central.reached()
    again = {request.want.name for request in central.asked if isinstance(request.want, BlobWanted)}
    assert len(first & again) <= 1  # the manifest alone: it says what else is wanted


def test_a_builder_that_is_killed_is_begun_anew(site, central, serve):
    sell(site, central, *range(20))
    central.log.page_rows = 5
    central.log.fold()
    central.answering = lambda request: (
        Answer(request.id, LATER) if isinstance(request.want, BlobWanted) and len(central.asked) > 8 else None
    )
    central.publish()
    served = serve(site, link=central.desk.gate_link())
    feed = served.gate._feeding._feed
    assert until(lambda: feed._transfer is not None and feed._transfer._building is not None)
    os.kill(feed._transfer._building.pid, signal.SIGKILL)
    central.answering = lambda _request: None
    assert central.reached()
    assert served.tap(medium(3)).granted


def test_nobody_answers_and_the_gate_does_not_storm(site, central, serve):
    sell(site, central, 1)
    central.answering = lambda request: Answer(request.id, NO_SUCH_THING)
    central.publish()
    served = serve(site, link=central.desk.gate_link())
    assert until(lambda: len(central.asked) >= 3)
    assert len(central.asked) < 10
    assert "unknown_medium" == served.tap(medium(1)).refusal.reason


def test_a_changed_cache_admits_nobody_and_is_fetched_anew(site, central, serve):
    sell(site, central, *range(5))
    central.log_tokens([deny(site, 2)])
    central.log.fold()
    central.publish()
    served = serve(site, link=central.desk.gate_link())
    assert central.reached()
    served.stop_now()
    name = next(site.state.glob("snapshot-*.db"))
    with sqlite3.connect(name) as editor:
        editor.execute("DELETE FROM statement WHERE kind = 2")
    editor.close()
    central.answering = lambda request: Answer(request.id, LATER)
    served = serve(site, link=central.desk.gate_link())
    assert until(lambda: served.gate.tick() is not None and ("cache", "set_differs") in central.unbelieved())
    with pytest.raises(StoreError, match="incomplete"):
        central.recall(bytes(16))
    central.answering = lambda _request: None
    assert until(lambda: central.applied().version == central.log.version)
    assert "denied" == served.tap(medium(2)).refusal.reason
    assert served.tap(medium(1)).granted
