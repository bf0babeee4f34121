"""Every parser that reads bytes of media, by name, with seeds made from honest media.

A new target is one function ``bytes -> None`` and one line in ``TARGETS``. It raises nothing for whatever it
is handed: it catches the refusal that its parser documents, and asserts what must hold of all else.

    python tests/fuzz/targets.py        write the seeds anew
"""

from __future__ import annotations

import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # what all tests share stands one folder up
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fuzz import certificates as v
from fuzz import conversations as c
from fuzz import parsers as p
from fuzz import tags as t
from gated.card import tlv

HERE = Path(__file__).resolve().parent
#: Of one input, in seconds of the processor: neighbours on the machine do not count.
MOST_S = 0.25


class Target(NamedTuple):
    """What is tried, and what it is tried with first."""

    run: Callable[[bytes], None]
    seeds: Callable[[], p.Seeds]


TARGETS: dict[str, Target] = {
    "tlv": Target(p.tlv_target, p.tlv_seeds),
    "ndef": Target(p.ndef_target, p.ndef_seeds),
    "container": Target(p.container_target, p.container_seeds),
    "type2": Target(t.type2_target, t.type2_seeds),
    "type4": Target(t.type4_target, t.type4_seeds),
    "ev2": Target(c.ev2_target, c.ev2_seeds),
    "sun": Target(t.sun_target, t.sun_seeds),
    "calypso": Target(c.calypso_target, c.calypso_seeds),
    "record": Target(c.record_target, c.record_seeds),
    "cbor": Target(p.cbor_target, p.cbor_seeds),
    "cose": Target(p.cose_target, p.cose_seeds),
    "statements": Target(p.statements_target, p.statements_seeds),
    "pkoc": Target(c.pkoc_target, c.pkoc_seeds),
    "cvc": Target(v.cvc_target, v.cvc_seeds),
    "pkoc2": Target(v.pkoc2_target, v.pkoc2_seeds),
    "identify": Target(c.identify_target, c.identify_seeds),
}


def broken(module: types.ModuleType, right: str, wrong: str) -> Any:
    """A copy of a module with one line spoilt."""
    text = Path(str(module.__file__)).read_text(encoding="utf-8")
    assert text.count(right) == 1, f"{module.__name__} has changed: plant another bug"
    made = types.ModuleType(f"broken.{module.__name__}")
    sys.modules[made.__name__] = made  # where dataclasses look for the module of their class
    exec(compile(text.replace(right, wrong), made.__name__, "exec"), made.__dict__)
    return made


_TLV = broken(tlv, "if at + size > len(body):", "if False:")
#: Tried only by name: a bug that is there to be found, or nobody knew whether the harness can find one.
PLANTED = {"planted": Target(lambda data: p.tlv_target(data, _TLV), p.tlv_seeds)}
ALL = TARGETS | PLANTED


def seeds(name: str) -> list[bytes]:
    """The committed seeds of a target."""
    folder = HERE / "seeds" / ("tlv" if name in PLANTED else name)
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def once(name: str, data: bytes) -> None:
    """One input through one target. Raises whatever is wrong."""
    began = time.process_time()
    ALL[name].run(data)
    took = time.process_time() - began
    assert took < MOST_S, f"took {took:.2f} s"


def main() -> None:
    for name, target in TARGETS.items():
        folder = HERE / "seeds" / name
        folder.mkdir(parents=True, exist_ok=True)
        for seed, data in target.seeds().items():
            (folder / seed).write_bytes(data)
    print(f"seeds of {len(TARGETS)} targets written to {HERE / 'seeds'}")


if __name__ == "__main__":
    main()
