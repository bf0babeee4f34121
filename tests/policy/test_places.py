"""Hours that the sun gives are those of the venue: where it lies, and what the clock on its wall shows."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from opening_hours import OpeningHours

from gated.policy.hours import Hours, read_hours
from gated.policy.profile import read_profile
from questions import PARIS, moment

LYON = (45.75, 4.85)
SUNRISE = "2026-06-21T03:50:00+00:00"


@pytest.mark.parametrize("zone", ["Europe/Paris", "Europe/London", "America/New_York", "Asia/Tokyo"])
def test_the_sun_rises_at_one_time_whatever_the_clock_on_the_wall_shows(zone):
    hours = read_hours("Jun sunrise-12:00", ZoneInfo(zone), None, LYON)
    opens = moment(SUNRISE)
    assert (False, True) == (hours.is_open(opens - 1), hours.is_open(opens))
    assert opens == hours.first_open(opens - 60, opens + 60)


def test_a_profile_says_where_the_sun_rises():
    document = {
        "v": 1,
        "version": 4,
        "venue": "bron",
        "sector": "pools",
        "timezone": "Europe/Paris",
        "country": "FR",
        "coordinates": list(LYON),
        "products": [{"id": "early", "hours": "sunrise-10:00; PH off"}],
    }
    read = read_profile(document, ZoneInfo)
    assert "sunrise-10:00; PH off" == read.products["early"].hours
    assert (ZoneInfo("Europe/Paris"), "FR", LYON) == (read.timezone, read.country, read.coordinates)


@pytest.mark.parametrize("shown", ["00:00:00", "09:00:00", "09:30:30", "09:59:59"])
def test_a_day_is_searched_without_a_look_into_the_next(shown):
    text = "(sunset+02:30)-(dusk+01:50); 10:00-24:00"  # panics from 18 June on
    hours = Hours(text, PARIS, None, LYON, OpeningHours(text, PARIS, coords=LYON))
    assert not hours.is_open(moment("2026-06-18T11:00:00+02:00"))
    asked, until = moment(f"2026-06-17T{shown}+02:00"), moment("2026-06-19T00:00:00+02:00")
    assert moment("2026-06-17T10:00:00+02:00") == hours.first_open(asked, until)
