"""Every text that a visitor sees comes out of the catalogues, whatever goes wrong."""

from __future__ import annotations

import ast
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from gated.devices.simulated.media import Medium, Replayer, faulty
from gated.model.refusal import Reason
from gated.ports import Signal
from gated.store.directory import DELTA
from gated.texts.languages import LANGUAGES
from gated.texts.sentences import Audience, Texts
from store.test_journal_failures import fail
from turnstile import Attended, Lamp, Turnstile, two_way, walkway, why
from venue import PATIENCE_S, medium, until

GATED = Path(__file__).parents[2] / "gated"
SLOW = 'hold = "50ms"\nconversation = "200ms"\nhung_limit = "1s"'


@pytest.fixture
def site(tmp_path):
    made = two_way(tmp_path, lanes=("in-1",), lane_lines=SLOW, more='wait = "300ms"')
    text = made.config.read_text().replace('id = "gate-1"', f'id = "gate-1"\nlanguages = {[*LANGUAGES]}')
    made.config.write_text(text)
    made.bring(made.give("alice", medium(1), "season", party=4, uses=30))
    yield made
    made.office.close()


@pytest.fixture
def lamp():
    return Lamp()


@pytest.fixture
def served(site, serve, lamp):
    return serve(site, indicators={"in-1": lamp}, barriers={"in-1": Turnstile()})


def in_all_languages(site, tell):
    """What every language says, in the order of the display."""
    settings, trust = site.settings_and_trust()
    return tuple(tell(Texts(language, trust.profile.timezone)) for language in settings.languages)


def check(site, lamp, told, now):
    """All that the lamp showed until now can be made anew from the catalogues, and nothing else was shown."""
    expected = {(Signal.READY, None, in_all_languages(site, Texts.ready))}
    for signal, refusal, texts in list(lamp.shown):
        if signal is Signal.GRANTED:
            assert texts in [in_all_languages(site, lambda one, t=t: one.told(t.decision, now)) for t in told]
        elif refusal is not None:
            assert in_all_languages(site, lambda one, r=refusal: one.refused(r, None, now)) == texts
        else:
            assert (signal, refusal, texts) in expected
    assert all(len(LANGUAGES) == len(texts) for _, _, texts in lamp.shown)


def causes(lamp):
    return {
        refusal.params["cause"]
        for _, refusal, _ in list(lamp.shown)
        if refusal is not None and refusal.reason is Reason.OUT_OF_SERVICE
    }


def lost_reader(served):
    served.readers["in-1"].unplug()
    return "reader_lost"


def broken_barrier(served):
    served.barriers["in-1"].broken = True
    served.tap(medium(1))
    return "barrier_fault"


def hung_reader(served):
    with faulty(medium(1), hang_at=1) as carried:
        served.readers["in-1"].present(carried)
        served.told.get(timeout=PATIENCE_S)
        served.readers["in-1"].remove()
    return "reader_hung"


def failing_journal(served):
    served.gate.journal.do(lambda _: None).wait(10)
    fail(served.gate.journal, "BEGIN IMMEDIATE", before=True)
    served.tap(medium(1))
    return "journal_failed"


def slow_journal(served):
    path = served.gate.journal._path
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        served.tap(medium(1))
        other.execute("ROLLBACK")
    return "journal_slow"


def edited_cache(served):
    with closing(sqlite3.connect(served.gate.journal._path.with_name(DELTA))) as connection, connection:
        connection.execute("UPDATE statement SET rank = 'first'")
    served.tap(medium(1))
    return "cache_failed"


def bug(served):
    walkway(served)._taps._way._recall = None
    served.tap(medium(1))
    return "fault"


TROUBLES = (
    lost_reader, broken_barrier, hung_reader, failing_journal, slow_journal, edited_cache, bug
)  # fmt: skip


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_out_of_service_is_told_in_words_of_the_catalogues(site, served, lamp, trouble):
    assert until(lambda: lamp.shown)
    expected = trouble(served)
    assert until(lambda: expected in causes(lamp))
    check(site, lamp, [], site.now)


def test_grants_and_refusals_are_told_in_words_of_the_catalogues(site, serve):
    genuine = medium(1)
    gate = Attended(site, serve)
    told = [gate.tap(genuine, persons=persons) for persons in (4, 0, 1)]
    told.append(gate.tap(Replayer(genuine.uid, genuine.last_answer)))
    told.append(gate.tap(Medium(b"\x08\x01\x02\x03")))
    with faulty(genuine, tear_at=1):
        told.append(gate.tap(genuine))
    assert {None, "bad_proof", "unknown_medium", "unreadable"} == {why(one) for one in told}
    lamp = gate.lamps["in-1"]
    assert len(told) == sum(said != in_all_languages(site, Texts.ready) for _, _, said in lamp.shown)
    check(site, lamp, told, int(gate.clock.wall))


def test_the_check_can_fail(site, served, lamp):
    assert until(lambda: lamp.shown)
    lamp.show(Signal.READY, None, ("Welcome to our pool!",) * len(LANGUAGES))
    with pytest.raises(AssertionError):
        check(site, lamp, [], site.now)


# ------------------------------------------------------------------ and in the code there are none


def phrases():
    """What visitors are told, sentence by sentence, without placeholders. (Errors may use staff's words.)"""
    for language in LANGUAGES:
        with (GATED / "texts" / "catalogues" / f"{language}.po").open("rb") as file:
            for message in read_po(file, locale=language):
                said = message.string if isinstance(message.string, tuple) else (message.string,)
                for text in said if message.id and message.context == Audience.VISITOR else ():
                    for part in re.split(r"[.!?:;]\s*|\{\w+\}", text.casefold()):
                        if len(part.split()) > 2:  # two words happen by chance
                            yield part.strip()


def literals(source: str):
    """Strings of a module, those of its f-strings among them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.casefold()


def shows(source: str):
    """Strings that a module hands to a display by themselves."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "show":
            for argument in [*node.args, *(word.value for word in node.keywords)]:
                yield from (
                    one.value
                    for one in ast.walk(argument)
                    if isinstance(one, ast.Constant) and isinstance(one.value, str)
                )


SOURCES = sorted(path for path in GATED.rglob("*.py") if path.parent != GATED / "texts")


def test_no_text_of_a_catalogue_stands_in_the_code():
    told = set(phrases())
    assert len(told) > 100
    found = {
        (path.relative_to(GATED).as_posix(), phrase)
        for path in SOURCES
        for literal in literals(path.read_text())
        for phrase in told
        if phrase in literal
    }
    assert set() == found


def test_nothing_is_shown_that_was_written_where_it_is_shown():
    assert [] == [(path.name, text) for path in SOURCES for text in shows(path.read_text())]


def test_both_scans_see_what_they_look_for():
    planted = 'self._indicator.show(Signal.READY, None, ("No valid ticket on this card.",))'
    assert ["No valid ticket on this card."] == list(shows(planted))
    assert "no valid ticket on this card" in phrases()
    assert any("no valid ticket on this card" in literal for literal in literals(planted))


def test_every_caller_of_a_display_is_the_front_of_a_lane():
    """Whoever else showed something would have to be looked at here."""
    shown_by = {
        path.relative_to(GATED).as_posix()
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "show"
        if len(node.args) > 1  # a reader's own light shows a signal and has no room for words
    }
    # What they were given, and nothing of their own; outcomes put it down for whoever watches the socket.
    passed_on_by = {"devices/indicators.py", "daemon/outcomes.py"}
    assert {"daemon/front.py"} == shown_by - passed_on_by
