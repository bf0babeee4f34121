"""The other end of the link, played by hand: it hears what a gate sends and answers what a test wants."""

from __future__ import annotations

import json

from gated.credential.message import MESSAGE_TYPES, open_message
from gated.errors import LinkError
from gated.links.memory import MemoryBroker, MemoryLink
from gated.model.letter import Letter, Received
from gated.model.statement import Kind
from gated.model.trust import Algorithm, TrustedKey
from gated.wire import topics
from gated.wire.ack import Ack, encode_ack
from gated.wire.batch import Batch, read_batch
from gated.wire.event import genesis
from gated.wire.seal import SigningKey
from gated.wire.state import read_state
from venue import PATIENCE_S, Site

GATE, SECTOR = "gate-1", "pools"
FAR = 1 << 40


class Desk:
    """Central, by hand. ``site`` gets an identity, a ``[sync]`` table and the key of this desk."""

    def __init__(self, site: Site, *, more: str = "", ack_wait: str = "200ms") -> None:
        self.broker = MemoryBroker()
        self.key = SigningKey.generate(Algorithm.EDDSA)
        self.gate_key = SigningKey.generate(Algorithm.EDDSA)
        self.link = MemoryLink(self.broker, "central")
        self.link.open([topics.shared_events("central"), topics.ALL_STATES])
        self.states = []
        self.now = site.now
        self._early: list[Batch] = []
        self.answers = True  # greetings, with what was acknowledged last
        self._kept: dict[str, int] = {}
        self._digests: dict[tuple[str, int], bytes] = {}
        self._trust_this_desk(site)
        identity = site.path / "identity"
        identity.mkdir(exist_ok=True)
        path = identity / "signing.key"
        path.write_bytes(self.gate_key.pem())
        path.chmod(0o600)
        text = site.config.read_text()
        sync = f'[sync]\nbroker = "mqtts://broker.example"\nack_wait = "{ack_wait}"\n{more}\n'
        site.config.write_text(text.replace("[[lane]]", sync + "[[lane]]", 1))

    def _trust_this_desk(self, site: Site) -> None:
        path = site.path / "central" / "gate" / "keys.json"
        document = json.loads(path.read_text())
        document["keys"].append(self.described(self.key))
        path.write_text(json.dumps(document))

    def described(self, key: SigningKey, kinds=("ack", "time"), sectors=(SECTOR,)) -> dict:
        return {
            "kid": key.kid.hex(),
            "alg": str(key.algorithm),
            "public": key.public.hex(),
            "sectors": list(sectors),
            "kinds": list(kinds),
            "not_before": 0,
            "expires": FAR,
        }

    def gate_link(self) -> MemoryLink:
        return MemoryLink(self.broker, GATE)

    @property
    def gate_keys(self):
        key = self.gate_key
        kinds = frozenset({Kind.EVENTS, Kind.STATE})
        return {key.kid: TrustedKey(key.kid, key.algorithm, key.public, frozenset({SECTOR}), kinds, 0, FAR)}

    # -------------------------------------------------------------- hearing

    def hear(self, timeout_s: float = PATIENCE_S) -> Batch | None:
        """The next batch, verified; states that come before it are kept. None = silence."""
        if self._early:
            return self._early.pop(0)
        return self._listen(timeout_s)

    def _listen(self, timeout_s: float) -> Batch | None:
        while True:
            try:
                heard = self.link.receive(timeout_s)
            except LinkError:
                self.link.open([topics.shared_events("central"), topics.ALL_STATES])
                continue
            if heard is None:
                return None
            if not isinstance(heard, Received):
                continue
            self.link.take(heard)
            gate, what = topics.gate_of(heard.topic)
            assert gate == GATE
            if what == "state":
                payload = open_message(heard.payload, Kind.STATE, self.gate_keys, SECTOR, 0)
                self.states.append(read_state(payload))
                if self.answers and self.states[-1].online:
                    for told in self.states[-1].epochs:
                        upto = min(self._kept.get(told.epoch, 0), told.last)
                        self.ack(told.epoch, upto, session=self.states[-1].session)
                continue
            batch = read_batch(open_message(heard.payload, Kind.EVENTS, self.gate_keys, SECTOR, 0))
            self._digests[batch.epoch, batch.first - 1] = batch.prev
            for number, link in enumerate(batch.digests()):
                self._digests[batch.epoch, batch.first + number] = link
            return batch

    def greeted(self):
        """The newest greeting that came, waited for."""
        while not self.states or not self.states[-1].online:
            batch = self._listen(PATIENCE_S)
            assert batch is not None
            self._early.append(batch)
        return self.states[-1]

    # -------------------------------------------------------------- answering

    def ack(self, epoch: str, upto: int, *, key=None, kind=Kind.ACK, topic=None, **more) -> None:
        digest = self._digests.get((epoch, upto)) or (genesis(GATE, epoch) if upto == 0 else None)
        if key is None and not more:
            self._kept[epoch] = upto
        made = {"gate": GATE, "epoch": epoch, "upto": upto, "digest": digest, "at": self.now} | more
        self.say(encode_ack(Ack(**made)), key=key, kind=kind, topic=topic)

    def say(self, payload: bytes, *, key=None, kind=Kind.ACK, topic=None) -> None:
        token = (key or self.key).sign(MESSAGE_TYPES[kind], payload)
        self.publish(token, topic or topics.ack(GATE))

    def publish(self, token: bytes, topic: str) -> None:
        self.broker.publish(Letter(topic, token))

    def forget(self) -> None:
        self._digests.clear()
