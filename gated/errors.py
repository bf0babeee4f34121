"""Breakages, in a few families. A refusal is not here: it is a value (``gated.model.refusal``).

Every error says what broke, where, and what a person can do next; ``str()`` of one fits on a line.
"""

from __future__ import annotations


def one_line(text: str) -> str:
    """``text`` with all that a terminal would not print in its place (newlines, NUL) written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class GatedError(Exception):
    """Something is broken. ``hint`` tells the person at the gate the next move."""

    #: Exit code of a command that ends with this error.
    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return one_line(f"{self.message}; {self.hint}" if self.hint else self.message)


class ConfigError(GatedError):
    """A setting, a key file or a profile cannot be used as it stands."""

    exit_code = 2


class StoreError(GatedError):
    """A file of the state directory could not be read or written."""


class ReaderError(GatedError):
    """The reader, or the service behind it, is gone: reopen it with back-off."""


class CardError(GatedError):
    """The medium left the field or broke the protocol: this tap is over, the reader is fine."""


class CardSlowError(CardError):
    """The conversation takes longer than a lane waits for one: no further command begins."""


class BarrierError(GatedError):
    """The barrier cannot be commanded."""


class LinkError(GatedError):
    """The broker, or the way to it, is gone: connect again with back-off."""


class LetterTooLargeError(LinkError):
    """A letter is larger than the broker takes. It was not sent, and the link goes on."""


class StickError(GatedError):
    """A stick, or a folder that was carried on one, cannot be read or written."""
