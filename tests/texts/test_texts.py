"""Everybody is told everything, in five languages, on a small display."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from io import BytesIO
from textwrap import wrap
from zoneinfo import ZoneInfo

import pytest
from babel.dates import get_day_names, get_month_names
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from gated.model.decision import Granted, Notice, Warned
from gated.model.event import LaneCause
from gated.model.refusal import Reason, Refusal
from gated.model.statement import DenialState, Entitlement
from gated.model.time import ClockQuality
from gated.policy.orders import WhyNot
from gated.texts.catalogue import catalogue
from gated.texts.languages import LANGUAGES
from gated.texts.sentences import BY_NAME, BY_VALUE, Audience, Texts

PARIS = ZoneInfo("Europe/Paris")
COLUMNS, LINES, STAFF_CHARS = 20, 4, 120
VISITOR, STAFF = Audience.VISITOR, Audience.STAFF
FOLDER = files("gated.texts").joinpath("catalogues")


def at(text: str) -> int:
    """Seconds since 1970 of an ISO time, in Paris if it names no offset."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=PARIS)).timestamp())


NOW = at("2026-07-14T10:00")

#: Causes of a lane's state that turn nobody away: it serves, or it stands open.
NO_REFUSAL = {
    LaneCause.STARTED,
    LaneCause.READER_BACK,
    LaneCause.BARRIER_BACK,
    LaneCause.FIRE,
    LaneCause.FIRE_ELSEWHERE,
}
#: All values of the parameters that pick a text.
VALUES = {
    Reason.DENIED: [state.name.lower() for state in DenialState if state is not DenialState.LIFTED],
    Reason.EXPIRED: ["binding"],
    Reason.NOT_YET_VALID: ["binding"],
    Reason.USES_EXHAUSTED: ["total", "day", "venue", "apart"],
    Reason.VENUE_FULL: ["not_measured"],
    Reason.UNKNOWN_KEY: ["algorithm"],
    Reason.OUT_OF_SCOPE: ["kind", "sector"],
    Reason.UNREADABLE: ["torn"],
    Reason.OUT_OF_SERVICE: [
        *(cause for cause in LaneCause if cause not in NO_REFUSAL),
        *("journal_slow", "journal_failed", "cache_failed", "fault"),
    ],
}
#: The longest that is likely to stand in a text. September is the longest month of most languages.
LONG = {
    "has": "symmetric-rolling",
    "needs": "symmetric-mutual",
    "ended": at("2026-09-23T00:00"),
    "expires": at("2026-09-24T00:00"),
    "not_before": at("2026-09-23T00:00"),
    "known_at": at("2026-09-23T00:00"),
    "product": "off-peak-season",
    "limit": 100,
    "used": 100,
    "inside": 12,
    "zone": "outdoor-pool",
    "capacity": 10_000,
    "sector": "libraries",
    "target": "entitlement",
}
#: When it is granted again: never, today, this year, another year, and on a first of the month.
AGAIN = (
    None,
    at("2026-07-14T22:00"),
    at("2026-09-23T22:00"),
    at("2026-09-01T22:00"),
    at("2027-09-23T22:00"),
    at("2027-09-01T22:00"),
)


def refusals():
    """Each reason bare, with all parameters, and with each value that picks a text."""
    for reason in Reason:
        yield Refusal(reason)
        yield Refusal(reason, LONG | {"what": "status_6f00"})
        for name in BY_NAME.get(reason, ()):
            yield Refusal(reason, {name: LONG.get(name, "key_order"), "has": LONG["has"], "zone": "bron"})
        for value in VALUES.get(reason, ()):
            yield Refusal(reason, LONG | {BY_VALUE[reason]: value})


def granted(persons=1, left=None, cost=1, warnings=()):
    right = Entitlement("pools", bytes(16), 0, None, 0, bytes(8), "swim10", 0)
    return Granted(right, cost, persons, left, ClockQuality.GOOD, tuple(warnings))


NOTICES = (
    Warned(Notice.CONCESSION, "large-family"),
    Warned(Notice.PASSBACK, 12),
    Warned(Notice.RETIREMENT, at("2026-09-23T00:00")),
)
GRANTS = [
    granted(persons, left, cost, warnings)
    for persons in (1, 2, 35)
    for left in (None, 0, 1, 2, 120)
    for cost in (0, 1)
    for warnings in ((), NOTICES, NOTICES[2:])
]


def everything(language, audience):
    """All that one audience can be told in a language, each with what it is about."""
    texts = Texts(language, PARIS)
    yield "ready", texts.ready(audience)
    yield "free", texts.free(audience)
    yield "fire", texts.fire(audience)
    yield "leaving", texts.leaving(audience)
    if audience is STAFF:
        for why in WhyNot:
            yield why, texts.order(why)
    for one in GRANTS:
        yield one, texts.granted(one, audience)
    for notice in Notice:
        for about in (7, "student", *(warned.about for warned in NOTICES), 1 << 40):
            yield notice, texts.notice(Warned(notice, about), audience)
    for refusal in refusals():
        for again in AGAIN:
            yield refusal, texts.refused(refusal, again, NOW, audience)


@cache
def read(language):
    return read_po(BytesIO(FOLDER.joinpath(f"{language}.po").read_bytes()), locale=language)


def entries(language):
    return {(message.context, message.id): message for message in read(language) if message.id}


def strings(message):
    return message.string if isinstance(message.string, tuple) else (message.string,)


BOTH = [(language, audience) for language in LANGUAGES for audience in Audience]


# ------------------------------------------------------------------ the catalogues


def test_each_language_has_a_catalogue_and_each_catalogue_is_a_language():
    assert {f"{language}.po" for language in LANGUAGES} == {path.name for path in FOLDER.iterdir()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_catalogue_has_the_same_texts_with_the_same_placeholders(language):
    english, here = entries("en"), entries(language)
    assert english.keys() == here.keys()
    for key, message in here.items():
        for text in strings(message):
            assert _placeholders(strings(english[key])[0]) == _placeholders(text), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_there_finished_and_said_in_words(language):
    for (context, id_), message in entries(language).items():
        plain = id_[0] if isinstance(id_, tuple) else id_
        assert not message.fuzzy
        if message.pluralizable:
            assert read(language).num_plurals == len(message.string)
        for text in strings(message):
            assert text.strip() == text != plain, (context, plain)
            assert text
    assert not read(language).obsolete


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_names_nobody(language):
    head = FOLDER.joinpath(f"{language}.po").read_text().partition("\n\n")[0]
    assert {"Language", "MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Plural-Forms"} == set(
        re.findall(r'^"([\w-]+): ', head, re.MULTILINE)
    )


def test_each_code_has_its_texts_and_no_text_is_left_over():
    general = {str(reason) for reason in Reason} | {f"notice.{notice}" for notice in Notice}
    picked = {f"{reason}.{value}" for reason, values in VALUES.items() for value in values}
    named = {f"{reason}.{name}" for reason, names in BY_NAME.items() for name in names}
    about = {f"notice.{notice}.about" for notice in Notice}
    others = {
        "ready",
        "free",
        "fire",
        "alarm",
        "leaving",
        "granted",
        "granted.again",
        "granted.party",
        "granted.left",
    }
    others |= {"next.today", "next.later"}
    orders = {f"order.{why}" for why in WhyNot}
    assert VALUES.keys() == BY_VALUE.keys()
    for audience in Audience:
        ids = {
            id_[0] if isinstance(id_, tuple) else id_ for context, id_ in entries("en") if context == audience
        }
        assert set() == (general | others) - ids
        assert set() == ids - general - others - picked - named - about - {"desk"} - orders
    staff, visitor = ({id_ for context, id_ in entries("en") if context == one} for one in (STAFF, VISITOR))
    assert set() == (picked | named | orders) - staff
    assert set() == orders & visitor


def test_the_general_text_of_a_code_needs_no_parameter():
    for language in LANGUAGES:
        for (context, id_), message in entries(language).items():
            if context in tuple(Audience) and id_ in {*Reason, *(f"notice.{notice}" for notice in Notice)}:
                assert set() == _placeholders(message.string), id_


def _placeholders(text):
    assert not re.search(r"[{}]", re.sub(r"\{[a-z_]+\}", "", text)), text
    return set(re.findall(r"\{([a-z_]+)\}", text))


# ------------------------------------------------------------------ small displays


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_visitor_reads_everything_on_four_lines_of_twenty(language):
    too_long = []
    for what, text in everything(language, VISITOR):
        lines = wrap(text, COLUMNS, break_long_words=False, break_on_hyphens=False)
        if len(lines) > LINES or max(map(len, lines)) > COLUMNS:
            too_long.append((what, lines))
    assert [] == too_long


@pytest.mark.parametrize("language", LANGUAGES)
def test_staff_read_everything_in_one_hundred_and_twenty_characters(language):
    told = everything(language, STAFF)
    assert [] == [(len(text), what, text) for what, text in told if len(text) > STAFF_CHARS]


@pytest.mark.parametrize(("language", "audience"), BOTH)
def test_everything_is_said_in_full_and_in_latin_1(language, audience):
    for what, text in everything(language, audience):
        text.encode("latin-1")  # what a character display can show; no typographic quotes, no thin spaces
        assert text[-1] in ".!?", (what, text)
        assert not re.search(r"[{}]|  |\b[a-z]+_[a-z]+\b(?<!status_6f00)(?<!key_order)", text), (what, text)


# ------------------------------------------------------------------ what is told


def test_a_visitor_who_is_denied_is_told_nothing_else():
    for language in LANGUAGES:
        texts = Texts(language, PARIS)
        desk = strings(entries(language)[VISITOR, "desk"])[0]
        for state in ("blocked", "revoked"):
            for again in AGAIN:
                refusal = Refusal(Reason.DENIED, {"state": state, "target": "pass"})
                assert desk == texts.refused(refusal, again, NOW)


@pytest.mark.parametrize("reason", list(Reason))
def test_no_visitor_is_left_without_a_next_step_or_told_of_the_machine(reason):
    for language in LANGUAGES:
        desk = strings(entries(language)[VISITOR, "desk"])[0]
        text = Texts(language, PARIS).refused(Refusal(reason, LONG), None, NOW)
        again = {Reason.BAD_PROOF, Reason.UNREADABLE, Reason.REPLAYED, Reason.TOO_SLOW}
        exempt = {Reason.VENUE_FULL, Reason.OUT_OF_SERVICE} | again
        assert (desk in text) is (reason not in exempt)
        assert not re.search("symmetric|entitlement|off-peak|outdoor", text)


@pytest.mark.parametrize(
    ("now", "again", "told"),
    [
        ("2026-07-14T06:00", "2026-07-14T07:00", "Come back today at 07:00."),
        ("2026-07-14T10:00", "2026-07-15T07:00", "Come back Wed 15 Jul, 07:00."),
        ("2026-07-14T10:00", "2027-07-15T07:00", "Come back 15 Jul 2027, 07:00."),
        ("2026-12-31T23:59:59", "2027-01-01T00:00", "Come back 1 Jan 2027, 00:00."),
        # Midnight is the venue's: 22:30 UTC is the next day in Paris.
        ("2026-07-14T22:00+00:00", "2026-07-14T22:30+00:00", "Come back today at 00:30."),
        ("2026-07-14T21:30+00:00", "2026-07-14T22:30+00:00", "Come back Wed 15 Jul, 00:30."),
        # The clock goes forward on 29 March 2026 at 01:00 UTC, and back on 25 October.
        ("2026-03-29T00:59+00:00", "2026-03-29T01:00+00:00", "Come back today at 03:00."),
        ("2026-03-28T12:00", "2026-03-29T05:00+00:00", "Come back Sun 29 Mar, 07:00."),
        ("2026-10-25T00:30+00:00", "2026-10-25T01:30+00:00", "Come back today at 02:30."),
        ("2026-10-24T12:00", "2026-10-25T06:00+00:00", "Come back Sun 25 Oct, 07:00."),
        # Seconds are not told: the next full minute is.
        ("2026-07-14T10:00", "2026-07-14T10:25:01", "Come back today at 10:26."),
        ("2026-07-14T10:00", "2026-07-14T23:59:01", "Come back Wed 15 Jul, 00:00."),
        ("2026-07-14T10:00", "2026-07-14T10:00:00", "Please go to the desk."),
        ("2026-07-14T10:00", "2026-07-14T09:00", "Please go to the desk."),
    ],
)
def test_a_visitor_is_told_when_to_come_back(now, again, told):
    text = Texts("en", PARIS).refused(Refusal(Reason.OUTSIDE_HOURS), at(again), at(now))
    assert f"Your ticket is not valid at this time. {told}" == text


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("de", "Heute keine Eintritte mehr. Einlass ab Sa. 1. Aug., 07:00 Uhr."),
        ("en", "No entries left for today. Come back Sat 1 Aug, 07:00."),
        ("es", "No quedan accesos para hoy. Vuelva el sáb 1 ago, 07:00\u00a0h."),
        ("fr", "Plus d'entrées pour aujourd'hui. Revenez le sam. 1er août à 07:00."),
        ("it", "Ingressi esauriti per oggi. Torni sab 1º ago, ore 07:00."),  # codespell:ignore ore
    ],
)
def test_days_are_told_as_the_language_tells_them(language, told):
    refusal = Refusal(Reason.USES_EXHAUSTED, {"per": "day", "limit": 1, "used": 1})
    assert told == Texts(language, PARIS).refused(refusal, at("2026-08-01T07:00"), at("2026-07-31T10:00"))


def test_the_zone_is_the_venues():
    again, now = at("2026-07-14T22:30+00:00"), at("2026-07-14T20:00+00:00")
    told = [
        Texts("en", zone).refused(Refusal(Reason.PASSBACK), again, now, STAFF)
        for zone in (PARIS, UTC, ZoneInfo("Atlantic/Canary"))
    ]
    assert ["Good from Wed 15 Jul, 00:30.", "Good today from 22:30.", "Good today from 23:30."] == [
        text.partition("? ")[2] for text in told
    ]


def test_a_day_that_ends_at_midnight_is_the_day_before():
    texts = Texts("en", PARIS)
    over = Refusal(Reason.EXPIRED, {"expires": at("2027-01-01T00:00")})
    ended = Refusal(Reason.WEAK_CREDENTIAL, {"ended": at("2026-09-01T00:00")})
    begins = Refusal(Reason.NOT_YET_VALID, {"not_before": at("2026-09-01T00:00")})
    assert "valid until 31 Dec 2026." in texts.refused(over, None, NOW)
    assert "ended on 1 Sep 2026" in texts.refused(ended, None, NOW, STAFF)
    assert "Begins on 1 Sep 2026" in texts.refused(begins, None, NOW, STAFF)


def test_whoever_is_inside_is_told_a_time_today_but_no_other_day():
    texts, refusal = Texts("en", PARIS), Refusal(Reason.PASSBACK, {"inside": 1, "zone": "bron"})
    assert texts.refused(refusal, at("2026-07-14T10:26"), NOW).endswith("Come back today at 10:26.")
    assert texts.refused(refusal, at("2026-07-15T07:00"), NOW).endswith("Please go to the desk.")
    assert texts.refused(refusal, at("2026-07-15T07:00"), NOW, STAFF).endswith("Good from Wed 15 Jul, 07:00.")


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("de", "Noch 0 Eintritte.|Noch 1 Eintritt.|Noch 2 Eintritte.|Noch 5 Eintritte."),
        ("en", "0 entries left.|1 entry left.|2 entries left.|5 entries left."),
        ("es", "Quedan 0 accesos.|Queda 1 acceso.|Quedan 2 accesos.|Quedan 5 accesos."),
        ("fr", "Reste 0 entrée.|Reste 1 entrée.|Reste 2 entrées.|Reste 5 entrées."),  # codespell:ignore reste
        ("it", "Ancora 0 ingressi.|Ancora 1 ingresso.|Ancora 2 ingressi.|Ancora 5 ingressi."),
    ],
)
def test_numbers_agree_with_what_is_counted(language, told):
    texts = Texts(language, PARIS)
    first = texts.granted(granted())
    assert told.split("|") == [
        texts.granted(granted(left=left)).removeprefix(f"{first} ") for left in (0, 1, 2, 5)
    ]


def test_a_grant_tells_each_what_concerns_them():
    texts = Texts("en", PARIS)
    one = granted(3, 5, 3, [*NOTICES, Warned(Notice.RETIREMENT, at("2026-09-01T00:00"))])
    assert "Welcome! 3 people. 5 entries left. Your card stops on 1 Sep 2026." == texts.granted(one)
    assert texts.granted(one, STAFF) == (
        "Granted: 3 persons. 5 left. Reduced (large-family): see the proof. Already inside: 12. "
        "Replace medium by 1 Sep 2026."
    )
    assert "Welcome!" == texts.granted(granted())
    assert "Welcome back! 5 entries left." == texts.granted(granted(cost=0, left=5))


# ------------------------------------------------------------------ whatever comes


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"has": "uid-only", "needs": "asymmetric"}, "Proved uid-only, asked asymmetric: "),
        ({"needs": "asymmetric"}, "The medium proved too little: "),
        ({"ended": "soon", "has": "uid-only", "needs": "asymmetric"}, "Proved uid-only, asked asymmetric: "),
        ({"ended": 1 << 40}, "The medium proved too little: "),
    ],
)
def test_the_most_exact_text_that_can_be_said_is_told(params, told):
    text = Texts("en", PARIS).refused(Refusal(Reason.WEAK_CREDENTIAL, params), None, NOW, STAFF)
    assert text.startswith(told)


@pytest.mark.parametrize("reason", list(BY_VALUE))
def test_a_value_that_nobody_foresaw_leads_to_the_general_text(reason):
    for language, audience in BOTH:
        texts = Texts(language, PARIS)
        strange = Refusal(reason, {BY_VALUE[reason]: "strange"})
        assert texts.refused(Refusal(reason), None, NOW, audience) == texts.refused(
            strange, None, NOW, audience
        )


PARAMS = st.dictionaries(
    st.sampled_from([*LONG, *BY_VALUE.values(), ""]) | st.text(),
    st.integers() | st.text() | st.sampled_from([value for values in VALUES.values() for value in values]),
)
MOMENTS = st.integers(0, 1 << 40)


@given(st.sampled_from(Reason), PARAMS, st.none() | MOMENTS, MOMENTS, st.sampled_from(BOTH))
def test_a_refusal_always_has_a_text(reason, params, again, now, spoken):
    language, audience = spoken
    text = Texts(language, PARIS).refused(Refusal(reason, params), again, now, audience)
    assert text.strip()
    assert text.replace("\u00a0", " ").isprintable()
    assert not text.startswith(reason)


@given(st.lists(st.builds(Warned, st.sampled_from(Notice), st.integers() | st.text())), st.sampled_from(BOTH))
def test_a_grant_always_has_a_text(warnings, spoken):
    language, audience = spoken
    text = Texts(language, PARIS).granted(granted(warnings=warnings), audience)
    assert text.replace("\u00a0", " ").isprintable()


def test_a_parameter_stays_on_its_line():
    text = Texts("en", PARIS).refused(Refusal(Reason.WRONG_VENUE, {"product": "a\nb"}), None, NOW, STAFF)
    assert text.startswith("a\\nb is not good at this venue")


@pytest.mark.parametrize("why", list(WhyNot))
def test_whoever_orders_in_vain_is_told_why_and_what_to_do_next(why):
    for language in LANGUAGES:
        told = Texts(language, PARIS).order(why)
        assert re.search(r"[:;,] ?\S", told), told  # the reason, then the next move


def test_another_language_is_refused():
    with pytest.raises(ValueError, match="no texts in language 'nl', use one of: de, en, es, fr, it"):
        Texts("nl", PARIS)


def test_a_language_is_read_when_it_is_asked_for_and_once():
    from gated.texts.catalogue import catalogue

    catalogue.cache_clear()
    texts = Texts("de", PARIS)
    assert 0 == catalogue.cache_info().misses
    texts.ready()
    texts.refused(Refusal(Reason.DENIED), None, NOW, STAFF)
    assert 1 == catalogue.cache_info().misses


@pytest.mark.parametrize("language", LANGUAGES)
def test_days_and_months_have_the_names_of_cldr(language):
    say = catalogue(language).pgettext
    weekdays = get_day_names("abbreviated", "format", language)
    months = get_month_names("abbreviated", "format", language)
    assert [weekdays[day] for day in range(7)] == [say("weekday", str(day)) for day in range(1, 8)]
    assert [months[month] for month in range(1, 13)] == [say("month", str(month)) for month in range(1, 13)]
