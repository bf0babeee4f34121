"""Where a venue's days and service days begin, whatever its zone does to the clock.

A service day ("shift") begins at the venue's ``day_end``: who is inside is forgotten there, so it must come
once. Where clocks go back over it the first time counts; where they jump over it, it comes with the jump.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from functools import lru_cache

from gated.model.time import END_OF_DAYS

_DAY = timedelta(days=1)
_DAY_S = 86400
_MINUTE_S = 60


def offset_end(at: int, until: int, zone: tzinfo) -> int:
    """The first second after ``at`` at which the zone's offset from UTC is another, or ``until``.

    ``until`` is at most a day after ``at``: no zone changes its offset twice in a day.
    """
    offset = _local(at, zone).utcoffset()
    if _local(until - 1, zone).utcoffset() == offset:
        return until
    same, other = at, until - 1
    while other - same > 1:
        middle = (same + other) // 2
        if _local(middle, zone).utcoffset() == offset:
            same = middle
        else:
            other = middle
    return other


def wall(at: int, zone: tzinfo) -> datetime:
    """What the clock on the venue's wall shows at a time in seconds since 1970."""
    return _local(at, zone).replace(tzinfo=None)


def first_of_next_day(at: int, zone: tzinfo) -> int:
    """The first second whose calendar day (``gated.model.venue.day_of``) is another than that of ``at``."""
    return _next_day(min(at, END_OF_DAYS) // _MINUTE_S, zone)


def shift_of(at: int, zone: tzinfo, day_end_min: int) -> int:
    """The service day of a time, as yyyymmdd of the day whose ``day_end`` began it. It never goes back."""
    day = _shift(min(at, END_OF_DAYS) // _MINUTE_S, zone, day_end_min)
    return day.year * 10000 + day.month * 100 + day.day


def shift_end(at: int, zone: tzinfo, day_end_min: int) -> int:
    """The first second of the service day after that of ``at``."""
    return _shift_end(min(at, END_OF_DAYS) // _MINUTE_S, zone, day_end_min)


# A tap asks for now, again and again: days begin with a whole minute everywhere, so an answer serves for one.


@lru_cache(maxsize=64)
def _next_day(minute: int, zone: tzinfo) -> int:
    at = minute * _MINUTE_S
    return _when_clocks_reach(_midnight(wall(at, zone)) + _DAY, at, zone)


@lru_cache(maxsize=64)
def _shift(minute: int, zone: tzinfo, day_end_min: int) -> datetime:
    at = minute * _MINUTE_S
    shown = wall(at, zone)
    turned = offset_end(at - _DAY_S, at + 1, zone)
    if turned <= at:  # what was shown before clocks went back has been reached already
        shown = max(shown, wall(turned - 1, zone))
    return _midnight(shown - timedelta(minutes=day_end_min))


@lru_cache(maxsize=64)
def _shift_end(minute: int, zone: tzinfo, day_end_min: int) -> int:
    begin = _shift(minute, zone, day_end_min) + _DAY + timedelta(minutes=day_end_min)
    return _when_clocks_reach(begin, minute * _MINUTE_S, zone)


def _when_clocks_reach(shown: datetime, at: int, zone: tzinfo) -> int:
    while (missing := int((shown - wall(at, zone)).total_seconds())) > 0:
        at = offset_end(at, at + min(missing, _DAY_S), zone)
    return at


def _midnight(shown: datetime) -> datetime:
    return shown.replace(hour=0, minute=0, second=0)


def _local(at: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(at, zone)
