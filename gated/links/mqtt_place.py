"""Where a broker is, and how it is spoken to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of a mutual TLS: who may sign brokers, who we are, and our private key."""

    ca: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class MqttPlace:
    """A broker, and what we agree with it.

    ``tls`` None is plain TCP: for a broker on this machine. Sizes are bytes, times seconds.
    """

    host: str
    port: int
    client_id: str
    tls: TlsFiles | None
    #: A dead link is noticed within twice this, plus an eighth.
    keepalive_s: int = 30
    #: Name, TCP, TLS, greeting and subscriptions together.
    connect_timeout_s: float = 10.0
    #: Letters unanswered at once where the broker allows as many, and received ones untaken.
    window: int = 20
    #: Letters and answers unread; while so many are, nothing more is read from the socket.
    unread: int = 64
    #: Packets read in a second, one more counted for every 16 KiB: a flood costs a bounded share of a core.
    inbound_per_s: int = 500
    #: The largest packet that may come.
    max_packet: int = 262_144
