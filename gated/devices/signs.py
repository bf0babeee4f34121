"""What each signal looks and sounds like. Pure; docs/reference/indicator.md is made from it.

Never colour alone: all lamps of a signal blink in one rhythm, and no two signals share theirs, so that
whoever sees no colours sees which it is. What a tap comes to is heard as well, and no two outcomes sound
alike. Nothing flashes more than three times within a second (WCAG 2.2, success criterion 2.3.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gated.ports import Signal


class Lamp(StrEnum):
    """What can be wired."""

    GREEN = "green"
    RED = "red"
    AMBER = "amber"
    BUZZER = "buzzer"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """On and off in turn, beginning with on."""

    beats: tuple[int, ...] = ()  # milliseconds on, off, on …, an even number; none = on without end
    times: int = 0  # how often they are played; 0 = without end

    def at(self, since: int) -> tuple[bool, int | None]:
        """Whether it is on ``since`` milliseconds after its beginning, and when after it that changes.

        None = never again.
        """
        if not self.beats:
            return True, None
        played, within = divmod(since, sum(self.beats))
        if self.times and played >= self.times:
            return False, None
        on, ends = True, since - within + self.beats[0]
        for beat in self.beats[1:]:
            if since < ends:
                break
            on, ends = not on, ends + beat
        return on, ends

    @property
    def lasts(self) -> float:
        """Seconds from the beginning of the first beat to the end of the last; inf = without end."""
        return sum(self.beats) * self.times / 1000 if self.times else float("inf")


@dataclass(frozen=True, slots=True)
class Sign:
    """What a signal does with the lamps and the buzzer."""

    lamps: tuple[Lamp, ...]
    light: Rhythm
    sound: Rhythm | None = None


#: What a tap can come to. Its sound is heard to the end, even if the lane is ready again before.
OUTCOMES = (Signal.GRANTED, Signal.LOOK, Signal.REFUSED, Signal.OUT_OF_SERVICE)

#: What stands for hours blinks slowly: relays wear.
SIGNS: Mapping[Signal, Sign] = {
    Signal.READY: Sign((Lamp.AMBER,), Rhythm()),
    Signal.GRANTED: Sign((Lamp.GREEN,), Rhythm((500, 500)), Rhythm((150, 150), 1)),
    Signal.LOOK: Sign((Lamp.GREEN, Lamp.AMBER), Rhythm((200, 200, 200, 900)), Rhythm((150, 150), 2)),
    Signal.REFUSED: Sign((Lamp.RED,), Rhythm((200, 200, 200, 200, 200, 1000)), Rhythm((1000, 100), 1)),
    Signal.OUT_OF_SERVICE: Sign((Lamp.RED,), Rhythm((1500, 1500)), Rhythm((350, 200), 3)),
    Signal.FREE: Sign((Lamp.GREEN,), Rhythm((3500, 500))),
    Signal.FIRE: Sign((Lamp.GREEN, Lamp.AMBER), Rhythm((250, 250)), Rhythm((1000, 500), 20)),
    Signal.ALARM: Sign((Lamp.RED, Lamp.AMBER), Rhythm((300, 300)), Rhythm((300, 300), 8)),
}
