"""A peer that keeps to nothing: whatever it sends ends in a LinkError, and costs bounded memory and time."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
import tracemalloc

import pytest

from gated.errors import LinkError
from gated.links.mqtt import MqttLink
from gated.links.mqtt_paho import packet_bytes
from gated.links.mqtt_place import MqttPlace, TlsFiles
from gated.model.letter import Answered, Letter, Received
from mosquitto import Pki, monotonic
from venue import until

HOST = "127.0.0.1"
PATIENCE_S = 10.0
MEGABYTE = 1 << 20

CONNACK = bytes.fromhex("20 03 00 00 00")
SUBACK = bytes.fromhex("90 04 00 01 00 01")
PINGREQ, PINGRESP = bytes.fromhex("c0 00"), bytes.fromhex("d0 00")


def frame(header: int, body: bytes) -> bytes:
    """A packet with its remaining length."""
    length, size = b"", len(body)
    while size > 0x7F:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([header]) + length + bytes([size]) + body


def publish(topic: bytes, payload: bytes, *, packet_id: int = 0, properties: bytes = b"") -> bytes:
    body = len(topic).to_bytes(2, "big") + topic
    body += packet_id.to_bytes(2, "big") if packet_id else b""
    return frame(0x32 if packet_id else 0x30, body + frame(0, properties)[1:] + payload)


class Peer:
    """Listens, reads what a client says first, and answers each connection with the next of its scripts.

    A script is bytes, or a function that is given the connection.
    """

    def __init__(self, *scripts) -> None:
        self._scripts = list(scripts)
        self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]
        self.over = threading.Event()
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        for script in self._scripts:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            with contextlib.suppress(OSError):
                connection.recv(65536)
                if callable(script):
                    script(connection)
                else:
                    connection.sendall(script)
                connection.settimeout(None)
                while connection.recv(65536):
                    pass
            connection.close()

    def end(self) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE_S)
        for connection in self._open:
            connection.close()


@pytest.fixture
def peer():
    peers = []

    def listen(*scripts):
        peers.append(Peer(*scripts))
        return peers[-1]

    yield listen
    for one in peers:
        one.end()


def link_to(peer, **more) -> MqttLink:
    place = {"host": HOST, "port": peer.port, "client_id": "g1", "tls": None, "connect_timeout_s": 5.0} | more
    return MqttLink(MqttPlace(**place), floor=lambda: 0, monotonic=monotonic)


def error_of(call) -> LinkError:
    with pytest.raises(LinkError) as caught:
        call()
    assert caught.value.hint
    return caught.value


def then(*parts):
    """A script: a sound beginning with one subscription; each part goes out when the client sent more."""

    def script(connection):
        connection.sendall(CONNACK)
        connection.recv(65536)
        connection.sendall(SUBACK)
        for part in parts:
            connection.recv(65536)
            connection.sendall(part)

    return script


def provoked(link) -> MqttLink:
    """Open a link, and make its peer go on."""
    link.open(["t"])
    link.send(Letter("t", b"go on"))
    return link


def drained(link, came=lambda _: None) -> LinkError:
    """What the link raises in the end, after all that came."""
    errors = []

    def ended() -> bool:
        try:
            came(link.receive(0.1))
        except LinkError as error:
            errors.append(error)
        return bool(errors)

    assert until(ended)
    assert errors[0].hint
    return errors[0]


# ------------------------------------------------------------------ the greeting


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="another protocol"),
        pytest.param(bytes(range(256)), id="garbage"),
        pytest.param(bytes.fromhex("20 ff ff ff ff 7f"), id="a length without an end"),
        pytest.param(bytes.fromhex("20 ff ff ff 7f"), id="a length of 256 MB"),
        pytest.param(bytes.fromhex("20 00"), id="no code"),
        pytest.param(bytes.fromhex("20 02 00 00"), id="no properties"),
        pytest.param(bytes.fromhex("20 03 00 7b 00"), id="a code that is none"),
        pytest.param(bytes.fromhex("20 05 00 00 02 21 00"), id="a torn property"),
        pytest.param(bytes.fromhex("20 06 00 00 03 21 00 00"), id="no letter at once"),
        pytest.param(bytes.fromhex("20 08 00 00 05 27 00 00 00 00"), id="no letter of any size"),
        pytest.param(bytes.fromhex("20 05 00 00 02 24 00"), id="no letter that is answered"),
        pytest.param(bytes.fromhex("20 05 00 00 02 ff 00"), id="an unknown property"),
        pytest.param(bytes.fromhex("30 04 00 01 74 00"), id="a letter first"),
        pytest.param(bytes.fromhex("d0 00"), id="a pong first"),
        pytest.param(CONNACK + CONNACK, id="two greetings"),
    ],
)
def test_a_greeting_that_is_none_ends_in_a_link_error(peer, said):
    began = monotonic()
    link = link_to(peer(said, then()))
    assert "does not keep to MQTT 5" in error_of(lambda: link.open(["t"])).message
    assert monotonic() - began < 3.0
    link.open(["t"])  # and the next peer is heard out
    link.close()


@pytest.mark.parametrize(
    ("code", "means"),
    [(0x87, "not authorized"), (0x85, "client id"), (0x89, "busy"), (0x8A, "banned"), (0x84, "no MQTT 5")],
)
def test_why_a_broker_refuses_is_told(peer, code, means):
    link = link_to(peer(frame(0x20, bytes([0, code, 0])), frame(0xE0, bytes([code]))))
    assert means in error_of(lambda: link.open([])).message
    assert means in error_of(lambda: link.open([])).message


def test_a_peer_that_says_nothing_costs_the_timeout_and_no_more(peer):
    began = monotonic()
    link = link_to(peer(b""), connect_timeout_s=0.5)
    assert "did not greet us within 0.5 s" in error_of(lambda: link.open([])).message
    assert 0.5 <= monotonic() - began < 3.0


def test_a_peer_that_drips_costs_the_timeout_and_no_more(peer):
    def drip(connection):
        for byte in b"\x20\xff\xff\x01" + bytes(200):
            connection.sendall(bytes([byte]))
            threading.Event().wait(0.02)

    began = monotonic()
    error_of(lambda: link_to(peer(drip), connect_timeout_s=0.5).open([]))
    assert monotonic() - began < 3.0


def test_a_peer_that_closes_is_told(peer):
    link = link_to(peer(lambda connection: connection.shutdown(socket.SHUT_RDWR)))
    assert "closed the connection" in error_of(lambda: link.open([])).message


@pytest.mark.parametrize("length", range(1, 5))
def test_a_torn_greeting_is_told(peer, length):
    def tear(connection):
        connection.sendall(CONNACK[:length])
        connection.shutdown(socket.SHUT_WR)

    assert "closed the connection" in error_of(lambda: link_to(peer(tear)).open([])).message


# ------------------------------------------------------------------ subscriptions


@pytest.mark.parametrize(
    ("answer", "means"),
    [
        (bytes.fromhex("90 04 00 01 00 87"), "refuses the subscription to t: 0x87"),
        (bytes.fromhex("90 05 00 01 00 01 01"), "other subscriptions"),
        (bytes.fromhex("90 03 00 01 00"), "other subscriptions"),
        (bytes.fromhex("90 04 00 01 00 77"), "malformed"),
        (bytes.fromhex("90 01 00"), "malformed"),
        (b"", "did not confirm subscriptions"),
        (publish(b"t", b"x") * 100, "it sends letters, and does not confirm"),
    ],
)
def test_a_subscription_that_is_not_confirmed_is_told(peer, answer, means):
    def script(connection):
        connection.sendall(CONNACK)
        connection.recv(65536)
        connection.sendall(answer)

    link = link_to(peer(script), connect_timeout_s=5.0 if answer else 0.5)
    assert means in error_of(lambda: link.open(["t"])).message


def test_letters_before_the_confirmation_are_not_lost(peer):
    def script(connection):
        connection.sendall(CONNACK)
        connection.recv(65536)
        connection.sendall(publish(b"t", b"early") + SUBACK)

    link = link_to(peer(script))
    link.open(["t"])
    assert b"early" == link.receive(PATIENCE_S).payload
    link.close()


# ------------------------------------------------------------------ afterwards


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(bytes.fromhex("34 07 00 01 74 00 01 00 78"), id="QoS 2"),
        pytest.param(bytes.fromhex("36 07 00 01 74 00 01 00 78"), id="QoS 3"),
        pytest.param(bytes.fromhex("62 02 00 01"), id="PUBREL"),
        pytest.param(bytes.fromhex("50 02 00 01"), id="PUBREC"),
        pytest.param(bytes.fromhex("70 02 00 01"), id="PUBCOMP"),
        pytest.param(bytes.fromhex("c0 00"), id="PINGREQ"),
        pytest.param(bytes.fromhex("f0 00"), id="AUTH"),
        pytest.param(bytes.fromhex("00 00"), id="kind 0"),
        pytest.param(bytes.fromhex("b0 04 00 01 00 00"), id="UNSUBACK"),
        pytest.param(bytes.fromhex("d0 01 00"), id="a long pong"),
        pytest.param(bytes.fromhex("42 02 00 01"), id="flags of a PUBACK"),
        pytest.param(bytes.fromhex("30 01 00"), id="no topic"),
        pytest.param(bytes.fromhex("30 03 ff ff 74"), id="a topic beyond the packet"),
        pytest.param(bytes.fromhex("30 03 00 01 74"), id="no properties, not even none"),
        pytest.param(bytes.fromhex("30 04 00 01 74 05"), id="properties beyond the packet"),
        pytest.param(bytes.fromhex("30 05 00 01 74 80 01"), id="long properties beyond the packet"),
        pytest.param(bytes.fromhex("30 04 00 01 74 80"), id="properties whose length is torn"),
        pytest.param(bytes.fromhex("30 08 00 01 74 80 80 80 80 00"), id="properties whose length has no end"),
        pytest.param(bytes.fromhex("32 06 00 01 74 00 01 01"), id="QoS 1, properties beyond the packet"),
        pytest.param(bytes.fromhex("32 04 00 01 74 00"), id="QoS 1 without a number"),
        pytest.param(bytes.fromhex("30 ff ff ff 7f"), id="256 MB announced"),
        pytest.param(bytes.fromhex("30 ff ff ff ff 01"), id="a length without an end"),
        pytest.param(frame(0x30, bytes(262_144)), id="a packet larger than agreed"),
        pytest.param(CONNACK, id="a second greeting"),
        pytest.param(frame(0xE0, b"\x77"), id="a good-bye with no reason known"),
    ],
)
def test_what_no_broker_sends_ends_the_link(peer, said):
    link = provoked(link_to(peer(then(said), then())))
    drained(link)
    error_of(lambda: link.receive(0))
    link.open(["t"])
    link.close()


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(bytes.fromhex("40 02 ff ff"), id="an answer to nothing"),
        pytest.param(bytes.fromhex("40 03 00 01 87"), id="a refusal of nothing"),
        pytest.param(PINGRESP * 50, id="pongs"),
        pytest.param(SUBACK, id="a confirmation of nothing"),
    ],
)
def test_what_means_nothing_is_passed_over(peer, said):
    link = provoked(link_to(peer(then(said + publish(b"t", b"after")))))
    assert b"after" == link.receive(PATIENCE_S).payload
    link.close()


@pytest.mark.parametrize("topic", [b"", b"\xff\xfe", b"\xed\xa0\x80"], ids=["none", "noise", "a surrogate"])
def test_a_letter_whose_topic_cannot_be_read_is_answered_and_dropped(peer, topic):
    """Whoever sent it, the broker would bring it again and again."""
    acknowledged = []

    def script(connection):
        then(publish(topic, b"1") + publish(topic, b"2", packet_id=258) + publish(b"t", b"after"))(connection)
        acknowledged.append(connection.recv(65536))

    link = provoked(link_to(peer(script)))
    assert Received("t", b"after", 2) == link.receive(PATIENCE_S)
    assert until(lambda: acknowledged)
    assert acknowledged[0].startswith(bytes.fromhex("40 02 01 02"))
    link.close()


#: What paho cannot parse of a letter's properties, or what makes no sense here: whoever may write chooses it.
_MARK = b"\x00\x03\xef\xbb\xbf"  # U+FEFF, which MQTT 5 section 1.5.4 allows
PROPERTIES = {
    "a mark in a user property": b"\x26" + _MARK + b"\x00\x01x",
    "a mark in the value": b"\x26\x00\x01a" + _MARK,
    "a mark as content type": b"\x03" + _MARK,
    "a mark as response topic": b"\x08" + _MARK,
    "a subscription's number": b"\x0b\x07",
    "an alias": b"\x23\x00\x01",
    "two content types": b"\x03\x00\x01a" * 2,
    "an unknown one": b"\x7f\x00",
    "a torn one": b"\x26\x00\xff",
    "127 bytes": b"\x26\x00\x00\x00\x77" + b"x" * 122,
    "128 bytes": b"\x26\x00\x00\x00\x78" + b"x" * 123,
    "many": b"\x26\x00\x01a\x00\x01b" * 8000,
}


@pytest.mark.parametrize("packet_id", [0, 7])
@pytest.mark.parametrize("properties", PROPERTIES.values(), ids=PROPERTIES)
def test_nobody_reads_the_properties_of_a_letter(peer, properties, packet_id):
    """One retained letter of anybody's would otherwise end the link of every reader, at every connection."""
    said = publish(b"t", b"whole", packet_id=packet_id, properties=properties) + publish(b"t", b"after")
    link = provoked(link_to(peer(then(said))))
    assert [b"whole", b"after"] == [link.receive(PATIENCE_S).payload for _ in range(2)]
    link.close()


def test_letters_with_any_properties_arrive_whole(peer):
    draw = random.Random(7)  # the same ones every time
    letters, said = [], b""
    for number in range(400):
        topic = "t/" + "\ufeff\u2603" * draw.choice((0, 1, 100))
        payload = draw.randbytes(draw.choice((0, 1, 5, 127, 128, 16_384)))
        properties = draw.randbytes(draw.choice((0, 1, 5, 127, 128, 300, 16_383, 16_384)))
        packet_id = draw.choice((0, number + 1))
        letters.append((topic, payload))
        said += publish(topic.encode(), payload, packet_id=packet_id, properties=properties)
    taken = []

    def script(connection):
        then(said)(connection)
        while read := connection.recv(65536):
            taken.append(read)

    link = provoked(link_to(peer(script), unread=500, inbound_per_s=10_000))
    for letter in letters:
        came = link.receive(PATIENCE_S)
        assert letter == (came.topic, came.payload)
        link.take(came)
    link.close()
    assert b"".join(taken).count(bytes.fromhex("40 02")) > 100


def test_an_answer_is_told_once_whatever_the_peer_repeats(peer):
    link = link_to(peer(then(bytes.fromhex("40 03 00 02 97") * 3)))
    link.open(["t"])
    number = link.send(Letter("t", b""))
    assert Answered(number, 0x97) == link.receive(PATIENCE_S)
    assert link.receive(0.1) is None
    link.close()


@pytest.mark.parametrize(
    ("reason", "means"),
    [(0x00, "good-bye"), (0x8B, "shuts down"), (0x8E, "another client connected as g1"), (0xA1, "0xA1")],
)
def test_the_reason_of_a_good_bye_is_told_though_letters_came_before_it(peer, reason, means):
    last = frame(0xE0, bytes([reason, 0]) if reason % 2 else bytes([reason]))
    link = provoked(link_to(peer(then(publish(b"t", b"1") + last))))
    assert means in drained(link).message


def test_a_good_bye_with_long_properties_is_read_right(peer):
    text = b"\x1f\x00\xc8" + b"x" * 200
    link = provoked(link_to(peer(then(frame(0xE0, b"\x8b\xcb\x01" + text)))))
    assert "shuts down" in drained(link).message


def mutant(draw: random.Random, sound: bytes) -> bytes:
    """With one to three bytes changed, missing or too many."""
    made = bytearray(sound)
    for _ in range(draw.randrange(1, 4)):
        at = draw.randrange(len(made))
        kind = draw.randrange(3)
        made[at : at + (kind < 2)] = bytes([draw.randrange(256)]) if kind else b""
    return bytes(made)


def test_mutants_of_a_sound_conversation_end_in_a_link_error_or_mean_nothing(peer):
    draw = random.Random(5)  # the same ones every time
    letters = publish(b"t", b"one", packet_id=7) + PINGRESP + publish(b"t", b"two")
    sound = [CONNACK, SUBACK, letters + bytes.fromhex("40 04 00 02 10 00 e0 02 8b 00")]
    scripts = []
    for _ in range(300):
        parts = list(sound)
        at = draw.choice((0, 1, 2, 2, 2))
        parts[at] = mutant(draw, parts[at])

        def script(connection, parts=parts):
            for part in parts:
                connection.sendall(part)
                connection.settimeout(0.05)  # where the mutant ended it, nothing more comes
                connection.recv(65536)
            connection.shutdown(socket.SHUT_WR)

        scripts.append(script)
    link = link_to(peer(*scripts), connect_timeout_s=2.0)
    came: list[object] = []

    def use(one) -> None:
        came.append(one)
        if isinstance(one, Received):
            link.take(one)

    opened = 0
    for _ in scripts:
        with contextlib.suppress(LinkError):
            provoked(link)
            opened += 1
            drained(link, use)  # each peer closes in the end
    assert 100 < opened < 300
    assert all(one is None or isinstance(one, Received | Answered) for one in came)
    assert any(isinstance(one, Answered) for one in came)


def test_who_was_busy_for_long_finds_the_answer_to_the_ping(peer):
    """It waited in the socket: a link that looked at its clock before would call the broker silent."""
    links, busy = [], threading.Event()

    def script(connection):
        then()(connection)
        assert PINGREQ == connection.recv(65536)
        links[0].interrupt()
        busy.wait(PATIENCE_S)
        connection.sendall(PINGRESP)

    links.append(link_to(peer(script), keepalive_s=1))
    links[0].open(["t"])
    assert links[0].receive(PATIENCE_S) is None  # a ping is out
    busy.set()
    threading.Event().wait(1.3)  # longer than a keepalive
    assert links[0].receive(0.1) is None
    links[0].close()


def test_the_keepalive_that_the_broker_wishes_is_kept(peer):
    pinged = threading.Event()

    def script(connection):
        connection.sendall(bytes.fromhex("20 06 00 00 03 13 00 01"))
        if PINGREQ == connection.recv(65536):
            pinged.set()

    link = link_to(peer(script), keepalive_s=60)
    link.open([])
    assert link.receive(1.6) is None
    assert pinged.is_set()
    link.close()


@pytest.mark.parametrize("size", [0, 100, 116, 117, 118, 119, 120, 16_372, 16_373, 16_374, 16_375, 2_097_200])
def test_the_size_of_a_letter_is_what_goes_over_the_wire(peer, size):
    letter, sent = Letter("t/\u2603", bytes(size)), []

    def script(connection):
        connection.sendall(CONNACK)
        while read := connection.recv(1 << 20):
            sent.append(read)

    link = link_to(peer(script))
    link.open([])
    link.send(letter)
    link.close()
    assert until(lambda: b"".join(sent).endswith(b"\xe0\x00"))
    assert packet_bytes(letter) == len(b"".join(sent)) - 2


def test_a_close_waits_until_the_peer_has_read_the_good_bye(peer):
    closed = threading.Event()

    def script(connection):
        then()(connection)
        assert b"\xe0\x00" == connection.recv(65536)
        threading.Event().wait(0.2)
        closed.set()
        connection.close()

    link = link_to(peer(script))
    link.open(["t"])
    link.close()
    assert closed.is_set()


@pytest.mark.parametrize("stuck", [False, True], ids=["silent", "reads nothing"])
def test_a_close_on_a_peer_that_does_not_care_takes_a_second(peer, stuck):
    over = threading.Event()

    def script(connection):
        then()(connection)
        over.wait(PATIENCE_S)

    link = link_to(peer(script))
    link.open(["t"])
    for _ in range(link.window if stuck else 0):
        link.send(Letter("t", bytes(1_000_000)))  # the kernel takes a few of them
    assert link.receive(0.1) is None
    began = monotonic()
    link.close()
    assert 0.8 < monotonic() - began < 3.0
    over.set()


def test_a_link_whose_peer_went_is_told_the_reason_by_whoever_writes(peer):
    def script(connection):
        then()(connection)
        connection.recv(1)  # and leaves the rest unread, so that its close is a reset
        connection.sendall(publish(b"t", b"1") + PINGRESP + bytes.fromhex("e0 02 95 00"))
        connection.close()

    link = provoked(link_to(peer(script)))
    errors = []

    def sent() -> bool:
        try:
            link.send(Letter("t", b"1"))
        except LinkError as error:
            errors.append(error)
        return bool(errors)

    assert until(sent)
    assert "larger than it takes" in errors[0].message


# ------------------------------------------------------------------ floods


def flood(sent, over, packet):
    """A script: a sound beginning, and then this packet for ever; ``sent`` counts bytes."""

    def script(connection):
        then()(connection)
        connection.recv(65536)
        connection.settimeout(0.2)
        block = left = memoryview(packet * 50)
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                count = connection.send(left)
                sent[0] += count
                left = left[count:] or block

    return script


@pytest.fixture
def flooded(peer):
    """Open a link to a peer that floods."""
    over, links = threading.Event(), []

    def begin(packet, **more):
        sent = [0]
        link = link_to(peer(flood(sent, over, packet)), connect_timeout_s=5.0, **more)
        links.append(provoked(link))
        return link, sent

    yield begin
    over.set()
    for link in links:
        link.close()


@pytest.mark.parametrize("size", [1, 1000, 100_000])
def test_a_flood_that_nobody_reads_stops_in_the_network(flooded, size):
    tracemalloc.start()
    try:
        link, sent = flooded(publish(b"t", bytes(size)))
        link.receive(PATIENCE_S)
        held = [0]

        def full():
            before, held[0] = held[0], sent[0]
            return before == held[0] and sent[0] > 0 and not threading.Event().wait(0.3)

        assert until(lambda: full() and held[0] == sent[0])
        assert sent[0] < 16 * MEGABYTE  # the kernel's buffers on both sides, and one of ours
        assert tracemalloc.get_traced_memory()[1] < 64 * (size + 1000) + 2 * MEGABYTE
    finally:
        tracemalloc.stop()


def test_a_flood_is_read_no_faster_than_agreed(flooded):
    link, _ = flooded(publish(b"t", b"x"), inbound_per_s=100)
    began, count = monotonic(), 0
    while monotonic() - began < 1.5:
        came = link.receive(0.2)
        count += isinstance(came, Received)
    elapsed = monotonic() - began
    assert 100 < count <= 100 + 100 * elapsed + 1


def test_large_letters_count_for_more(flooded):
    link, _ = flooded(publish(b"t", bytes(100_000)), inbound_per_s=70)  # each counts for seven
    began, count = monotonic(), 0
    while monotonic() - began < 1.0:
        count += isinstance(link.receive(0.2), Received)
    assert 10 <= count <= (70 + 70 * (monotonic() - began)) / 7 + 2


def test_a_pause_of_reading_costs_no_processor(flooded):
    link, _ = flooded(publish(b"t", b"x"), inbound_per_s=10)
    while link.receive(0) is not None:
        pass
    busy = time.thread_time()
    for _ in range(5):
        link.receive(0.2)
    assert time.thread_time() - busy < 0.2


def test_a_connection_that_breaks_in_a_pause_costs_no_processor_either(peer):
    def script(connection):
        then()(connection)
        connection.recv(65536)
        connection.sendall(publish(b"t", b"x") * 20)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    link = provoked(link_to(peer(script), inbound_per_s=10))
    assert until(lambda: isinstance(link.receive(0.1), Received))
    busy = time.thread_time()
    drained(link)
    assert time.thread_time() - busy < 0.3


def test_what_came_at_once_is_given_in_its_time_though_nothing_follows(peer):
    link = provoked(link_to(peer(then(publish(b"t", b"x") * 30)), inbound_per_s=10, keepalive_s=120))
    began = monotonic()
    for _ in range(30):
        assert isinstance(link.receive(PATIENCE_S), Received)
    assert 1.5 < monotonic() - began < 6.0
    link.close()


def test_an_interrupt_is_felt_in_a_flood(flooded):
    link, _ = flooded(publish(b"t", b"x"), inbound_per_s=1)
    while link.receive(0) is not None:
        pass
    began = monotonic()
    link.interrupt()
    assert link.receive(PATIENCE_S) is None
    assert monotonic() - began < 2.5


def test_pongs_without_end_are_bounded_too(flooded):
    link, sent = flooded(PINGRESP, inbound_per_s=100)
    began = monotonic()
    while monotonic() - began < 0.5:
        assert link.receive(0.1) is None
    assert sent[0] < 16 * MEGABYTE


# ------------------------------------------------------------------ TLS


@pytest.fixture
def files(tmp_path) -> TlsFiles:
    return Pki(tmp_path / "pki").issue("g1")


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(200), b"\x16\x03\x03\x40\x00" * 9000]
)
def test_garbage_in_place_of_tls_ends_in_a_link_error(peer, files, said):
    error_of(lambda: link_to(peer(said), tls=files).open([]))


def test_tls_that_drips_costs_the_timeout_and_no_more(peer, files):
    def drip(connection):
        connection.sendall(b"\x16\x03\x03\x20\x00\x02\x00\x1f\xfc")
        for _ in range(200):
            connection.sendall(b"\x00")
            threading.Event().wait(0.02)

    began = monotonic()
    error = error_of(lambda: link_to(peer(drip), tls=files, connect_timeout_s=0.5).open([]))
    assert monotonic() - began < 3.0
    assert error.message


def test_a_peer_that_closes_in_the_handshake_is_told(peer, files):
    error_of(lambda: link_to(peer(lambda connection: connection.close()), tls=files).open([]))
