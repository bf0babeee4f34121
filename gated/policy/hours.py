"""OpenStreetMap opening_hours, read strictly and asked exactly.

Source: https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification, through opening-hours-py. What it
answers at one moment is the truth here. Where it looks ahead it is not trusted, for two faults of its own: it
knows only the second of two equal hours in autumn, and after hours that reach past a whole next day
(``PH 12:00-48:00 off``) it jumps over openings. So it is asked day by day, in wall-clock time.

Public holidays are the nationwide ones of 2000 to 2076, of 122 countries; those of regions are not among
them, and outside these years no day is a holiday.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from opening_hours import (  # type: ignore[attr-defined]  # its stub forgets the errors
    InvalidCoordinatesError,
    OpeningHours,
    ParserError,
    State,
    UnknownCountryError,
)

from gated.model.rules import MAX_HOURS_CHARS
from gated.policy.calendar import offset_end, wall

_DAY_S = 86400
#: How far ``first_open`` looks, even if ``before`` is later: ten years.
HORIZON_S = 3653 * _DAY_S
#: Hours are closed outside these times: 1970 and the last years a datetime can say.
_EARLIEST, _LATEST = 0, 253_000_000_000
#: A time of day that is open for long enough on none of so many days will not be on another.
_MOST_OPENINGS = 64


class _PanickedError(Exception):
    """The library panicked over the hours of a day. They are closed on it: nobody knows what they say."""


@contextmanager
def _panics_named() -> Iterator[None]:
    """Gives the library's panic a name: it is a ``BaseException`` without one, and would end the gate."""
    try:
        yield
    except BaseException as trouble:
        if type(trouble).__name__ != "PanicException":
            raise
        raise _PanickedError from None


@dataclass(frozen=True, slots=True)
class Hours:
    """When a right opens a gate; made by ``read_hours``. Equal if text and place are."""

    text: str
    timezone: tzinfo
    country: str | None
    coordinates: tuple[float, float] | None
    _schedule: OpeningHours = field(repr=False, compare=False)

    def is_open(self, at: int) -> bool:
        """Whether it is open in this second since 1970."""
        if not _EARLIEST <= at < _LATEST:
            return False
        # Without the sun hours change with a minute of the clock, and many tap in one.
        return self._asked(at) if self.coordinates is not None else _open_in(self, at // 60)

    def _asked(self, at: int) -> bool:
        try:
            with _panics_named():
                return self._schedule.is_open(wall(at, self.timezone))
        except _PanickedError:
            return False

    def first_open(self, at: int, before: int) -> int | None:
        """The first open second t, ``at <= t < before`` and within ``HORIZON_S``; None if there is none."""
        if at < before and self.is_open(at):
            return at
        at = max(at, _EARLIEST)
        before = min(before, at + HORIZON_S, _LATEST)
        end = min(before, at + _DAY_S - at % _DAY_S)
        found = self._search(at, end)
        if found is None and end < before:
            found = _search_from(self, end)
        return found if found is not None and found < before else None

    def first_closed(self, at: int, before: int) -> int | None:
        """The first closed second t, ``at <= t < before``, a few days at most; None if there is none."""
        if at < before and not self.is_open(at):
            return at
        return self._search(at, before, opens=False)

    def first_open_throughout(self, at: int, before: int, span_s: int) -> int | None:
        """The first second t, ``at <= t < before``, from which on it is open up to ``span_s`` later.

        None if there is none; of hours that open again and again, and never for so long, also.
        """
        for _ in range(_MOST_OPENINGS):
            opens = self.first_open(at, before)
            if opens is None:
                return None
            closed = self.first_closed(opens, opens + span_s + 1)
            if closed is None:
                return opens
            at = closed
        return None

    def _search(self, at: int, before: int, *, opens: bool = True) -> int | None:
        while at < before:
            shown = wall(at, self.timezone)
            midnight = _DAY_S - (shown.hour * 60 + shown.minute) * 60 - shown.second
            end = offset_end(at, min(before, at + midnight), self.timezone)
            # Short of midnight, or the library would look into the next day, which may be one it panics on.
            turns = self._turns(shown, shown + timedelta(seconds=end - at, microseconds=-1), opens=opens)
            if turns is not None:
                return at + int((turns - shown).total_seconds())
            at = end
        return None

    def _turns(self, start: datetime, end: datetime, *, opens: bool) -> datetime | None:
        """When it is first open, or first closed."""
        try:
            with _panics_named():
                for begins, _, state, _ in self._schedule.intervals(start, end):
                    if (state == State.OPEN) is opens:
                        return begins.replace(tzinfo=None)
        except _PanickedError:
            return None if opens else start
        return None


@lru_cache(maxsize=256)
def _open_in(hours: Hours, minute: int) -> bool:
    return hours._asked(minute * 60)  # noqa: SLF001  # a method that outlives its object's cache


@lru_cache(maxsize=256)  # taps of one day share one search: hours that never open cost ten years of it
def _search_from(hours: Hours, at: int) -> int | None:
    return hours._search(at, min(at + HORIZON_S, _LATEST))  # noqa: SLF001  # a method that outlives its object's cache


def read_hours(
    text: str, timezone: tzinfo, country: str | None, coordinates: tuple[float, float] | None
) -> Hours:
    """Read hours for a place. Raises ``ValueError``, one line: what is wrong and what to write instead.

    ``country`` is ISO 3166-1 alpha-2 and needed for PH, ``coordinates`` are degrees (latitude, longitude) and
    needed for sunrise, sunset, dawn and dusk, as is a ``timezone`` with a name.
    """
    hours, refusal = _read(text, timezone, country, coordinates)
    if hours is None:
        raise ValueError(refusal)
    return hours


@lru_cache(maxsize=256)
def _read(
    text: str, timezone: tzinfo, country: str | None, coordinates: tuple[float, float] | None
) -> tuple[Hours | None, str]:
    try:
        said = _bare(text)
        place = _place(said, timezone, country, coordinates)
        return Hours(text, timezone, country, coordinates, _parsed(text, said, *place)), ""
    except ValueError as refused:
        return None, str(refused)


_SUN = r"(?:dawn|sunrise|sunset|dusk)"
_TIME = rf"(?::\d\d|{_SUN}|\))"
#: Most of each in one text: what the library reads or asks slowly. A list of dates such as "Jan Mo[1]" takes
#: three times as long with each more, a second from the thirteenth on.
_MOST = 8
_SLOW = (
    (r"[a-z]{3} ?[a-z]{2}\[", "days such as Jan Mo[1]", "2026 Jan 5"),
    ("easter", "easters", "2026 Apr 5"),
    (_SUN, "times of the sun", "08:00-20:00"),
)
#: Looked for in the text without its comments.
_DISHONEST = (
    (
        "(?-i:SH)",
        "SH means school holidays, which no gate knows: write the dates instead, such as 2026 Jul 4-Aug 31",
    ),
    ("unknown", '"unknown" leaves a gate without an answer: write open or off'),
    (rf"{_TIME}\+(?!\d)", "an open end (10:00+) does not say when it closes: write 10:00-20:00"),
    (
        rf"{_TIME} ?/",
        "a repetition (10:00-16:00/01:30) says when things begin, not when it is open: write 10:00-16:00",
    ),
    (
        '(?<!open )(?<!closed )(?<!off )""',
        'a comment alone leaves open whether it is open: write open "..." or off "..."',
    ),
    # The library takes the next for what nobody means: Feb 30 is nearly always, 2026Jul-Aug ends on 1 August.
    (r"feb ?3[01]|(?:apr|jun|sep|nov) ?31", "a month has no such day: write its last one, such as Jun 30"),
    (r"[a-z]{3} [a-z]{2}\[-?5\]", "not every year has a fifth: write [-1] for the last, or the dates"),
    (r"[+-]\d{3,} day", "99 days are the most that a day may be moved: write the dates"),
    (r"\d{4}[a-z]", "a year needs a space after it: write 2026 Jul-Aug"),
)


def _bare(text: str) -> str:
    """The text with its comments emptied. Refuses what must not reach the parser."""
    if not text.strip():
        raise ValueError("hours are empty: write 24/7 for always, or leave them out")
    if len(text) > MAX_HOURS_CHARS:
        raise ValueError(
            f"hours have {len(text)} characters, {MAX_HOURS_CHARS} at most: put them into two products"
        )
    if not text.isprintable():
        raise ValueError(
            "hours hold a character that cannot be printed: write them on one line of plain text"
        )
    said = re.sub(r'"[^"]*"', '""', text)
    for pattern, what, instead in _SLOW:
        if (found := len(re.findall(pattern, said, re.IGNORECASE))) > _MOST:
            raise ValueError(
                f"{found} {what} in one text, {_MOST} at most: write it shorter, such as {instead}"
            )
    return said


def _place(
    said: str, timezone: tzinfo, country: str | None, coordinates: tuple[float, float] | None
) -> tuple[tzinfo | None, str | None, tuple[float, float] | None]:
    """What the library must know of the place: no more than the text asks for."""
    holidays = "PH" in said
    if holidays and country is None:
        raise ValueError("PH needs the country of the venue: set country, such as FR, or write the dates")
    sun = re.search(_SUN, said, re.IGNORECASE)
    if sun and coordinates is None:
        raise ValueError(f"{sun[0]} needs the coordinates of the venue: set coordinates, or write the time")
    if sun and not getattr(timezone, "key", None):
        raise ValueError(
            f"{sun[0]} needs a time zone with a name, such as Europe/Paris: set it, or write the time"
        )
    return timezone if sun else None, country if holidays else None, coordinates if sun else None


def _parsed(
    text: str,
    said: str,
    timezone: tzinfo | None,
    country: str | None,
    coordinates: tuple[float, float] | None,
) -> OpeningHours:
    try:
        # With auto_timezone=False the library would forget the coordinates beside a time zone.
        schedule = OpeningHours(text, timezone, country, coordinates, auto_country=False)  # type: ignore[arg-type]
        for pattern, refusal in _DISHONEST:
            if re.search(pattern, said, re.IGNORECASE):
                raise ValueError(refusal)
        if coordinates is not None:
            _try_sun(schedule)
    except ParserError as refused:
        raise ValueError(_where(text, str(refused))) from None
    except UnknownCountryError:
        raise ValueError(
            f"nobody here knows the public holidays of {country!r}: write the dates, such as 2026 Jul 14"
        ) from None
    except InvalidCoordinatesError:
        raise ValueError(
            f"coordinates {coordinates} are no place on earth: write (latitude, longitude)"
        ) from None
    return schedule


def _where(text: str, complaint: str) -> str:
    """The parser's drawing of several lines as one, without its grammar."""
    if (column := re.search(r"--> 1:(\d+)", complaint)) is None:
        return f"hours cannot be: {' '.join(complaint.split())}; write such as Mo-Fr 08:00-20:00"
    at = int(column[1])
    found = f"at {text[at - 1 : at + 19]!r}" if at <= len(text) else "at the end"
    return f"hours cannot be read from column {at} on, {found}: write such as Mo-Fr 08:00-20:00"


#: 1 January 2028: a leap year, with the summer times of today.
_TRIED = 1_830_297_600


def _try_sun(schedule: OpeningHours) -> None:
    """Asks for each day of a year: spans such as (sunset+21:30)-(dusk+07:30) make the library panic."""
    try:
        with _panics_named():
            for day in range(366):
                schedule.is_open(wall(_TRIED + day * _DAY_S, UTC))
    except _PanickedError:
        raise ValueError("times of the sun end after the next midnight: write the times") from None
