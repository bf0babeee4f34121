"""Opening hours: a stand-in, until the room has its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from opening_hours import OpeningHours


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours that a venue can keep."""

    text: str


def read_hours(
    text: str, timezone: tzinfo, country: str | None, coordinates: tuple[float, float] | None
) -> Hours:
    """Read hours. Raises ``ValueError`` for those that the venue cannot keep."""
    try:
        OpeningHours(text)
    except Exception as error:  # noqa: BLE001  # its errors have no family of their own
        raise ValueError(f"hours {text!r} are not understood: {error}") from None
    if "PH" in text and country is None:
        raise ValueError("public holidays need the venue's country")
    if "sun" in text and coordinates is None:
        raise ValueError("the sun needs the venue's coordinates")
    del timezone
    return Hours(text)
