"""The way to central, put together: link, sync thread, retention."""

from __future__ import annotations

from collections.abc import Callable

from gated import __version__
from gated.app.following import Following, Ground
from gated.config.settings import Settings, SyncSettings
from gated.daemon.asking import Asking
from gated.daemon.beliefs import Trust
from gated.daemon.downlink import Downlink
from gated.daemon.greeting import Identity
from gated.daemon.retention import Retention
from gated.daemon.sync import LAST_WORDS_S, Sync
from gated.daemon.unbelieved import UnbelievedCounter
from gated.daemon.uplink import Uplink
from gated.links.mqtt_place import MqttPlace, TlsFiles
from gated.model.backoff import Backoff
from gated.ports import Clock, Link
from gated.store.directory import JOURNAL
from gated.store.elsewhere_store import ElsewhereStore
from gated.store.intake import StatementStore
from gated.store.outbox import Outbox
from gated.store.sync_note import SYNC_NOTE


class WayToCentral:
    """``sync`` and ``retention``, and what must be closed after them."""

    def __init__(self, ground: Ground, sync: SyncSettings) -> None:
        self.closers: list[Callable[[], None]] = []
        settings, world, time = ground.settings, ground.world, ground.time
        # The sync thread and housekeeping each read the journal, and write the cache, on their own.
        outbox, kept = self._outbox(settings), self._outbox(settings)
        statements = StatementStore(settings.state_dir, ground.trust.profile.sector)
        self.closers.append(statements.close)
        elsewhere, self._old = (self._elsewhere(settings, ground.trust) for _ in range(2))
        backoff = Backoff(world.jitter)
        link = world.link or make_link(settings.gate, sync, world.clock, lambda: time.read().floor)
        unbelieved = UnbelievedCounter(journal=ground.journal, time=time, monotonic=world.clock.monotonic)
        asking = Asking(gate=settings.gate, link=link, key=ground.key, random=world.random)
        uplink = _uplink(ground, sync, link, outbox, backoff)
        following = Following(ground, asking, unbelieved, uplink, elsewhere)
        self.sync = Sync(
            identity=Identity(settings.gate, ground.trust.profile.sector, __version__, ground.key),
            link=link,
            uplink=uplink,
            downlink=Downlink(statements=statements, trust=ground.trust, time=time),
            asking=asking,
            followers=following.followers,
            unbelieved=unbelieved,
            deliveries=following.deliveries,
            outbox=outbox,
            statements=statements,
            time=time,
            clock=world.clock,
            backoff=backoff,
            random=world.random,
            note=settings.state_dir / SYNC_NOTE,
            last_words_s=min(LAST_WORDS_S, 2 * sync.ack_wait_s),
        )
        self.retention = Retention(
            outbox=kept, journal=ground.journal, time=time, retention_s=sync.retention_s
        )

    def forget(self, day: int, shift: int) -> None:
        """Erase what is known of days (yyyymmdd) before these elsewhere. Raises ``StoreError``."""
        self._old.forget(day, shift)

    def _elsewhere(self, settings: Settings, trust: Trust) -> ElsewhereStore:
        store = ElsewhereStore(
            settings.state_dir, settings.gate, trust.profile.venue, settings.state_dir / JOURNAL
        )
        self.closers.append(store.close)
        return store

    def _outbox(self, settings: Settings) -> Outbox:
        outbox = Outbox(settings.state_dir / JOURNAL, settings.gate)
        self.closers.append(outbox.close)
        return outbox


def _uplink(ground: Ground, sync: SyncSettings, link: Link, outbox: Outbox, backoff: Backoff) -> Uplink:
    return Uplink(
        gate=ground.settings.gate,
        link=link,
        outbox=outbox,
        journal=ground.journal,
        key=ground.key,
        trust=ground.trust,
        time=ground.time,
        floors=ground.floors,
        ack_wait_s=sync.ack_wait_s,
        backoff=backoff,
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
