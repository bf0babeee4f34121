"""A tripod turnstile as its terminals show it: it turns while an output is on, and its contact bounces."""

from __future__ import annotations

RELEASE, FREE = 17, 18
PASSAGE, FAULT, FIRE = 5, 6, 13
#: Seconds. The contact is closed for this long at each passage, and bounces for so long at each change.
TURN_S, BOUNCE_S = 0.25, 0.008


class TurnstileModel:
    """Outputs are what it is told, inputs what it shows: on or off, by line. Time comes from the clock."""

    def __init__(self, monotonic) -> None:
        self._monotonic = monotonic
        self.outputs: dict[int, bool] = {}
        self.inputs: dict[int, bool] = {PASSAGE: False, FAULT: False, FIRE: False}
        self.written: list[tuple[int, bool]] = []  # what it was told, in order
        self.flashes: list[tuple[int, float]] = []
        self._flash_ends: dict[int, float] = {}
        self._script: list[tuple[float, bool]] = []  # when the passage contact changes
        self.leant_on = False

    def write(self, line: int, on: bool) -> None:
        self.written.append((line, on))
        self.outputs[line] = on
        self._flash_ends.pop(line, None)

    def flash(self, line: int, seconds: float) -> None:
        """As a module does it: on at once, off by itself."""
        self.flashes.append((line, seconds))
        self.outputs[line] = True
        self._flash_ends[line] = self._monotonic() + seconds

    @property
    def open(self) -> bool:
        return any(self.outputs.values())

    def push(self) -> None:
        """Somebody pushes. It turns if it is open, and the contact closes and opens again, bouncing."""
        if self.open:
            at = self._monotonic()
            for change, level in ((at, True), (at + TURN_S, False)):
                self._script += [
                    (change + place * BOUNCE_S / 4, level if place % 2 == 0 else not level)
                    for place in range(5)
                ]

    def move(self) -> None:
        """Do what is due by now."""
        now = self._monotonic()
        for line, ends in list(self._flash_ends.items()):
            if now >= ends:
                self.outputs[line] = False
                del self._flash_ends[line]
        while self._script and self._script[0][0] <= now:
            self.inputs[PASSAGE] = self._script.pop(0)[1]
        if self.leant_on:
            self.inputs[PASSAGE] = True
