"""What the gate needs of the world outside. Each has a simulated twin in ``devices.simulated``.

Both twins pass the suite in ``tests/contracts``. The store has no port: tests use real SQLite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol

from gated.model.barrier import BarrierEvent
from gated.model.letter import Answered, Letter, Received
from gated.model.refusal import Refusal
from gated.model.time import ClockSample


class Clock(Protocol):
    """The only source of time."""

    def sample(self) -> ClockSample:
        """What the clocks say now."""

    def monotonic(self) -> float:
        """Seconds that never go back, for deadlines within one process."""


class CardSession(Protocol):
    """A medium in the field, from sensing to removal. Used by one thread."""

    @property
    def uid(self) -> bytes | None:
        """The anticollision number, where the reader tells it."""

    def transmit(self, apdu: bytes) -> bytes:
        """Send a command APDU, return the response (at least two bytes).

        Raises ``CardError`` when the medium has left or answers nothing sensible, ``ReaderError``
        when the reader is gone. It may block for ever: the deadline is the caller's, outside this
        thread.
        """

    def close(self) -> None:
        """Leave the medium. Never raises."""


class Reader(Protocol):
    """A reader of contactless media. One thread opens, waits, connects and closes; any thread interrupts."""

    @property
    def name(self) -> str:
        """As in the configuration."""

    def open(self) -> None:
        """Get ready, also after a loss. Raises ``ReaderError``."""

    def wait_card(self, timeout_s: float) -> bool:
        """Wait until a medium is there; False after the timeout or an interrupt. Raises ``ReaderError``."""

    def connect(self) -> CardSession:
        """Begin a session with the medium that is there.

        Raises ``CardError`` when it has left or cannot be used, and ``ReaderError``. It exchanges bytes
        with the medium, so it may block for ever, as ``CardSession.transmit`` may.
        """

    def wait_removed(self, timeout_s: float) -> bool:
        """Wait until the last medium is gone; False after the timeout or an interrupt.

        Raises ``ReaderError``.
        """

    def interrupt(self) -> None:
        """Make a wait of the other thread return soon. Best effort; never blocks, never raises."""

    def show(self, signal: Signal) -> None:
        """Say it with the reader's own light and sound, where it has them and takes orders. Never raises."""

    def close(self) -> None:
        """Give the reader back. Never raises."""


class Barrier(Protocol):
    """What physically stops people. One thread starts, commands and stops it."""

    def start(self, tell: Callable[[BarrierEvent], None], *, held: bool = False) -> None:
        """Begin, shut or ``held`` open. From now on ``tell`` is called with what happens, from any thread and
        in order.

        Never raises: a barrier that does not answer tells ``Faulted``, and ``Cleared`` when it is back. It
        comes back shut, or open if it is to stand open: a fire must not shut a lane for a moment.
        """

    def release(self, persons: int) -> None:
        """Let ``persons`` through. Returns at once.

        Raises ``BarrierError``; it may have moved all the same.
        """

    def hold_open(self) -> None:
        """Stand open until ``secure``. Returns at once. From any thread. Raises ``BarrierError``."""

    def secure(self) -> None:
        """Shut it. Returns at once; ``Secured`` is told when it is. Raises ``BarrierError``."""

    def stop(self) -> None:
        """Tell nothing more; shut it, unless it is held open. Never raises."""


class Signal(StrEnum):
    """What a lane tells the person in front of it."""

    READY = "ready"
    GRANTED = "granted"
    LOOK = "look"  # granted, and staff should have a look at this person
    REFUSED = "refused"
    OUT_OF_SERVICE = "out_of_service"
    FREE = "free"  # it stands open by order
    FIRE = "fire"  # it stands open: leave
    ALARM = "alarm"  # somebody went in without a release


class Indicator(Protocol):
    """Light, sound and text. Never raises: a broken lamp closes no lane."""

    def show(self, signal: Signal, refusal: Refusal | None = None, texts: Sequence[str] = ()) -> None:
        """Show a signal until the next one; ``texts`` say it to the visitor, one in each language."""


class Link(Protocol):
    """A link to the other side through a broker that nobody trusts.

    One thread uses it; any thread interrupts. Everything is at least once or not at all, in any order:
    a broker may lose, double, delay and invent. No session outlives the link.
    """

    def open(self, topics: Sequence[str], will: Letter | None = None) -> None:
        """Connect, subscribe to ``topics`` and leave a ``will`` for the broker to publish when we are gone.

        Blocks until the broker has confirmed the subscriptions, within the link's own limit of time.
        Raises ``LinkError``.
        """

    @property
    def window(self) -> int:
        """How many letters may be unanswered at once, as the broker says. Of an open link."""

    def send(self, letter: Letter) -> int:
        """Hand a letter over. Returns its number, which ``Answered`` will name.

        Never queues: raises ``LinkError`` where there is no connection or the window is full, and
        ``LetterTooLargeError`` beyond the broker's limit.
        """

    def receive(self, timeout_s: float) -> Received | Answered | None:
        """What comes next; None after the timeout or an interrupt. Raises ``LinkError`` on a lost link."""

    def take(self, received: Received) -> None:
        """Tell the broker that this one need not come again. Raises ``LinkError``."""

    def welcome(self, received: Received) -> None:
        """This one was asked for, or was news: it does not count against what is read in a second.

        Raises ``LinkError``.
        """

    def close(self) -> None:
        """End the link in order: the will is not published. Never raises."""

    def interrupt(self) -> None:
        """Make ``receive`` of the other thread return soon. Never blocks, never raises."""
