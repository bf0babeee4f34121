"""A conversation carried to a medium and back: step by step, timed, and with an end in any case."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Protocol, TypeVar

from gated.card.talk import Conversation, Result, Steps
from gated.errors import CardError, CardSlowError
from gated.model.refusal import Reason, Refusal

log = logging.getLogger(__name__)

T = TypeVar("T")


class Transmits(Protocol):
    """What of a session a conversation needs."""

    def transmit(self, apdu: bytes) -> bytes:
        """Send a command, return the response. Raises ``CardError`` or ``ReaderError``."""


class Timed:
    """A session, and how long each of its commands took, in seconds.

    ``patience_s``: no command begins later than this after the first. A medium that answers each command and
    never comes to an end would hold the reader else, as one that answers nothing does.
    """

    def __init__(
        self, session: Transmits, monotonic: Callable[[], float], patience_s: float = math.inf
    ) -> None:
        self._session = session
        self._monotonic = monotonic
        self._until = monotonic() + patience_s
        self.trips_s: list[float] = []

    def transmit(self, apdu: bytes) -> bytes:
        """Send a command, return the response. Raises as the session does, and ``CardSlowError``."""
        began = self._monotonic()
        if began > self._until:
            raise CardSlowError("the medium takes too long", hint="present it again and hold it still")
        try:
            return self._session.transmit(apdu)
        finally:
            self.trips_s.append(self._monotonic() - began)


class NotUnderstoodError(Exception):
    """A conversation failed in a way nobody thought of. Never the reader's fault."""


def drive(conversation: Steps[T], session: Transmits) -> T:
    """Carry a conversation to a medium and back; returns what it comes to.

    Raises ``ReaderError``, and ``NotUnderstoodError`` where the conversation itself broke.
    """
    answer: bytes | CardError | None = None
    try:
        while True:
            try:
                command = _next(conversation, answer)
            except StopIteration as done:
                result: T = done.value
                return result
            except CardError:
                raise
            except Exception as error:
                raise NotUnderstoodError from error
            try:
                answer = session.transmit(command)
            except CardError as error:
                answer = error
    finally:
        conversation.close()


def _next(conversation: Steps[T], answer: bytes | CardError | None) -> bytes:
    """The next command; ``answer`` None = the first."""
    if answer is None:
        return next(conversation)
    if isinstance(answer, CardError):
        return conversation.throw(answer)
    return conversation.send(answer)


def converse(conversation: Conversation, session: Transmits) -> Result:
    """Let a medium prove itself. Raises ``ReaderError``.

    A conversation that breaks refuses its medium: it must not look as if the reader had failed, or whoever
    found such an answer could keep a lane shut with it.
    """
    try:
        return drive(conversation, session)
    except NotUnderstoodError:
        log.exception("a medium's answer was not understood")
        return Refusal(Reason.UNREADABLE, {"what": "unexpected"})
