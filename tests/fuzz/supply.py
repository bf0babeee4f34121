"""What a target takes its input for: numbers, answers of a medium, and edits of what was honest."""

from __future__ import annotations

import random
from collections.abc import Sequence

#: As libFuzzer is told: no parser here is handed more by one medium.
MAX_INPUT_BYTES = 4096

_TELLING = (
    b"\x00",
    b"\x01",
    b"\x7f",
    b"\x80",
    b"\x81",
    b"\x82",
    b"\xff",
    b"\xff\xff",
    b"\x90\x00",
    b"\x61\x10",
)
_TELLING += (b"\x91\xaf", b"\x91\x00", b"\x62\x83", b"\x04\x00")


class Supply:
    """The input, taken from its beginning. What it lacks is 0 or empty: every input means something."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, size: int) -> bytes:
        begin, self._at = self._at, self._at + size
        return self._data[begin : self._at]

    def byte(self) -> int:
        return int.from_bytes(self.take(1), "big")

    def number(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def rest(self) -> bytes:
        return self.take(len(self._data))

    def answer(self) -> bytes | None:
        """The next answer, its size before it in two bytes; None = nothing is left: the medium went away."""
        return self.take(self.number()) if self else None


def answers(*given: bytes) -> bytes:
    """An input of which ``Supply.answer`` takes these."""
    return b"".join(len(one).to_bytes(2, "big") + one for one in given)


def edited(raw: bytes, supply: Supply) -> bytes:
    """``raw`` with one change, as the supply says."""
    kind, place = supply.byte() % 6, supply.number() % (len(raw) + 1)
    before, after = raw[:place], raw[place:]
    if kind == 0:
        return before + bytes([after[0] ^ supply.byte()]) + after[1:] if after else raw
    if kind == 1:
        return before
    if kind == 2:
        return before + supply.take(supply.byte()) + after
    if kind == 3:
        return before + after[supply.byte() :]
    if kind == 4:
        part = supply.take(supply.byte())
        return before + part + after[len(part) :]
    return after + before


def mutated(chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds after a few changes without any knowledge of its form."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 1, 2, 4, 8))):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.choice((1, 2, 4, 16, 64)))
        match chance.randrange(7):
            case 0 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(data):
                data[at] = chance.randrange(256)
            case 2:
                data[at:end] = chance.choice(_TELLING)
            case 3:
                data[at:at] = chance.randbytes(chance.choice((1, 2, 4, 16)))
            case 4:
                del data[at:end]
            case 5:
                data[at:at] = data[at:end] * chance.choice((1, 2, 16))
            case _:
                other = chance.choice(seeds)
                data[at:] = other[chance.randrange(len(other) + 1) :]
    return bytes(data[:MAX_INPUT_BYTES])
