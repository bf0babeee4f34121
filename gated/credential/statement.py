"""Token to statement: the only maker of bindings, entitlements and denials.

Claims are CWT claims (RFC 8392) with integer keys; what RFC 8392 has no claim for stands in one map
under the private claim ``PRIVATE``. ``iss`` is the sector in whose name the statement speaks, so that
no second field can disagree with it. docs/reference/statements.cddl is the grammar.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from binascii import a2b_base64
from collections.abc import Callable
from typing import Any

from gated.credential import cbor, cose
from gated.credential.refused import Refused, malformed
from gated.model.credential import Assurance
from gated.model.refusal import Reason, Refusal
from gated.model.rules import MAX_VENUES
from gated.model.statement import (
    Binding,
    Denial,
    DenialState,
    Entitlement,
    Kind,
    Statement,
    TargetKind,
)
from gated.model.time import END_OF_TIME
from gated.model.trust import KeySet, TrustedKey

#: Content types separate the domains: a token of one kind is never read as another.
CONTENT_TYPES: dict[str, Kind] = {
    "gated/binding": Kind.BINDING,
    "gated/entitlement": Kind.ENTITLEMENT,
    "gated/denial": Kind.DENIAL,
}

PRIVATE = -65537  # first number of RFC 8392's private-use range
_ISS, _SUB, _EXP, _NBF, _IAT, _CTI = 1, 2, 4, 5, 6, 7

PASS_BYTES = INDEX_BYTES = 16
ID_BYTES = 8
_MAX_NUMBER = 1 << 40
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,30}[a-z0-9])?\Z")

#: 16 bytes in base64url. The last digit carries four spare bits, all 0: a pass has one spelling.
_PASS = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]\Z")
_FROM_URL = str.maketrans("-_", "+/")

#: Length of a target by its kind: credential index, pass, entitlement id.
TARGET_BYTES = {
    TargetKind.CREDENTIAL: INDEX_BYTES,
    TargetKind.PASS: PASS_BYTES,
    TargetKind.ENTITLEMENT: ID_BYTES,
}


def open_statement(token: bytes, keys: KeySet, floor: int) -> Statement | Refusal:
    """Verify a token and read its claims.

    The steps, each with its own reason: 1 size and form, 2 the key is known, 3 it may sign this kind,
    4 the signature, 5 the claims, 6 the key may speak for this sector, 7 the key is within its time.

    Args:
        token: the bytes as stored, received or read from a medium.
        keys: what this gate trusts.
        floor: a time, in seconds since 1970, that is certainly over; key expiry is judged by it.

    """
    try:
        message = cose.split(token)
        kind = CONTENT_TYPES.get(message.header.content_type)
        if kind is None:
            raise malformed("content_type")
        key = cose.key_of(message, keys)
        if kind not in key.kinds:
            raise Refused(Reason.OUT_OF_SCOPE, {"scope": "kind", "kind": kind.value, "kid": key.kid.hex()})
        cose.verify(message, key)
        statement = _MAKERS[kind](_claims(message.payload))
        _in_scope(statement, key, floor)
    except Refused as refused:
        return refused.refusal
    return statement


def moves_time(token: bytes, keys: KeySet) -> bool:
    """Whether the signer of a token may say what time it is. Ask it of tokens that opened."""
    key = keys.get(cose.split(token).header.kid)
    return key is not None and Kind.TIME in key.kinds


def is_name(text: object) -> bool:
    """Whether ``text`` is a name of a sector, venue or product: 1 to 32 of ``a-z 0-9 . _ -``."""
    return isinstance(text, str) and _NAME.match(text) is not None


def _in_scope(statement: Statement, key: TrustedKey, floor: int) -> None:
    if statement.sector not in key.sectors:
        raise Refused(
            Reason.OUT_OF_SCOPE, {"scope": "sector", "sector": statement.sector, "kid": key.kid.hex()}
        )
    # Both: a key past its end signs nothing new, and what is left of its statements ends with it.
    if not key.holds(statement.issued_at) or floor >= key.expires:
        raise Refused(Reason.KEY_NOT_VALID, {"kid": key.kid.hex(), "expires": key.expires})


# ------------------------------------------------------------------ claims


class _Claims:
    """A map of claims that must be used up: an unknown claim is refused, never ignored."""

    def __init__(self, fields: dict[Any, Any]) -> None:
        self._fields = fields

    def whole(self, key: int, limit: int) -> int:
        value = self._fields.pop(key, None)
        if type(value) is not int or not 0 <= value < limit:
            raise malformed("missing" if value is None else "number")
        return value

    def whole_or_none(self, key: int, limit: int) -> int | None:
        return self.whole(key, limit) if key in self._fields else None

    def name(self, key: int) -> str:
        value = self._fields.pop(key, None)
        if not is_name(value):
            raise malformed("name")
        return str(value)

    def fixed(self, key: int, size: int) -> bytes:
        value = self._fields.pop(key, None)
        if not isinstance(value, bytes) or len(value) != size:
            raise malformed("bytes")
        return value

    def pass_(self) -> bytes:
        """``sub`` is text by RFC 8392 section 3.1.2: the 16 bytes in base64url without padding."""
        value = self._fields.pop(_SUB, None)
        if not isinstance(value, str) or _PASS.match(value) is None:
            raise malformed("sub")
        return a2b_base64(value.translate(_FROM_URL) + "==")

    def names_or_none(self, key: int) -> tuple[str, ...] | None:
        if key not in self._fields:
            return None
        value = self._fields.pop(key)
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_VENUES or not all(map(is_name, value)):
            raise malformed("venues")
        return tuple(value)

    def inner(self) -> _Claims:
        value = self._fields.pop(PRIVATE, None)
        if not isinstance(value, dict):
            raise malformed("missing")
        return _Claims(value)

    def done(self) -> None:
        if self._fields:
            raise malformed("unknown_claim")


def encode_pass(raw: bytes) -> str:
    """A pass as it stands in ``sub`` and in events."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _claims(payload: bytes) -> _Claims:
    fields = cbor.load(payload)
    if not isinstance(fields, dict):
        raise malformed("claims")
    return _Claims(fields)


def _validity(claims: _Claims) -> tuple[int, int | None, int]:
    """(nbf, exp, iat). A statement without nbf is valid from its issue."""
    issued_at = claims.whole(_IAT, END_OF_TIME)
    expires = claims.whole_or_none(_EXP, END_OF_TIME)
    not_before = claims.whole_or_none(_NBF, END_OF_TIME)
    not_before = issued_at if not_before is None else not_before
    if expires is not None and expires <= not_before:
        raise malformed("validity")
    return not_before, expires, issued_at


def _binding(claims: _Claims) -> Binding:
    not_before, expires, issued_at = _validity(claims)
    more = claims.inner()
    binding = Binding(
        sector=claims.name(_ISS),
        pass_=claims.pass_(),
        not_before=not_before,
        expires=expires,
        issued_at=issued_at,
        id=claims.fixed(_CTI, ID_BYTES),
        index=more.fixed(1, INDEX_BYTES),
        revision=more.whole(2, _MAX_NUMBER),
    )
    more.done()
    claims.done()
    return binding


def _entitlement(claims: _Claims) -> Entitlement:
    not_before, expires, issued_at = _validity(claims)
    more = claims.inner()
    level = more.whole_or_none(5, Assurance.ASYMMETRIC + 1)
    entitlement = Entitlement(
        sector=claims.name(_ISS),
        pass_=claims.pass_(),
        not_before=not_before,
        expires=expires,
        issued_at=issued_at,
        id=claims.fixed(_CTI, ID_BYTES),
        product=more.name(1),
        revision=more.whole(2, _MAX_NUMBER),
        venues=more.names_or_none(3),
        uses=more.whole_or_none(4, 1 << 31),
        min_assurance=None if level is None else _assurance(level),
    )
    more.done()
    claims.done()
    return entitlement


def _assurance(level: int) -> Assurance:
    if level < Assurance.UID_ONLY:
        raise malformed("assurance")
    return Assurance(level)


def _denial(claims: _Claims) -> Denial:
    more = claims.inner()
    target_kind = TargetKind(more.whole(1, len(TargetKind)))
    denial = Denial(
        sector=claims.name(_ISS),
        issued_at=claims.whole(_IAT, END_OF_TIME),
        target_kind=target_kind,
        target=more.fixed(2, TARGET_BYTES[target_kind]),
        state=DenialState(more.whole(3, len(DenialState))),
        number=more.whole(4, _MAX_NUMBER),
    )
    more.done()
    claims.done()
    return denial


_MAKERS: dict[Kind, Callable[[_Claims], Statement]] = {
    Kind.BINDING: _binding,
    Kind.ENTITLEMENT: _entitlement,
    Kind.DENIAL: _denial,
}
