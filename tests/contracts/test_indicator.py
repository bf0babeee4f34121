"""What every indicator keeps: it shows the last signal, and never raises, whatever is wrong with it."""

from __future__ import annotations

import itertools

import pytest

from gated.devices.indicators import Chorus
from gated.devices.simulated.indicator import SimulatedIndicator
from gated.model.refusal import Reason, Refusal
from gated.ports import Signal
from indicators import TWINS, world

WORDS = ("Please go to the desk.",)
REFUSAL = Refusal(Reason.EXPIRED, {"expires": 1})
#: What no catalogue would say.
STRANGE = ("", " ", "\x1b[2J\x07\n\t\x00", "a" * 500, "word " * 200, "\ud800", "\u00a0\u2028", "日本")


@pytest.fixture(params=TWINS)
def twin(request, tmp_path):
    made = world(request.param, tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("signal", Signal)
def test_it_shows_each_signal(twin, signal):
    twin.indicator.show(signal, None, WORDS)
    assert signal is twin.shown()
    assert signal is twin.shown()  # until the next one


def test_the_last_one_wins(twin):
    for before, signal in itertools.pairwise([*Signal, Signal.READY, *reversed(Signal)]):
        twin.indicator.show(before, REFUSAL, WORDS)
        twin.indicator.show(signal, None, WORDS)
        assert signal is twin.shown()


def test_the_same_again_is_shown_on(twin):
    for _ in range(3):
        twin.indicator.show(Signal.REFUSED, REFUSAL, WORDS)
        assert Signal.REFUSED is twin.shown()


def test_it_shows_without_words_and_with_any(twin):
    for texts in ((), *((one,) for one in STRANGE), STRANGE):
        twin.indicator.show(Signal.GRANTED, None, texts)
        twin.shown()
    twin.indicator.show(Signal.GRANTED)
    assert Signal.GRANTED is twin.shown()


def test_one_that_is_lost_raises_nothing_and_shows_the_last_signal_when_it_is_back(twin):
    twin.indicator.show(Signal.READY, None, WORDS)
    assert Signal.READY is twin.shown()
    twin.lose()
    for signal in Signal:
        twin.indicator.show(signal, REFUSAL, WORDS)
        twin.shown()
    twin.indicator.show(Signal.FREE, None, WORDS)
    twin.back()
    twin.shown()  # it takes its time
    assert Signal.FREE is twin.shown()


def test_one_that_was_never_there_comes_later(twin):
    twin.lose()
    twin.indicator.show(Signal.GRANTED, None, WORDS)
    twin.back()
    twin.shown()
    assert Signal.GRANTED is twin.shown()


@pytest.mark.parametrize("lost", [False, True])
def test_closing_is_idempotent_and_nothing_raises_after_it(twin, lost):
    twin.indicator.show(Signal.REFUSED, REFUSAL, WORDS)
    if lost:
        twin.lose()
    for _ in range(2):
        getattr(twin.indicator, "close", lambda: None)()
        twin.indicator.show(Signal.READY, None, WORDS)


# ------------------------------------------------------------------ beside the contract


def test_in_a_chorus_one_that_raises_is_told_of_once_and_darkens_no_other(tmp_path, caplog):
    twin = world("chorus", tmp_path)
    for signal in Signal:
        twin.indicator.show(signal, None, WORDS)
        assert signal is twin.shown()
    twin.close()
    assert ["indicator Raising fails, the lane goes on"] == [record.getMessage() for record in caplog.records]


def test_a_chorus_of_nobody_is_no_fault():
    chorus = Chorus()
    chorus.show(Signal.READY)
    chorus.close()


def test_the_simulated_one_remembers_the_last_ones():
    indicator = SimulatedIndicator(remembers=2)
    for signal in (Signal.READY, Signal.REFUSED, Signal.GRANTED):
        indicator.show(signal, None, list(WORDS))
    assert [(Signal.REFUSED, None, WORDS), (Signal.GRANTED, None, WORDS)] == list(indicator.history)
    assert (Signal.GRANTED, None, WORDS) == (indicator.signal, indicator.refusal, indicator.texts)
