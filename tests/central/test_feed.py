"""The feed of a sector: whatever was issued, manifest and pages of a head are the very set that it signs."""

from __future__ import annotations

import random
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gated.central.ack_keys import AckKeys
from gated.central.blobs import KEEP_S, Blobs
from gated.central.feed import FRESH_S, Feed, Much
from gated.central.feed_cut import Pages, cut, ranges
from gated.central.ledger import Ledger
from gated.central.ledger_feed import newest_head
from gated.central.office import Office, ProductRules, found
from gated.config.files import load_keys
from gated.credential.message import open_message
from gated.credential.statement import open_statement
from gated.errors import ConfigError, StoreError
from gated.model.credential import Assurance, Credential
from gated.model.statement import KIND_NUMBERS, DenialState, Kind, Row, TargetKind, place_of
from gated.model.trust import Algorithm
from gated.wire.blob import name_of
from gated.wire.head import LIFE_S, read_head
from gated.wire.manifest import read_index, read_manifest
from gated.wire.page import read_page
from set_opinion import second_opinion

NOW = 1_800_000_000
USUAL = Much()


class City:
    """An office with a feed, and the eyes of a gate: what it can know from a head and blobs alone."""

    def __init__(self, place: Path, sector: str = "pools", now: int = NOW) -> None:
        self.place, self.now = place, now
        self.office: Office = found(
            place,
            sector=sector,
            venues=[f"at-{sector}"],
            products=[ProductRules("season")],
            timezone="Europe/Paris",
            algorithm=Algorithm.EDDSA,
            now=now,
            key_days=30,
            random=random.Random(sector).randbytes,
        )
        self.ledger = Ledger(place / "central.db")
        self.keys = load_keys(place / "gate" / "keys.json")
        self.feed = self.again(Blobs(place, sector))

    def again(self, blobs: Blobs | None = None, ledger: Ledger | None = None, much: Much = USUAL) -> Feed:
        """The feed of somebody who begins anew."""
        blobs = blobs or Blobs(self.place, self.feed.sector)
        return Feed(blobs, ledger or self.ledger, AckKeys.load(self.place), lambda: self.now, much)

    def close(self) -> None:
        self.office.close()
        self.ledger.close()

    def issue(self, count: int) -> None:
        with self.office.at_once():
            for number in range(count):
                self.office.entitle(f"account {number}", "season", now=self.now)

    def head(self):
        """The newest head, opened as a gate opens it."""
        return self.opened(newest_head(self.ledger, self.feed.sector).token)

    def opened(self, token: bytes):
        return read_head(open_message(token, Kind.HEAD, self.keys, self.feed.sector, self.now))

    def blob(self, name: bytes) -> bytes:
        blob = self.feed.blobs.get(name)
        assert blob is not None
        assert name == name_of(blob)
        return blob

    def rebuilt(self) -> dict[tuple[bytes, int, bytes], Row]:
        """What a gate that has nothing makes of the newest head; all laws of the format are checked."""
        head = self.head()
        manifest = read_manifest(self.blob(head.manifest))
        assert (head.position, head.sector) == (manifest.position, manifest.sector)
        found: dict[tuple[bytes, int, bytes], Row] = {}
        for indexes, denied in ((manifest.snapshot.denials, True), (manifest.snapshot.pages, False)):
            rows = [
                row
                for index in indexes
                for page in read_index(self.blob(index))
                for row in read_page(self.blob(page))
            ]
            assert rows == sorted(rows)
            assert all(row.number <= manifest.snapshot.position for row in rows)
            assert all((row.kind == KIND_NUMBERS[Kind.DENIAL]) is denied for row in rows)
            assert not found.keys() & {row[:3] for row in rows}
            found |= {row[:3]: row for row in rows}
        assert manifest.snapshot.rows == len(found)
        for delta in manifest.deltas:
            for name, denied in ((delta.denials, True), (delta.others, False)):
                for row in read_page(self.blob(name)) if name else []:
                    assert delta.first <= row.number <= delta.last
                    assert (row.kind == KIND_NUMBERS[Kind.DENIAL]) is denied
                    if row[:3] not in found or found[row[:3]].rank < row.rank:
                        found[row[:3]] = row
        assert (head.rows, head.set_) == (len(found), second_opinion(sorted(found.values())))
        return found

    def truth(self) -> dict[tuple[bytes, int, bytes], tuple[int, bytes]]:
        """The same from the log, by verifying every token of it."""
        found: dict = {}
        for token, number in self.ledger.rows("SELECT token, number FROM statement WHERE sector = 'pools'"):
            statement = open_statement(token, self.keys, NOW)
            kind, row_id = place_of(statement)
            place = statement.key, KIND_NUMBERS[kind], row_id
            found[place] = max(found.get(place, (-1, b"", 0)), (statement.rank, token, number))
        return found


@pytest.fixture
def city(tmp_path):
    with closing(City(tmp_path / "city")) as made:
        yield made


KEEPERS = st.integers(0, 5)
STEPS = st.one_of(
    st.tuples(st.just("bind"), KEEPERS),
    st.tuples(st.just("entitle"), KEEPERS),
    st.tuples(st.just("revise"), KEEPERS),
    st.tuples(st.just("deny"), KEEPERS, st.sampled_from(TargetKind), st.sampled_from(DenialState)),
    st.tuples(st.just("many"), st.integers(1, 90)),
    st.tuples(st.just("head")),
    st.tuples(st.just("snapshot")),
    st.tuples(st.just("restart")),
    st.tuples(st.just("later"), st.integers(0, 60 * 3600)),
)


class Steps:
    """Carries out what hypothesis draws."""

    def __init__(self, city: City) -> None:
        self.city, self.rights = city, [bytes([number] * 8) for number in range(6)]

    def bind(self, who):
        self.city.office.bind(
            f"a{who}", Credential("pkoc", bytes([who]) * 32, Assurance.ASYMMETRIC), now=NOW, expires=None
        )

    def entitle(self, who):
        self.rights[who], _ = self.city.office.entitle(f"a{who}", "season", now=NOW)

    def revise(self, who):
        self.city.office.entitle(f"a{who}", "season", now=NOW, entitlement=self.rights[who])

    def deny(self, who, kind, state):
        targets = {
            TargetKind.PASS: self.city.office.pass_of(f"a{who}"),
            TargetKind.ENTITLEMENT: self.rights[who],
            TargetKind.CREDENTIAL: self.city.office.index(
                Credential("pkoc", bytes([who]) * 32, Assurance.ASYMMETRIC)
            ),
        }
        with suppress(ConfigError):  # revoked, which is for good
            self.city.office.deny(kind, targets[kind], state, now=NOW)

    def many(self, count):
        self.city.issue(count)

    def head(self):
        before = self.city.feed.head
        assert self.city.feed.make_head() is not None
        assert self.city.feed.head.version == (before.version if before else 0) + 1
        self.check()

    def snapshot(self):
        head = self.city.feed.make_snapshot(lambda _: None)
        assert read_manifest(self.city.blob(head.manifest)).snapshot.position == head.position
        self.check()

    def restart(self):
        self.city.feed = self.city.again()

    def later(self, seconds):
        self.city.now += seconds
        assert self.city.feed.tidy()
        if self.city.feed.head is not None:
            self.city.rebuilt()  # of an old head nothing was dropped that the newest needs

    def check(self):
        rebuilt = {place: (row.rank, row.token, row.number) for place, row in self.city.rebuilt().items()}
        assert self.city.truth() == rebuilt


@settings(deadline=None, max_examples=20)
@given(st.lists(STEPS, max_size=12))
def test_manifest_and_pages_of_any_head_are_the_set_that_it_signs(steps):
    with TemporaryDirectory() as place, closing(City(Path(place) / "city")) as city:
        carried = Steps(city)
        for name, *arguments in steps:
            getattr(carried, name)(*arguments)
        carried.head()


def test_a_head_says_how_far_the_log_goes_and_is_the_offices(city):
    assert city.feed.is_due()
    city.feed.make_head()
    empty = city.head()
    assert (1, 0, 0, NOW, NOW + LIFE_S) == (
        empty.version,
        empty.position,
        empty.rows,
        empty.at,
        empty.expires,
    )
    city.issue(3)
    assert city.feed.is_due()
    city.feed.make_head()
    head = city.head()
    assert (2, 3, 3) == (head.version, head.position, head.rows)
    assert head.set_ != empty.set_
    assert not city.feed.is_due()


def test_a_heads_time_stays_fresh_and_nothing_else_changes(city):
    city.issue(3)
    city.feed.make_head()
    first = city.head()
    city.now += FRESH_S - 1
    assert not city.feed.is_due()
    city.now += 1
    assert city.feed.is_due()
    city.feed.make_head()
    second = city.head()
    assert (2, NOW + FRESH_S) == (second.version, second.at)
    same = [(one.position, one.rows, one.set_, one.manifest) for one in (first, second)]
    assert same[0] == same[1]
    city.now -= 86400  # the clock was wrong, and was set right
    assert city.feed.is_due()


@pytest.mark.parametrize(
    ("first", "last", "sizes"),
    [
        (1, 0, []),
        (1, 1, [1]),
        (1, 9, [8, 1]),
        (1, 520, [512, 8]),
        (1, 1000, [512] + [64] * 7 + [8] * 5),
        (500, 1100, [1, *[1] * 4, 8, 512, 64, 8, 1, 1, 1, 1]),
    ],
)
def test_deltas_lie_in_aligned_ranges(first, last, sizes):
    found = list(ranges(first, last))
    assert sizes == [end - begin + 1 for begin, end in found]
    assert list(range(first, last + 1)) == [one for begin, end in found for one in range(begin, end + 1)]
    assert all((begin - 1) % (end - begin + 1) == 0 for begin, end in found)


def test_a_gate_that_is_one_behind_fetches_one_small_page(city):
    city.issue(600)
    city.feed.make_head()
    before = {name for delta in city.feed.manifest.deltas for name in (delta.denials, delta.others) if name}
    city.issue(1)
    city.feed.make_head()
    after = {name for delta in city.feed.manifest.deltas for name in (delta.denials, delta.others) if name}
    (new,) = after - before
    assert len(city.blob(new)) < 300
    assert [512, 64, 8, 8, 8, 1] == [delta.last - delta.first + 1 for delta in city.feed.manifest.deltas]


def test_what_does_not_fit_into_a_page_is_cut_smaller_and_stays_so(city):
    with city.office.at_once():
        for number in range(512):
            city.office.entitle(f"a{number}", "season", now=NOW, hours="Mo-Fr 07:00-09:00; " * 10 + "Sa off")
    city.feed.make_head()
    assert [64] * 8 == [delta.last - delta.first + 1 for delta in city.feed.manifest.deltas]
    city.rebuilt()
    cut_before = city.feed.manifest.deltas
    names = {path.name for path in city.feed.blobs.folder.iterdir()}
    city.issue(1)
    city.feed.make_head()
    assert cut_before == city.feed.manifest.deltas[:8]
    assert 2 == len({path.name for path in city.feed.blobs.folder.iterdir()} - names)  # a page, a manifest
    city.rebuilt()


def test_pages_of_a_snapshot_are_as_full_as_they_may_be():
    noise, blobs = random.Random(1), {}

    def put(blob):
        blobs[name_of(blob)] = blob
        return name_of(blob)

    pages = Pages(put)
    rows = [
        Row(number.to_bytes(16, "big"), 0, b"", 0, noise.randbytes(700), number + 1) for number in range(900)
    ]
    for row in rows:
        pages.add(row)
    (index,) = pages.done()
    names = read_index(blobs[index])
    assert rows == [row for name in names for row in read_page(blobs[name])]
    assert max(len(blobs[name]) for name in names) <= 120_000
    assert 6 <= len(names) <= 12


def test_a_snapshot_is_due_after_many_statements(city):
    city.feed = city.again(much=Much(statements=10))
    city.issue(10)
    assert not city.feed.wants_snapshot()
    city.feed.make_head()
    city.issue(1)
    assert city.feed.wants_snapshot()
    assert city.feed.make_head() is not None  # few came since the last head: it need not wait
    city.feed.make_snapshot(lambda _: None)
    assert not city.feed.wants_snapshot()
    assert ((), 11) == (city.feed.manifest.deltas, city.feed.manifest.snapshot.position)
    city.issue(11)
    assert city.feed.make_head() is None  # so many are sooner cut as a snapshot
    city.feed.make_snapshot(lambda _: None)
    city.rebuilt()


def test_a_snapshot_is_due_after_many_deltas(city):
    city.feed = city.again(much=Much(deltas=3))
    city.issue(3)
    city.feed.make_head()
    assert not city.feed.wants_snapshot()
    city.issue(1)
    city.feed.make_head()
    assert city.feed.wants_snapshot()


def test_the_first_head_of_a_large_office_waits_for_its_snapshot(city):
    city.feed = city.again(much=Much(statements=10))
    city.issue(11)
    assert city.feed.make_head() is None
    assert city.feed.make_snapshot(lambda _: None).position == 11
    assert 11 == len(city.rebuilt())


def test_what_is_issued_while_a_snapshot_is_made_follows_as_deltas(city):
    city.issue(7)
    head = city.feed.make_snapshot(lambda count: city.issue(5) if count == 7 else None)
    assert (12, 7) == (head.position, city.feed.manifest.snapshot.position)
    assert [(8, 8), (9, 9), (10, 10), (11, 11), (12, 12)] == [
        (delta.first, delta.last) for delta in city.feed.manifest.deltas
    ]
    assert 12 == len(city.rebuilt())


class Cut(Blobs):
    """Ends like a process that is killed, before a blob is put or after it."""

    def __init__(self, place, lives: int, *, after: bool) -> None:
        super().__init__(place, "pools")
        self.lives, self.after = lives, after

    def put(self, blob, now):
        self.lives -= 1
        if self.lives == 0 and self.after:
            super().put(blob, now)
        if self.lives <= 0:
            raise KeyboardInterrupt
        return super().put(blob, now)


@pytest.mark.parametrize("after", [False, True])
def test_whenever_it_is_cut_off_the_last_head_stays_whole_and_the_next_comes(city, after):
    city.issue(20)
    city.office.deny(TargetKind.PASS, bytes(16), DenialState.REVOKED, now=NOW)
    city.feed.make_snapshot(lambda _: None)
    city.issue(20)
    for lives in range(1, 20):
        version = city.head().version
        dying = city.again(Cut(city.place, lives, after=after))
        make = dying.make_head if lives % 2 else lambda dying=dying: dying.make_snapshot(lambda _: None)
        city.issue(1)
        with suppress(KeyboardInterrupt):
            make()
        assert version <= city.head().version
        city.rebuilt()
        city.feed = city.again()
        if city.feed.is_due():
            assert city.feed.make_head() is not None
        assert city.feed.tidy()
        assert city.head().position == len(city.truth()) == len(city.rebuilt())


def test_one_snapshot_is_made_at_a_time(city):
    city.issue(2)
    with Blobs(city.place, "pools").alone() as alone:
        assert alone
        assert city.feed.make_snapshot(lambda _: None) is None
    assert city.feed.make_snapshot(lambda _: None) is not None


class Meddled(Blobs):
    """In the moment between cutting and keeping, something happens once."""

    def __init__(self, place, meanwhile) -> None:
        super().__init__(place, "pools")
        self.meanwhile = meanwhile

    def settle(self) -> None:
        super().settle()
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()


def test_of_two_who_make_a_head_one_wins(city):
    city.issue(2)
    city.feed.make_head()
    city.issue(1)
    with closing(Ledger(city.place / "central.db")) as ledger:
        other = city.again(ledger=ledger)
        assert city.again(Meddled(city.place, other.make_head)).make_head() is None
    assert (2, 3) == (city.head().version, city.head().position)
    city.rebuilt()


def test_a_snapshot_is_kept_although_somebody_else_made_a_head_meanwhile(city):
    city.issue(2)
    with closing(Ledger(city.place / "central.db")) as ledger:
        other = city.again(ledger=ledger)
        head = city.again(Meddled(city.place, other.make_head)).make_snapshot(lambda _: None)
    assert (2, 2) == (head.version, city.feed.manifest.snapshot.position)


def test_a_bucket_that_changes_while_a_head_is_made_is_counted_by_the_next(city):
    city.issue(1)
    meddled = Meddled(city.place, lambda: city.office.entitle("account 0", "season", now=NOW))
    city.again(meddled).make_head()
    assert (1, 1) == (city.head().position, city.head().rows)
    city.rebuilt()
    city.feed.make_head()
    assert 2 == len(city.rebuilt())


def test_what_no_head_has_named_for_two_days_goes(city):
    city.issue(1)
    city.feed.make_head()
    first = city.feed.head.manifest
    city.issue(7)
    city.feed.make_head()
    city.now += KEEP_S
    assert city.feed.tidy()
    assert city.feed.blobs.has(first)
    city.now += 1
    assert city.feed.tidy()
    assert not city.feed.blobs.has(first)
    city.rebuilt()


def test_a_lost_or_damaged_blob_is_noticed_and_a_snapshot_heals(city):
    city.issue(70)
    city.feed.make_snapshot(lambda _: None)
    city.issue(70)
    city.feed.make_head()
    for pick in (
        lambda manifest: manifest.deltas[0].others,
        lambda manifest: manifest.snapshot.pages[0],
        lambda manifest: read_index(city.blob(manifest.snapshot.pages[0]))[0],
        lambda _: city.feed.head.manifest,
    ):
        name = pick(city.feed.manifest)
        path = city.feed.blobs.folder / name.hex()
        path.write_bytes(path.read_bytes()[:-1])
        assert city.feed.blobs.get(name) is None
        city.feed = city.again()
        assert not city.feed.tidy()
        city.feed.make_snapshot(lambda _: None)
        assert city.feed.tidy()
        assert 140 == len(city.rebuilt())


def test_a_folder_that_was_emptied_is_filled_again(city):
    city.issue(9)
    city.feed.make_head()
    for path in city.feed.blobs.folder.iterdir():
        path.unlink()
    city.feed = city.again()
    assert city.feed.make_head() is not None
    assert 9 == len(city.rebuilt())


def test_a_key_that_may_not_sign_heads_is_told(city):
    city.now += 30 * 86400
    with pytest.raises(ConfigError, match="no gate would believe a head of sector 'pools'"):
        city.feed.make_head()
    with pytest.raises(ConfigError, match="without kind head"):
        city.feed.make_snapshot(lambda _: None)


def test_a_folder_that_cannot_be_written_is_told(city):
    (city.place / "feed").write_bytes(b"a file where a folder should be")
    city.issue(1)
    for make in (city.feed.make_head, lambda: city.feed.make_snapshot(lambda _: None)):
        with pytest.raises(StoreError, match="feed/pools cannot be used"):
            make()
    assert city.feed.head is None


def test_a_statement_that_the_log_lost_is_passed_over(city):
    city.issue(1)
    city.ledger.execute("UPDATE statement SET token = x'00'")
    assert [] == [
        name
        for delta in cut(city.ledger, "pools", 1, 1, lambda _: b"page")
        for name in (delta.denials, delta.others)
        if name
    ]


def test_an_older_ledger_is_read_once_and_has_the_same_feed(city):
    carried = Steps(city)
    for who in range(3):
        carried.bind(who)
        carried.entitle(who)
        carried.revise(who)
        carried.deny(who, TargetKind.PASS, DenialState.BLOCKED)
        carried.deny(who, TargetKind.PASS, DenialState.LIFTED)
    before = [city.ledger.rows(f"SELECT * FROM {table}") for table in ("place", "bucket")]
    assert 9 == len(before[0])
    with city.ledger.transaction():
        city.ledger.execute("INSERT INTO statement SELECT sector, 99, at, x'00', 0 FROM statement LIMIT 1")
        for table in ("place", "bucket", "head"):
            city.ledger.execute(f"DROP TABLE {table}")
        city.ledger.execute("DELETE FROM _sqlite_migrations WHERE name = '0006_feed'")
    city.ledger.close()
    city.ledger = Ledger(city.place / "central.db")
    assert before == [city.ledger.rows(f"SELECT * FROM {table}") for table in ("place", "bucket")]
    city.ledger.execute("DELETE FROM statement WHERE number = 99")
    city.feed = city.again()
    carried.head()


def test_two_sectors_have_two_feeds(tmp_path):
    with closing(City(tmp_path / "city")) as pools, closing(City(tmp_path / "city", "museums")) as museums:
        pools.issue(3)
        museums.issue(2)
        pools.feed.make_head()
        museums.feed.make_head()
        assert (3, 2) == (len(pools.rebuilt()), len(museums.rebuilt()))
        assert pools.feed.blobs.folder != museums.feed.blobs.folder
