"""Where a broker is, and how it is spoken to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

#: What a place agrees with its broker where nobody says otherwise; the fields of ``MqttPlace`` say of what.
KEEPALIVE_S, CONNECT_TIMEOUT_S = 30, 10.0
WINDOW, UNREAD, INBOUND_PER_S, MAX_PACKET = 20, 64, 500, 262_144


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
    keepalive_s: int = KEEPALIVE_S
    #: Name, TCP, TLS, greeting and subscriptions together.
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    #: Letters unanswered at once where the broker allows as many, and received ones untaken.
    window: int = WINDOW
    #: Letters and answers unread; while so many are, nothing more is read from the socket.
    unread: int = UNREAD
    #: Packets read in a second, one more counted for every 16 KiB: a flood costs a bounded share of a core.
    inbound_per_s: int = INBOUND_PER_S
    #: The largest packet that may come.
    max_packet: int = MAX_PACKET
