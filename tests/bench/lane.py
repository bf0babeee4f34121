"""From a card that is seen to the relay that is commanded, hop by hop, through a real pcscd.

    python tests/bench/lane.py --json                  300 taps, some four minutes
    python tests/bench/lane.py --json --taps 1000

One lane of a whole gate on a virtual reader of a private pcscd; each tap is a whole PKOC conversation with a
virtual card, a pass with five entitlements, a decision, a durable row, a release that is taken. The clock
starts when the reader's thread knows that a card is there: before that pcscd looks for virtual cards every
0.4 s only, a real reader tells it at once.

    own_ms    until the barrier is commanded and the light shown, without the time that the card itself
              computes: PC/SC's share is in it
    hops_ms   medians: conversed (card's computing left out), handed (from the reader's thread to the lane's),
              opened (recalled, six signatures verified), judged, written, acted; medium: what was left out

Nothing is asserted but that every tap is granted: figures are for people.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # what all tests share stands one folder up

import pcscd
from gated.daemon.messages import Told
from gated.devices.clock import SystemClock
from gated.devices.pcsc import PcscReader
from gated.devices.simulated.media import PkocMedium
from venue import ServedSite, Site, credential_of, medium

PEOPLE = 8
RIGHTS = 5
_PATIENCE_S = 30.0


class TimedMedium(PkocMedium):
    """Knows how long it computed, in seconds: that is the card's share, and not the gate's."""

    computed = 0.0
    monotonic = staticmethod(SystemClock().monotonic)

    def transmit(self, apdu: bytes) -> bytes:
        """Answer, and take the time."""
        began = self.monotonic()
        try:
            return super().transmit(apdu)
        finally:
            self.computed += self.monotonic() - began


def timed(number: int) -> TimedMedium:
    """The same medium as ``medium(number)``."""
    made = medium(number)
    made.__class__ = TimedMedium
    assert isinstance(made, TimedMedium)
    return made


def issue(site: Site) -> None:
    """Everybody holds five rights; the one that is used is the last of them."""
    for number in range(PEOPLE):
        tokens = [site.office.bind(f"p{number}", credential_of(medium(number)), now=site.now, expires=None)]
        for right in range(RIGHTS):
            product = "swim3" if right < RIGHTS - 1 else "season"
            tokens.append(site.office.entitle(f"p{number}", product, now=site.now)[1])
        site.bring(tokens)


def tap(served: ServedSite, slot: pcscd.Slot, number: int) -> tuple[Told, float]:
    """One whole tap: what it came to, and how long the card computed."""
    carried = timed(number)
    slot.insert(carried)
    told = served.told.get(timeout=_PATIENCE_S)
    slot.remove()
    return told, carried.computed


def measure(place: Path, taps: int) -> dict[str, Any]:
    service = pcscd.Service()
    try:
        service.start()
        return _serve(place, service, taps)
    finally:
        service.end()


def _serve(place: Path, service: pcscd.Service, taps: int) -> dict[str, Any]:
    site = Site(place, lane_lines='conversation = "5s"')
    issue(site)
    slot = service.slots[0]
    served = ServedSite(site, readers={"in-1": PcscReader(slot.reader)})
    seen = []
    for done in range(taps + 1):
        seen.append(tap(served, slot, done % PEOPLE))
        print(f"\r{done} of {taps} taps", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    served.stop_now()
    site.office.close()
    return figures(seen[1:])  # the first one loads what the others find loaded


def figures(seen: list[tuple[Told, float]]) -> dict[str, Any]:
    own = sorted((told.took_s - computed) * 1000 for told, computed in seen)
    hops = [
        told.hops._asdict() | {"conversed": told.hops.conversed - computed, "medium": computed}
        for told, computed in seen
    ]
    return {
        "taps": len(seen),
        "granted": sum(told.granted for told, _ in seen),
        "own_ms": {"p50": round(own[len(own) // 2], 3), "p99": round(own[math.ceil(len(own) * 0.99) - 1], 3)},
        "hops_ms": {
            name: round(statistics.median(hop[name] for hop in hops) * 1000, 3)
            for name in ("conversed", "handed", "opened", "judged", "written", "acted", "medium")
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--taps", type=int, default=300, metavar="N")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if pcscd.missing():
        sys.exit(pcscd.missing())
    with tempfile.TemporaryDirectory(prefix="gate-") as place:
        told = measure(Path(place), arguments.taps)
    if arguments.json:
        print(json.dumps(told))
    else:
        for name, value in told.items():
            print(f"{name:>10}  {value}")
    sys.exit(told["granted"] != arguments.taps)


if __name__ == "__main__":
    main()
