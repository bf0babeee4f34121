"""A venue to test in: an office, a gate's files, media. Everything real but the hardware."""

from __future__ import annotations

import hashlib
import queue
import random
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from gated.app import RunningGate, World
from gated.central.office import Office, ProductRules, found
from gated.cli.importing import import_file
from gated.config.settings import check
from gated.daemon.messages import Told
from gated.devices.clock import SystemClock
from gated.devices.simulated.barrier import SimulatedBarrier
from gated.devices.simulated.media import PkocMedium
from gated.devices.simulated.reader import SimulatedReader
from gated.model.credential import Assurance, Credential
from gated.model.trust import Algorithm
from gated.store.intake import Intake
from gated.wire.statement_file import frame

NOW = SystemClock().sample().wall - 60  # statements are issued a minute before the test begins
DAY = 86400
PATIENCE_S = 20.0  # no test waits this long unless it fails

PRODUCTS = (
    ProductRules("season"),
    ProductRules("swim1", uses=1),
    ProductRules("swim3", uses=3),
    ProductRules("elsewhere", venues=("vaise",)),
    ProductRules("weak", min_assurance=Assurance.UID_ONLY),
)


def until(reached, timeout_s: float = PATIENCE_S) -> bool:
    """Whether ``reached`` became true in time; looks every few milliseconds."""
    never = threading.Event()
    for _ in range(int(timeout_s / 0.005)):
        if reached():
            return True
        never.wait(0.005)
    return bool(reached())


def medium(number: int) -> PkocMedium:
    """A PKOC medium that follows from a number."""
    drawn = hashlib.sha256(b"medium %d" % number).digest()
    return PkocMedium.from_number(b"\x04" + drawn[:6], int.from_bytes(drawn, "big") >> 2)


def credential_of(carried: PkocMedium) -> Credential:
    return Credential("pkoc", hashlib.sha256(carried.public).digest(), Assurance.ASYMMETRIC)


@dataclass
class Site:
    """A founded office, the files of one gate, and a way to import."""

    path: Path
    lanes: tuple[str, ...] = ("in-1",)
    lane_lines: str = ""
    more: str = ""
    now: int = NOW
    sector: str = "pools"
    algorithm: Algorithm = Algorithm.EDDSA
    products: tuple[ProductRules, ...] = PRODUCTS
    office: Office = field(init=False)

    def __post_init__(self) -> None:
        self.office = found(
            self.path / "central",
            sector=self.sector,
            venues=("bron",),
            products=self.products,
            timezone="Europe/Paris",
            algorithm=self.algorithm,
            now=self.now - DAY,
            key_days=730,
            random=random.Random(str(self.path)).randbytes,
        )
        self.config.write_text(self._toml(), encoding="utf-8")

    @property
    def config(self) -> Path:
        return self.path / "gate.toml"

    @property
    def state(self) -> Path:
        return self.path / "state"

    def _toml(self) -> str:
        gate = self.path / "central" / "gate"
        lanes = "".join(
            f'[[lane]]\nid = "{lane}"\nreader = "simulated"\nbarrier = "simulated"\n{self.lane_lines}\n'
            for lane in self.lanes
        )
        return (
            f'[gate]\nid = "gate-1"\nstate_dir = "state"\n[trust]\nkeys = "{gate}/keys.json"\n'
            f'profile = "{gate}/profile-bron.json"\nsector_key = "{gate}/{self.sector}.sector-key"\n'
            f'[journal]\nballast = "64kB"\n{self.more}\n{lanes}'
        )

    def settings_and_trust(self):
        return check(self.config)

    def give(self, account: str, carried: PkocMedium, product: str | None, **more) -> list[bytes]:
        """Tokens that bind a medium to an account and give it a right."""
        tokens = [self.office.bind(account, credential_of(carried), now=self.now, expires=None)]
        if product is not None:
            tokens.append(self.office.entitle(account, product, now=self.now, **more)[1])
        return tokens

    def statement_file(self, tokens: Iterable[bytes], name: str = "statements.gated") -> Path:
        path = self.path / name
        path.write_bytes(b"".join(map(frame, tokens)))
        return path

    def bring(self, tokens: Iterable[bytes], *, complete: bool = False) -> Intake:
        """Import tokens, as ``gated stick import`` does."""
        _, trust = self.settings_and_trust()
        return import_file(self.statement_file(tokens), self.state, trust, complete=complete)


class ServedSite:
    """A whole gate in this process: simulated reader and barrier per lane, everything else real."""

    def __init__(
        self, site: Site, clock=None, readers=None, barriers=None, indicators=None, link=None, jitter=None
    ) -> None:
        self.told: queue.SimpleQueue[Told] = queue.SimpleQueue()
        self.readers = readers or {lane: SimulatedReader(lane) for lane in site.lanes}
        self.barriers = barriers or {lane: SimulatedBarrier() for lane in site.lanes}
        settings, trust = site.settings_and_trust()
        world = World(readers=self.readers, barriers=self.barriers, watch=self.told.put)
        if clock is not None:
            world.clock = clock
        world.indicators = indicators or world.indicators
        world.link = link
        world.jitter = jitter or world.jitter
        self._stopped = False
        self.gate = RunningGate(settings, trust, world)
        self.unsettled = self.gate.start()

    def tap(self, carried: PkocMedium, lane: str = "in-1") -> Told:
        """Present a medium, wait for what it comes to, take it away."""
        self.readers[lane].present(carried)
        told = self.told.get(timeout=PATIENCE_S)
        self.readers[lane].remove()
        return told

    def stop_now(self) -> None:
        """Stop within the test; the fixture's own stop then does nothing."""
        if not self._stopped:
            self._stopped = True
            assert self.gate.stop()
