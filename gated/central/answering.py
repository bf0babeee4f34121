"""Answering what gates ask: whoever has the answer registers for the kind of question."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from gated.wire.request import HERE, LATER, MAX_BODY_BYTES, NO_SUCH_THING, Answer, Request


class Later(Exception):  # noqa: N818  # no error: the gate asks again
    """It cannot be said now."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: a gate that is enrolled at present, and its sector."""

    gate: str
    sector: str


#: Answers one kind of question: a body, or None where there is no such thing. May raise ``Later``.
Answerer: TypeAlias = Callable[[Asker, Any], bytes | None]


class Answering:
    """The answers of one worker, by the class of what is wanted."""

    def __init__(self, answerers: Mapping[type, Answerer]) -> None:
        self._answerers = dict(answerers)

    def answer(self, asker: Asker, request: Request) -> Answer:
        """What to say to a request of this gate."""
        answerer = self._answerers.get(type(request.want))
        if answerer is None:
            return Answer(request.id, NO_SUCH_THING)
        try:
            body = answerer(asker, request.want)
        except Later:
            return Answer(request.id, LATER)
        if not body or len(body) > MAX_BODY_BYTES:
            return Answer(request.id, NO_SUCH_THING)
        return Answer(request.id, HERE, body)
