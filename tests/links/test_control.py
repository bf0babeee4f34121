"""The control socket's server, spoken to over real sockets."""

from __future__ import annotations

import json
import os
import queue
import selectors
import socket
import stat
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gated.errors import LinkError
from gated.links.control import MAX_CONNECTIONS, ControlServer
from gated.links.control_client import ControlClient, NoGateError, NotServedError
from gated.links.control_connection import IDLE_S, MAX_UNREAD_BYTES, STALL_S
from gated.links.control_door import MODE
from gated.model.order import Order
from gated.wire.control import (
    MAX_REQUEST_BYTES,
    AskOrder,
    AskStatus,
    AskWatch,
    Kind,
    RequestError,
    Why,
    answer_line,
    request_line,
)
from venue import until

OPEN = AskOrder(Order.OPEN, "in-1", "mia", "a pram")


class Desk:
    """Answers at once, or later if told so; its news are put in by a test."""

    def __init__(self) -> None:
        self.asked: queue.SimpleQueue = queue.SimpleQueue()
        self.later = False
        self.wake = None
        self.told: queue.SimpleQueue = queue.SimpleQueue()
        self.lost = False

    def ask(self, request, user, reply) -> None:
        if isinstance(request, AskOrder) and request.lane == "nowhere":
            raise RequestError(Why.UNKNOWN_LANE, "there is no such lane")
        if isinstance(request, AskOrder) and request.lane == "bug":
            raise KeyError("a bug")
        self.asked.put((request, user, reply))
        if not self.later:
            reply(answer_line(Kind.STATUS, {"gate": "gate-1"}))

    def listen(self, wake) -> None:
        self.wake = wake

    def picture(self):
        return [answer_line(Kind.STANDS, {"lane": "in-1"})]

    def news(self):
        if self.lost:
            return None
        lines = []
        while not self.told.empty():
            lines.append(self.told.get())
        return lines

    def alive(self) -> bytes:
        return answer_line(Kind.ALIVE, {"at": 1})

    def tick(self) -> None:
        pass

    def tell(self, lane: str = "in-1", more: str = "") -> None:
        self.told.put(answer_line(Kind.SHOWN, {"lane": lane, "more": more}))
        if self.wake is not None:
            self.wake()


class Hand:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


class Served:
    """A server on a socket, its desk and its clock."""

    def __init__(self, path: Path) -> None:
        self.path, self.desk, self.hand = path, Desk(), Hand()
        self.server = ControlServer(path, self.desk, self.hand)
        self.server.open()
        self.server.start()

    def plain(self) -> socket.socket:
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(20)
        link.connect(str(self.path))
        return link

    def pass_time(self, seconds: float) -> None:
        self.hand.at += seconds
        self.server.wake()

    @property
    def connections(self) -> int:
        return len(self.server._connections)


@pytest.fixture
def served(tmp_path):
    made = Served(tmp_path / "control")
    yield made
    made.server.stop(10)


@pytest.fixture
def open_to_all():
    """In a folder that every user may enter; pytest's own are root's."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        made = Served(Path(folder) / "control")
        yield made
        made.server.stop(10)


@pytest.fixture
def client(served):
    made = ControlClient(served.path)
    yield made
    made.close()


def rest(link: socket.socket) -> bytes:
    """All that comes until it is closed."""
    got = b""
    try:
        while more := link.recv(65536):
            got += more
    except ConnectionResetError:
        pass
    return got


def last(raw: bytes) -> dict:
    return json.loads(raw.splitlines()[-1])


# ------------------------------------------------------------------ the socket file


def test_it_is_for_owner_and_group_whatever_the_umask_is(tmp_path):
    before = os.umask(0)
    try:
        made = Served(tmp_path / "control")
    finally:
        os.umask(before)
    found = made.path.stat()
    assert (MODE, os.getegid()) == (stat.S_IMODE(found.st_mode), found.st_gid)
    made.server.stop(10)
    assert not made.path.exists()


def test_what_a_dead_process_left_is_replaced(tmp_path):
    path = tmp_path / "control"
    left = (
        "import os, socket, sys\n"
        "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", left, str(path)], check=False)
    assert path.is_socket()
    made = Served(path)
    with_client = ControlClient(path)
    assert {"gate": "gate-1"} == with_client.ask(AskStatus(), 20)
    with_client.close()
    made.server.stop(10)


def test_a_living_one_is_not(served, client):
    with pytest.raises(LinkError, match="in use by another process"):
        Served(served.path)
    assert {"gate": "gate-1"} == client.ask(AskStatus(), 20)


def test_a_file_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "control").write_text("mine")
    server = ControlServer(tmp_path / "control", Desk(), Hand())
    with pytest.raises(LinkError, match="is no socket"):
        server.open()
    server.stop(10)
    assert "mine" == (tmp_path / "control").read_text()


def test_a_missing_folder_is_told(tmp_path):
    server = ControlServer(tmp_path / "none" / "control", Desk(), Hand())
    with pytest.raises(LinkError, match="none is not there: the systemd unit makes it"):
        server.open()
    server.stop(10)


def test_a_socket_of_a_gate_that_came_after_is_left_alone(tmp_path):
    first = Served(tmp_path / "control")
    first.path.unlink()
    second = Served(tmp_path / "control")
    first.server.stop(10)
    assert second.path.is_socket()
    second.server.stop(10)


# ------------------------------------------------------------------ questions


def test_the_kernel_says_who_asks(served, client):
    client.ask(OPEN, 20)
    request, user, _ = served.desk.asked.get(timeout=20)
    assert (OPEN, os.geteuid()) == (request, user)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_the_kernel_says_so_of_another_user_too(open_to_all):
    served = open_to_all
    served.path.chmod(0o666)
    told = request_line(OPEN)
    program = (
        "import os, socket\n"
        "os.setgroups([]); os.setgid(12345); os.setuid(12346)\n"
        "s = socket.socket(socket.AF_UNIX)\n"
        f"s.connect({str(served.path)!r}); s.sendall({told!r}); s.recv(1000)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert 12346 == served.desk.asked.get(timeout=20)[1]


def test_many_questions_on_one_connection_even_at_once(served):
    with served.plain() as link:
        link.sendall(request_line(AskStatus()) * 20)
        got = b""
        while got.count(b"\n") < 20:
            got += link.recv(65536)
    assert {"v": 1, "status": {"gate": "gate-1"}} == last(got)


def test_while_a_request_waits_nothing_more_is_read_and_others_are_served(served, client):
    served.desk.later = True
    client.send(OPEN)
    client.send(OPEN)
    _, _, reply = served.desk.asked.get(timeout=20)
    served.desk.later = False
    other = ControlClient(served.path)
    assert {"gate": "gate-1"} == other.ask(AskStatus(), 20)
    other.close()
    assert isinstance(served.desk.asked.get(timeout=20)[0], AskStatus)
    assert served.desk.asked.empty()
    reply(answer_line(Kind.ORDERS, []))
    assert Kind.ORDERS is next(client.lines(20)).kind
    served.desk.asked.get(timeout=20)  # now the second one


def test_who_asks_and_says_no_more_is_answered(served):
    served.desk.later = True
    with served.plain() as link:
        link.sendall(request_line(AskStatus()))
        link.shutdown(socket.SHUT_WR)
        _, _, reply = served.desk.asked.get(timeout=20)
        reply(answer_line(Kind.STATUS, {"gate": "late"}))
        assert {"v": 1, "status": {"gate": "late"}} == last(rest(link))


def test_an_answer_to_somebody_who_left_hurts_nobody(served, client):
    served.desk.later = True
    with served.plain() as link:
        link.sendall(request_line(AskStatus()))
        _, _, reply = served.desk.asked.get(timeout=20)
    reply(answer_line(Kind.STATUS, {}))
    served.desk.later = False
    assert {"gate": "gate-1"} == client.ask(AskStatus(), 20)
    assert until(lambda: served.connections == 1)


def test_what_cannot_be_served_is_told_with_its_code(client, served):
    with pytest.raises(NotServedError, match="there is no such lane") as told:
        client.ask(AskOrder(Order.OPEN, "nowhere", "mia", "why not"), 20)
    assert "unknown_lane" == told.value.code


def test_a_bug_ends_one_request_and_nothing_else(served, client, caplog):
    with pytest.raises(NotServedError) as told:
        client.ask(AskOrder(Order.OPEN, "bug", "mia", "why not"), 20)
    assert "failed" == told.value.code
    assert "unexpected" in caplog.text
    other = ControlClient(served.path)
    assert {"gate": "gate-1"} == other.ask(AskStatus(), 20)
    other.close()


# ------------------------------------------------------------------ clients that do not behave


@pytest.mark.parametrize("sent", [b"x" * MAX_REQUEST_BYTES, b"x" * (MAX_REQUEST_BYTES - 1) + b"y\n"])
def test_a_request_without_end_is_cut_off(served, sent):
    with served.plain() as link:
        link.sendall(sent)
        assert "too_long" == last(rest(link))["error"]["code"]
    assert until(lambda: served.connections == 0)


def test_what_is_no_request_ends_the_connection(served):
    with served.plain() as link:
        link.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert "malformed" == last(rest(link))["error"]["code"]


def test_there_are_so_many_connections_and_no_more(served):
    links = [served.plain() for _ in range(MAX_CONNECTIONS)]
    assert until(lambda: served.connections == MAX_CONNECTIONS)
    with served.plain() as one_more:
        assert "busy" == last(rest(one_more))["error"]["code"]
    links.pop().close()
    assert until(lambda: served.connections == MAX_CONNECTIONS - 1)
    again = ControlClient(served.path)
    assert {"gate": "gate-1"} == again.ask(AskStatus(), 20)
    again.close()
    for link in links:
        link.close()


@pytest.mark.parametrize("sent", [b"", b'{"v":1,'])
def test_who_is_silent_is_hung_up_on(served, sent):
    with served.plain() as link:
        link.sendall(sent)
        assert until(lambda: served.connections == 1)
        served.pass_time(IDLE_S - 1)
        assert until(lambda: served.connections == 1)
        served.pass_time(1)
        assert b"" == rest(link)


def test_who_sends_a_little_now_and_then_is_hung_up_on_too(served):
    with served.plain() as link:
        assert until(lambda: served.connections == 1)
        for _ in range(3):
            link.sendall(b" ")
            served.pass_time(IDLE_S / 3)
        assert b"" == rest(link)


def test_who_waits_for_an_answer_is_not(served):
    served.desk.later = True
    with served.plain() as link:
        link.sendall(request_line(AskStatus()))
        _, _, reply = served.desk.asked.get(timeout=20)
        served.pass_time(10 * IDLE_S)
        reply(answer_line(Kind.STATUS, {"gate": "late"}))
        assert b"late" in link.recv(1000)


# ------------------------------------------------------------------ whoever watches


def watching(served) -> socket.socket:
    link = served.plain()
    link.sendall(request_line(AskWatch()))
    got = b""
    while not got.endswith(b"\n"):
        got += link.recv(65536)
    assert {"v": 1, "stands": {"lane": "in-1"}} == last(got)
    return link


def test_who_watches_begins_with_a_picture_and_hears_what_follows(served):
    with watching(served) as link, watching(served) as other:
        served.desk.tell("in-2")
        for one in (link, other):
            assert {"v": 1, "shown": {"lane": "in-2", "more": ""}} == last(one.recv(65536))
        served.pass_time(5)
        assert {"v": 1, "alive": {"at": 1}} == last(link.recv(65536))
    served.pass_time(5)
    assert until(lambda: served.desk.wake is None)


def test_who_watches_and_does_not_read_is_dropped_and_others_are_not(served):
    with watching(served) as slow, watching(served) as quick:
        heard = 0
        while served.connections > 1 and heard < 100 * MAX_UNREAD_BYTES:
            served.desk.tell(more="x" * 10_000)
            heard += len(quick.recv(65536))
        assert until(lambda: served.connections == 1)
        assert len(rest(slow)) < heard  # what the kernel had taken, and then the end
        quick.setblocking(False)
        served.desk.tell("in-9")

        def told() -> bool:
            try:
                return b"in-9" in quick.recv(1 << 20)
            except BlockingIOError:
                return False

        assert until(told)


def test_who_reads_nothing_for_a_while_is_dropped(served):
    with watching(served) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection = next(iter(served.server._connections.values()))
        while not connection.registered & selectors.EVENT_WRITE:  # until the kernel takes no more
            served.desk.tell(more="x" * 30_000)
            assert until(served.desk.told.empty)
        served.pass_time(STALL_S)
        assert until(lambda: served.connections == 0)


def test_who_watches_hears_all_or_is_hung_up_on(served):
    with watching(served) as link:
        served.desk.lost = True
        served.server.wake()
        assert b"" == rest(link)


def test_who_watches_has_nothing_to_say(served):
    with watching(served) as link:
        link.sendall(b"\n")
        assert b"" == rest(link)


# ------------------------------------------------------------------ the client


def test_without_a_gate_the_client_says_what_to_do(tmp_path):
    with pytest.raises(NoGateError, match="systemctl start gated"):
        ControlClient(tmp_path / "control")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_who_is_not_of_the_group_is_told_how_to_be(open_to_all):
    served = open_to_all
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from gated.links.control_client import ControlClient\n"
        "from gated.errors import LinkError\n"
        "os.setgroups([]); os.setgid(12345); os.setuid(12346)\n"
        "try: ControlClient(Path(sys.argv[1]))\n"
        "except LinkError as error: print(error)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(served.path)], check=True, capture_output=True, text=True
    )
    assert "usermod -aG gated" in ended.stdout


def test_a_gate_that_does_not_answer_is_told(served, client):
    served.desk.later = True
    with pytest.raises(LinkError, match="does not answer"):
        client.ask(AskStatus(), 0.05)


@pytest.mark.parametrize(
    "answer", [b"nonsense\n", b'{"v":2,"status":{}}\n', b"[]\n", b"x" * 70_000, b'{"v":1}\n', b""]
)
def test_an_answer_of_another_program_is_told(tmp_path, answer):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "control"))
        other.listen()
        client = ControlClient(tmp_path / "control")
        link, _ = other.accept()
        with link:
            client.send(AskStatus())
            link.recv(1000)
            link.sendall(answer)
            link.shutdown(socket.SHUT_WR)
            with pytest.raises(LinkError, match="is gone"):
                client.ask(AskStatus(), 20)
        client.close()


def test_the_credentials_are_read_as_the_kernel_writes_them(tmp_path):
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        raw = ours.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        assert (os.getpid(), os.geteuid(), os.getegid()) == struct.unpack("3i", raw)
