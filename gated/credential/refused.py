"""How a parser gives up inside this room. The room's doors turn it into a ``Refusal`` value."""

from __future__ import annotations

from gated.model.refusal import Params, Reason, Refusal


class Refused(Exception):  # noqa: N818  # a refusal is not an error: it never leaves this room
    """The bytes are refused for ``refusal``."""

    def __init__(self, reason: Reason, params: Params | None = None) -> None:
        super().__init__(reason)
        self.refusal = Refusal(reason, params or {})


def malformed(what: str) -> Refused:
    """The bytes are not in the one form we accept; ``what`` is a short code."""
    return Refused(Reason.MALFORMED, {"what": what})
