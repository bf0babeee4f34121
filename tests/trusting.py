"""A gate that reads a trust repository which a test bends, from a folder as a stick brings it."""

from __future__ import annotations

import json
from contextlib import closing

from gated.model.decision import Granted
from gated.model.trust import Algorithm
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from gated.store.trust_files import TRUST, hand_over
from gated.wire.seal import SigningKey
from trust_repository import Simulator
from venue import NOW, ServedSite, Site, medium


def keys_of(site: Site) -> bytes:
    return (site.path / "central" / "gate" / "keys.json").read_bytes()


def profile_of(site: Site, **changed) -> bytes:
    document = json.loads((site.path / "central" / "gate" / "profile-bron.json").read_bytes())
    return json.dumps(document | changed).encode()


class TrustingGate:
    """A site whose gate was enrolled with the simulator's first root, and has read it once."""

    def __init__(self, site: Site, serve, **more) -> None:
        self.site, self._serve = site, lambda: serve(site, **more)
        self.repository = Simulator(keys_of(site), profile_of(site))
        root = site.path / "root.json"
        root.write_bytes(self.repository.files["1.root.json"])
        text = site.config.read_text()
        site.config.write_text(text.replace("[trust]\n", '[trust]\nroot = "root.json"\n'))
        site.bring(site.give("alice", medium(1), "season"))
        self.served: ServedSite = self._serve()
        self.read()

    @property
    def gate(self):
        return self.served.gate

    @property
    def keeper(self):
        return self.gate._repository._keeper

    @property
    def trust(self):
        return self.gate._trust

    @property
    def folder(self):
        """What was verified."""
        return self.site.state / TRUST

    def start_again(self) -> None:
        self.served.stop_now()
        self.served = self._serve()

    def read(self) -> list[str]:
        """Bring the repository on a stick; the codes of what was not believed of it."""
        before = len(self.refusals())
        hand_over(self.repository.write(self.site.path / "stick"), self.site.state)
        self.gate.tick()
        return self.refusals()[before:]

    def refusals(self) -> list[str]:
        self.gate.journal.do(lambda _connection: None).wait(10)  # what was queued before it is written
        with closing(JournalReader(self.site.state / JOURNAL)) as reader:
            rows = [row.event for row in reader.rows()]
        return [row["code"] for row in rows if row["kind"] == "unbelieved" and row["what"] == "trust"]

    def kids(self) -> set[str]:
        """Of the keys that count."""
        return {kid.hex() for kid in self.trust.keys}

    def serves(self) -> bool:
        """Whether somebody with a right is let in."""
        return isinstance(self.served.tap(medium(1)).decision, Granted)


def with_key(keys: bytes, *, sectors=("pools",), kinds=("ack", "time")) -> tuple[bytes, SigningKey]:
    """keys.json with another key in it, and that key."""
    key = SigningKey.generate(Algorithm.EDDSA)
    document = json.loads(keys)
    document["keys"].append(
        {
            "kid": key.kid.hex(),
            "alg": "EdDSA",
            "public": key.public.hex(),
            "sectors": list(sectors),
            "kinds": list(kinds),
            "not_before": 0,
            "expires": NOW + 10**8,
        }
    )
    return json.dumps(document).encode(), key
