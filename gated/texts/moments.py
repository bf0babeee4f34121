"""Days and times of day, as a visitor at this venue reads them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import NamedTuple

from gated.model.time import END_OF_DAYS
from gated.texts.catalogue import catalogue

#: Contexts of the catalogues: forms of days, and the names in them.
_FORM, _WEEKDAY, _MONTH = "form", "weekday", "month"


class When(NamedTuple):
    """A moment to come, as parts of a sentence."""

    day: str | None  # None = today; with the weekday in this year, with the year in another one
    time: str


@dataclass(frozen=True, slots=True)
class Moments:
    """Tells moments (seconds since 1970) in one language, on the clocks and calendar of one zone."""

    language: str
    timezone: tzinfo

    def date(self, at: int) -> str | None:
        """The day with its year, such as ``1 Sep 2026``; None where there is no such day."""
        moment = self._local(at)
        return None if moment is None else self._form("date", moment)

    def when(self, at: int, now: int) -> When | None:
        """A moment to come, on the next full minute; None where it is past, or beyond all calendars."""
        # A minute is told without its seconds: rounded down, whoever comes on time is refused again.
        moment, today = self._local(-(-at // 60) * 60), self._local(now)
        if at <= now or moment is None or today is None:
            return None
        time = f"{moment:%H:%M}"
        if moment.date() == today.date():
            return When(None, time)
        return When(self._form("day" if moment.year == today.year else "date", moment), time)

    def _local(self, at: int) -> datetime | None:
        return datetime.fromtimestamp(at, self.timezone) if 0 <= at < END_OF_DAYS else None

    def _form(self, name: str, moment: datetime) -> str:
        say = catalogue(self.language).pgettext
        # "1er juil.", "1º lug": the first of a month has a form of its own.
        form = say(_FORM, f"{name}.first" if moment.day == 1 else name)
        return form.format(
            weekday=say(_WEEKDAY, str(moment.isoweekday())),
            day=moment.day,
            month=say(_MONTH, str(moment.month)),
            year=moment.year,
        )
