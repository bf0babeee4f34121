"""Where a broker is, and how it is spoken to."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

TLS_PORT, PLAIN_PORT = 8883, 1883
#: What a place agrees with its broker where nobody says otherwise; the fields of ``MqttPlace`` say of what.
KEEPALIVE_S, CONNECT_TIMEOUT_S = 30, 10.0
WINDOW, UNREAD, INBOUND_PER_S, MAX_PACKET = 20, 64, 500, 262_144
_FORM = "write mqtts://host or mqtts://host:port"


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


@dataclass(frozen=True, slots=True)
class BrokerUrl:
    """A broker's URL, taken apart."""

    host: str
    port: int
    tls: bool


def broker_url(text: str) -> BrokerUrl:
    """Take ``mqtts://host[:8883]`` apart, or ``mqtt://host[:1883]`` for this machine. Raises ``ValueError``.

    The error's text never repeats a name or a password that somebody wrote into the URL.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(f"it is no URL; {_FORM}") from None
    if parts.scheme not in ("mqtt", "mqtts"):
        raise ValueError(f"it begins with neither mqtts:// nor mqtt://; {_FORM}")
    if "@" in parts.netloc:
        raise ValueError("a gate shows a certificate, not a name and a password; leave them out of the URL")
    if parts.path or "?" in text or "#" in text or port == 0 or not _is_host(host):
        raise ValueError(f"it names no host, or more than a host and a port; {_FORM}")
    tls = parts.scheme == "mqtts"
    if not tls and not _is_here(host):
        raise ValueError(
            f"mqtt:// is plain text, and only for a broker on this machine; write mqtts://{host}"
        )
    return BrokerUrl(host, port or (TLS_PORT if tls else PLAIN_PORT), tls)


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            return bool(ipaddress.IPv6Address(host))
        except ValueError:
            return False
    labels = host.removesuffix(".").split(".")
    return host.isascii() and len(host) <= 253 and all(_is_label(label) for label in labels)


def _is_label(label: str) -> bool:
    return 0 < len(label) <= 63 and label.replace("-", "").replace("_", "").isalnum()


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
