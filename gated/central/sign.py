"""Making statements: CWT claims in the one envelope (docs/reference/statements.md)."""

from __future__ import annotations

from typing import Any

from gated.credential.statement import CONTENT_TYPES, PRIVATE, encode_pass
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
            return Kind.BINDING, {**_dated(statement), PRIVATE: inner}
        case Entitlement():
            inner = {1: statement.product, 2: statement.revision}
            if statement.venues is not None:
                inner[3] = list(statement.venues)
            if statement.uses is not None:
                inner[4] = statement.uses
            if statement.min_assurance is not None:
                inner[5] = int(statement.min_assurance)
            return Kind.ENTITLEMENT, {**_dated(statement), PRIVATE: inner}
        case Denial():
            inner = {
                1: int(statement.target_kind),
                2: statement.target,
                3: int(statement.state),
                4: statement.number,
            }
            return Kind.DENIAL, {1: statement.sector, 6: statement.issued_at, PRIVATE: inner}


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
