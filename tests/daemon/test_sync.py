"""The sync thread of a whole gate, with the other end played by hand."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing

import pytest

from desk import GATE, SECTOR, Desk
from gated.cli.main import main
from gated.links.memory import MemoryLink
from gated.model.letter import Received
from gated.model.trust import Algorithm
from gated.store.chain import JournalReader
from gated.store.directory import DELTA, JOURNAL
from gated.store.outbox import Outbox
from gated.store.sync_note import SYNC_NOTE, read_sync_note
from gated.wire import topics
from gated.wire.ack import Ack, encode_ack
from gated.wire.seal import SigningKey
from venue import NOW, medium, until


@pytest.fixture
def desk(site):
    return Desk(site)


@pytest.fixture
def connected(site, desk, serve):
    """A gate that syncs with the desk; its central answers nothing by itself."""
    served = serve(site, link=desk.gate_link())
    desk.greeted()
    return served


@pytest.fixture
def calm(site, serve):
    """A desk and a gate that waits a minute for receipts: nothing is sent again, and the link is kept."""
    desk = Desk(site, ack_wait="60s")
    served = serve(site, link=desk.gate_link())
    desk.greeted()
    return desk, served


def events(batch):
    return [json.loads(body) for body in batch.bodies]


def unsent(site):
    with closing(Outbox(site.state / JOURNAL)) as outbox:
        return outbox.newest() - outbox.acknowledged()[0]


def counted(site, code):
    return until(lambda: read_sync_note(site.state / SYNC_NOTE).get("refused", {}).get(code))


def kinds(site):
    with closing(JournalReader(site.state / JOURNAL)) as reader:
        return [row.event["kind"] for row in reader.rows()]


def acknowledge_all(desk, site):
    """Receipts for whatever comes, until nothing new does."""
    seen = 0
    while (batch := desk.hear(0.5)) is not None:
        seen = max(seen, batch.last)
        desk.ack(batch.epoch, seen)
    return seen


def test_what_happens_is_told_in_order_and_the_receipt_moves_the_cursor(site, desk, connected):
    first = desk.hear()
    assert (1, "started") == (first.first, events(first)[0]["kind"])
    desk.ack(first.epoch, first.last)
    for carried in (medium(1), medium(2)):
        connected.tap(carried)
    told = first.last
    while told < 2:
        batch = desk.hear()
        assert told + 1 == batch.first
        told = batch.last
        desk.ack(batch.epoch, told)
    connected.stop_now()
    assert "started" == kinds(site)[0]


def test_the_cursor_is_durable_when_the_gate_stops(site, desk, serve):
    served = serve(site, link=desk.gate_link())
    batch = desk.hear()
    desk.ack(batch.epoch, batch.last)
    assert until(lambda: served.gate.sync.acknowledged >= batch.last)
    served.stop_now()
    with closing(Outbox(site.state / JOURNAL)) as outbox:
        assert batch.last <= outbox.acknowledged()[0]


def test_a_stopped_gate_tells_its_last_row_before_it_goes(site, desk, connected):
    stopping = threading.Thread(target=connected.stop_now)
    stopping.start()
    told = []
    while "stopped" not in told:
        batch = desk.hear()
        told += [event["kind"] for event in events(batch)]
        desk.ack(batch.epoch, batch.last)
    stopping.join()
    assert 0 == unsent(site)


def test_without_a_receipt_the_same_is_sent_again(desk, connected):
    first = desk.hear()
    for _ in range(4):  # not only once: the broker's word for the first may come after the second
        again = desk.hear()
        assert (first.epoch, first.first, first.bodies) == (
            again.epoch,
            again.first,
            again.bodies[: len(first.bodies)],
        )


def test_without_any_receipt_the_link_is_given_up_and_opened_anew(desk, connected):
    first = desk.greeted().session
    assert until(lambda: desk.hear(0.05) and any(one.session != first for one in desk.states))


def test_a_restarted_gate_goes_on_after_the_cursor(site, desk, serve):
    served = serve(site, link=desk.gate_link())
    batch = desk.hear()
    desk.ack(batch.epoch, batch.last)
    assert until(lambda: served.gate.sync.acknowledged >= batch.last)
    served.stop_now()
    while desk.hear(0.3) is not None:
        pass
    serve(site, link=desk.gate_link())
    again = desk.hear()
    assert (batch.epoch, batch.last + 1) == (again.epoch, again.first)


# ------------------------------------------------------------------ what is not believed

OTHER = SigningKey.generate(Algorithm.EDDSA)


def forged(desk, batch):
    desk.ack(batch.epoch, batch.last, key=OTHER)


def of_another_gate(desk, batch):
    desk.ack(batch.epoch, batch.last, gate="gate-2")


def out_of_scope(desk, batch):
    desk.ack(batch.epoch, batch.last, key=desk.issuer)


def of_another_epoch(desk, batch):
    desk.ack("f" * 16, batch.last, digest=bytes(32))


def beyond_the_journal(desk, batch):
    desk.ack(batch.epoch, batch.last + 1000, digest=bytes(32))


def no_receipt(desk, batch):
    desk.say(b"{}")


def a_state_for_a_receipt(desk, batch):
    from gated.model.statement import Kind

    made = encode_ack(Ack(GATE, batch.epoch, batch.last, bytes(32), NOW))
    desk.say(made, kind=Kind.STATE)


def noise(desk, batch):
    desk.publish(b"\x00\xff" * 40, topics.ack(GATE))


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        (forged, "ack_unknown_key"),
        (of_another_gate, "ack_foreign"),
        (of_another_epoch, "ack_unknown_row"),
        (beyond_the_journal, "ack_unknown_row"),
        (no_receipt, "ack_malformed"),
        (a_state_for_a_receipt, "ack_malformed"),
        (noise, "ack_malformed"),
    ],
)
def test_a_receipt_that_is_not_centrals_moves_nothing_and_is_counted(site, desk, connected, lie, code):
    batch = desk.hear()
    lie(desk, batch)
    assert until(lambda: connected.gate.sync._refused()[code] == 1)
    assert 0 == connected.gate.sync.acknowledged
    desk.ack(batch.epoch, batch.last)
    assert until(lambda: connected.gate.sync.acknowledged >= batch.last)


def test_an_issuers_key_gives_no_receipts(site, serve):
    desk = Desk(site)
    path = site.path / "central" / "gate" / "keys.json"
    document = json.loads(path.read_text())
    document["keys"].append(desk.described(OTHER, kinds=["binding", "entitlement", "denial", "time"]))
    path.write_text(json.dumps(document))
    served = serve(site, link=desk.gate_link())
    batch = desk.hear()
    forged(desk, batch)
    assert until(lambda: served.gate.sync._refused()["ack_out_of_scope"] == 1)
    assert 0 == served.gate.sync.acknowledged


def test_an_old_receipt_goes_nowhere(desk, connected):
    batch = desk.hear()
    desk.ack(batch.epoch, batch.last)
    assert until(lambda: connected.gate.sync.acknowledged >= batch.last)
    desk.ack(batch.epoch, 0)
    assert until(lambda: connected.gate.sync._refused()["ack_old"] == 1)
    assert connected.gate.sync.acknowledged >= batch.last


def test_an_old_receipt_of_another_connection_goes_nowhere(desk, connected):
    batch = desk.hear()
    desk.ack(batch.epoch, batch.last)
    assert until(lambda: connected.gate.sync.acknowledged >= batch.last)
    desk.ack(batch.epoch, 0, session="0" * 16)
    assert until(lambda: connected.gate.sync._refused()["ack_old"] == 1)
    assert connected.gate.sync.acknowledged >= batch.last


# ------------------------------------------------------------------ going back, forks


def test_central_from_an_older_backup_is_sent_again_what_it_lacks(site, desk, connected):
    connected.tap(medium(1))
    last = acknowledge_all(desk, site)
    assert last >= 2
    epoch = desk.states[-1].epochs[-1].epoch
    assert until(lambda: connected.gate.sync.acknowledged >= last)
    desk.ack(epoch, 1, session=desk.states[-1].session)
    batch = desk.hear()
    assert (epoch, 2) == (batch.epoch, batch.first)
    assert until(lambda: connected.gate.sync.acknowledged == 1)


def test_the_answer_to_a_greeting_goes_back_once(site, desk, connected):
    """A broker may repeat it as often as it likes."""
    connected.tap(medium(1))
    last = acknowledge_all(desk, site)
    assert until(lambda: connected.gate.sync.acknowledged >= last)
    epoch, session = desk.states[-1].epochs[-1].epoch, desk.states[-1].session
    desk.ack(epoch, 1, session=session)
    assert until(lambda: connected.gate.sync.acknowledged == 1)
    assert 2 == desk.hear().first
    desk.ack(epoch, last)
    assert until(lambda: connected.gate.sync.acknowledged >= last)
    desk.ack(epoch, 1, session=session)
    desk.ack(epoch, 0)
    assert until(lambda: connected.gate.sync._refused()["ack_old"] == 1)
    assert connected.gate.sync.acknowledged >= last


def test_a_receipt_from_before_central_was_restored_skips_nothing(site, desk, connected):
    """Genuine, and kept by a broker: after the greeting was answered anew it tells of what is lost."""
    connected.tap(medium(1))
    last = acknowledge_all(desk, site)
    assert until(lambda: connected.gate.sync.acknowledged >= last)
    epoch = desk.states[-1].epochs[-1].epoch
    desk.broker.cut(GATE)
    desk.now += 100
    desk._kept[epoch] = 1  # restored: the next greeting hears so
    assert until(lambda: desk.hear(0.05) and connected.gate.sync.acknowledged == 1)
    for _ in range(2):
        desk.ack(epoch, last, at=desk.now - 50)
    assert until(lambda: connected.gate.sync._refused()["ack_old"] >= 2)
    assert 1 == connected.gate.sync.acknowledged
    desk.ack(epoch, last)
    assert until(lambda: connected.gate.sync.acknowledged >= last)


def test_no_receipt_is_believed_before_the_greeting_is_answered(site, desk, serve):
    desk.answers = False
    served = serve(site, link=desk.gate_link())
    batch = desk.hear()
    desk.ack(batch.epoch, batch.last)
    assert until(lambda: served.gate.sync._refused()["ack_old"] >= 1)
    assert 0 == served.gate.sync.acknowledged
    state = desk.greeted()
    desk.ack(batch.epoch, 0, session=state.session)
    desk.ack(batch.epoch, batch.last)
    assert until(lambda: served.gate.sync.acknowledged >= batch.last)


@pytest.mark.parametrize("years", [-80, 1.5, 40])
def test_a_time_of_central_that_cannot_be_true_moves_no_floor(site, calm, years):
    """A floor never comes down: one wrong clock must not end every right in the city."""
    desk, served = calm
    batch = desk.hear()
    desk.ack(batch.epoch, batch.last, at=max(0, NOW + int(years * 365 * 86400)))
    assert until(lambda: served.gate.sync._refused()["ack_time"] + (years < 0) >= 1)
    served.gate.tick()
    assert served.gate._time.read().floor <= NOW + 3600
    assert served.tap(medium(1)).seq


def test_a_broker_that_answers_no_letter_is_left(site, desk, serve):
    desk.broker.window = 3
    desk.broker.answers = False
    served = serve(site, link=desk.gate_link(), jitter=lambda: 0.05)
    first = desk.greeted().session

    def served_on() -> bool:
        batch = desk.hear(0.05)
        if batch is not None:
            desk.ack(batch.epoch, batch.last)
            served.tap(medium(1))
        return any(one.session != first for one in desk.states)

    assert until(served_on)


def test_a_spoilt_identity_closes_no_door(site, desk, serve, capsys):
    served = serve(site, link=desk.gate_link())
    epoch = served.gate.journal.epoch
    served.stop_now()
    (site.path / "identity" / "signing.key").write_bytes(b"noise")
    served = serve(site, link=desk.gate_link())
    assert served.tap(medium(1)).seq
    assert epoch == served.gate.journal.epoch
    assert served.gate.sync is None
    assert "holds no signing key" in read_sync_note(site.state / SYNC_NOTE)["why"]
    assert 2 == main(["config", "check", "--config", str(site.config)])


def test_another_journal_under_our_name_is_told_once_and_we_go_on(site, desk, connected):
    batch = desk.hear()
    for _ in range(3):
        desk.ack(batch.epoch, batch.last, digest=bytes(32))
    assert until(lambda: kinds(site).count("forked") == 1)
    assert connected.gate.sync._uplink.forked
    last = acknowledge_all(desk, site)
    assert until(lambda: connected.gate.sync.acknowledged >= last)
    assert 1 == kinds(site).count("forked")


def test_a_break_behind_rows_on_their_way_acknowledges_none_of_them(site, calm):
    """Central takes what stands before a break on our word: what is still on its way may not be there."""
    desk, served = calm
    batch = desk.hear()
    served.tap(medium(1))
    last = 3
    with closing(Outbox(site.state / JOURNAL, GATE)) as outbox:
        assert until(lambda: outbox.newest() >= last)
        desk.now += 1
        link = outbox.place(batch.epoch, last).digest
    desk.ack(batch.epoch, last, digest=link, quarantined=((last, "chain_broken"),))
    assert until(lambda: served.gate.sync._refused()["ack_early"] == 1)
    assert 0 == served.gate.sync.acknowledged
    desk.ack(batch.epoch, last, digest=link, quarantined=((1, "chain_broken"),))
    assert until(lambda: served.gate.sync.acknowledged == last)


def test_a_receipt_that_says_forked_is_believed_and_told(site, desk, connected):
    batch = desk.hear()
    desk.ack(batch.epoch, batch.last, forked=True)
    assert until(lambda: kinds(site).count("forked") == 1)
    assert until(lambda: connected.gate.sync.acknowledged >= batch.last)


def test_a_journal_that_is_older_than_what_central_has_is_told_as_forked(site, desk, connected):
    state = desk.greeted()
    desk.ack(state.epochs[-1].epoch, 1000, digest=bytes(32), session=state.session)
    assert until(lambda: kinds(site).count("forked") == 1)


# ------------------------------------------------------------------ the broker's answers


@pytest.mark.parametrize("code", [0x87, 0x97, 0x10])
def test_a_refused_batch_is_sent_again_later(site, desk, serve, code):
    desk.broker.faults.refuse(code, topics=topics.events(GATE))
    served = serve(site, link=desk.gate_link(), jitter=lambda: 0.1)
    batch = desk.hear()
    desk.ack(batch.epoch, batch.last)
    assert until(lambda: served.gate.sync.acknowledged >= batch.last)
    if code >= 0x80:
        assert 1 == served.gate.sync._refused()[f"broker_0x{code:02x}"]


def test_letters_that_the_broker_answers_and_loses_are_sent_again(site, desk, serve):
    desk.broker.faults.lose(2, topics=topics.events(GATE))
    serve(site, link=desk.gate_link())
    assert 1 == desk.hear().first


def test_batches_that_are_doubled_held_back_or_turned_round_end_as_told(site, desk, serve):
    faults = desk.broker.faults
    faults.double(2, topics=topics.events(GATE))
    faults.reorder(2, topics=topics.events(GATE))
    faults.hold(1, topics=topics.events(GATE))
    served = serve(site, link=desk.gate_link(), jitter=lambda: 0.05)
    rows = {}
    while True:
        batch = desk.hear(0.5)
        if batch is None:
            desk.broker.release()
            if len(rows) >= 6:
                break
            served.tap(medium(len(rows)))
            continue
        for number, body in enumerate(batch.bodies):
            assert body == rows.setdefault(batch.first + number, body)
        upto = next(seq for seq in range(1, len(rows) + 2) if seq not in rows) - 1
        if upto:
            desk.ack(batch.epoch, upto)
    assert until(lambda: served.gate.sync.acknowledged == max(rows))
    assert list(range(1, max(rows) + 1)) == sorted(rows)


def test_an_outage_costs_nothing(site, desk, serve):
    served = serve(site, link=desk.gate_link(), jitter=lambda: 0.05)
    batch = desk.hear()
    desk.ack(batch.epoch, batch.last)
    desk.broker.stop()
    assert all(served.tap(medium(number)).seq for number in range(3))
    desk.broker.start()
    desk.link.open([topics.shared_events("central"), topics.ALL_STATES])
    last = acknowledge_all(desk, site)
    assert until(lambda: served.gate.sync.acknowledged >= last)
    served.stop_now()


# ------------------------------------------------------------------ statements


def test_a_live_statement_applies_at_the_next_tap(site, calm):
    desk, connected = calm
    carried = medium(7)
    assert not connected.tap(carried).granted
    for token in site.give("a7", carried, "season"):
        desk.publish(token, topics.statement(SECTOR))
    assert until(lambda: connected.gate.sync._downlink.accepted == 2)
    assert connected.tap(carried).granted


def test_what_is_not_believed_is_counted_and_never_journaled(site, calm):
    desk, connected = calm
    genuine = site.give("a7", medium(7), None)[0]
    desk.publish(genuine, topics.statement(SECTOR))
    assert until(lambda: connected.gate.sync._downlink.accepted == 1)
    before = None
    assert until(lambda: (connected.gate.tick(), "imported" in kinds(site))[1])
    before = kinds(site).count("imported")
    for token in (genuine, genuine[:-8] + b"\xff" * 8, b"noise"):
        for _ in range(3):
            desk.publish(token, topics.statement(SECTOR))
    assert until(lambda: connected.gate.sync._refused()["doubled"] == 7)
    assert 1 == connected.gate.sync._refused()["bad_signature"]
    connected.gate.tick()
    connected.gate.tick()
    assert before == kinds(site).count("imported")


def test_hours_that_nobody_can_keep_are_counted_and_not_taken_in(site, calm):
    desk, connected = calm
    desk.publish(site.office.entitle("a7", "season", now=NOW, hours="SH off")[1], topics.statement(SECTOR))
    assert until(lambda: connected.gate.sync._refused()["bad_hours"] == 1)
    assert 0 == connected.gate.sync._downlink.accepted


def test_known_statements_leave_no_trace(site, calm):
    """Genuine ones, sent again by who can: they open, and are not worth a row."""
    desk, connected = calm
    genuine = site.give("a7", medium(7), "season")
    site.bring(genuine)
    assert until(lambda: (connected.gate.tick(), "imported" in kinds(site))[1])
    before = kinds(site).count("imported")
    for token in genuine:
        desk.publish(token, topics.statement(SECTOR))
    desk.publish(b"noise", topics.statement(SECTOR))
    assert until(lambda: connected.gate.sync._refused()["malformed"] == 1)
    for _ in range(2):
        connected.gate.tick()
    assert before == kinds(site).count("imported")
    assert 0 == connected.gate.sync._downlink.accepted


def test_a_letter_under_any_other_topic_is_counted(calm):
    """A hostile broker delivers what nobody subscribed to."""
    desk, connected = calm
    with desk.broker.lock:
        connection = desk.broker._connections[GATE]
        connection.inbox.append(Received(topics.ack("gate-2"), b"x", 999))
        connection.changed()
    assert until(lambda: connected.gate.sync._refused()["foreign_topic"] == 1)


def test_a_statement_that_cannot_be_written_now_is_written_later(site, calm):
    """Somebody else holds the cache, as an import beside the daemon does."""
    desk, connected = calm
    carried = medium(7)
    tokens = site.give("a7", carried, "season")
    with closing(sqlite3.connect(site.state / DELTA, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for token in tokens:
            desk.publish(token, topics.statement(SECTOR))
        assert until(lambda: "locked" in read_sync_note(site.state / SYNC_NOTE).get("why", ""))
        assert not connected.tap(carried).granted
        # And what happens is told meanwhile.
        with closing(Outbox(site.state / JOURNAL)) as outbox:
            while (batch := desk.hear()) and batch.last < outbox.newest():
                desk.ack(batch.epoch, batch.last)
        assert batch is not None
        other.execute("ROLLBACK")
    assert until(lambda: connected.gate.sync._downlink.accepted == 2)
    assert connected.tap(carried).granted
    assert connected.gate.sync.is_up


class DiesBehindAStatement(MemoryLink):
    """The network breaks right after a statement came, once."""

    came = died = False

    def receive(self, timeout_s):
        if self.came and not self.died:
            self.died = True
            self._broker.cut(GATE)
        heard = super().receive(timeout_s)
        self.came |= isinstance(heard, Received) and heard.topic == topics.statement(SECTOR)
        return heard


def test_a_statement_that_came_before_the_link_was_lost_applies(site, serve):
    """It was received and will not come again: no session outlives the link."""
    desk = Desk(site, ack_wait="60s")
    link = DiesBehindAStatement(desk.broker, GATE)
    served = serve(site, link=link)
    desk.greeted()
    (token,) = site.give("a7", medium(7), None)
    desk.publish(token, topics.statement(SECTOR))
    assert until(lambda: link.died)
    assert until(lambda: served.gate.sync._downlink.accepted == 1)


def test_a_changed_row_stops_the_telling_and_not_the_listening(site, desk, serve):
    served = serve(site, link=desk.gate_link())
    batch = desk.hear()
    with closing(sqlite3.connect(site.state / JOURNAL)) as other, other:
        other.execute("UPDATE event SET body = replace(body, 'started', 'stopped') WHERE id = 1")
    assert until(lambda: "was changed" in read_sync_note(site.state / SYNC_NOTE).get("why", ""))
    session = desk.states[-1].session
    for token in site.give("a7", medium(7), "season"):
        desk.publish(token, topics.statement(SECTOR))
    assert until(lambda: served.gate.sync._downlink.accepted == 2)
    assert (True, session) == (served.gate.sync.is_up, desk.states[-1].session)
    assert batch.first == 1


def test_signed_time_of_a_receipt_moves_the_floor(site, desk, connected):
    batch = desk.hear()
    desk.ack(batch.epoch, batch.last, at=NOW + 3600)
    assert until(lambda: connected.gate.sync.signed_time == NOW + 3600)
    connected.gate.tick()
    assert connected.gate._time.read().floor >= NOW + 3600


# ------------------------------------------------------------------ greetings


def test_the_greeting_tells_where_the_journal_stands_and_the_will_that_it_is_gone(site, desk, connected):
    state = desk.greeted()
    assert (GATE, True, 1) == (state.gate, state.online, len(state.epochs))
    desk.broker.cut(GATE)
    assert until(lambda: desk.hear(0.05) and any(not one.online for one in desk.states))
    assert state.session == next(one.session for one in desk.states if not one.online)


def test_a_stopped_gate_says_good_bye(site, desk, connected):
    connected.stop_now()
    while desk.hear(0.3) is not None:
        pass
    assert not desk.states[-1].online
    assert "stopped" == read_sync_note(site.state / SYNC_NOTE)["why"]


# ------------------------------------------------------------------ what a technician sees


def status(site, capsys, *more):
    capsys.readouterr()
    assert 0 == main(["status", "--state-dir", str(site.state), *more])
    return capsys.readouterr().out


def test_status_tells_what_is_unsent_and_how_old_the_last_receipt_is(site, desk, connected, capsys):
    batch = desk.hear()
    told = json.loads(status(site, capsys, "--json"))
    assert told["unsent"] >= 1
    assert (None, True) == (told["ages_s"]["last_ack"], told["link"]["up"])
    assert "last receipt never" in status(site, capsys)
    last = acknowledge_all(desk, site)
    assert last >= batch.last
    connected.stop_now()
    told = json.loads(status(site, capsys, "--json"))
    assert told["ages_s"]["last_ack"] < 600
    assert not told["link"]["up"]
    assert "link: DOWN" in status(site, capsys)


@pytest.mark.parametrize("note", [b"", b"\xff", b"[1]", b'{"up": 3, "since": "x", "refused": [1]}'])
def test_status_lives_with_any_note(site, desk, connected, capsys, note):
    connected.stop_now()
    (site.state / SYNC_NOTE).write_bytes(note)
    assert "central:" in status(site, capsys)


def test_config_check_wants_the_way_to_central_whole(site, desk, capsys):
    """The daemon serves without it; whoever sets a gate up is told."""
    assert 2 == main(["config", "check", "--config", str(site.config)])
    told = capsys.readouterr().err
    assert str(site.path / "identity") in told
