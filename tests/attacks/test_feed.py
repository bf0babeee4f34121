"""Attacks on the feed of a whole gate. Each is refused with its own code, and taps are decided meanwhile."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from feed_central import FeedCentral
from feed_log import head_key, newest, set_of
from gated.model.refusal import Reason
from gated.model.statement import DenialState, Row, TargetKind
from gated.model.trust import Algorithm
from gated.wire.blob import pack
from gated.wire.head import encode_head
from gated.wire.manifest import Delta, Manifest, Snapshot, encode_index, encode_manifest
from gated.wire.page import MAGIC, MAX_PAGE_BYTES, RECORD, encode_page
from gated.wire.request import HERE, LATER, Answer, BlobWanted
from gated.wire.seal import SigningKey
from venue import DAY, NOW, credential_of, medium, until

DENIED = 5


@pytest.fixture
def central(site):
    made = FeedCentral(site)
    sell(site, made, *range(6))
    made.log_tokens([denial(site, DENIED)])
    made.log.fold()
    yield made
    made.stop()


def sell(site, central, *numbers):
    for number in numbers:
        central.log_tokens(site.give(f"p{number}", medium(number), "season"))


def denial(site, number):
    index = site.office.index(credential_of(medium(number)))
    return site.office.deny(TargetKind.CREDENTIAL, index, DenialState.REVOKED, now=NOW)


class Scene:
    """A gate that agrees with central, and whoever is between them."""

    def __init__(self, site, central, serve) -> None:
        self.site, self.central = site, central
        central.publish()
        self.served = serve(site, link=central.desk.gate_link())
        assert central.reached()
        self.before = central.applied()

    @property
    def log(self):
        return self.central.log

    def say(self, token: bytes) -> None:
        self.central.publish(token)

    def next_head(self, **changes):
        """The head after somebody bought something."""
        sell(self.site, self.central, 20 + self.log.version)
        return replace(self.log.head(), **changes)

    def manifest_head(self, manifest: Manifest, rows=None, **changes):
        """A signed head that binds a manifest."""
        head = self.log.head(manifest)
        digest, places = set_of(self.log.rows if rows is None else rows)
        made = replace(head, set_=digest, rows=places, position=manifest.position)
        return self.log.sign(replace(made, **changes))

    def blob_head(self, blob: bytes, **changes) -> bytes:
        """A signed head that binds whatever bytes."""
        sell(self.site, self.central, 20 + self.log.version)
        head = self.log.head()
        return self.log.sign(replace(head, **({"manifest": self.log.keep(blob)} | changes)))

    def delta_head(self, page: bytes | None, *, denials: bytes | None = None) -> bytes:
        """A signed head whose only delta has this page."""
        first = len(self.log.rows) + 1
        sell(self.site, self.central, 20 + self.log.version)
        old = self.log.manifest().snapshot
        delta = Delta(first, len(self.log.rows), denials, page)
        deltas = (delta,) if old.position == first - 1 else ()
        return self.manifest_head(Manifest("pools", len(self.log.rows), old, deltas))


def raw_page(*rows: Row, padding: bytes = b"") -> bytes:
    """A page of rows in whatever order."""
    records = b"".join(
        RECORD.pack(row.kind, row.key, row.id or bytes(8), row.rank, row.number, len(row.token))
        for row in rows
    )
    body = records + b"".join(row.token for row in rows)
    return pack(MAGIC + len(rows).to_bytes(4, "big") + body + padding)


def some_rows(scene, count: int = 2) -> list[Row]:
    rows = [row for row in newest(scene.log.rows) if row.kind == 0][:count]
    number = len(scene.log.rows) + 1
    return [row._replace(number=number) for row in rows]


# ------------------------------------------------------------------ heads


def rolled_back(scene):
    old = scene.before.token
    scene.central.publish()  # a newer one
    assert scene.central.reached()
    scene.before = scene.central.applied()
    scene.say(old)


def expired(scene):
    scene.say(scene.log.sign(scene.next_head(at=NOW - 20 * DAY, expires=NOW - 12 * DAY)))


def of_another_sector(scene):
    scene.say(scene.log.sign(scene.next_head(sector="museums")))


def far_in_the_future(scene):
    scene.say(scene.log.sign(scene.next_head(at=NOW + 500 * DAY, expires=NOW + 508 * DAY)))


def of_an_unknown_key(scene):
    scene.say(scene.log.sign(scene.next_head(), SigningKey.generate(Algorithm.EDDSA)))


def of_a_key_for_receipts(scene):
    scene.say(scene.log.sign(scene.next_head(), scene.central.desk.key))


def with_a_broken_signature(scene):
    token = bytearray(scene.log.sign(scene.next_head()))
    token[-1] ^= 1
    scene.say(bytes(token))


def of_another_kind(scene):
    from gated.model.statement import Kind

    payload = encode_head(scene.next_head())
    scene.say(scene.central.sign_as(scene.central.key, payload, Kind.TIME))


def of_the_same_version_with_other_content(scene):
    sell(scene.site, scene.central, 30)
    scene.log.version -= 1
    scene.say(scene.log.publish())
    scene.log.version += 1


def with_a_position_that_goes_back(scene):
    scene.say(scene.log.publish(position=len(scene.log.rows) - 1, rows=len(scene.log.rows) - 1))


def with_another_set_at_the_same_position(scene):
    scene.say(scene.log.publish(set_=bytes(32)))


def with_a_version_beyond_all_numbers(scene):
    scene.say(scene.log.sign(scene.next_head(version=1 << 41)))


def endless(scene):
    scene.say(scene.log.sign(scene.next_head()) + bytes(100_000))


HEADS = {
    rolled_back: "older",
    expired: "expired",
    of_another_sector: "foreign",
    far_in_the_future: "future",
    of_an_unknown_key: "unknown_key",
    of_a_key_for_receipts: "out_of_scope",
    with_a_broken_signature: "bad_signature",
    of_another_kind: "malformed",
    of_the_same_version_with_other_content: "inconsistent",
    with_a_position_that_goes_back: "inconsistent",
    with_another_set_at_the_same_position: "inconsistent",
    with_a_version_beyond_all_numbers: "malformed",
    endless: "oversize",
}


# ------------------------------------------------------------------ manifests and pages


def page_replaced(scene):
    """The broker answers with another page that is as well-formed."""
    other = encode_page(some_rows(scene))
    head = scene.next_head()
    scene.central.answering = lambda request: (
        Answer(request.id, HERE, other) if _asks_page(scene, request) else None
    )
    scene.say(scene.log.sign(head))


def page_truncated(scene):
    head = scene.next_head()

    def cut(request):
        if not _asks_page(scene, request):
            return None
        return Answer(request.id, HERE, scene.log.blobs[request.want.name][:-1])

    scene.central.answering = cut
    scene.say(scene.log.sign(head))


def page_of_another_sector(scene):
    """A page of the museums, which a museum's statement stands in, answered in place of ours."""
    row = some_rows(scene, 1)[0]._replace(token=b"a token of the museums")
    theirs = encode_page([row])
    head = scene.next_head()
    scene.central.answering = lambda request: (
        Answer(request.id, HERE, theirs) if _asks_page(scene, request) else None
    )
    scene.say(scene.log.sign(head))


def _asks_page(scene, request) -> bool:
    if not isinstance(request.want, BlobWanted):
        return False
    blob = scene.log.blobs.get(request.want.name, b"")
    try:
        from gated.wire.page import read_page

        return bool(read_page(blob))
    except ValueError:
        return False


def manifest_replaced(scene):
    head = scene.next_head()
    other = encode_manifest(Manifest("museums", 1, Snapshot(), (Delta(1, 1, None, bytes(32)),)))
    scene.central.answering = lambda request: (
        Answer(request.id, HERE, other) if request.want == BlobWanted(head.manifest) else None
    )
    scene.say(scene.log.sign(head))


def page_in_the_wrong_order(scene):
    first, second = some_rows(scene)
    scene.say(scene.delta_head(scene.log.keep(raw_page(second, first))))


def page_with_a_row_twice(scene):
    (row,) = some_rows(scene, 1)
    scene.say(scene.delta_head(scene.log.keep(raw_page(row, row))))


def page_with_bytes_behind_it(scene):
    scene.say(scene.delta_head(scene.log.keep(raw_page(*some_rows(scene), padding=b"more"))))


def page_that_is_a_bomb(scene):
    bomb = pack(bytes(50 * MAX_PAGE_BYTES))
    assert len(bomb) < 2000
    scene.say(scene.delta_head(scene.log.keep(bomb)))


def page_that_is_noise(scene):
    scene.say(scene.delta_head(scene.log.keep(b"no frame at all")))


def denials_among_others(scene):
    row = next(row for row in scene.log.rows if row.kind == 2)
    page = scene.log.page([row._replace(number=len(scene.log.rows) + 1)])
    scene.say(scene.delta_head(page))


def position_beyond_the_log(scene):
    (row,) = some_rows(scene, 1)
    scene.say(scene.delta_head(scene.log.page([row._replace(number=10_000)])))


def manifest_that_is_a_bomb(scene):
    scene.say(scene.blob_head(pack(b"[" * 10_000_000)))


def manifest_of_another_sector(scene):
    blob = encode_manifest(replace(scene.log.manifest(), sector="museums"))
    scene.say(scene.blob_head(blob))


def manifest_of_another_head(scene):
    blob = encode_manifest(scene.log.manifest())  # the one before, mixed with a new head
    scene.say(scene.blob_head(blob))


def manifest_with_a_gap(scene):
    sell(scene.site, scene.central, 40, 41)
    whole = scene.log.manifest()
    head = scene.log.head(whole)
    raw = _raw(whole).replace(b'"first":14', b'"first":15')
    assert raw != _raw(whole)
    scene.say(scene.log.sign(replace(head, manifest=scene.log.keep(pack(raw)))))


def manifest_with_an_overlap(scene):
    sell(scene.site, scene.central, 40, 41)
    whole = scene.log.manifest()
    head = scene.log.head(whole)
    raw = _raw(whole).replace(b'"first":14', b'"first":13')
    scene.say(scene.log.sign(replace(head, manifest=scene.log.keep(pack(raw)))))


def _raw(manifest: Manifest) -> bytes:
    from gated.wire.blob import unpack

    return unpack(encode_manifest(manifest), 400_000, "manifest")


def _from_scratch(scene, snapshot: Snapshot, **changes) -> None:
    """A head that the gate can only follow with a whole snapshot."""
    scene.say(scene.manifest_head(Manifest("pools", snapshot.position, snapshot, ()), **changes))


def index_that_is_endless(scene):
    sell(scene.site, scene.central, 40)
    index = scene.log.keep(bytes(32 * 3_500))
    snapshot = Snapshot(len(scene.log.rows), len(newest(scene.log.rows)), (), (index,))
    _from_scratch(scene, snapshot)


def more_pages_than_a_disk_holds(scene):
    sell(scene.site, scene.central, 40)
    names = [n.to_bytes(32, "big") for n in range(3000)]
    indexes = [
        scene.log.keep(encode_index([bytes([first]) + name[1:] for name in names])) for first in range(10)
    ]
    snapshot = Snapshot(len(scene.log.rows), len(newest(scene.log.rows)), (), tuple(indexes))
    _from_scratch(scene, snapshot)


def denial_left_out_of_a_snapshot(scene):
    sell(scene.site, scene.central, 40)
    scene.log.fold()
    rows = newest(scene.log.rows)
    others = [row for row in rows if row.kind != 2]
    index = scene.log.keep(encode_index([scene.log.page(others)]))
    _from_scratch(scene, Snapshot(len(scene.log.rows), len(others), (), (index,)))


def revision_left_out_of_a_snapshot(scene):
    """As many rows as promised, and one of them older than the newest."""
    cti, old = scene.site.office.entitle("p3", "swim3", now=NOW)
    _, new = scene.site.office.entitle("p3", "season", now=NOW, entitlement=cti)
    scene.central.log_tokens([old])
    stale = newest(scene.log.rows)
    scene.central.log_tokens([new])
    others = [row for row in stale if row.kind != 2]
    denials = [row for row in stale if row.kind == 2]
    indexes = [scene.log.keep(encode_index([scene.log.page(part)])) for part in (denials, others)]
    snapshot = Snapshot(len(scene.log.rows), len(stale), (indexes[0],), (indexes[1],))
    _from_scratch(scene, snapshot)


def denial_left_out_of_a_delta(scene):
    first = len(scene.log.rows) + 1
    scene.central.log_tokens([denial(scene.site, 4)])
    sell(scene.site, scene.central, 40)
    last = len(scene.log.rows)
    delta = scene.log.delta(first, last, leave_out=lambda row: row.kind == 2)
    scene.say(scene.manifest_head(Manifest("pools", last, scene.log.manifest().snapshot, (delta,))))


PAGES = {
    page_replaced: ("page", "replaced"),
    page_truncated: ("page", "replaced"),
    page_of_another_sector: ("page", "replaced"),
    manifest_replaced: ("manifest", "replaced"),
    page_in_the_wrong_order: ("page", "order"),
    page_with_a_row_twice: ("page", "order"),
    page_with_bytes_behind_it: ("page", "malformed"),
    page_that_is_a_bomb: ("page", "bomb"),
    page_that_is_noise: ("page", "frame"),
    denials_among_others: ("page", "wrong_kind"),
    position_beyond_the_log: ("page", "numbers"),
    manifest_that_is_a_bomb: ("manifest", "bomb"),
    manifest_of_another_sector: ("manifest", "foreign"),
    manifest_of_another_head: ("manifest", "mixed"),
    manifest_with_a_gap: ("manifest", "malformed"),
    manifest_with_an_overlap: ("manifest", "malformed"),
    index_that_is_endless: ("index", "oversize"),
    more_pages_than_a_disk_holds: ("head", "feed_too_large"),
    denial_left_out_of_a_snapshot: ("head", "rows_differ"),
    revision_left_out_of_a_snapshot: ("head", "set_differs"),
    denial_left_out_of_a_delta: ("head", "rows_differ"),
}
ATTACKS = {attack: ("head", code) for attack, code in HEADS.items()} | PAGES


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_it_is_refused_and_the_gate_goes_on(site, central, serve, attack):
    scene = Scene(site, central, serve)
    attack(scene)
    what, code = ATTACKS[attack]
    assert central.refused(f"{what}_{code}"), central.unbelieved()
    assert scene.before == central.applied()
    assert scene.served.tap(medium(1)).granted
    assert "denied" == scene.served.tap(medium(DENIED)).refusal.reason
    # And the truth is believed afterwards.
    central.answering = lambda _request: None
    sell(site, central, 60)
    central.publish()
    assert central.reached()
    assert scene.served.tap(medium(60)).granted
    assert "denied" == scene.served.tap(medium(DENIED)).refusal.reason


# ------------------------------------------------------------------ attacks that take their time


def test_a_head_that_is_replayed_for_days_makes_nothing_fresh(site, central, serve):
    scene = Scene(site, central, serve)
    known = scene.served.gate._knowledge
    assert until(lambda: known.head_at == scene.log.at)
    asked = len(central.asked)
    for _ in range(20):
        scene.say(scene.before.token)
    sell(site, central, 30)
    central.publish(at=NOW + 60)  # what comes behind them
    assert central.reached()
    assert until(lambda: NOW + 60 == known.head_at)
    assert len(central.asked) - asked < 10
    assert [] == central.unbelieved()


def test_a_frozen_head_ends_by_the_floor(site, central, serve):
    """The broker keeps one head for nine days; signed time comes another way."""
    scene = Scene(site, central, serve)
    scene.served.gate._time.learn(NOW + 9 * DAY)
    scene.say(scene.before.token)
    assert central.refused("head_expired")
    refusal = scene.served.tap(medium(1)).refusal  # by age, as the profile says; the head changed nothing
    assert Reason.KNOWLEDGE_EXPIRED is refusal.reason


def test_who_stole_the_key_for_heads_cannot_keep_the_gate_for_ever(site, central, serve):
    """A version, a position and ranks beyond all that central will reach; then a new key."""
    scene = Scene(site, central, serve)
    victim = newest(scene.log.rows)[0]
    forged = victim._replace(rank=1 << 39, token=b"whatever")
    stolen = scene.log.rows
    scene.log.rows = [*stolen, forged._replace(number=len(stolen) + 1)]
    first = len(stolen) + 1
    manifest = Manifest("pools", first, scene.log.manifest().snapshot, (scene.log.delta(first, first),))
    scene.say(scene.manifest_head(manifest, version=(1 << 40) - 1))
    assert until(lambda: central.applied().version == (1 << 40) - 1)
    scene.log.rows = stolen
    sell(site, central, 50)
    scene.log.fold()
    scene.say(scene.log.publish())
    assert central.refused("head_older")  # the old key is lost for us
    scene.served.stop_now()

    central.distrust(central.key)
    fresh, _ = head_key()
    central.trust(fresh)
    central.key = scene.log.key = fresh
    scene.log.version = 0
    central.publish()
    served = serve(site, link=central.desk.gate_link())
    assert central.reached()
    # What the snapshot overtook leaves the delta right behind it.
    assert until(lambda: forged.token not in [token for _, token in central.recall(victim.key)])
    assert victim.token in [token for _, token in central.recall(victim.key)]
    assert served.tap(medium(50)).granted
    assert "denied" == served.tap(medium(DENIED)).refusal.reason


def test_a_key_that_is_taken_out_while_its_pages_come_brings_nothing(site, central, serve):
    """The thief's key signed a head whose pages are on their way when trust is published without it."""
    scene = Scene(site, central, serve)
    sell(site, central, 50)
    asked = threading.Event()

    def slowly(request):
        if not isinstance(request.want, BlobWanted):
            return None
        asked.set()
        return Answer(request.id, LATER)

    central.answering = slowly
    scene.say(scene.log.publish())
    assert until(asked.is_set)
    stolen, (fresh, _) = central.key, head_key()
    trust = scene.served.gate._trust
    kept = {kid: key for kid, key in trust.keys.items() if kid != stolen.kid}
    trust.replace(kept, trust.profile)
    assert central.refused("head_unknown_key")
    central.answering = lambda _request: None  # and now everything would come
    central.trust(fresh)
    trust.replace(kept | {fresh.kid: central.keys[fresh.kid]}, trust.profile)
    assert scene.before == central.applied()
    central.key = scene.log.key = fresh
    central.publish()
    assert central.reached()
    assert scene.served.tap(medium(50)).granted


def test_a_transfer_ends_with_its_key_though_a_newer_head_is_good(site, central, serve):
    """Else the pages of the thief's head, which never come, would be waited for."""
    scene = Scene(site, central, serve)
    stolen, (fresh, _) = central.key, head_key()
    central.trust(fresh)
    trust = scene.served.gate._trust
    both = trust.keys | {fresh.kid: central.keys[fresh.kid]}
    trust.replace(both, trust.profile)
    sell(site, central, 50)
    scene.say(scene.log.publish())
    never = BlobWanted(scene.log.head().manifest)
    asked = threading.Event()

    def withhold(request):
        if request.want != never:
            return None
        asked.set()
        return Answer(request.id, LATER)

    central.answering = withhold
    assert until(asked.is_set)
    central.key = scene.log.key = fresh
    sell(site, central, 51)
    central.publish()
    assert until(lambda: scene.served.gate._feeding._feed._target.kid == fresh.kid)
    assert scene.before == central.applied()
    trust.replace({kid: key for kid, key in both.items() if kid != stolen.kid}, trust.profile)
    assert central.reached()
    assert scene.served.tap(medium(51)).granted


def test_answers_that_nobody_asked_for_are_counted_and_not_looked_at(site, central, serve):
    scene = Scene(site, central, serve)
    for number in range(300):
        central.say(Answer(number.to_bytes(8, "big"), HERE, bytes(1000)))
    assert until(lambda: scene.served.gate.sync._asking.refused["answer_unasked"])
    assert scene.served.tap(medium(1)).granted
    sell(site, central, 60)
    central.publish()
    assert central.reached()


def test_an_answer_that_comes_twice_counts_once(site, central, serve):
    scene = Scene(site, central, serve)

    def twice(request):
        central.say(central.honest(request))

    central.answering = twice
    sell(site, central, 60)
    central.publish()
    assert central.reached()
    assert until(lambda: scene.served.gate.sync._asking.refused["answer_unasked"])
    assert scene.served.tap(medium(60)).granted


def test_endless_wrong_answers_are_answered_with_ever_longer_waits(site, central, serve):
    scene = Scene(site, central, serve)
    central.answering = lambda request: (
        Answer(request.id, HERE, b"noise") if isinstance(request.want, BlobWanted) else None
    )
    sell(site, central, 60)
    central.publish()
    assert central.refused("manifest_replaced")
    assert until(lambda: len(central.asked) > 4)
    assert len(central.asked) < 30
    assert scene.served.tap(medium(1)).granted
    assert scene.before == central.applied()
