"""A real mosquitto on the files that ``gated central broker-config`` writes, and clients at its doors."""

from __future__ import annotations

import os
import queue
import signal
import ssl
import subprocess
import threading
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties

from fleet import Box, Office, here
from mosquitto import free_ports, listens
from needs import need
from netns import Namespace
from venue import PATIENCE_S, until


@dataclass(frozen=True)
class Papers:
    """What a client shows, and whom it believes."""

    ca: Path
    certificate: Path | None = None
    key: Path | None = None

    @classmethod
    def of(cls, box: Box) -> Papers:
        return cls(box.identity / "ca.crt", box.identity / "gate.crt", box.identity / "gate.key")


class Broker:
    """A broker on free ports; ``gate_port`` and ``central_port`` are its doors.

    Args:
        inside: the network it stands in, with its address there; left out: this one, and 127.0.0.1.

    """

    def __init__(self, office: Office, folder: Path, inside: tuple[Namespace, str] | None = None) -> None:
        self._program = need("mosquitto", "mosquitto")
        self.office, self.folder, self._inside = office, folder, inside
        self.log = folder.with_name(f"{folder.name}.log")
        self.gate_port, self.central_port = free_ports()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def central(self) -> Papers:
        place = self.folder / "central"
        return Papers(place / "ca.crt", place / "central.crt", place / "central.key")

    def write(self):
        """Run the command, as after each enrolment."""
        ports = ["--gate-port", self.gate_port, "--central-port", self.central_port]
        host = ["--host", "localhost", "--gate-bind", "127.0.0.1"]
        if self._inside is not None:
            host = ["--host", self._inside[1]]
        words = [*host, *ports, "--out", self.folder, "--json"]
        said = here("central", "broker-config", self.office.path, *words)
        assert 0 == said.code, said.err
        if (
            os.geteuid() == 0
        ):  # it would become the user mosquitto, who may read nothing below pytest's folder
            (self.folder / "conf.d" / "test.conf").write_text("user root\n")
        return said

    def start(self) -> Broker:
        words = [self._program, "-c", str(self.folder / "mosquitto.conf")]
        inside = self._inside[0] if self._inside is not None else None
        with self.log.open("ab") as log:
            words = [*([] if inside is None else inside.words), *words]
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        with nullcontext() if inside is None else inside.entered():
            ports = (self.gate_port, self.central_port)
            assert until(lambda: all(map(listens, ports))), self.log.read_text()
        return self

    def reload(self) -> None:
        """SIGHUP. What follows on a connection is judged by the new files."""
        before = self.log.read_text().count("Reloading config")
        self._process.send_signal(signal.SIGHUP)
        assert until(lambda: self.log.read_text().count("Reloading config") > before), self.log.read_text()

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE_S)
            self._process = None


@dataclass
class Client:
    """A client at a door."""

    port: int
    papers: Papers
    client_id: str = ""
    host: str = "localhost"
    got: queue.SimpleQueue = field(default_factory=queue.SimpleQueue)
    ended: threading.Event = field(default_factory=threading.Event)
    connack: Properties | None = None

    def __post_init__(self) -> None:
        self._up, self._codes, self._heard = threading.Event(), {}, threading.Condition()
        made = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, self.client_id, protocol=mqtt.MQTTv5)
        context = ssl.create_default_context(cafile=self.papers.ca)
        if self.papers.certificate is not None:
            context.load_cert_chain(self.papers.certificate, self.papers.key)
        made.tls_set_context(context)
        made.on_connect = self._connected
        made.on_disconnect = self._disconnected
        made.on_publish = self._published
        made.on_subscribe = self._published
        made.on_message = lambda _client, _user, message: self.got.put((message.topic, message.payload))
        self._client = made

    def _connected(self, _client, _user, _flags, code, properties) -> None:
        if not code.is_failure:
            self.connack = properties
            self._up.set()

    def _disconnected(self, *_) -> None:
        self.ended.set()

    def _published(self, _client, _user, mid, code, _properties) -> None:
        with self._heard:
            self._codes[mid] = code.value if hasattr(code, "value") else code[0].value
            self._heard.notify_all()

    def open(self) -> bool:
        """Whether the door opened. A refused certificate shows only after TLS seemed done."""
        self._client.connect(self.host, self.port, keepalive=60, clean_start=True)
        self._client.loop_start()
        assert until(lambda: self._up.is_set() or self.ended.is_set())
        if not self._up.is_set():
            self.close()
        return self._up.is_set()

    def publish(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> int:
        """The broker's answer."""
        return self._answer(self._client.publish(topic, payload, qos=1, retain=retain).mid)

    def subscribe(self, topic: str) -> int:
        return self._answer(self._client.subscribe(topic, qos=1)[1])

    def _answer(self, mid: int) -> int:
        with self._heard:
            assert self._heard.wait_for(lambda: mid in self._codes, PATIENCE_S)
            return self._codes[mid]

    def next(self) -> tuple[str, bytes]:
        return self.got.get(timeout=PATIENCE_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
