"""A gate's follower of use records by itself: central is played by hand, the clock is ours."""

from __future__ import annotations

from datetime import UTC

from gated.credential.message import MESSAGE_TYPES
from gated.daemon.beliefs import Trust
from gated.daemon.knowledge import Knowledge, Pulse
from gated.daemon.timekeeper import TimeKeeper
from gated.daemon.unbelieved import UnbelievedCounter
from gated.daemon.uses import UsesFollower
from gated.devices.simulated.clock import SimulatedClock
from gated.model.statement import Kind
from gated.model.trust import Algorithm, TrustedKey
from gated.model.venue import Profile
from gated.store.elsewhere_store import ElsewhereStore
from gated.store.floors import Floors
from gated.store.intake import StatementStore
from gated.wire import topics
from gated.wire.request import HERE, LATER, NO_SUCH_THING, Answer
from gated.wire.seal import SigningKey
from gated.wire.uses import UseRecord, Uses, encode_uses
from store.test_journal import NOW, open_journal

GATE, SECTOR, VENUE, DAY = "gate-1", "pools", "bron", 20270115
FAR = 1 << 40


class Questions:
    """Stands where ``Asking`` does: what was asked, answered when a test wants it."""

    def __init__(self) -> None:
        self.asked = []

    def ask(self, want, told) -> None:
        self.asked.append((want, told))

    def answer(self, body: bytes | None = None, code: int = NO_SUCH_THING) -> None:
        """The oldest question that waits."""
        _, told = self.asked.pop(0)
        told(Answer(bytes(8), HERE, body) if body else Answer(bytes(8), code))

    def later(self) -> None:
        self.answer(code=LATER)

    def lose(self) -> None:
        """No answer came."""
        self.asked.pop(0)[1](None)


class Following:
    """The follower with its store, and the key that it believes."""

    def __init__(self, path, *, gate: str = GATE, now: int = NOW) -> None:
        self.path = path
        StatementStore(path, SECTOR).close()
        self.clock = SimulatedClock(now)
        self.journal = open_journal(path / "journal.db")
        self.journal.start()
        self.time = TimeKeeper(self.clock, Floors(self.journal, path / "floors.json"))
        self.time.learn(now)
        self.key = SigningKey.generate(Algorithm.EDDSA)
        self.trust = Trust({self.key.kid: self.trusted(self.key)}, bytes(32), Profile(VENUE, SECTOR, UTC, 1))
        self.knowledge = Knowledge(self.clock.monotonic)
        self.unbelieved = UnbelievedCounter(
            journal=self.journal, time=self.time, monotonic=self.clock.monotonic
        )
        self.store = ElsewhereStore(path, gate, VENUE, path / "journal.db")
        self.central = Questions()
        self.follower = UsesFollower(
            trust=self.trust,
            time=self.time,
            store=self.store,
            journal=self.journal,
            asking=self.central,
            knowledge=self.knowledge,
            unbelieved=self.unbelieved,
        )

    def close(self) -> None:
        self.store.close()
        self.journal.stop(10)

    def trusted(self, key, kinds=(Kind.USES,), sectors=(SECTOR,), expires=FAR) -> TrustedKey:
        return TrustedKey(
            key.kid, key.algorithm, key.public, frozenset(sectors), frozenset(kinds), 0, expires
        )

    # -------------------------------------------------------------- central, by hand

    def told(self, after: int, upto: int, *records, at: int = NOW, sector: str = SECTOR) -> Uses:
        return Uses(sector, after, upto, at, records)

    def sign(self, told: Uses | bytes, *, key=None, kind=Kind.USES) -> bytes:
        payload = told if isinstance(told, bytes) else encode_uses(told)
        return (key or self.key).sign(MESSAGE_TYPES[kind], payload)

    def hear(self, token: bytes) -> None:
        self.follower.heard(topics.uses(SECTOR), token, self.clock.monotonic())

    def hears(self, after: int, upto: int, *records, **more) -> None:
        self.hear(self.sign(self.told(after, upto, *records, **more)))

    def pulse(self, uses: int) -> None:
        self.knowledge.pulse = Pulse(NOW, 0, uses, 0, self.clock.monotonic())

    def turn(self, seconds: float = 0.0) -> None:
        self.clock.advance(seconds)
        self.follower.turn(self.clock.monotonic())

    def up_to_date(self, uses: int = 0) -> Following:
        """A link was opened, central was asked, and had nothing."""
        self.follower.begin(self.clock.monotonic())
        self.turn()
        self.central.answer()
        self.pulse(uses)
        self.turn()
        return self

    # -------------------------------------------------------------- what came of it

    @property
    def wanted(self) -> list[int]:
        """The numbers after which was asked."""
        return [want.after for want, _ in self.central.asked]

    @property
    def refused(self) -> dict[str, int]:
        return dict(self.unbelieved.refused)

    def taken(self) -> int:
        return self.store._connection.execute("SELECT coalesce(sum(taken), 0) FROM used").fetchone()[0]


def use(taken: int = 1, *, gate: str = "gate-2", cti: bytes = bytes(8), last_at: int = NOW - 9) -> UseRecord:
    return UseRecord(cti, gate, DAY, VENUE, taken, last_at)
