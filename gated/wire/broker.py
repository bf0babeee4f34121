"""Where a broker is: ``mqtts://host[:8883]``, or ``mqtt://host[:1883]`` on this machine."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

TLS_PORT, PLAIN_PORT = 8883, 1883
_FORM = "write mqtts://host or mqtts://host:port"


@dataclass(frozen=True, slots=True)
class BrokerUrl:
    """A broker's URL, taken apart."""

    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def broker_url(text: str) -> BrokerUrl:
    """Take ``mqtts://host[:8883]`` apart, or ``mqtt://host[:1883]`` for this machine. Raises ``ValueError``.

    The error's text never repeats a name or a password that somebody wrote into the URL.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(f"is no URL; {_FORM}") from None
    if parts.scheme not in ("mqtt", "mqtts"):
        raise ValueError(f"begins with neither mqtts:// nor mqtt://; {_FORM}")
    if "@" in parts.netloc:
        raise ValueError("holds a name or a password; leave them out: a gate shows a certificate")
    if parts.path or "?" in text or "#" in text or port == 0 or not _is_host(host):
        raise ValueError(f"names no host, or more than a host and a port; {_FORM}")
    tls = parts.scheme == "mqtts"
    if not tls and not _is_here(host):
        raise ValueError(
            f"is plain text (mqtt://), and only for a broker on this machine; write mqtts://{host}"
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
