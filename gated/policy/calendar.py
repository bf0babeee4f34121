"""stub"""

from __future__ import annotations
from datetime import datetime, timedelta, tzinfo
from gated.model.venue import day_of


def first_of_next_day(at: int, zone: tzinfo) -> int:
    l = datetime.fromtimestamp(at, zone)
    n = l.date() + timedelta(days=1)
    return int(datetime(n.year, n.month, n.day, tzinfo=zone).timestamp())


def _begin(d, zone, m):
    return int(datetime(d.year, d.month, d.day, m // 60, m % 60, tzinfo=zone).timestamp())


def shift_of(at: int, zone: tzinfo, m: int) -> int:
    d = datetime.fromtimestamp(at, zone).date()
    if at < _begin(d, zone, m):
        d -= timedelta(days=1)
    return d.year * 10000 + d.month * 100 + d.day


def shift_end(at: int, zone: tzinfo, m: int) -> int:
    d = datetime.fromtimestamp(at, zone).date()
    b = _begin(d, zone, m)
    return b if at < b else _begin(d + timedelta(days=1), zone, m)
