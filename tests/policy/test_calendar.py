"""Days and service days where zones do odd things to the clock."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gated.model.venue import day_of
from gated.policy.calendar import first_of_next_day, offset_end, shift_end, shift_of, wall

PARIS, HAVANA, CAIRO = ZoneInfo("Europe/Paris"), ZoneInfo("America/Havana"), ZoneInfo("Africa/Cairo")
BEIRUT, LORD_HOWE, APIA = ZoneInfo("Asia/Beirut"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Pacific/Apia")
ZONES = [
    PARIS, HAVANA, CAIRO, BEIRUT, LORD_HOWE, APIA, UTC,
    ZoneInfo("America/Santiago"), ZoneInfo("America/Sao_Paulo"), ZoneInfo("Asia/Kathmandu"),
    ZoneInfo("Africa/Casablanca"), ZoneInfo("Pacific/Chatham"), ZoneInfo("Asia/Gaza"),
]  # fmt: skip
zones = st.sampled_from(ZONES)
times = st.integers(int(datetime(2012, 1, 1, tzinfo=UTC).timestamp()), 2_200_000_000)
day_ends = st.one_of(st.integers(0, 1439), st.sampled_from([0, 30, 60, 90, 120, 150, 180, 240]))


def utc(text):
    return int(datetime.fromisoformat(text + "Z").timestamp())


@st.composite
def moments(draw):
    """A zone and a time, often one within hours of a change of its clocks."""
    zone, at = draw(zones), draw(times)
    for _ in range(draw(st.sampled_from([0, 200]))):
        end = offset_end(at, at + 86400, zone)
        if end < at + 86400:
            return zone, end + draw(st.integers(-7200, 7200))
        at = end
    return zone, at


@pytest.mark.parametrize(
    ("zone", "at", "next_day"),
    [
        (PARIS, "2026-07-01T12:00:00", "2026-07-01T22:00:00"),
        (PARIS, "2026-07-01T21:59:59", "2026-07-01T22:00:00"),
        (PARIS, "2026-07-01T22:00:00", "2026-07-02T22:00:00"),
        (PARIS, "2026-03-28T23:00:00", "2026-03-29T22:00:00"),  # 23 hours
        (PARIS, "2026-10-24T22:00:00", "2026-10-25T23:00:00"),  # 25 hours
        (
            HAVANA,
            "2026-03-07T12:00:00",
            "2026-03-08T05:00:00",
        ),  # midnight is skipped: the day begins at 01:00
        (HAVANA, "2026-11-01T04:00:00", "2026-11-02T05:00:00"),  # 00:00 to 01:00 comes twice
        (BEIRUT, "2026-03-28T12:00:00", "2026-03-28T22:00:00"),  # skipped
        (CAIRO, "2026-10-29T20:59:59", "2026-10-29T22:00:00"),  # 23:00 to 24:00 comes twice
        (LORD_HOWE, "2026-04-04T13:00:00", "2026-04-05T13:30:00"),  # half an hour back
        (PARIS, "2028-02-28T23:00:00", "2028-02-29T23:00:00"),
        (APIA, "2011-12-30T09:00:00", "2011-12-30T10:00:00"),  # from the 29th to the 31st
    ],
)
def test_a_day_ends_where_the_next_one_begins(zone, at, next_day):
    assert utc(next_day) == first_of_next_day(utc(at), zone)


@pytest.mark.parametrize(
    ("zone", "at", "day_end", "shift", "end"),
    [
        (PARIS, "2026-07-02T01:59:59", 240, 20260701, "2026-07-02T02:00:00"),
        (PARIS, "2026-07-02T02:00:00", 240, 20260702, "2026-07-03T02:00:00"),
        (PARIS, "2026-12-31T23:00:00", 0, 20270101, "2027-01-01T23:00:00"),
        # 02:30 is skipped on 29 March: the shift begins at the jump
        (PARIS, "2026-03-29T00:59:59", 150, 20260328, "2026-03-29T01:00:00"),
        (PARIS, "2026-03-29T01:00:00", 150, 20260329, "2026-03-30T00:30:00"),
        # 02:30 comes twice on 25 October: the first time counts
        (PARIS, "2026-10-25T00:29:59", 150, 20261024, "2026-10-25T00:30:00"),
        (PARIS, "2026-10-25T00:30:00", 150, 20261025, "2026-10-26T01:30:00"),
        (PARIS, "2026-10-25T01:00:00", 150, 20261025, "2026-10-26T01:30:00"),
        (PARIS, "2026-10-25T01:29:59", 150, 20261025, "2026-10-26T01:30:00"),
        (PARIS, "2026-10-25T01:58:30", 179, 20261025, "2026-10-26T01:59:00"),
        # 03:00 sharp, which is where the clock turns: reached only the second time round
        (PARIS, "2026-10-25T01:59:59", 180, 20261024, "2026-10-25T02:00:00"),
        (LORD_HOWE, "2026-04-04T14:45:00", 105, 20260405, "2026-04-05T15:15:00"),
        (LORD_HOWE, "2026-04-04T15:00:00", 105, 20260405, "2026-04-05T15:15:00"),
        (HAVANA, "2026-03-08T04:59:59", 0, 20260307, "2026-03-08T05:00:00"),
        (HAVANA, "2026-11-01T05:10:00", 30, 20261101, "2026-11-02T05:30:00"),
    ],
)
def test_a_shift_begins_once_at_the_day_end(zone, at, day_end, shift, end):
    assert shift == shift_of(utc(at), zone, day_end)
    assert utc(end) == shift_end(utc(at), zone, day_end)


@given(moments())
def test_a_day_is_one_stretch_up_to_the_next(moment):
    zone, at = moment
    end = first_of_next_day(at, zone)
    assert at < end <= at + 2 * 86400
    assert day_of(at, zone) == day_of(end - 1, zone) < day_of(end, zone)
    assert {day_of(at, zone)} == {day_of(t, zone) for t in range(at, end, 900)}


@given(moments(), day_ends)
def test_a_shift_is_one_stretch_up_to_the_next(moment, day_end):
    zone, at = moment
    end = shift_end(at, zone, day_end)
    assert at < end <= at + 2 * 86400
    shift = shift_of(at, zone, day_end)
    assert {shift} == {shift_of(t, zone, day_end) for t in [*range(at, end, 900), end - 1]}
    assert shift < shift_of(end, zone, day_end)
    assert {end} == {shift_end(t, zone, day_end) for t in range(at, end, 900)}


@given(moments(), day_ends)
def test_a_shift_begins_when_the_clock_first_shows_the_day_end_or_more(moment, day_end):
    zone, at = moment
    begin = shift_end(at, zone, day_end)
    shift = str(shift_of(begin, zone, day_end))
    due = datetime.strptime(shift, "%Y%m%d").timestamp() - datetime(1970, 1, 1).timestamp() + day_end * 60  # noqa: DTZ001, DTZ007

    def shown(t):
        return (wall(t, zone) - wall(0, UTC)).total_seconds()

    assert shown(begin) >= due
    assert all(shown(t) < due for t in [*range(begin - 86400, begin, 900), begin - 1])


@given(moments(), st.integers(0, 100_000), day_ends)
def test_neither_goes_back(moment, later, day_end):
    zone, at = moment
    assert day_of(at, zone) <= day_of(at + later, zone)
    assert shift_of(at, zone, day_end) <= shift_of(at + later, zone, day_end)


@pytest.mark.parametrize(
    ("at", "until", "end"),
    [
        ("2026-10-25T00:00:00", "2026-10-25T03:00:00", "2026-10-25T01:00:00"),
        ("2026-10-25T00:59:59", "2026-10-25T01:00:00", "2026-10-25T01:00:00"),
        ("2026-10-25T00:59:59", "2026-10-25T01:00:01", "2026-10-25T01:00:00"),
        ("2026-10-25T01:00:00", "2026-10-26T01:00:00", "2026-10-26T01:00:00"),
        ("2026-10-24T01:00:00", "2026-10-25T01:00:00", "2026-10-25T01:00:00"),
    ],
)
def test_the_end_of_an_offset_is_found_to_the_second(at, until, end):
    assert utc(end) == offset_end(utc(at), utc(until), PARIS)
