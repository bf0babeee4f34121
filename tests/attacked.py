"""A whole gate in this process that is attacked: clock, reader, barrier, broker simulated, the rest real.

Whatever an attack was, ``refused`` says that it was noticed under its own code, and ``assert_still_works``
that the gate serves as before.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

from gated.devices.simulated.clock import SimulatedClock
from gated.links.memory import MemoryLink
from gated.model.letter import Letter
from gated.model.statement import DenialState, TargetKind
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from gated.wire.seal import SigningKey
from hall import GATE, Hall
from venue import NOW, ServedSite, Site, credential_of, medium, until

GOOD, DENIED = medium(8001), medium(8002)


class Attacked:
    """A gate with one medium that is good and one that is denied.

    Args:
        central: whether the true central serves too; without it, what comes is the attacker's alone.
        lines: of gate.toml's ``[sync]``.

    """

    def __init__(self, path: Path, *, central: bool = False, lines: str = "", now: int = NOW) -> None:
        self.clock = SimulatedClock(now)
        self.site = Site(path, now=now)
        self.hall = Hall(self.site, lines=lines)
        office = self.site.office
        denial = office.deny(
            TargetKind.CREDENTIAL, office.index(credential_of(DENIED)), DenialState.REVOKED, now=now
        )
        tokens = [
            *self.site.give("good", GOOD, "season"),
            *self.site.give("denied", DENIED, "season"),
            denial,
        ]
        self.site.bring(tokens)
        if central:
            self.hall.serve()
        self.served: ServedSite | None = None
        self.start()

    # -------------------------------------------------------------- the gate

    def start(self) -> None:
        """Begin, also again after ``stop``, with the files as they were left."""
        link = MemoryLink(self.hall.broker, GATE)
        self.served = ServedSite(self.site, clock=self.clock, link=link, jitter=lambda: 0.05)
        assert until(lambda: self.gate.sync is not None and self.gate.sync.is_up)

    def stop(self) -> None:
        """End it in order."""
        if self.served is not None:
            self.served.stop_now()
            self.served = None

    def close(self) -> None:
        """End everything."""
        self.stop()
        self.hall.stop()
        self.site.office.close()

    @property
    def gate(self):
        assert self.served is not None
        return self.served.gate

    def advance(self, seconds: float) -> None:
        """Let time pass, and housekeeping see it."""
        self.clock.advance(seconds)
        self.gate.tick()

    # -------------------------------------------------------------- the attacker

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """As the broker's owner: any letter under any topic."""
        self.hall.broker.publish(Letter(topic, payload, retain=retain))

    def office_key(self, name: str = "pools") -> SigningKey:
        """What was stolen from ``secret/``: ``pools`` issues statements, ``pools.ack`` is online."""
        return SigningKey.from_pem((self.hall.directory / "secret" / f"{name}.pem").read_bytes())

    # -------------------------------------------------------------- what came of it

    def rows(self, kind: str = "") -> list[dict[str, Any]]:
        """The journal's events, of one kind."""
        with closing(JournalReader(self.site.state / JOURNAL)) as reader:
            events = [json.loads(row.body) for row in reader.rows()]
        return [event for event in events if kind in ("", event["kind"])]

    def refused(self, what: str, code: str) -> bool:
        """Whether it is journaled, in time, that such a thing came and was not believed."""
        return until(lambda: (what, code) in {(one["what"], one["code"]) for one in self.rows("unbelieved")})

    def counted(self, code: str, count: int = 1) -> bool:
        """Whether the state message tells of it, in time."""
        return until(lambda: self.gate.sync._refused()[code] >= count)

    def counted_one_of(self, codes: set[str]) -> bool:
        """Whether it was counted under one of them, in time."""
        return until(lambda: bool(codes & self.gate.sync._refused().keys()))

    def assert_still_works(self) -> None:
        """The good medium is let in, the denied one is not, and the link stands."""
        assert self.served is not None
        told = self.served.tap(GOOD)
        assert told.granted, told.refusal
        told = self.served.tap(DENIED)
        assert told.refusal is not None, "the denied medium was let in"
        assert "denied" == str(told.refusal.reason)
        assert until(lambda: not self.gate.tick()), self.gate.tick()
        assert until(lambda: self.gate.sync.is_up)
