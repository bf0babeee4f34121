"""Making statements: CWT claims in the one envelope (docs/reference/statements.md)."""

from __future__ import annotations

from typing import Any

from gated.credential.claims import PRIVATE, encode_pass
from gated.credential.statement import CONTENT_TYPES, PARTY_USES
from gated.model.rules import Rules
from gated.model.statement import Binding, Denial, Entitlement, Kind, Statement
from gated.wire.seal import SigningKey, deterministic

_TYPE_OF = {kind: name for name, kind in CONTENT_TYPES.items()}


def sign_statement(key: SigningKey, statement: Statement) -> bytes:
    """The token of a statement."""
    kind, claims = _claims(statement)
    return key.sign(_TYPE_OF[kind], deterministic(claims))


def _claims(statement: Statement) -> tuple[Kind, dict[int, Any]]:
    match statement:
        case Binding():
            inner: dict[int, Any] = {1: statement.index, 2: statement.revision}
            confirmed = {} if statement.confirmed_by is None else {8: {3: statement.confirmed_by}}
            return Kind.BINDING, {**_dated(statement), **confirmed, PRIVATE: inner}
        case Entitlement():
            inner = {1: statement.product, 2: statement.revision, **_rules(statement)}
            return Kind.ENTITLEMENT, {**_dated(statement), PRIVATE: inner}
        case Denial():
            inner = {
                1: int(statement.target_kind),
                2: statement.target,
                3: int(statement.state),
                4: statement.number,
            }
            return Kind.DENIAL, {1: statement.sector, 6: statement.issued_at, PRIVATE: inner}


def _rules(said: Rules) -> dict[int, Any]:
    """The private claims of the rules that are said."""
    claims = {
        3: said.venues and list(said.venues),
        4: said.uses,
        5: said.min_assurance and int(said.min_assurance),
        6: said.per_day,
        7: said.per_venue and dict(said.per_venue),
        8: said.hours,
        9: said.party,
        10: said.party_uses and PARTY_USES.index(said.party_uses),
        11: said.reentry_s,
        12: said.concession,
    }
    return {number: value for number, value in claims.items() if value is not None}


def _dated(statement: Binding | Entitlement) -> dict[int, Any]:
    claims: dict[int, Any] = {
        1: statement.sector,
        2: encode_pass(statement.pass_),
        6: statement.issued_at,
        7: statement.id,
    }
    if statement.expires is not None:
        claims[4] = statement.expires
    if statement.not_before != statement.issued_at:
        claims[5] = statement.not_before
    return claims
