"""A display on a real pseudo-terminal, and how words are set on it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import termios
from datetime import UTC
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gated.devices.clock import SystemClock
from gated.devices.panel import SMALL, Row, pages
from gated.devices.terminal import REFRESH_S, REST_S, RETRY_S, TURN_S, TerminalDisplay
from gated.model.refusal import Reason, Refusal
from gated.ports import Signal
from gated.texts.languages import LANGUAGES
from gated.texts.sentences import Texts
from indicators import TerminalWorld
from venue import PATIENCE_S, until

TWO = ("Please present your card.", "Bitte Karte vorhalten.")
LONG = "Your ticket was valid until 31 Dec 2026. Please go to the desk."  # four lines


@pytest.fixture
def make(tmp_path):
    made = []

    def one(*size, **more):
        made.append(TerminalWorld(tmp_path, *size, **more))
        return made[-1]

    yield one
    for world in made:
        world.close()


# ------------------------------------------------------------------ words and a symbol


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("size", [(20, 4), (40, 12), (80, 25), (240, 67)])
def test_each_signal_has_a_symbol_of_its_own_beside_the_words(make, signal, size):
    others = {}
    for one in Signal:
        world = make(*size)
        world.indicator.show(one, None, ("The way is free.",))
        world.step()
        assert "The way is free." in world.screen.words
        others[one] = [row.replace("The way is free.", "") for row in world.screen.rows]
    assert 1 == list(others.values()).count(others[signal])
    drawn = any("##" in row for row in others[signal])
    assert drawn or SMALL[signal] in " ".join(others[signal])
    assert drawn is (size[1] > 10)


def test_every_text_of_every_language_is_read_whole_on_the_smallest_display(make):
    """What the catalogues promise, on the display itself."""
    world = make(20, 4)
    for language in LANGUAGES:
        texts = Texts(language, UTC)
        for reason in Reason:
            text = texts.refused(Refusal(reason), None, 0)
            world.indicator.show(Signal.REFUSED, Refusal(reason), (text,))
            world.step()
            words = world.screen.words.removeprefix(SMALL[Signal.REFUSED]).strip()
            assert text.replace("\u00a0", " ") == words


def test_where_four_lines_leave_no_room_the_symbol_comes_in_turn(make):
    world = make(20, 4)
    world.indicator.show(Signal.REFUSED, None, (LONG,))
    assert pytest.approx(TURN_S) == world.step()
    four = world.screen.words
    world.step(TURN_S)
    assert {LONG, SMALL[Signal.REFUSED]} == {four, world.screen.words}
    world.step(TURN_S)
    assert four == world.screen.words


def test_languages_stand_below_each_other_where_there_is_room_and_in_turn_where_not(make):
    world = make(80, 25)
    world.indicator.show(Signal.READY, None, TWO)
    assert REFRESH_S == world.step()
    assert " ".join(TWO) == world.screen.words
    small = make(20, 4)
    small.indicator.show(Signal.READY, None, TWO)
    seen = []
    for _ in range(4):
        small.step()
        seen.append(small.screen.words.removeprefix(SMALL[Signal.READY]).strip())
        small.clock.advance(TURN_S)
    assert [*TWO, *TWO] == seen


def test_a_signal_begins_with_the_first_language(make):
    world = make(20, 4)
    for _ in range(3):
        world.indicator.show(Signal.READY, None, TWO)
        for language in (0, 1, 0):
            world.step(TURN_S)
            assert TWO[language] in world.screen.words


@given(
    st.sampled_from(Signal),
    st.lists(st.text(), max_size=5),
    st.integers(-1, 90),
    st.integers(-1, 30),
)
def test_every_page_fits_and_is_printable(signal, texts, columns, rows):
    turns = pages(signal, texts, columns, rows)
    assert turns
    for page in turns:
        assert max(1, rows) == len(page)
        assert all(len(row.text) <= max(1, columns) and row.text.isprintable() for row in page)


@given(st.lists(st.text("ab cd", min_size=1), min_size=1, max_size=5), st.integers(5, 90), st.integers(1, 30))
def test_no_word_is_lost(texts, columns, rows):
    turns = pages(Signal.READY, texts, columns, rows)
    words = [row.text for page in turns for row in page if not row.drawn and row.text != SMALL[Signal.READY]]
    shown = "".join(words)
    for text in texts:
        assert text.replace(" ", "") in shown.replace(" ", "")


def test_a_symbol_is_shown_on_at_least_one_page(make):
    for rows in range(1, 30):
        turns = pages(Signal.REFUSED, (LONG, LONG), 20, rows)
        assert any(row.drawn or row == Row(SMALL[Signal.REFUSED]) for page in turns for row in page)


def test_what_a_text_carries_commands_no_terminal(make):
    world = make(20, 6)
    world.indicator.show(Signal.GRANTED, None, ("a\x1b[2Jb\x9bc\x07\r\nd",))
    world.step()
    assert "a?[2Jb?c?  d" in world.screen.words


def test_no_parameter_of_a_refusal_is_shown(make):
    world = make(80, 25)
    world.indicator.show(Signal.REFUSED, Refusal(Reason.DENIED, {"target": "pass", "state": "revoked"}), TWO)
    world.step()
    assert " ".join(TWO) == world.screen.words


def test_colour_is_left_out_where_nobody_wants_it(make):
    for colour in (True, False):
        world = make(20, 6, colour=colour)
        for signal in Signal:
            world.indicator.show(signal, None, ("The way is free.",))
            world.step()
            assert SMALL[signal] in world.screen.words
        coloured = {style for style in world.screen.styles if re.fullmatch("[34][0-7]", style)}
        assert colour is bool(coloured)


# ------------------------------------------------------------------ the terminal


def test_it_is_drawn_again_over_whatever_others_wrote(make):
    world = make(20, 6)
    world.indicator.show(Signal.READY, None, TWO[:1])
    world.step()
    before = world.screen.rows
    os.write(world.other, b"\x1b[1;1Hlogin:\x1b[6;1Hpassword:")
    world.look()
    assert before != world.screen.rows
    world.step(REFRESH_S)
    assert before == world.screen.rows


def test_it_follows_the_size_of_its_window(make):
    world = make(20, 4)
    world.indicator.show(Signal.READY, None, TWO)
    world.step()
    world.resize(80, 25)
    world.step(2 * TURN_S)
    assert " ".join(TWO) == world.screen.words
    world.resize(0, 0)  # a serial line
    world.screen = type(world.screen)(20, 4)
    world.step(REFRESH_S)
    assert TWO[0] in world.screen.words


def test_it_leaves_an_empty_terminal_with_a_cursor(make):
    world = make(20, 4)
    world.indicator.show(Signal.REFUSED, None, TWO)
    world.step()
    assert not world.screen.cursor
    world.indicator.close()
    world.look()
    assert [""] * 4 == world.screen.rows
    assert world.screen.cursor
    world.indicator.show(Signal.READY, None, TWO)
    world.step(REFRESH_S)
    assert [""] * 4 == world.screen.rows


def test_an_unplugged_terminal_is_told_once_and_drawn_on_when_it_is_back(make, caplog):
    caplog.set_level("INFO")
    world = make(20, 6)
    world.indicator.show(Signal.READY, None, TWO[:1])
    world.step()
    world.lose()
    assert RETRY_S == world.step(REFRESH_S)
    for _ in range(3):
        assert RETRY_S == world.step(RETRY_S)
    (record,) = caplog.records
    assert "nothing can be shown, the lane goes on" in record.getMessage()
    world.back()
    world.step(RETRY_S)
    assert TWO[0] in world.screen.words
    assert world.screen.stays_bright
    assert "shows again" in caplog.records[-1].getMessage()
    assert 2 == len(caplog.records)


def test_a_terminal_that_takes_nothing_holds_up_nobody_and_shows_the_last_signal_later(make, caplog):
    world = make(20, 6)
    world.indicator.show(Signal.READY, None, TWO[:1])
    world.step()
    termios.tcflow(world.other, termios.TCOOFF)  # as Ctrl-S does
    for signal in (Signal.GRANTED, Signal.REFUSED):
        world.indicator.show(signal, None, TWO[1:])
        assert REST_S == world.draw()
        world.clock.advance(RETRY_S - 0.1)
    assert RETRY_S == world.draw()
    assert ["it takes nothing" in record.getMessage() for record in caplog.records] == [True]
    termios.tcflow(world.other, termios.TCOON)
    world.step(RETRY_S)
    assert f"{SMALL[Signal.REFUSED]} {TWO[1]}" == world.screen.words


def test_what_a_terminal_has_no_room_for_follows_when_it_has(make):
    world = make(240, 67)
    with contextlib.suppress(BlockingIOError):
        while os.write(world.other, bytes(512)):
            pass
    world.indicator.show(Signal.REFUSED, None, TWO)
    assert REST_S == world.draw()
    whole = len(world.indicator._rest)

    def begun() -> bool:
        """Whether it took a part, now that there is a little room."""
        with contextlib.suppress(BlockingIOError):
            os.read(world.ours, 256)
        assert REST_S == world.draw()
        return len(world.indicator._rest) < whole

    assert until(begun)
    half = len(world.indicator._rest)
    world.indicator.show(Signal.GRANTED, None, TWO)
    assert REST_S == world.draw()
    assert half >= len(world.indicator._rest)  # the half of a command is ended before another begins
    world.step(REST_S)
    fresh = make(240, 67)
    fresh.indicator.show(Signal.GRANTED, None, TWO)
    fresh.step()
    assert fresh.screen.rows == world.screen.rows


def test_a_file_is_no_terminal_and_does_not_grow(tmp_path, caplog):
    path = tmp_path / "file"
    path.touch()
    display = TerminalDisplay(str(path), SystemClock().monotonic)
    display.show(Signal.READY, None, TWO)
    open_files = len(list(Path("/proc/self/fd").iterdir()))
    display.step(0.0)
    assert "it is no terminal" in caplog.text
    assert open_files == len(list(Path("/proc/self/fd").iterdir()))
    assert 0 == path.stat().st_size


def test_no_descriptor_is_left_open(make):
    before = len(list(Path("/proc/self/fd").iterdir()))
    world = make(20, 4)
    for _ in range(3):
        world.indicator.show(Signal.READY, None, TWO)
        world.step(REFRESH_S)
        world.lose()
        world.step(REFRESH_S)
        world.step(REFRESH_S)
        world.back()
    world.close()
    assert before == len(list(Path("/proc/self/fd").iterdir()))


def test_other_programs_do_not_inherit_it(make):
    world = make(20, 4)
    world.indicator.show(Signal.READY, None, TWO)
    world.step()
    assert fcntl.fcntl(world.indicator._terminal, fcntl.F_GETFD) & fcntl.FD_CLOEXEC


def test_its_thread_draws_and_leaves(make):
    world = make(20, 6)
    display = TerminalDisplay(str(world.path), SystemClock().monotonic)
    display.start()
    for one, other in pairwise((Signal.READY, Signal.GRANTED, Signal.REFUSED)):
        display.show(one, None, TWO[:1])
        display.show(other, None, TWO[1:])

        def seen(signal=other) -> bool:
            world.look()
            return SMALL[signal] in world.screen.words and TWO[1] in world.screen.words

        assert until(seen)
    display.close()
    display._beat._thread.join(PATIENCE_S)
    world.look()
    assert [""] * 6 == world.screen.rows
