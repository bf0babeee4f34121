"""A gate's post of commands on its real journal and floors, with a lane that only notes what it is told."""

from __future__ import annotations

from dataclasses import replace

from gated.credential.message import MESSAGE_TYPES
from gated.daemon.beliefs import Trust
from gated.daemon.commands import Commands
from gated.daemon.messages import Answer
from gated.daemon.unbelieved import UnbelievedCounter
from gated.devices.simulated.clock import SimulatedClock
from gated.model.statement import Kind
from gated.model.trust import Algorithm, TrustedKey
from gated.store.floors import Floors
from gated.store.journal import Journal
from gated.wire.command import Command, What, encode_command
from gated.wire.seal import SigningKey
from questions import NOW, profile, reading
from store.test_journal import rows

GATE, SECTOR = "bron-1", "pools"
FAR = 1 << 40


class Lane:
    """Takes orders, and answers when it is told to."""

    def __init__(self, id_: str) -> None:
        self.id = id_
        self.orders = []
        self._asked = []

    def post(self, message) -> None:
        self.orders.append(message)
        self._asked.append(message)

    def obey(self, refused=None) -> None:
        """Answer whatever was asked."""
        while self._asked:
            self._asked.pop(0).answer(Answer(self.id, refused))


class KnownTime:
    """A gate that knows what time it is, until a test says otherwise."""

    def __init__(self) -> None:
        self.now = reading(NOW, ceiling=NOW + 1)

    def read(self):
        return self.now

    def is_now(self, **more) -> None:
        self.now = replace(self.now, **more)


class Post:
    """The gate, the keys that it knows, and whoever signs commands."""

    def __init__(self, path) -> None:
        self.path = path
        self.office, self.museums, self.acks = (SigningKey.generate(Algorithm.EDDSA) for _ in range(3))
        self.keys = {
            key.kid: TrustedKey(key.kid, key.algorithm, key.public, frozenset({sector}), kinds, 0, FAR)
            for key, sector, kinds in (
                (self.office, SECTOR, frozenset({Kind.COMMAND})),
                (self.museums, "museums", frozenset({Kind.COMMAND})),
                (self.acks, SECTOR, frozenset({Kind.ACK, Kind.HEAD, Kind.TIME})),
            )
        }
        self.counter = 0
        self.lanes = [Lane("in-1"), Lane("out-1")]
        self.time = KnownTime()
        self.clock = SimulatedClock(NOW)
        self.refreshed = 0
        self.start()

    def start(self) -> None:
        path = self.path / "journal.db"
        self.journal = Journal(
            path, gate=GATE, machine="m", epoch="00" * 8, began_at=NOW, unknown_counts=True
        )
        self.journal.start()
        self.commands = Commands(
            gate=GATE,
            trust=Trust(self.keys, bytes(32), profile()),
            time=self.time,
            floors=Floors(self.journal, self.path / "floors.json"),
            journal=self.journal,
            unbelieved=UnbelievedCounter(
                journal=self.journal, time=self.time, monotonic=self.clock.monotonic
            ),
            monotonic=self.clock.monotonic,
            lanes=lambda: self.lanes,
            refresh=self._refresh,
            status=lambda: {"unsent": 3},
        )

    def stop(self) -> None:
        self.journal.stop(10)

    def restart(self) -> None:
        self.stop()
        self.start()

    def _refresh(self, now: float) -> None:
        assert now == self.clock.monotonic()
        self.refreshed += 1

    # -------------------------------------------------------------- commanding

    def command(self, what=What.OPEN, **more) -> Command:
        """The next command of the office: as a rule to let one person through."""
        self.counter += 1
        usual = {"lane": "in-1", "persons": 1} if what is What.OPEN else {}
        at = more.pop("at", NOW)
        usual |= {
            "gate": GATE, "counter": self.counter, "at": at, "expires": at + 60, "by": "Mia",
            "reason": "pram",
        }  # fmt: skip
        return Command(what=what, **(usual | more))

    def signed(self, command: Command, key=None, kind=Kind.COMMAND) -> bytes:
        return (key or self.office).sign(MESSAGE_TYPES[kind], encode_command(command))

    def say(self, command: Command, **more) -> bytes:
        token = self.signed(command, **more)
        self.hear(token)
        return token

    def hear(self, token: bytes) -> None:
        self.commands.heard(self.commands.topics[0], token, self.clock.monotonic())

    # -------------------------------------------------------------- what came of it

    @property
    def orders(self) -> list:
        return [order for lane in self.lanes for order in lane.orders]

    def rows(self, *kinds: str) -> list[dict]:
        """What the journal has of some kinds, each row without its header."""
        assert self.journal.do(lambda _connection: None).wait(10)
        header = {"v", "seq", "at", "wall", "boot", "up", "clock", "kind"}
        return [
            {name: value for name, value in row.items() if name not in header}
            for row in rows(self.path / "journal.db")
            if row["kind"] in kinds
        ]

    def refused(self) -> list[str]:
        """Codes of what was not believed, as the journal has them."""
        assert all(row["what"] == "command" for row in self.rows("unbelieved"))
        return [row["code"] for row in self.rows("unbelieved")]
