"""Laws of what the lamps and the buzzer say: nobody is told by one sense alone, or by colour alone."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from gated.devices.panel import SMALL
from gated.devices.signs import OUTCOMES, SIGNS, Lamp, Rhythm
from gated.ports import Signal

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "indicator.md"
PAIRS = list(itertools.combinations(Signal, 2))
#: What may be left out. Green and red must be wired.
WIRED = ({Lamp.GREEN, Lamp.RED}, {Lamp.GREEN, Lamp.RED, Lamp.AMBER})


def turned(beats):
    """A rhythm whatever moment one begins to look at it: the least of its turns."""
    pairs = [beats[place : place + 2] for place in range(0, len(beats), 2)]
    return min((pairs[place:] + pairs[:place] for place in range(len(pairs))), default=[])


def seen(signal, wired):
    """The light without its colours, as far as its lamps are wired."""
    sign = SIGNS[signal]
    return turned(sign.light.beats) if wired & set(sign.lamps) else "dark"


@pytest.mark.parametrize("wired", WIRED, ids=["two lamps", "three lamps"])
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_any_two_signals_differ_for_whoever_sees_no_colours(one, other, wired):
    assert seen(one, wired) != seen(other, wired)


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(OUTCOMES, 2)))
def test_any_two_outcomes_of_a_tap_differ_for_whoever_hears_alone(one, other):
    beeps = [
        (SIGNS[signal].sound.times, SIGNS[signal].sound.beats[0] >= 500) for signal in (one, other)
    ]  # how many, and whether they are long: nobody hears milliseconds
    assert beeps[0] != beeps[1]


@pytest.mark.parametrize("signal", OUTCOMES)
def test_every_outcome_of_a_tap_has_light_and_sound(signal):
    sign = SIGNS[signal]
    assert {Lamp.GREEN, Lamp.RED} & set(sign.lamps)  # the lamps that every lane has
    assert sign.sound is not None
    assert sign.sound.lasts < 2.0  # heard before the next one taps


def test_every_signal_has_a_sign_and_every_sound_ends():
    assert set(Signal) == SIGNS.keys()
    assert set(OUTCOMES) == set(Signal) - {Signal.READY, Signal.FREE, Signal.FIRE, Signal.ALARM}
    for sign in SIGNS.values():
        assert Lamp.BUZZER not in sign.lamps
        assert sign.light.times == 0
        assert sign.sound is None or 0 < sign.sound.lasts <= 60


def test_fire_and_out_of_service_are_unmistakable():
    periods = {signal: sum(SIGNS[signal].light.beats) or 1e9 for signal in Signal}
    assert Signal.FIRE is min(periods, key=periods.__getitem__)
    assert 3 * SIGNS[Signal.REFUSED].sound.lasts < SIGNS[Signal.FIRE].sound.lasts
    assert Lamp.RED not in SIGNS[Signal.FIRE].lamps  # nobody is told to stop
    dark = {signal: max(SIGNS[signal].light.beats[1::2], default=0) for signal in Signal}
    assert Signal.OUT_OF_SERVICE is max(dark, key=dark.__getitem__)


@pytest.mark.parametrize("signal", Signal)
def test_nothing_flashes_more_than_three_times_within_a_second(signal):
    begins = flashes(SIGNS[signal].light)
    for first in begins:
        assert sum(first <= other < first + 1000 for other in begins) <= 3


def flashes(rhythm: Rhythm) -> list[int]:
    """When it goes on, within some seconds."""
    levels = [rhythm.at(since)[0] for since in range(0, 20_000, 10)]
    return [place * 10 for place in range(1, len(levels)) if levels[place] and not levels[place - 1]]


@pytest.mark.parametrize(
    "rhythm", [Rhythm((100, 200, 300, 400)), Rhythm((100, 200, 300, 400), 2), Rhythm((7, 3), 1)]
)
def test_a_rhythm_says_when_it_changes_next(rhythm):
    """By what it says next one comes through it exactly as by looking at each millisecond."""
    levels, since, until = [], 0, 3000
    while since < until:
        on, ends = rhythm.at(since)
        ends = until if ends is None else min(ends, until)
        assert ends > since
        levels += [on] * (ends - since)
        since = ends
    assert levels == [rhythm.at(moment)[0] for moment in range(until)]
    whole = [place % 2 == 0 for place, beat in enumerate(rhythm.beats) for _ in range(beat)]
    played = whole * (rhythm.times or until // len(whole))
    assert levels == played + [False] * (until - len(played))


def test_without_beats_it_is_on():
    assert (True, None) == Rhythm().at(0) == Rhythm().at(10**9)


# ------------------------------------------------------------------ the page


def drawn(rhythm: Rhythm | None) -> str:
    """A rhythm in words and numbers."""
    if rhythm is None:
        return "silent"
    if not rhythm.beats:
        return "steady"
    beats = " ".join(
        f"**{beat}**" if place % 2 == 0 else str(beat) for place, beat in enumerate(rhythm.beats)
    )
    return f"{beats} ms" + (f", {rhythm.times} times" if rhythm.times > 1 else "")


def table() -> list[str]:
    return [
        f"| `{signal}` | {' and '.join(SIGNS[signal].lamps)} | {drawn(SIGNS[signal].light)} |"
        f" {drawn(SIGNS[signal].sound)} | `{SMALL[signal]}` |"
        for signal in Signal
    ]


def test_the_reference_says_what_each_signal_looks_and_sounds_like():
    rows = re.findall(r"^\| `\w+` \|.*\|$", PAGE.read_text(), re.MULTILINE)
    assert rows == table(), "\n".join(table())
