"""What central tells a whole sector by itself: fresh statements, and what other parts of it publish."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from gated.central.ledger import Ledger
from gated.central.ledger_statements import mark_published, unpublished
from gated.central.outbox import MAX_STATEMENTS, Outbox
from gated.model.letter import Letter

#: How often what was issued is looked for.
PUBLISH_S = 0.1


class Publisher(Protocol):
    """A part of central that has something to publish. Used by one worker's thread, beside others."""

    def begin(self) -> None:
        """A link was opened: what was said before may be lost."""

    def due(self, *, changed: bool) -> Sequence[Letter]:
        """What to publish now, asked every ``PUBLISH_S`` or sooner; ``changed``: events were just taken in.

        Raises ``StoreError``.
        """


class Publishing:
    """Fresh statements and other publishers, over one connection after the other."""

    def __init__(
        self,
        ledger: Ledger,
        publishers: Sequence[Publisher],
        now: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._publishers = publishers
        self._now = now
        self._monotonic = monotonic
        self._looked_at = monotonic()
        self._hurried = False

    def hurry(self) -> None:
        """There is something new: look at the next turn, whatever the time. From any thread."""
        self._hurried = True

    def begin(self) -> None:
        """A link was opened."""
        for publisher in self._publishers:
            publisher.begin()

    def turn(self, outbox: Outbox, *, changed: bool) -> None:
        """Send what was issued and not sent yet. Several workers may send one: gates know it then."""
        full = outbox.has_published >= MAX_STATEMENTS
        hurried, self._hurried = self._hurried, False
        due = full or hurried or self._monotonic() - self._looked_at >= PUBLISH_S
        if not due and not changed:
            return
        for publisher in self._publishers:
            for letter in publisher.due(changed=changed):
                outbox.put_letter(letter)
        if due:
            self._looked_at = self._monotonic()
            self.mark(outbox)
            if outbox.wants_statements:
                outbox.put_statements(unpublished(self._ledger, MAX_STATEMENTS))
        outbox.flush()

    def mark(self, outbox: Outbox) -> None:
        """Remember what the broker has taken."""
        taken = outbox.published()
        if taken:
            mark_published(self._ledger, taken, self._now())
