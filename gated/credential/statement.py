"""Token to statement: the only maker of bindings, entitlements and denials.

Claims are CWT claims (RFC 8392) with integer keys; what RFC 8392 has no claim for stands in one map
under the private claim ``PRIVATE``. ``iss`` is the sector in whose name the statement speaks, so that
no second field can disagree with it. docs/reference/statements.cddl is the grammar.
"""

from __future__ import annotations

from collections.abc import Callable

from gated.credential import cbor, cose
from gated.credential.claims import ID_BYTES, INDEX_BYTES, PASS_BYTES, Claims
from gated.credential.refused import Refused, malformed
from gated.model.credential import Assurance
from gated.model.refusal import Reason, Refusal
from gated.model.rules import MAX_HOURS_CHARS, MAX_PARTY, MAX_REENTRY_S, MAX_USES, PartyUses, Said
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

_ISS, _EXP, _NBF, _IAT, _CTI = 1, 4, 5, 6, 7
_MAX_NUMBER = 1 << 40
#: As claim 10 counts them.
PARTY_USES = (PartyUses.EACH, PartyUses.ONCE)

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


def claimed(token: bytes) -> Statement | Refusal:
    """What a token claims, whoever signed it: for central, which reads its own log. Nobody else asks this."""
    try:
        message = cose.split(token)
        kind = CONTENT_TYPES.get(message.header.content_type)
        if kind is None:
            raise malformed("content_type")
        return _MAKERS[kind](_claims(message.payload))
    except Refused as refused:
        return refused.refusal


def moves_time(token: bytes, keys: KeySet) -> bool:
    """Whether the signer of a token may say what time it is. Ask it of tokens that opened."""
    key = keys.get(cose.split(token).header.kid)
    return key is not None and Kind.TIME in key.kinds


def _in_scope(statement: Statement, key: TrustedKey, floor: int) -> None:
    if statement.sector not in key.sectors:
        raise Refused(
            Reason.OUT_OF_SCOPE, {"scope": "sector", "sector": statement.sector, "kid": key.kid.hex()}
        )
    # Both: a key past its end signs nothing new, and what is left of its statements ends with it.
    if not key.holds(statement.issued_at) or floor >= key.expires:
        raise Refused(Reason.KEY_NOT_VALID, {"kid": key.kid.hex(), "expires": key.expires})


def _claims(payload: bytes) -> Claims:
    fields = cbor.load(payload)
    if not isinstance(fields, dict):
        raise malformed("claims")
    return Claims(fields)


def _validity(claims: Claims) -> tuple[int, int | None, int]:
    """(nbf, exp, iat). A statement without nbf is valid from its issue."""
    issued_at = claims.whole(_IAT, END_OF_TIME)
    expires = claims.whole_or_none(_EXP, END_OF_TIME)
    not_before = claims.whole_or_none(_NBF, END_OF_TIME)
    not_before = issued_at if not_before is None else not_before
    if expires is not None and expires <= not_before:
        raise malformed("validity")
    return not_before, expires, issued_at


def _binding(claims: Claims) -> Binding:
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
        confirmed_by=claims.confirmation_or_none(),
    )
    more.done()
    claims.done()
    return binding


def _entitlement(claims: Claims) -> Entitlement:
    not_before, expires, issued_at = _validity(claims)
    more = claims.inner()
    entitlement = Entitlement(
        sector=claims.name(_ISS),
        pass_=claims.pass_(),
        not_before=not_before,
        expires=expires,
        issued_at=issued_at,
        id=claims.fixed(_CTI, ID_BYTES),
        product=more.name(1),
        revision=more.whole(2, _MAX_NUMBER),
        **(_said(more) if more else {}),  # most rights say nothing themselves, and a tap opens several
    )
    more.done()
    claims.done()
    return entitlement


def _said(more: Claims) -> Said:
    venues, costs = more.venues_or_none(3), more.whole_or_none(10, len(PARTY_USES))
    return {
        "venues": venues,
        "uses": more.whole_or_none(4, MAX_USES + 1),
        "min_assurance": more.level_or_none(5, Assurance, "assurance"),
        "per_day": more.whole_or_none(6, MAX_USES + 1),
        "per_venue": more.shares_or_none(7, venues),
        "hours": more.text_or_none(8, MAX_HOURS_CHARS, "hours"),
        "party": more.whole_or_none(9, MAX_PARTY + 1, least=1),
        "party_uses": None if costs is None else PARTY_USES[costs],
        "reentry_s": more.whole_or_none(11, MAX_REENTRY_S + 1, least=1),
        "concession": more.name_or_none(12),
    }


def _denial(claims: Claims) -> Denial:
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


_MAKERS: dict[Kind, Callable[[Claims], Statement]] = {
    Kind.BINDING: _binding,
    Kind.ENTITLEMENT: _entitlement,
    Kind.DENIAL: _denial,
}
