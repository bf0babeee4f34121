"""What each scheme costs: commands, bytes on air, the time of those on air, and the daemon's own.

    python tests/bench/media.py --json                       every scheme, 200 taps each
    python tests/bench/media.py --scheme ntag424 --taps 1000

Commands are those after detection, of a medium that is in order. Where its scheme carries any, it carries a
binding and a right; an NTAG 424 a binding alone, which is what its file holds. The time on air is computed:
ISO/IEC 14443-3 type A at 106 and 424 kbit/s, ISO/IEC 14443-4 blocks of at most ``--frame`` bytes without CID,
frame delays of 1172/fc both ways, and nothing for what the medium itself computes. A Type 2 tag knows
106 kbit/s alone.

``own_ms`` is measured: a whole conversation through pyscard, a private pcscd and vpcd, less what the virtual
medium took for its answers. ``bare_ms`` is the same commands sent by pyscard with nothing thought about them,
in the same run, and ``ratio`` one by the other. Nothing is asserted: figures are for people.
"""

from __future__ import annotations

import argparse
import json
import secrets
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # what all tests share stands one folder up

import pcscd
from gated.card.identify import identify
from gated.card.talk import Talk
from gated.daemon.conversing import drive
from gated.devices.clock import SystemClock
from gated.devices.pcsc import PcscReader
from gated.devices.simulated.media import Medium
from gated.model.credential import Proof
from kinds import KINDS, NOW

CLOCK = SystemClock()
Said = list[tuple[bytes, bytes]]  # commands with their answers
#: Framed, a binding without end has 173 bytes, one that names a key 209, and a right with an end 173
#: (docs/reference/statements.md).
BINDING, PAIR, KEY_PAIR = bytes(173), bytes(173 + 173), bytes(209 + 173)
CARRIED = {"ntag424": BINDING, "ntag424 random uid": BINDING, "pkoc carrying": KEY_PAIR}
CARRIER_HZ = 13_560_000
_DELAY_S = 1172 / CARRIER_HZ  # frame delay time, both ways (ISO/IEC 14443-3:2018 clause 6.2.1.1)
_PROLOGUE, _CHECK = 1, 2  # of a block: its control byte, and CRC
_ACK = _PROLOGUE + _CHECK


@dataclass
class Air:
    """What one conversation put on air: sizes of frames, in order of their sending."""

    frame: int
    frames: list[int] = field(default_factory=list)
    slow_only: bool = False

    def command(self, apdu: bytes, answer: bytes) -> None:
        if apdu[0] == 0xFF:  # READ of a Type 2 tag: two bytes and CRC, answered by sixteen and CRC
            self.slow_only = True
            self.frames += [2 + _CHECK, len(answer) - 2 + _CHECK]
            return
        self._blocks(len(apdu))
        self._blocks(len(answer))

    def _blocks(self, size: int) -> None:
        room = self.frame - _PROLOGUE - _CHECK
        while size > room:
            self.frames += [self.frame, _ACK]
            size -= room
        self.frames.append(size + _PROLOGUE + _CHECK)

    def seconds(self, kbits: int) -> float:
        bit_s = 128 / CARRIER_HZ / (1 if self.slow_only else kbits // 106)
        # A start bit, eight bits and parity for each byte, an end.
        return sum((2 + 9 * size) * bit_s + _DELAY_S for size in self.frames)


class Clocked(Medium):
    """A medium whose own time is taken."""

    def __init__(self, inner: Medium) -> None:
        super().__init__(inner.uid)
        self.inner, self.took_s = inner, 0.0
        self.converses = inner.converses

    def reset(self) -> None:
        self.inner.present()

    def answer(self, apdu: bytes) -> bytes:
        began = CLOCK.monotonic()
        try:
            return self.inner.transmit(apdu)
        finally:
            self.took_s += CLOCK.monotonic() - began


class Heard:
    """A session, and what was said in it."""

    def __init__(self, session: Any) -> None:
        self.session, self.said = session, Said()

    def transmit(self, apdu: bytes) -> bytes:
        answer: bytes = self.session.transmit(apdu)
        self.said.append((apdu, answer))
        return answer


def measure(name: str, slot: pcscd.Slot, taps: int, frame: int) -> dict[str, Any]:
    kind = KINDS[name]
    medium = Clocked(kind.make(CARRIED.get(name, PAIR)))
    slot.insert(medium)
    slot.wait_seen()
    reader = PcscReader(slot.reader)
    reader.open()
    own, bare, said = [], [], Said()
    try:
        for _ in range(taps):
            medium.inner.present()
            session = reader.connect()
            heard, medium.took_s, began = Heard(session), 0.0, CLOCK.monotonic()
            talk = Talk(session.uid, secrets.token_bytes, lambda: NOW)
            result = drive(identify(talk, kind.media), heard)
            own.append(CLOCK.monotonic() - began - medium.took_s)
            assert isinstance(result, Proof), result
            said = heard.said
            medium.inner.present()
            medium.took_s, began = 0.0, CLOCK.monotonic()
            for apdu, _ in said:
                session.transmit(apdu)
            bare.append(CLOCK.monotonic() - began - medium.took_s)
            session.close()
    finally:
        reader.close()
        slot.remove()
    return figures(said, own, bare, frame)


def figures(
    said: list[tuple[bytes, bytes]], own: list[float], bare: list[float], frame: int
) -> dict[str, Any]:
    air = Air(frame)
    asked = [(apdu, answer) for apdu, answer in said if answer != b"\x6a\x81"]  # the reader's own word
    for apdu, answer in asked:
        air.command(apdu, answer)
    ratio = statistics.median(own) / statistics.median(bare) if asked else None
    return {
        "apdus": len(asked),
        "bytes": sum(air.frames),
        "air_ms_106": round(air.seconds(106) * 1000, 1),
        "air_ms_424": round(air.seconds(424) * 1000, 1),
        "own_ms": spread(own),
        "bare_ms": spread(bare),
        "ratio": None if ratio is None else round(ratio, 2),
    }


def spread(seconds: list[float]) -> dict[str, float]:
    ranked = sorted(seconds)
    return {
        "p50": round(statistics.median(ranked) * 1000, 3),
        "p99": round(ranked[min(len(ranked) - 1, len(ranked) * 99 // 100)] * 1000, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--taps", type=int, default=200, metavar="N", help="of each scheme (default: 200)")
    parser.add_argument("--scheme", action="append", choices=sorted(KINDS), help="only this; may be repeated")
    parser.add_argument(
        "--frame", type=int, default=64, metavar="BYTES", help="largest frame on air (default: 64, as FSCI 5)"
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if pcscd.missing():
        sys.exit(pcscd.missing())
    service = pcscd.Service()
    schemes: dict[str, Any] = {}
    try:
        service.start()
        for name in arguments.scheme or KINDS:
            print(f"\r{name:<24}", end="", file=sys.stderr, flush=True)
            schemes[name] = measure(name, service.slots[0], arguments.taps, arguments.frame)
    finally:
        service.end()
        print("\r", end="", file=sys.stderr)
    if arguments.json:
        print(json.dumps({"taps": arguments.taps, "frame": arguments.frame, "schemes": schemes}))
        return
    heads = (
        f"{'apdus':>6}{'bytes':>7}{'106 kbit/s':>12}{'424 kbit/s':>12}{'own p50':>10}{'p99':>8}{'bare':>8}"
    )
    print(f"{'':<20}{heads}")
    for name, one in schemes.items():
        own = one["own_ms"]
        print(
            f"{name:<20}{one['apdus']:>6}{one['bytes']:>7}{one['air_ms_106']:>9} ms{one['air_ms_424']:>9} ms"
            f"{own['p50']:>7} ms{own['p99']:>8}{one['bare_ms']['p50']:>8}"
        )


if __name__ == "__main__":
    main()
