"""Writes transcripts.json: a tap of each kind of medium, command by command. Run it where a conversation changes.

    python tests/vectors/make_transcripts.py

Our own: what a gate sends and what a virtual medium answers, with the gate's random numbers, so that another
implementation can be held against them.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # what all tests share stands one folder up

from gated.card.identify import identify
from gated.card.talk import Talk
from gated.daemon.conversing import drive
from gated.devices.simulated.ev2 import Ev2Applet
from gated.devices.simulated.media import Medium, answered_by_reader
from gated.model.credential import Proof
from kinds import KINDS, NOW

PATH = Path(__file__).with_name("transcripts.json")
STATEMENTS = bytes(range(40))


def numbers(seed: str) -> Callable[[int], bytes]:
    """Random numbers that follow from a word."""
    drawn = iter(range(1 << 16))
    return lambda size: hashlib.sha256(f"{seed} {next(drawn)}".encode()).digest()[:size]


class Heard:
    """A medium, and what was said to it. What its reader answers in its place is left out."""

    def __init__(self, medium: Medium) -> None:
        self.medium = medium
        self.said: list[dict[str, str]] = []
        medium.present()

    def transmit(self, apdu: bytes) -> bytes:
        told = answered_by_reader(self.medium, apdu)
        answer = self.medium.transmit(apdu) if told is None else told
        self.said.append({"command": apdu.hex(), "response": answer.hex()})
        return answer


def transcript(name: str) -> dict[str, Any]:
    kind = KINDS[name]
    medium = kind.make(STATEMENTS)
    for applet in getattr(medium, "applets", []):
        if isinstance(applet, Ev2Applet):
            applet.random = numbers(f"medium {name}")
    heard, drawn = Heard(medium), []

    def draw(size: int) -> bytes:
        drawn.append(source(size))
        return drawn[-1]

    source = numbers(f"gate {name}")
    proof = drive(identify(Talk(medium.uid, draw, lambda: NOW), kind.media), heard)
    assert isinstance(proof, Proof), proof
    return {
        "name": name,
        "scheme": str(kind.scheme),
        "uid": medium.uid.hex(),
        "random": [number.hex() for number in drawn],
        "said": heard.said,
        "credential": proof.credential.text,
        "assurance": proof.credential.assurance.label,
        "carried": proof.carried.hex(),
        "counter": proof.counter,
        "fresh": None if proof.fresh is None else [proof.fresh.start, proof.fresh.stop],
    }


def main() -> None:
    made = {
        "about": "Taps of virtual media, as docs/reference/media.md describes them. Keys: tests/kinds.py.",
        "taps": [transcript(name) for name in KINDS],
    }
    PATH.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
