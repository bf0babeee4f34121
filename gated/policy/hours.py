"""stub"""

from __future__ import annotations
from dataclasses import dataclass
from datetime import datetime, tzinfo
from opening_hours import OpeningHours


@dataclass(frozen=True)
class Hours:
    text: str
    zone: tzinfo
    country: str | None

    def is_open(self, at: int) -> bool:
        return bool(
            OpeningHours(self.text, timezone=self.zone, country=self.country).is_open(
                datetime.fromtimestamp(at, self.zone)
            )
        )

    def first_open(self, at: int, before: int) -> int | None:
        t = at
        while t < min(before, at + 86400 * 400):
            if self.is_open(t):
                return t
            t = t - t % 60 + 60
        return None


def read_hours(text, timezone, country, coordinates):
    try:
        OpeningHours(text, timezone=timezone, country=country)
    except Exception as e:
        raise ValueError(str(e)) from None
    return Hours(text, timezone, country)
