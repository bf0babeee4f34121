"""The way to a broker: name, TCP, TLS, each within one deadline. paho's own way has a limit for none of them.

A gate may boot in 1970, so the handshake looks at no dates: chain and name must hold, and afterwards the
certificate must not have ended before the gate's floor of time, which only signed time moves.
"""

from __future__ import annotations

import queue
import select
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any

from gated.errors import LinkError
from gated.links import mqtt_trouble as trouble
from gated.links.mqtt_place import MqttPlace, TlsFiles

#: X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which the ssl module has no name for.
_NO_CHECK_TIME = 0x200000
#: What the kernel holds of what nobody read yet: what waits behind a flood does not wait long.
RECEIVE_BUFFER = 262_144

_Addresses = Sequence[tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]]


def dial(place: MqttPlace, floor: Callable[[], int], monotonic: Callable[[], float]) -> socket.socket:
    """Connect, and secure the connection where ``place`` has TLS files. The socket does not block.

    Raises ``LinkError``.
    """
    context = None if place.tls is None else tls_context(place.tls)
    deadline = monotonic() + place.connect_timeout_s
    plain = _connect(place, _resolve(place), deadline, monotonic)
    try:
        _tune(plain, place.keepalive_s)
        if context is None:
            return plain
        secured = _secure(place, context, plain, deadline, monotonic)
    except OSError as error:
        plain.close()
        raise trouble.unreachable(place, error) from error
    try:
        _check_date(place, secured, floor())
    except LinkError:
        secured.close()
        raise
    return secured


def _resolve(place: MqttPlace) -> _Addresses:
    """In a thread of its own: a resolver without a network takes half a minute and more, whatever we want."""
    found: queue.SimpleQueue[_Addresses | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found.put(socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:  # UnicodeError: a label that no name can have
            found.put(error if isinstance(error, OSError) else OSError(str(error)))

    threading.Thread(target=look_up, name="resolver", daemon=True).start()
    try:
        answer = found.get(timeout=place.connect_timeout_s)
    except queue.Empty:
        raise trouble.timed_out(place, "have its name resolved") from None
    if isinstance(answer, OSError):
        raise trouble.unknown_name(place, answer) from answer
    return answer


def _connect(
    place: MqttPlace, addresses: _Addresses, deadline: float, monotonic: Callable[[], float]
) -> socket.socket:
    failed: OSError = TimeoutError()
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        # What is left is shared: a dead first address must not use up the time of a good second one.
        share = (deadline - monotonic()) / (len(addresses) - tried)
        if share <= 0:
            break
        made = socket.socket(family, kind, protocol)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            made.settimeout(share)
            made.connect(address)
            made.setblocking(False)
        except OSError as error:
            made.close()
            failed = error
        else:
            return made
    raise trouble.unreachable(place, failed) from failed


def _tune(plain: socket.socket, keepalive_s: int) -> None:
    # Without TCP_NODELAY, Nagle's algorithm and delayed acknowledgements cost 40 ms a round.
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, keepalive_s)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, keepalive_s // 3))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 2000 * keepalive_s)


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """What TLS is spoken with. Raises ``LinkError`` where a file is missing or does not fit the others."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks the name, and wants a certificate
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
    named = files.ca
    try:
        context.load_verify_locations(cafile=files.ca)
        named = files.certificate
        # A password, lest OpenSSL asks the terminal for the one of a locked key.
        context.load_cert_chain(files.certificate, files.key, password=str)
    except ssl.SSLError as error:
        what = f"{named} cannot be used for TLS: {error.reason or 'no PEM'}"
        raise LinkError(what, hint="it must be PEM, and the key that of the certificate") from error
    except OSError as error:
        what = f"the identity in {named.parent} cannot be read: {error.strerror}"
        raise LinkError(what, hint="check the folder's name, and who may read its files") from error
    return context


def _secure(
    place: MqttPlace,
    context: ssl.SSLContext,
    plain: socket.socket,
    deadline: float,
    monotonic: Callable[[], float],
) -> ssl.SSLSocket:
    secured = context.wrap_socket(plain, server_hostname=place.host, do_handshake_on_connect=False)
    try:
        _shake_hands(place, secured, deadline, monotonic)
    except BaseException:
        secured.close()
        raise
    return secured


def _shake_hands(
    place: MqttPlace, secured: ssl.SSLSocket, deadline: float, monotonic: Callable[[], float]
) -> None:
    """With one deadline over all of it: a peer that sends a byte now and then gets no extra time."""
    poll = select.poll()
    while True:
        try:
            secured.do_handshake()
        except ssl.SSLWantReadError:
            poll.register(secured, select.POLLIN)
        except ssl.SSLWantWriteError:
            poll.register(secured, select.POLLOUT)
        except ssl.SSLError as error:
            raise trouble.of_tls(place, error) from error
        except OSError as error:
            raise trouble.no_tls(place, error.strerror or type(error).__name__) from error
        else:
            return
        if not poll.poll(max(0.0, deadline - monotonic()) * 1000):
            raise trouble.timed_out(place, "finish the TLS handshake")


def _check_date(place: MqttPlace, secured: ssl.SSLSocket, floor: int) -> None:
    shown = secured.getpeercert() or {}
    ends = ssl.cert_time_to_seconds(str(shown.get("notAfter")))
    if ends < floor:
        what = f"the certificate of {trouble.where(place)} ended on {shown['notAfter']}"
        raise LinkError(what, hint="the broker needs a new certificate")
