"""Central's side of the feed, by hand, before a whole gate: it publishes heads and answers what is asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

from desk import FAR, GATE, SECTOR, Desk
from feed_log import FeedLog, head_key
from gated.credential.message import MESSAGE_TYPES, open_message
from gated.errors import LinkError
from gated.links.memory import MemoryLink
from gated.model.letter import Letter, Received
from gated.model.statement import Kind
from gated.model.trust import TrustedKey
from gated.store.cache import Cache
from gated.store.chain import JournalReader
from gated.store.directory import DELTA, JOURNAL
from gated.store.feed import FeedStore
from gated.wire import topics
from gated.wire.request import (
    HERE,
    NO_SUCH_THING,
    Answer,
    BlobWanted,
    HeadWanted,
    Request,
    encode_answer,
    read_request,
)
from venue import until


class FeedCentral:
    """Beside a gate that syncs with a ``Desk``, and answers in a thread of its own.

    ``answering`` may answer a question in its own way; None = as central does.
    """

    def __init__(self, site) -> None:
        self.site = site
        self.key, _ = head_key()
        self.desk = Desk(site, ack_wait="60s")
        self.trust(self.key)
        self.log = FeedLog(self.key)
        self.head = b""
        self.asked: list[Request] = []
        self.answering: Callable[[Request], Answer | None] = lambda _request: None
        self._link = MemoryLink(self.desk.broker, "feed", window=100)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._answer, daemon=True)
        key = self.desk.gate_key
        kinds = frozenset({Kind.REQUEST})
        self._gate_keys = {
            key.kid: TrustedKey(key.kid, key.algorithm, key.public, frozenset({SECTOR}), kinds, 0, FAR)
        }
        self._thread.start()
        self._receipts = threading.Thread(target=self._acknowledge, daemon=True)
        self._receipts.start()

    def trust(self, key, kinds=("head", "time"), sectors=(SECTOR,)) -> None:
        """Let the gate believe a key, from its next start on."""
        self._change_keys(lambda keys: [*keys, self.desk.described(key, kinds, sectors)])

    def distrust(self, key) -> None:
        """Take a key out of the gate's, from its next start on."""
        self._change_keys(lambda keys: [one for one in keys if one["kid"] != key.kid.hex()])

    def _change_keys(self, change) -> None:
        path = self.site.path / "central" / "gate" / "keys.json"
        document = json.loads(path.read_text())
        document["keys"] = change(document["keys"])
        path.write_text(json.dumps(document))

    @property
    def keys(self):
        """What the gate trusts."""
        return self.site.settings_and_trust()[1].keys

    def log_tokens(self, tokens) -> None:
        """Log statements that central issued."""
        self.log.log(tokens, self.keys)

    def publish(self, head: bytes = b"", **changes) -> bytes:
        """Publish the next head, or the one that is given; retained."""
        self.head = head or self.log.publish(**changes)
        self.desk.broker.publish(Letter(topics.head(SECTOR), self.head, retain=True))
        return self.head

    def live(self, token: bytes) -> None:
        """One fresh statement."""
        self.desk.publish(token, topics.statement(SECTOR))

    def stop(self) -> None:
        self._stop.set()
        self._link.interrupt()
        self._thread.join(10)
        self._receipts.join(10)

    # -------------------------------------------------------------- answering

    def _acknowledge(self) -> None:
        """Receipts for whatever comes: a gate that is stopped then need not wait for any."""
        while not self._stop.is_set():
            batch = self.desk.hear(0.1)
            if batch is not None:
                self.desk.ack(batch.epoch, batch.last)

    def _answer(self) -> None:
        self._link.open([topics.shared_requests("feed")])
        while not self._stop.is_set():
            try:
                came = self._link.receive(0.2)
            except LinkError:
                self._link.open([topics.shared_requests("feed")])
                continue
            if not isinstance(came, Received):
                continue
            self._link.take(came)
            payload = open_message(came.payload, Kind.REQUEST, self._gate_keys, SECTOR, 0)
            assert isinstance(payload, bytes), payload
            request = read_request(payload)
            self.asked.append(request)
            answer = self.answering(request) or self.honest(request)
            self.say(answer)

    def honest(self, request: Request) -> Answer:
        """What central says."""
        body = None
        match request.want:
            case HeadWanted():
                body = self.head
            case BlobWanted(name):
                body = self.log.blobs.get(name)
        return Answer(request.id, HERE, body) if body else Answer(request.id, NO_SUCH_THING)

    def say(self, answer: Answer) -> None:
        self.desk.publish(encode_answer(answer), topics.response(GATE))

    # -------------------------------------------------------------- looking at the gate

    def applied(self):
        """The head that the gate's cache agrees with."""
        store = FeedStore(self.site.state)
        try:
            return store.applied()
        finally:
            store.close()

    def reached(self, version: int | None = None) -> bool:
        """Whether the gate comes to a version, the newest."""
        wanted = self.log.version if version is None else version
        return until(lambda: self.applied().version == wanted)

    def refused(self, what: str) -> bool:
        """Whether the gate counts a refusal as ``what_code``, and the journal tells it."""
        return until(lambda: what in {"_".join(place) for place in self.unbelieved()})

    def unbelieved(self) -> list[tuple[str, str]]:
        """(what, code) of the journal's rows."""
        reader = JournalReader(self.site.state / JOURNAL)
        try:
            events = [row.event for row in reader.rows()]
        finally:
            reader.close()
        return [(event["what"], event["code"]) for event in events if event and event["kind"] == "unbelieved"]

    def recall(self, key: bytes):
        """(kind, token) of what a tap finds under a key."""
        cache = Cache(self.site.state)
        try:
            with cache:
                return [(str(row.kind), row.token) for row in cache.recall(key)]
        finally:
            cache.close()

    @property
    def delta(self):
        return self.site.state / DELTA

    def sign_as(self, key, payload: bytes, kind: Kind = Kind.HEAD) -> bytes:
        return key.sign(MESSAGE_TYPES[kind], payload)
