"""The text of a hardened mosquitto's configuration (docs/how-to/set-up-the-broker.md)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gated.central.enrolment import CENTRAL
from gated.central.ledger_gates import EnrolledGate
from gated.errors import ConfigError
from gated.wire import topics
from gated.wire.topics import ROOT

#: Beyond our largest message (64 kB) and its topic; no letter of the fleet needs more.
MAX_PACKET_BYTES = 131_072
#: Told to clients as their Receive Maximum, and kept towards them: a worker takes 64 letters in at once.
MAX_INFLIGHT = 100
#: Letters that wait for one slow client, or twice the fleet if that is more: a worker that subscribes is sent
#: the retained greeting of every gate at once, and what does not fit is thrown away.
LEAST_QUEUED = 1000
MAX_QUEUED_BYTES = 67_108_864
#: At the gates' door: room for a fleet that reconnects at once.
LEAST_CONNECTIONS = 2000
MAX_KEEPALIVE_S = 120

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?\Z")
_PORTS = range(1, 1 << 16)
_HEAD = "# Written by `gated central broker-config`; it is written anew after each enrolment: do not edit.\n"


@dataclass(frozen=True, slots=True)
class BrokerPlace:
    """Where the broker will stand."""

    host: str  # by which gates reach it
    gate_port: int
    central_port: int
    gate_bind: str  # an address; "" = every one
    central_bind: str  # an address that gates do not reach
    workers: int  # of central's, side by side
    at: Path  # the folder's place on the broker's machine

    @property
    def names(self) -> list[str]:
        """What the broker may be called: as gates call it, and as central's workers do."""
        names = [self.host, self.central_bind]
        if ipaddress.ip_address(self.central_bind).is_loopback:
            names.append("localhost")
        return list(dict.fromkeys(names))

    def check(self) -> None:
        """Raise ``ConfigError`` for what cannot stand in a line of the configuration, or could not work."""
        if _HOST.match(self.host) is None and not _is_address(self.host):
            raise ConfigError(f"--host {self.host!r} is no name of a machine", hint="as gates reach it")
        for option, bind in (("--gate-bind", self.gate_bind), ("--central-bind", self.central_bind)):
            if not _is_address(bind) and (bind or option == "--central-bind"):
                raise ConfigError(f"{option} {bind!r} is no address", hint="for example 127.0.0.1")
        for port in (self.gate_port, self.central_port):
            if port not in _PORTS:
                raise ConfigError(f"{port} is no port", hint="use a number from 1 to 65535")
        if self.gate_port == self.central_port:
            raise ConfigError("gates and central need a port each", hint="for example 8883 and 8884")
        if not 1 <= self.workers <= 1000:
            raise ConfigError(f"{self.workers} workers", hint="use a number from 1 to 1000")
        if not self.at.is_absolute() or not str(self.at).isprintable():
            raise ConfigError(
                f"--at {str(self.at)!r} is no absolute path", hint="for example /etc/mosquitto/gated"
            )


def acl(enrolled: Iterable[EnrolledGate]) -> str:
    """The access list of the gates' door: each gate its own topics and its sector's, nobody else anything.

    Topics to write are listed one by one: below a wildcard a gate could leave any number of retained letters.
    """
    return _HEAD + "".join(
        f"\nuser {one.gate}\n"
        f"topic write {topics.events(one.gate)}\n"
        f"topic write {topics.state(one.gate)}\n"
        f"topic write {topics.request(one.gate)}\n"
        f"topic read {ROOT}/gate/{one.gate}/down/#\n"
        f"topic read {ROOT}/sector/{one.sector}/#\n"
        for one in enrolled
    )


def central_acl() -> str:
    """The access list of central's door."""
    return (
        f"{_HEAD}\nuser {CENTRAL}\n"
        f"topic read {ROOT}/gate/+/up/#\n"
        f"topic write {ROOT}/gate/+/down/#\n"
        f"topic write {ROOT}/sector/+/#\n"
    )


def configuration(place: BrokerPlace, enrolled: int) -> str:
    """mosquitto.conf: two doors, TLS with certificates at both."""
    return _CONFIGURATION.format(
        head=_HEAD,
        at=place.at,
        packet_bytes=MAX_PACKET_BYTES,
        inflight=MAX_INFLIGHT,
        queued=max(LEAST_QUEUED, 2 * enrolled),
        queued_bytes=MAX_QUEUED_BYTES,
        keepalive_s=MAX_KEEPALIVE_S,
        gate_listener=_listener(place.gate_port, place.gate_bind),
        gate_connections=max(LEAST_CONNECTIONS, 2 * enrolled),
        gate_tls=_tls(place.at, "device-ca.crt"),
        central_listener=_listener(place.central_port, place.central_bind),
        central_connections=4 * place.workers + 4,
        central_tls=_tls(place.at, "ca.crt"),
    )


_CONFIGURATION = """\
{head}#
# Start: mosquitto -c {at}/mosquitto.conf
# After it was written anew: kill -HUP, which reads the access lists and the ended certificates again. A gate
# that was retired and is still connected has then no topic left; a new connection is refused.
# mosquitto becomes its user "mosquitto" before it reads the files: server.key must be readable for it, and
# the folder data writable. Lines of your own belong into conf.d/*.conf: they are kept.

per_listener_settings true

# What the broker keeps over a restart: the last state of each gate. Events are kept by the gates themselves.
persistence true
persistence_location {at}/data/
autosave_interval 60
persistent_client_expiration 1h

# Of each client: how large a letter may be, and how many are kept for it. What a gate leaves here for good
# is bounded by its access list: one retained letter for each topic that it may write.
max_packet_size {packet_bytes}
max_inflight_messages {inflight}
max_queued_messages {queued}
max_queued_bytes {queued_bytes}
max_keepalive {keepalive_s}
set_tcp_nodelay true

# Who came and went, and what went wrong. No topic and no payload stands in the log.
log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
log_timestamp_format %Y-%m-%dT%H:%M:%S
connection_messages true
# No $SYS topics: nobody here may read them.
sys_interval 0

# ---------------------------------------------------------------- the gates' door
{gate_listener}
max_connections {gate_connections}
{gate_tls}
crlfile {at}/crl.pem
# The certificate says who it is, and the client id with it: nobody takes another's connection over.
use_username_as_clientid true
acl_file {at}/acl

# ---------------------------------------------------------------- central's door
# Several workers share one certificate, so they choose their client ids themselves.
{central_listener}
max_connections {central_connections}
{central_tls}
allow_zero_length_clientid false
acl_file {at}/acl-central

include_dir {at}/conf.d
"""


def _listener(port: int, bind: str) -> str:
    return f"listener {port} {bind}".rstrip()


def _tls(at: Path, authority: str) -> str:
    return f"""\
allow_anonymous false
cafile {at}/{authority}
certfile {at}/server.crt
keyfile {at}/server.key
# At least 1.2.
tls_version tlsv1.2
require_certificate true
use_identity_as_username true"""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
