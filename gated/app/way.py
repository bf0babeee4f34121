"""The way to central, put together: link, sync thread, retention."""

from __future__ import annotations

from collections.abc import Callable

from gated import __version__
from gated.app.world import World
from gated.config.settings import Settings, SyncSettings
from gated.daemon.asking import Asking
from gated.daemon.downlink import Downlink
from gated.daemon.greeting import Identity
from gated.daemon.knowledge import Knowledge
from gated.daemon.pulse import PulseFollower
from gated.daemon.recall import Trust
from gated.daemon.retention import Retention
from gated.daemon.sync import LAST_WORDS_S, Sync
from gated.daemon.timekeeper import TimeKeeper
from gated.daemon.unbelieved import UnbelievedCounter
from gated.daemon.uplink import Uplink
from gated.links.mqtt_place import MqttPlace, TlsFiles
from gated.model.backoff import Backoff
from gated.ports import Clock, Link
from gated.store.directory import JOURNAL
from gated.store.intake import StatementStore
from gated.store.journal import Journal
from gated.store.outbox import Outbox
from gated.store.sync_note import SYNC_NOTE
from gated.wire.seal import SigningKey


class WayToCentral:
    """``sync`` and ``retention``, and what must be closed after them."""

    def __init__(
        self,
        settings: Settings,
        sync: SyncSettings,
        key: SigningKey,
        trust: Trust,
        world: World,
        journal: Journal,
        time: TimeKeeper,
        knowledge: Knowledge,
    ) -> None:
        self.closers: list[Callable[[], None]] = []
        # The sync thread and housekeeping each read the journal, and write the cache, on their own.
        outbox, kept = self._outbox(settings), self._outbox(settings)
        statements = StatementStore(settings.state_dir, trust.profile.sector)
        self.closers.append(statements.close)
        backoff = Backoff(world.jitter)
        unbelieved = UnbelievedCounter(journal=journal, time=time, monotonic=world.clock.monotonic)
        link = world.link or make_link(settings.gate, sync, world.clock, lambda: time.read().floor)
        uplink = Uplink(
            gate=settings.gate,
            link=link,
            outbox=outbox,
            journal=journal,
            key=key,
            trust=trust,
            time=time,
            ack_wait_s=sync.ack_wait_s,
            backoff=backoff,
        )
        asking = Asking(gate=settings.gate, link=link, key=key, random=world.random)
        pulse = _pulse(settings.gate, asking, trust, world, time, knowledge, unbelieved)
        self.retention = Retention(outbox=kept, journal=journal, time=time, retention_s=sync.retention_s)
        self.sync = Sync(
            identity=Identity(settings.gate, trust.profile.sector, __version__, key),
            link=link,
            uplink=uplink,
            downlink=Downlink(statements=statements, trust=trust, time=time),
            asking=asking,
            followers=(pulse,),
            unbelieved=unbelieved,
            outbox=outbox,
            statements=statements,
            time=time,
            clock=world.clock,
            backoff=backoff,
            random=world.random,
            note=settings.state_dir / SYNC_NOTE,
            last_words_s=min(LAST_WORDS_S, 2 * sync.ack_wait_s),
        )

    def _outbox(self, settings: Settings) -> Outbox:
        outbox = Outbox(settings.state_dir / JOURNAL, settings.gate)
        self.closers.append(outbox.close)
        return outbox


def _pulse(
    gate: str,
    asking: Asking,
    trust: Trust,
    world: World,
    time: TimeKeeper,
    knowledge: Knowledge,
    unbelieved: UnbelievedCounter,
) -> PulseFollower:
    return PulseFollower(
        gate=gate,
        asking=asking,
        trust=trust,
        time=time,
        knowledge=knowledge,
        unbelieved=unbelieved,
        monotonic=world.clock.monotonic,
        random=world.random,
    )


def tls_files(sync: SyncSettings) -> TlsFiles | None:
    """The files of this gate's side of TLS; None for a broker on this machine that is spoken to without."""
    if not sync.broker.tls:
        return None
    identity = sync.identity
    return TlsFiles(ca=identity / "ca.crt", certificate=identity / "gate.crt", key=identity / "gate.key")


def make_link(gate: str, sync: SyncSettings, clock: Clock, floor: Callable[[], int]) -> Link:
    """The link to the broker that a configuration names. It connects when the sync thread opens it."""
    from gated.links.mqtt import MqttLink  # noqa: PLC0415  # a gate without sync does not load paho

    place = MqttPlace(
        host=sync.broker.host,
        port=sync.broker.port,
        client_id=gate,
        tls=tls_files(sync),
        keepalive_s=round(sync.keepalive_s),
    )
    return MqttLink(place, floor=floor, monotonic=clock.monotonic)
