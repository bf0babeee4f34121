"""Which heads of the feed are believed: signed, of our sector, in their time, and none older than another.

Versions are compared by key: a thief's key may have signed the highest number there is, and the key that
comes in its place begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from gated.credential.message import open_message, signer
from gated.daemon.beliefs import Trust
from gated.daemon.timekeeper import TimeKeeper
from gated.model.document import DocumentError
from gated.model.refusal import Reason, Refusal
from gated.model.statement import Kind
from gated.policy.reckoning import is_leap
from gated.store.feed_marks import MAX_POSITION
from gated.store.floors import MAX_FLOOR, Floors
from gated.wire.head import MAX_HEAD_TOKEN_BYTES, Head, read_head


@dataclass(frozen=True, slots=True)
class Believed:
    """A head that was verified. ``moves_time``: its key may say what time it is."""

    head: Head
    token: bytes
    kid: bytes
    moves_time: bool


def floor_name(kid: bytes) -> str:
    """The floor below which no head of a key is believed."""
    return f"head.{kid.hex()}"


class Heads:
    """Judges heads. Used by the sync thread, or by an import."""

    def __init__(self, *, trust: Trust, time: TimeKeeper, floors: Floors) -> None:
        self._trust = trust
        self._time = time
        self._floors = floors
        self._newest: dict[bytes, int] = {}  # by key, since the start

    def judge(self, token: bytes, applied: Believed | None, target: Believed | None = None) -> Believed | str:
        """The head, or the code of why it is not believed.

        ``applied`` is the one that the cache agrees with, ``target`` the newest before this.
        """
        reading = self._time.read()
        found = self._open(token, reading.floor)
        if isinstance(found, str):
            return found
        if reading.floor >= found.head.expires:
            return "expired"
        if is_leap(found.head.at, reading):
            return "future"
        for known in (applied, target):
            if known is not None and known.kid == found.kid and known.head.version == found.head.version:
                return known if known.head == found.head else "inconsistent"
        if found.head.version < self._least(found.kid, applied):
            return "older"
        if applied is not None and applied.kid == found.kid and _contradicts(found.head, applied.head):
            return "inconsistent"
        self._newest[found.kid] = found.head.version
        return found

    def _least(self, kid: bytes, applied: Believed | None) -> int:
        least = max(self._newest.get(kid, 0), self._floors.get(floor_name(kid)))
        return max(least, applied.head.version) if applied is not None and applied.kid == kid else least

    def reopen(self, token: bytes) -> Believed | str:
        """A head that was believed before, whatever time it is by now; or why it cannot be one."""
        return self._open(token, 0)

    def doubt(self, found: Believed) -> str:
        """Why a head that was believed is so no longer, for keys come and go; empty = it still is."""
        again = self._open(found.token, self._time.read().floor)
        return again if isinstance(again, str) else ""

    def _open(self, token: bytes, floor: int) -> Believed | str:
        keys = self._trust.keys
        payload = open_message(
            token, Kind.HEAD, keys, self._trust.profile.sector, floor, MAX_HEAD_TOKEN_BYTES
        )
        if isinstance(payload, Refusal):
            return str(payload.reason)
        try:
            head = read_head(payload)
        except DocumentError:
            return str(Reason.MALFORMED)
        if head.sector != self._trust.profile.sector:
            return "foreign"
        if head.version >= MAX_FLOOR or head.position > MAX_POSITION:
            return str(Reason.MALFORMED)
        key = signer(token, keys)
        return Believed(head, token, key.kid, Kind.TIME in key.kinds and key.holds(head.at))


def _contradicts(head: Head, before: Head) -> bool:
    """Whether of two heads of one key the later goes back, or speaks of another set at one position."""
    if head.position == before.position:
        return (head.set_, head.rows) != (before.set_, before.rows)
    return head.position < before.position
