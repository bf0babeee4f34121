"""What the feed has said of a place, as marks in ``delta.db`` that count or do not count yet.

A mark is a rank and where it was said: the generation of the feed's snapshot and the position in central's
log. It counts where the generation is the present one and the applied head has come to the position. So an
old generation's marks end with one row that changes, and those of a head that is being applied begin so.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

#: No log of a city comes near; more is damage, or a thief's.
POSITION_BITS = 40
MAX_POSITION = (1 << POSITION_BITS) - 1

#: The mark of a row that counts, NULL where none does. Of the two the newer one.
COUNTED = "CASE WHEN fed_at BETWEEN :low AND :high THEN fed WHEN was_at BETWEEN :low AND :high THEN was END"


class Marks(NamedTuple):
    """Marks from ``low`` to ``high`` count."""

    low: int
    high: int

    def at(self, position: int) -> int:
        """Where something is said at this position."""
        return self.low | position

    def upto(self, position: int) -> Marks:
        """The marks that count once the feed has come to this position."""
        return Marks(self.low, self.low | position)


def marks_of(generation: int, position: int) -> Marks:
    """Those of a generation up to a position."""
    return Marks(generation << POSITION_BITS, 0).upto(position)


def read_marks(connection: sqlite3.Connection) -> Marks:
    """The marks that count at present."""
    row = connection.execute("SELECT generation, position FROM feed").fetchone()
    if row is None or type(row[0]) is not int or type(row[1]) is not int:
        return Marks(0, -1)  # edited: nothing counts, and the set is found to differ
    return marks_of(*row)
