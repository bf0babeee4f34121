"""Rows that the disk did not take and that must land: settlements, who went in or out, how lanes stand."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence

from gated.model.event import Exited, Forced, LaneChanged, LaneState, Walked
from gated.store.journal_file import Draft
from gated.store.ticket import Move
from gated.wire.event import Stamp

log = logging.getLogger(__name__)

#: Rows kept one by one while a disk does not answer: 6 MB, and more people than a venue has inside.
MAX_OWED = 10_000
#: Written in one transaction, which stands before the next tap's row.
TOGETHER = 100

#: What happened, the lane, the state it was in, the service day.
_Key = tuple[type[Exited] | type[Forced] | type[Walked], str, str, int | None]
_People = Exited | Forced | Walked


class Owed:
    """A queue that loses nobody and does not grow for ever. Used by the journal's thread.

    Beyond ``MAX_OWED`` rows, people who went out or in are added up to one row for each lane and service
    day, with the stamp of the first, behind all others. It says how many; of which pass is no longer told,
    so a presence stays as it was until the service day is over. Of how a lane stands the newest row is kept,
    last of all: it is what must be known at the next start. Settlements always have a place of their
    own: each needs a release, and while the disk takes nothing there are no new ones.
    """

    def __init__(self) -> None:
        self._rows: deque[Draft] = deque()
        self._sums: dict[_Key, tuple[Stamp, int, int]] = {}
        self._newest: dict[str, Draft] = {}  # how a lane stands

    def __len__(self) -> int:
        """How many rows it will be."""
        return len(self._rows) + len(self._sums) + len(self._newest)

    def put(self, draft: Draft) -> None:
        """Put a row behind the others."""
        event = draft.event
        if len(self._rows) >= MAX_OWED and isinstance(event, _People):
            self._add(draft, event)
        elif len(self._rows) >= MAX_OWED and isinstance(event, LaneChanged):
            if event.lane not in self._newest:
                log.critical(
                    "journal: %d rows wait: lane %s is only told as it stands", len(self), event.lane
                )
            self._newest[event.lane] = draft
        else:
            self._rows.append(draft)

    def _add(self, draft: Draft, event: _People) -> None:
        move = draft.move
        state = event.state if isinstance(event, Walked) else ""
        key = type(event), event.lane, state, None if move is None else move.shift
        if key not in self._sums:
            log.critical(
                "journal: %d rows wait for the disk: what is %s at lane %s is only counted from now on",
                len(self),
                event.kind,
                event.lane,
            )
        stamp, persons, moved = self._sums.get(key, (draft.stamp, 0, 0))
        moved += 0 if move is None else move.persons
        self._sums[key] = stamp, persons + event.persons, moved

    def take(self, most: int) -> tuple[Draft, ...]:
        """Take the oldest away, ``most`` at once."""
        taken = [self._rows.popleft() for _ in range(min(most, len(self._rows)))]
        while len(taken) < most and self._sums:
            taken.append(self._take_sum(next(iter(self._sums))))
        while len(taken) < most and self._newest:
            taken.append(self._newest.pop(next(iter(self._newest))))
        return tuple(taken)

    def _take_sum(self, key: _Key) -> Draft:
        kind, lane, state, shift = key
        stamp, persons, moved = self._sums.pop(key)
        move = None if shift is None else Move(shift, "", None, moved)
        event: _People
        if kind is Walked:
            event = Walked(lane, persons, LaneState(state))
        else:
            event = Exited(lane, persons) if kind is Exited else Forced(lane, persons)
        return Draft(event, stamp, move=move, insists=True)

    def put_back(self, drafts: Sequence[Draft]) -> None:
        """Put what was taken before the others again."""
        self._rows.extendleft(reversed(drafts))
