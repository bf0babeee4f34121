"""What a receipt of central's means to a gate: one table, asked in order (docs/reference/sync.md).

The receipt was opened and is this gate's. What it says is still compared with the gate's own journal: the
signature proves that central said it, at some time, to whoever had this name then.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from gated.wire.ack import CHAIN_BROKEN, Ack


class Place(NamedTuple):
    """Where a seq stands in this journal: ids count rows through all epochs.

    ``base`` is the id before the epoch's first row, ``end`` that of the newest row it has, ``newest`` whether
    it is the epoch being written. ``digest`` is None where the row was erased or never was.
    """

    id: int
    digest: bytes | None
    base: int
    end: int
    newest: bool


class Move(StrEnum):
    """What to do."""

    ADVANCE = "advance"
    BACK = "back"  # central has lost what follows
    FORK = "fork"  # another journal tells under this name
    NOTHING = "nothing"


class Verdict(NamedTuple):
    """What to do; ``code`` says why nothing is, empty where nothing is wrong."""

    move: Move
    code: str = ""


def matters(place: Place, cursor: int) -> bool:
    """Whether a fork of this epoch still concerns anybody: a new enrolment ends it, once all is told."""
    return place.newest or place.end > cursor


def judge(ack: Ack, place: Place | None, *, cursor: int, greeted: bool, answered_at: int | None) -> Verdict:
    """Judge a receipt.

    Args:
        ack: the receipt.
        place: where its row stands; None = this journal has no such epoch.
        cursor: the id of the newest row that central has, as far as we know.
        greeted: whether it answers the greeting of the present connection.
        answered_at: central's time in the answer to that greeting; None = it has not come yet.

    """
    if place is None:
        return Verdict(Move.NOTHING, "ack_unknown_row")
    if place.id > place.end:
        # Central has more of this epoch than its own journal; whoever says so without being asked may be old.
        fork = greeted and matters(place, cursor)
        return Verdict(Move.FORK) if fork else Verdict(Move.NOTHING, "ack_unknown_row")
    if place.digest is not None and place.digest != ack.digest:
        fork = matters(place, cursor)
        return Verdict(Move.FORK) if fork else Verdict(Move.NOTHING, "ack_other_history")
    if place.base > cursor or _skips_rows(ack, place, cursor):
        # To believe it would skip rows that are still on their way.
        return Verdict(Move.NOTHING, "ack_early")
    if place.id > cursor:
        # A receipt from before the answer to our greeting may tell of rows that central has lost since.
        old = not greeted and (answered_at is None or ack.at < answered_at)
        return Verdict(Move.NOTHING, "ack_old") if old else Verdict(Move.ADVANCE)
    if greeted and place.id < min(cursor, place.end):
        return Verdict(Move.BACK)
    return Verdict(Move.NOTHING, "" if greeted or place.id == cursor else "ack_old")


def _skips_rows(ack: Ack, place: Place, cursor: int) -> bool:
    """Whether rows that are still on their way stand before a break that central tells of.

    It took the digest before the break on our word: what stands before it may not be there.
    """
    broken = min((seq for seq, code in ack.quarantined if code == CHAIN_BROKEN), default=0)
    return bool(broken) and place.base + broken > cursor + 1
