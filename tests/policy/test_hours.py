"""Opening hours: what is refused and why, and that the next opening is true to the second."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from datetime import timezone as fixed
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from opening_hours import OpeningHours

from gated.policy.hours import HORIZON_S, Hours, read_hours

PARIS, SANTIAGO = ZoneInfo("Europe/Paris"), ZoneInfo("America/Santiago")
LORD_HOWE, HAVANA = ZoneInfo("Australia/Lord_Howe"), ZoneInfo("America/Havana")
LYON = (45.75, 4.85)
FAR = 1 << 40


def utc(text):
    return int(datetime.fromisoformat(text + "Z").timestamp())


def read(text, zone=PARIS, country="FR", coordinates=LYON):
    return read_hours(text, zone, country, coordinates)


def refusal(text, zone=PARIS, country="FR", coordinates=LYON):
    with pytest.raises(ValueError) as refused:
        read_hours(text, zone, country, coordinates)
    assert str(refused.value).isprintable()
    return str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "24/7",
        "Mo-Fr 07:00-09:00",
        "Mo-Fr 10:00-18:00; PH off",
        "PH,Su 10:00-12:00",
        "PH +99 days off",
        "Mo[5],Mo[-5]",
        "Feb 29-Mar 31",
        "Fr 22:00-02:00",
        "Fr 22:00-26:00",
        "2026 Jul 4-Aug 31",
        "2026 Jul-Aug 10:00-12:00",
        "Jul 1+",
        "2026+",
        "week 1-53/2 Mo",
        "2026-2030/2",
        "Jan Mo[1]-Feb Su[-1] 10:00-12:00",
        "easter +1 day 10:00-12:00",
        "sunrise-sunset",
        "(sunrise+01:00)-(sunset+01:00)",
        'Mo off "unknown SH PH dawn 10:00+ 1:00/2 2026Jul"',
        '10:00-12:00 open "ring the bell"',
        '10:00-12:00 closed "not today"',
        "Mo 10:00-12:00 || Tu 10:00-12:00",
        ",".join(["Jan Mo[1]"] * 8),
        ",".join(["dawn-dusk"] * 4),
        "Mo-Fr 08:00-20:00;" * 13 + "off",
    ],
)
def test_honest_hours_are_read(text):
    assert text == read(text).text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "hours are empty: write 24/7"),
        ("  ", "hours are empty"),
        ("Mo 10:00-12:00\n", "cannot be printed"),
        ("Mo\t10:00-12:00", "cannot be printed"),
        ("Mo," * 85 + "M", "hours have 256 characters, 255 at most"),
        ("Mo-Fr 10:00-25", "from column 13 on, at '25': write such as Mo-Fr 08:00-20:00"),
        ("Mo-Fr 10:00-", "from column 13 on, at the end"),
        ("always", "from column 1 on, at 'always'"),
        ("12:00", "from column 6 on, at the end"),
        ("12:00x", "from column 6 on, at 'x'"),
        ("2030-2020", "do you mean '2020-2030'"),
        ("SH off", "write the dates instead, such as 2026 Jul 4-Aug 31"),
        ("PH,SH off", "school holidays"),
        ("Mo-Fr || unknown", '"unknown" leaves a gate without an answer'),
        ('Mo UNKNOWN "ask"', "without an answer"),
        ("Mo-Fr 10:00+", "an open end (10:00+) does not say when it closes"),
        ("10:00-16:00+", "open end"),
        ("sunset+", "open end"),
        ("(sunset+1:00)+", "open end"),
        ("10:00-16:00/01:30", "a repetition"),
        ("10:00-sunset/30", "a repetition"),
        ("10:00-(sunset-1:00)/30", "a repetition"),
        ('10:00-16:00 "on request"', "a comment alone leaves open whether it is open"),
        ('"on request"', "a comment alone"),
        ('Mo open "a" || "b"', "a comment alone"),
        ('"summer":10:00-16:00', "a comment alone"),
        ("2026Jul-Aug 10:00-12:00", "a year needs a space after it: write 2026 Jul-Aug"),
        ("2026jul", "a year needs a space"),
        ("Feb 30", "a month has no such day"),
        ("Mar 1-Jun31", "a month has no such day"),
        ("nov 31", "a month has no such day"),
        ("Feb Mo[1]-Feb Mo[5]", "not every year has a fifth"),
        ("jan mo[-5]", "not every year has a fifth"),
        ("PH +100 days", "99 days are the most"),
        (",".join(["Jan Mo[1]"] * 9), "9 days such as Jan Mo[1] in one text, 8 at most"),
        (",".join(["JAN MO[1]"] * 24), "24 days such as Jan Mo[1]"),
        (",".join(["Easter"] * 9), "9 easters in one text"),
        (",".join(["dawn-dusk"] * 5), "10 times of the sun in one text"),
        ("(sunset+21:30)-(dusk+07:30)", "end after the next midnight"),
        ("PH (sunset+02:30)-(dusk+01:50)", "end after the next midnight"),
    ],
)
def test_what_a_gate_could_not_answer_is_refused_with_what_to_write(text, told):
    assert told in refusal(text)


def test_255_characters_are_not_too_many():
    text = "Mo;" * 84 + "off"
    assert 255 == len(text)
    assert text == read(text).text


@pytest.mark.parametrize(
    ("text", "zone", "country", "coordinates", "told"),
    [
        ("PH off", PARIS, None, LYON, "PH needs the country of the venue: set country, such as FR"),
        ("PH off", PARIS, "XX", LYON, "nobody here knows the public holidays of 'XX'"),
        ("PH off", PARIS, "fr", LYON, "nobody here knows the public holidays of 'fr'"),
        ("10:00-Sunset", PARIS, "FR", None, "Sunset needs the coordinates of the venue"),
        ("dawn-dusk", UTC, "FR", LYON, "dawn needs a time zone with a name, such as Europe/Paris"),
        ("dawn-dusk", PARIS, "FR", (91.0, 0.0), "coordinates (91.0, 0.0) are no place on earth"),
    ],
)
def test_what_needs_a_place_is_refused_without_it(text, zone, country, coordinates, told):
    assert told in refusal(text, zone, country, coordinates)


def test_a_place_is_asked_for_no_more_than_the_text_needs():
    hours = read_hours('10:00-12:00 open "PH dawn"', fixed(timedelta(hours=2)), "XX", (91.0, 0.0))
    assert utc("2026-07-01T08:00:00") == hours.first_open(utc("2026-07-01T00:00:00"), FAR)


def test_hours_are_equal_if_text_and_place_are():
    assert read("Mo") == read_hours("Mo", PARIS, "FR", LYON)
    assert hash(read("Mo")) == hash(read("Mo"))
    assert 5 == len(
        {read("Mo"), read("Tu"), read("Mo", HAVANA), read("Mo", PARIS, None), read("Mo", PARIS, "FR", None)}
    )


OPENINGS = [
    # spring: 02:00 to 03:00 is skipped
    ("02:15-02:45", PARIS, "2026-03-29T00:00:00", "2026-03-30T00:15:00"),
    ("02:30-03:30", PARIS, "2026-03-29T00:00:00", "2026-03-29T01:00:00"),
    ("02:30-03:30", PARIS, "2026-03-29T00:59:59", "2026-03-29T01:00:00"),
    # autumn: 02:00 to 03:00 comes twice
    ("01:00-02:30", PARIS, "2026-10-25T00:00:00", "2026-10-25T00:00:00"),
    ("01:00-02:30", PARIS, "2026-10-25T00:30:00", "2026-10-25T01:00:00"),
    ("01:00-02:30", PARIS, "2026-10-25T01:29:59", "2026-10-25T01:29:59"),
    ("01:00-02:30", PARIS, "2026-10-25T01:30:00", "2026-10-26T00:00:00"),
    ("02:30-02:45", PARIS, "2026-10-25T00:00:00", "2026-10-25T00:30:00"),
    ("02:30-02:45", PARIS, "2026-10-25T00:45:00", "2026-10-25T01:30:00"),
    # Santiago: midnight to 01:00 is skipped on 6 September, 23:00 to 24:00 comes twice on 4 April
    ("00:30-01:30", SANTIAGO, "2026-09-06T03:00:00", "2026-09-06T04:00:00"),
    ("23:15-23:30", SANTIAGO, "2026-04-05T02:00:00", "2026-04-05T02:15:00"),
    ("23:15-23:30", SANTIAGO, "2026-04-05T02:30:00", "2026-04-05T03:15:00"),
    # Lord Howe: half an hour, back at 02:00 on 5 April, forward at 02:00 on 4 October
    ("01:40-01:50", LORD_HOWE, "2026-04-04T14:50:00", "2026-04-04T15:10:00"),
    ("02:10-02:50", LORD_HOWE, "2026-10-03T15:00:00", "2026-10-03T15:30:00"),
    ("Feb 29 10:00-11:00", PARIS, "2026-03-01T00:00:00", "2028-02-29T09:00:00"),
    ("Mo-Fr 10:00-11:00; PH off", PARIS, "2026-07-13T09:00:00", "2026-07-15T08:00:00"),
    ("PH off; Tu 10:00-11:00", PARIS, "2026-07-13T22:00:00", "2026-07-14T08:00:00"),
    ("week 53 Mo 10:00-11:00", PARIS, "2026-01-01T00:00:00", "2026-12-28T09:00:00"),
    ("week 53 Fr 10:00-11:00", PARIS, "2026-12-29T00:00:00", "2027-01-01T09:00:00"),
    ("Fr 22:00-02:00", PARIS, "2026-07-03T22:00:00", "2026-07-03T22:00:00"),
    ("Fr 22:00-02:00", PARIS, "2026-07-04T00:00:00", "2026-07-10T20:00:00"),
    ("Jan 1 00:00-01:00", PARIS, "2026-06-01T00:00:00", "2026-12-31T23:00:00"),
    ("2027", PARIS, "2026-06-01T00:00:00", "2026-12-31T23:00:00"),
    # hours that fill a whole next day, over which the library's own search jumps
    ("24/7; PH 12:00-48:00 off", PARIS, "2026-08-15T10:00:00", "2026-08-16T22:00:00"),
    ("24/7; 2026 Jun 30 18:00-48:00 off", PARIS, "2026-06-30T16:00:00", "2026-07-01T22:00:00"),
    ("10:00-10:00", PARIS, "2026-07-01T01:02:03", "2026-07-01T01:02:03"),  # twenty-four hours
]


@pytest.mark.parametrize(("text", "zone", "at", "opens"), OPENINGS)
def test_the_next_opening_is_true_to_the_second(text, zone, at, opens):
    hours = read(text, zone)
    at, opens = utc(at), utc(opens)
    assert opens == hours.first_open(at, FAR)
    assert hours.is_open(opens)
    assert opens == at or not hours.is_open(opens - 1)
    assert opens == hours.first_open(opens, opens + 1)
    if opens > at:
        assert hours.first_open(at, opens) is None
        assert opens == hours.first_open(at, opens + 1)


@pytest.mark.parametrize(
    ("text", "at", "is_open"),
    [
        ("10:00-12:00", "2026-07-01T07:59:59", False),
        ("10:00-12:00", "2026-07-01T08:00:00", True),
        ("10:00-12:00", "2026-07-01T09:59:59", True),
        ("10:00-12:00", "2026-07-01T10:00:00", False),
        ("01:00-02:30", "2026-10-25T00:29:59", True),
        ("01:00-02:30", "2026-10-25T00:30:00", False),
        ("01:00-02:30", "2026-10-25T01:00:00", True),
        ("2026 Jul-Aug", "2026-08-15T10:00:00", True),
        ("2026 Jul 4-Aug 31", "2026-08-31T21:59:59", True),
        ("2026 Jul 4-Aug 31", "2026-08-31T22:00:00", False),
        ("sunrise-sunset", "2026-06-21T04:30:00", True),  # 05:50 to 21:35 in Lyon
        ("sunrise-sunset", "2026-06-21T19:00:00", True),
        ("sunrise-sunset", "2026-12-21T06:30:00", False),
    ],
)
def test_open_and_closed_at_their_edges(text, at, is_open):
    assert is_open is read(text).is_open(utc(at))


def test_coordinates_move_the_sun():
    at = utc("2026-06-21T19:45:00")
    assert not read("sunrise-sunset").is_open(at)
    assert read("sunrise-sunset", PARIS, "FR", (48.4, -4.5)).is_open(at)


def test_public_holidays_are_known_for_fifty_years():
    hours = read("PH 10:00-11:00")
    assert hours.is_open(utc("2076-07-14T08:30:00"))
    assert not hours.is_open(utc("2077-07-14T08:30:00"))


@pytest.mark.parametrize("text", ["24/7 off", "2020 Jan 1", "2027 Feb 29"])
def test_hours_that_never_open_have_no_next_opening(text):
    assert read(text).first_open(utc("2026-07-01T00:00:00"), FAR) is None


def test_nobody_looks_further_than_the_horizon():
    opens = utc("2036-12-31T23:00:00")
    hours = read("2037")
    for early, found in ((0, None), (1, opens)):
        assert found == hours.first_open(opens - HORIZON_S + early, FAR)
    assert opens == hours.first_open(opens - 1, FAR)


@pytest.mark.parametrize("at", [-1, -(1 << 40), 253_000_000_000, 1 << 62])
def test_times_outside_the_calendar_are_closed(at):
    assert not read("24/7").is_open(at)
    assert (0 if at < 0 else None) == read("24/7").first_open(at, 1 << 63)


def test_the_first_and_the_last_second_are_open():
    hours = read("24/7")
    assert hours.is_open(0)
    assert hours.is_open(253_000_000_000 - 1)
    assert hours.first_open(253_000_000_000 - 1, FAR) == 253_000_000_000 - 1


def test_nothing_is_before_now():
    assert read("24/7").first_open(1000, 1000) is None
    assert read("24/7").first_open(1000, 999) is None


def test_what_is_never_open_for_long_is_sought_for_some_time_only():
    """Two months of days each of which is too short; a whole day at last would be found."""
    hours = read("07:00-19:00; Mar 5 off", coordinates=None)
    at = utc("2026-01-01T00:00:00")
    assert at + 6 * 3600 == hours.first_open_throughout(at, FAR, 12 * 3600 - 1)
    assert hours.first_open_throughout(at, FAR, 12 * 3600) is None
    assert utc("2026-02-28T23:00:00") == read("07:00-19:00; Mar 1 00:00-24:00").first_open_throughout(
        at, FAR, 80_000
    )
    assert read("07:00-19:00; Mar 8 00:00-24:00").first_open_throughout(at, FAR, 80_000) is None
    assert read("24/7").first_open_throughout(at, at, 60) is None


def test_nothing_is_closed_before_now():
    assert read("off").first_closed(1000, 1000) is None
    assert read("off").first_closed(1000, 1001) == 1000
    assert read("24/7").first_closed(0, 3 * 86400) is None


def test_a_day_on_which_the_library_panics_is_closed_throughout():
    text = "(sunset+02:30)-(dusk+01:50)"
    hours = Hours(text, PARIS, None, LYON, OpeningHours(text, PARIS, coords=LYON))
    at = utc("2026-06-20T22:00:00")
    assert at == hours.first_closed(at, at + 86400)
    assert at == hours._search(at, at + 86400, opens=False)


def test_a_day_on_which_the_library_panics_is_closed_and_a_later_one_is_not():
    text = "(sunset+02:30)-(dusk+01:50)"  # panics about midsummer alone
    hours = Hours(text, PARIS, None, LYON, OpeningHours(text, PARIS, coords=LYON))
    at = utc("2026-06-21T12:00:00")
    opens = hours.first_open(at, FAR)
    assert at + 86400 < opens < at + 40 * 86400
    assert hours.is_open(opens)
    assert not any(hours.is_open(t) for t in [*range(at, opens, 3600), opens - 1])
    assert not hours.is_open(at - 86400)


class Stopped:
    """A schedule in which somebody presses Ctrl-C."""

    def is_open(self, _):
        raise KeyboardInterrupt

    def intervals(self, *_):
        raise KeyboardInterrupt


def test_what_is_no_panic_goes_on():
    hours = Hours("", PARIS, None, None, Stopped())
    with pytest.raises(KeyboardInterrupt):
        hours.is_open(0)
    with pytest.raises(KeyboardInterrupt):
        hours.first_open(0, 1)


# ---------------------------------------------------------------- laws

DAYS = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"]
MONTHS = ["Jan", "Mar", "Apr", "Sep", "Oct", "Nov", "Dec"]
clock = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
late = st.builds("{:02}:{:02}".format, st.integers(0, 47), st.sampled_from([0, 15, 30, 59]))
spans = st.lists(st.builds("{}-{}".format, clock, late), min_size=1, max_size=2).map(",".join)
some_days = st.one_of(
    st.sampled_from(DAYS),
    st.builds("{}-{}".format, st.sampled_from(DAYS), st.sampled_from(DAYS)),
    st.sampled_from(["PH", "PH,Su", "Su[-1]", "Sa[1]", "PH -1 day"]),
)
months = st.one_of(
    st.builds("{}-{}".format, st.sampled_from(MONTHS), st.sampled_from(MONTHS)),
    st.builds(
        "{} {}-{} {}".format,
        st.sampled_from(MONTHS),
        st.integers(1, 30),
        st.sampled_from(MONTHS),
        st.integers(1, 30),
    ),
    st.sampled_from(["week 13", "week 44-53", "2026", "easter -2 days-easter"]),
)
rules = st.builds(
    lambda *parts: " ".join(part for part in parts if part),
    st.one_of(st.just(""), months),
    st.one_of(st.just(""), some_days),
    spans,
    st.sampled_from(["", "", "off", 'open "x"']),
)
texts = st.lists(rules, min_size=1, max_size=4).flatmap(
    lambda said: st.sampled_from(["; ", ", ", " || "]).map(lambda between: between.join(said))
)
CHANGES = [
    (PARIS, "2026-03-29T01:00:00"),
    (PARIS, "2026-10-25T01:00:00"),
    (SANTIAGO, "2026-04-05T03:00:00"),
    (SANTIAGO, "2026-09-06T04:00:00"),
    (LORD_HOWE, "2026-04-04T15:00:00"),
    (LORD_HOWE, "2026-10-03T15:30:00"),
    (HAVANA, "2026-03-08T05:00:00"),
    (PARIS, "2026-12-31T23:00:00"),
    (PARIS, "2026-07-14T10:00:00"),
]


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(texts, st.sampled_from(CHANGES), st.integers(-100_000, 100_000))
@example("01:00-02:30", CHANGES[1], -5000)
@example("24/7; PH 12:00-48:00 off", CHANGES[-1], 0)
def test_the_next_opening_is_the_one_a_patient_visitor_finds(text, change, early):
    zone, moment = change
    try:
        hours = read(text, zone)
    except ValueError:
        assume(False)
    at = utc(moment) + early
    end = at + 3 * 86400
    minutes = [at, *range(at // 60 * 60 + 60, end, 60)]
    opens = {t: hours.is_open(t) for t in minutes}
    assert next((t for t in minutes if opens[t]), None) == hours.first_open(at, end)
    assert next((t for t in minutes if not opens[t]), None) == hours.first_closed(at, end)
    for span_s in (0, 59, 3600, 86400):
        found = hours.first_open_throughout(at, end - span_s, span_s)
        patient = next((t for t in minutes if t < end - span_s and _throughout(opens, t, span_s)), None)
        assert patient == found, span_s


def _throughout(opens: dict[int, bool], at: int, span_s: int) -> bool:
    """Of minutes: each is as its first second is."""
    return opens[at] and all(opens[t] for t in range(at // 60 * 60 + 60, at + span_s + 1, 60))


@settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(texts, st.integers(1_780_000_000, 1_900_000_000))
def test_a_further_opening_is_an_edge(text, at):
    try:
        hours = read(text)
    except ValueError:
        assume(False)
    opens = hours.first_open(at, at + 90 * 86400)
    stops = range(at, at + 90 * 86400 if opens is None else opens, 900)
    assert not any(hours.is_open(t) for t in stops)
    assert opens is None or hours.is_open(opens)
    assert opens in (None, at) or not hours.is_open(opens - 1)


WORDS = """PH SH easter dawn sunset 24/7 week 2026 off open unknown 10:00 26:00 1 53 - , ; || + / : [ ] ( ) "
day"""
words = st.sampled_from([*DAYS, *MONTHS, *WORDS.split(), " ", " "])


@settings(deadline=2000, max_examples=500)
@given(st.one_of(st.text(max_size=300), st.lists(words, max_size=60).map("".join)))
def test_any_text_is_read_or_refused(text):
    try:
        hours = read(text)
    except ValueError as refused:
        assert str(refused).isprintable()  # noqa: PT017
    else:
        hours.is_open(1_790_000_000)
        hours.first_open(1_790_000_000, 1_790_900_000)


@pytest.mark.parametrize(
    "unit",
    [
        "Jan 1,",
        "Jan,",
        "easter,",
        "Jan Mo[1],",
        "2026 Jan Mo[1],",
        "Mo[1],",
        "PH,",
        "off;",
        "Jan-Dec off;",
        "dawn-dusk,",
        "dawn-dusk off;",
        "1:00-2:00,",
        "Feb 29-easter,",
        "Mo off, ",
        'off "x"|| ',
        "(",
        '"',
    ],
)
@pytest.mark.parametrize("end", [" off", "", "x"])
def test_the_longest_hours_stall_no_gate(unit, end):
    text = (unit * (250 // len(unit))).rstrip(" ,;|") + end
    started = time.process_time()
    try:
        read(text).first_open(1_790_000_000, FAR)
        read(text).first_open_throughout(1_790_000_000, FAR, 86400)
    except ValueError as refused:
        assert str(refused).isprintable()  # noqa: PT017
    assert time.process_time() - started < 2
