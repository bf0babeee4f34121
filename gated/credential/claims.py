"""The claims of a statement, each in its one form: what is left over or out of form is refused."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from binascii import a2b_base64
from enum import IntEnum
from functools import lru_cache
from typing import Any, TypeVar

from gated.credential.refused import malformed
from gated.model.name import is_name
from gated.model.rules import MAX_USES, MAX_VENUES

L = TypeVar("L", bound=IntEnum)

PRIVATE = -65537  # first number of RFC 8392's private-use range
PASS_BYTES = INDEX_BYTES = 16
ID_BYTES = 8
CONFIRMATION_BYTES = 32
_SUB = 2
_CNF, _CNF_KID = 8, 3

#: 16 bytes in base64url. The last digit carries four spare bits, all 0: a pass has one spelling.
_PASS = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]\Z")
_FROM_URL = str.maketrans("-_", "+/")


def encode_pass(raw: bytes) -> str:
    """A pass as it stands in ``sub`` and in events."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


@lru_cache(maxsize=256)  # all rights of a pass name it, and a tap opens them together
def _decoded(text: str) -> bytes | None:
    return a2b_base64(text.translate(_FROM_URL) + "==") if _PASS.match(text) else None


class Claims:
    """A map of claims that must be used up: an unknown claim is refused, never ignored."""

    def __init__(self, fields: dict[Any, Any]) -> None:
        self._fields = fields

    def whole(self, key: int, limit: int, *, least: int = 0) -> int:
        """A whole number from ``least``, below ``limit``."""
        value = self._fields.pop(key, None)
        if type(value) is not int or not least <= value < limit:
            raise malformed("missing" if value is None else "number")
        return value

    def whole_or_none(self, key: int, limit: int, *, least: int = 0) -> int | None:
        """A whole number, or None where the claim is absent. So are all that end in ``_or_none``."""
        return self.whole(key, limit, least=least) if key in self._fields else None

    def level_or_none(self, key: int, of: type[L], what: str) -> L | None:
        """A member of ``of`` by its number."""
        number = self.whole_or_none(key, max(of) + 1)
        if number is None:
            return None
        if number < min(of):
            raise malformed(what)
        return of(number)

    def name(self, key: int) -> str:
        """A name of a sector, product or concession."""
        value = self._fields.pop(key, None)
        if not is_name(value):
            raise malformed("name")
        return str(value)

    def name_or_none(self, key: int) -> str | None:
        """A name."""
        return self.name(key) if key in self._fields else None

    def text_or_none(self, key: int, most: int, what: str) -> str | None:
        """A text of 1 to ``most`` printable characters."""
        if key not in self._fields:
            return None
        value = self._fields.pop(key)
        if not isinstance(value, str) or not 1 <= len(value) <= most or not value.isprintable():
            raise malformed(what)
        return value

    def fixed(self, key: int, size: int) -> bytes:
        """A byte string of one size."""
        value = self._fields.pop(key, None)
        if not isinstance(value, bytes) or len(value) != size:
            raise malformed("bytes")
        return value

    def pass_(self) -> bytes:
        """``sub`` is text by RFC 8392 section 3.1.2: the 16 bytes in base64url without padding."""
        value = self._fields.pop(_SUB, None)
        decoded = _decoded(value) if isinstance(value, str) else None
        if decoded is None:
            raise malformed("sub")
        return decoded

    def confirmation_or_none(self) -> bytes | None:
        """``cnf`` (RFC 8747 section 3.4) by a key id, which with us is the SHA-256 of the public key: an
        identifier that is no hash could be given to another key as well (section 4).
        """
        if _CNF not in self._fields:
            return None
        value = self._fields.pop(_CNF)
        if not isinstance(value, dict) or value.keys() != {_CNF_KID}:
            raise malformed("cnf")
        kid = value[_CNF_KID]
        if not isinstance(kid, bytes) or len(kid) != CONFIRMATION_BYTES:
            raise malformed("cnf")
        return kid

    def venues_or_none(self, key: int) -> tuple[str, ...] | None:
        """A list of 1 to 8 names."""
        if key not in self._fields:
            return None
        value = self._fields.pop(key)
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_VENUES or not all(map(is_name, value)):
            raise malformed("venues")
        return tuple(value)

    def shares_or_none(self, key: int, venues: tuple[str, ...] | None) -> tuple[tuple[str, int], ...] | None:
        """A map of 1 to 8 names, each among ``venues`` if those are told, to uses; in its own order."""
        if key not in self._fields:
            return None
        value = self._fields.pop(key)
        if not isinstance(value, dict) or not 1 <= len(value) <= MAX_VENUES:
            raise malformed("shares")
        for venue, uses in value.items():
            if not is_name(venue) or type(uses) is not int or not 0 <= uses <= MAX_USES:
                raise malformed("shares")
            if venues is not None and venue not in venues:
                raise malformed("share_elsewhere")
        return tuple(value.items())

    def __bool__(self) -> bool:
        """Whether a claim is left that nobody asked for yet."""
        return bool(self._fields)

    def inner(self) -> Claims:
        """The private map."""
        value = self._fields.pop(PRIVATE, None)
        if not isinstance(value, dict):
            raise malformed("missing")
        return Claims(value)

    def done(self) -> None:
        """Refuse what nobody asked for."""
        if self._fields:
            raise malformed("unknown_claim")
