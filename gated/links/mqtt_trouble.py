"""What can go wrong with a broker, in words that a technician can act on. No secret is in any of them."""

from __future__ import annotations

import socket
import ssl

from gated.errors import LinkError
from gated.links.mqtt_place import MqttPlace

_OURS = "does our certificate still hold? a gate is enrolled again; for central: gated central broker-config"
_THEIRS = "check the broker's address, and the ca.crt that we were given"
_SCHEMES = "mqtts:// needs the broker's TLS port (8883 as a rule), mqtt:// its plain one"
_LATER = "it is tried again"

#: X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH of OpenSSL.
_WRONG_NAME = (62, 64)

#: What a broker says of our certificate (RFC 8446 section 6.2). With TLS 1.3 it comes after our handshake.
_ALERTS = {
    "CERTIFICATE_REQUIRED": "it wants a certificate, and was shown none",
    "CERTIFICATE_REVOKED": "it is revoked",
    "CERTIFICATE_EXPIRED": "it has expired",
    "CERTIFICATE_UNKNOWN": "it is not acceptable",
    "UNKNOWN_CA": "it comes from a CA that the broker does not know",
    "BAD_CERTIFICATE": "it is broken",
    "DECRYPT_ERROR": "it does not fit its key",
    "ACCESS_DENIED": "it may not connect",
}

#: Reason codes of MQTT 5 section 2.4 that a CONNACK or a DISCONNECT can carry: what it means, what to do.
_REASONS = {
    0x00: ("it said good-bye", _LATER),
    0x82: ("it calls what we sent a protocol error", "the broker must speak MQTT 5"),
    0x84: ("it speaks no MQTT 5", "the broker must speak MQTT 5"),
    0x85: (
        "it does not accept the client id {client}",
        "the certificate's common name must be the client id",
    ),
    0x86: ("it does not accept who we are", _OURS),
    0x87: ("{client} is not authorized", _OURS),
    0x88: ("it is unavailable", _LATER),
    0x89: ("it is busy", _LATER),
    0x8A: ("{client} is banned", _OURS),
    0x8B: ("it shuts down", _LATER),
    0x8D: ("it heard nothing of us for too long", _LATER),
    0x8E: ("another client connected as {client}", "look for a second box or process with this identity"),
    0x93: ("more was unanswered than it allows", _LATER),
    0x95: ("a packet was larger than it takes", "raise the broker's max_packet_size"),
    0x97: ("a quota is used up", _LATER),
    0x98: ("an administrator ended the connection", "ask who runs the broker"),
    0x9A: ("it keeps no retained letters", "set retain_available true in the broker"),
    0x9E: ("it knows no shared subscriptions", "central needs a broker with shared subscriptions"),
    0x9F: ("there are too many connections at once", _LATER),
}


def where(place: MqttPlace) -> str:
    """The broker, as errors name it."""
    return f"broker {place.host}:{place.port}"


def told(code: int, place: MqttPlace) -> LinkError:
    """The broker ended the connection, or never let it begin, with a reason code."""
    meaning, hint = _REASONS.get(code, (f"reason code 0x{code:02X}", "look into the broker's log"))
    return LinkError(f"{where(place)} ended it: {meaning.format(client=place.client_id)}", hint=hint)


def timed_out(place: MqttPlace, what: str) -> LinkError:
    """The broker, or the way to it, did not do something in time."""
    return LinkError(
        f"{where(place)} did not {what} within {place.connect_timeout_s:g} s",
        hint="check the network, and whether the broker runs",
    )


def silent(place: MqttPlace) -> LinkError:
    """Pings were not answered."""
    what = f"{where(place)} is silent: no answer for two keepalives of {place.keepalive_s} s"
    return LinkError(what, hint=_LATER)


def broken(place: MqttPlace, error: OSError | None, *, greeted: bool) -> LinkError:
    """The connection broke; ``error`` None: the broker closed it without a word."""
    if isinstance(error, ssl.SSLError):
        return of_tls(place, error)
    if error is None:
        what = f"{where(place)} closed the connection"
    else:
        what = f"the connection to {where(place)} broke: {error.strerror or type(error).__name__}"
    if not greeted:
        return LinkError(f"{what} before it greeted us", hint=f"look into the broker's log; {_SCHEMES}")
    return LinkError(what, hint=_LATER)


def unreachable(place: MqttPlace, error: OSError) -> LinkError:
    """No connection came about."""
    if isinstance(error, TimeoutError):
        return timed_out(place, "answer")
    if isinstance(error, ConnectionRefusedError):
        hint = "check whether the broker runs, and its address"
        return LinkError(f"{where(place)} refuses connections: nobody listens there", hint=hint)
    reason = error.strerror or type(error).__name__
    return LinkError(f"{where(place)} cannot be reached: {reason}", hint="check the network")


def unknown_name(place: MqttPlace, error: OSError) -> LinkError:
    """The name could not be resolved."""
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        hint = "check the network and its name server"
    else:
        hint = "check the broker's address, and the name server"
    return LinkError(f"{where(place)}: no address is known for this name", hint=hint)


def of_tls(place: MqttPlace, error: ssl.SSLError) -> LinkError:
    """TLS failed: on our side, or with an alert from the other."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _WRONG_NAME:
            what = f"the certificate of {where(place)} is not made for this name"
        else:
            what = f"the certificate of {where(place)} is not trusted: {error.verify_message}"
        return LinkError(what, hint=_THEIRS)
    reason = (error.reason or "").upper().replace(" ", "_")
    for alert, meaning in _ALERTS.items():
        if reason.endswith(alert):
            return LinkError(f"{where(place)} refuses our certificate: {meaning}", hint=_OURS)
    return no_tls(place, reason or "it closed the connection")


def no_tls(place: MqttPlace, reason: str) -> LinkError:
    """The other side broke off the handshake, or never knew what it is."""
    return LinkError(f"{where(place)} broke off TLS: {reason}", hint=_SCHEMES)


def no_mqtt(place: MqttPlace, what: str) -> LinkError:
    """The broker broke the protocol."""
    hint = "check whether another service, or somebody in between, answers there"
    return LinkError(f"{where(place)} does not keep to MQTT 5: {what}", hint=hint)
