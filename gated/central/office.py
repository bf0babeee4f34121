"""The office of a sector: it makes keys once, then statements.

A directory holds it: ``secret/`` never leaves the machine; ``gate/`` is what every gate of the sector
gets (keys.json, the sector key, a profile per venue); ``central.db`` remembers numbers, and every statement.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from gated.central import ledger_statements as statements
from gated.central.ack_keys import ACK_KINDS, ACK_SUFFIX
from gated.central.files import give_to_owner, make_files
from gated.central.ledger import LEDGER, Ledger
from gated.central.ledger_uses import note_entitled
from gated.central.sector_files import (
    COMMAND_KINDS,
    COMMAND_SUFFIX,
    OFFICE_KINDS,
    ProductRules,
    as_json,
    check_names,
    check_rules,
    check_sector,
    keys_with,
    profile,
    read_secret,
)
from gated.central.sign import sign_statement
from gated.credential.claims import ID_BYTES, PASS_BYTES
from gated.credential.cose import MAX_TOKEN_BYTES
from gated.credential.index import SECTOR_KEY_BYTES, index_of
from gated.errors import ConfigError
from gated.model.credential import Assurance, Credential
from gated.model.rules import Rules, Said
from gated.model.statement import (
    Binding,
    Denial,
    DenialState,
    Entitlement,
    Statement,
    TargetKind,
)
from gated.model.time import END_OF_TIME
from gated.model.trust import Algorithm
from gated.wire.seal import SigningKey

__all__ = ["Office", "ProductRules", "Replaced", "found"]

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Replaced:
    """The tokens of a denial and a binding. ``again``: they were made before, and nothing is new."""

    tokens: tuple[bytes, bytes]
    again: bool


def found(
    directory: Path,
    *,
    sector: str,
    venues: Sequence[str],
    products: Sequence[ProductRules],
    timezone: str,
    algorithm: Algorithm,
    now: int,
    key_days: int,
    random: Random,
    country: str | None = None,
) -> Office:
    """Make the keys of a sector and the files of its gates.

    Raises ``ConfigError`` if anything of it exists, or could not be used: then nothing was made.
    """
    check_sector(sector, venues, products, timezone, country)
    secret, gate = directory / "secret", directory / "gate"
    key, acks, commands = (SigningKey.generate(algorithm) for _ in range(3))
    files = {
        secret / f"{sector}.pem": key.pem(),
        secret / f"{sector}{ACK_SUFFIX}.pem": acks.pem(),
        secret / f"{sector}{COMMAND_SUFFIX}.pem": commands.pem(),
        secret / f"{sector}.account-key": random(SECTOR_KEY_BYTES).hex().encode() + b"\n",
        gate / f"{sector}.sector-key": random(SECTOR_KEY_BYTES).hex().encode() + b"\n",
    }
    if (secret / f"{sector}.pem").exists():
        raise ConfigError(
            f"{directory} already has sector {sector!r}", hint="name another sector or directory"
        )
    for venue in venues:
        files[gate / f"profile-{venue}.json"] = as_json(profile(sector, venue, products, timezone, country))
    for path in files:
        if path.exists():
            raise ConfigError(f"{path} is there already", hint="a venue belongs to one sector: name another")
    listed = {key: OFFICE_KINDS, acks: ACK_KINDS, commands: COMMAND_KINDS}
    keys = keys_with(gate / "keys.json", sector, listed, now, key_days)
    try:
        for folder in (directory, secret, gate):
            if not folder.is_dir():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if folder != directory:
                    give_to_owner(folder)
        make_files(files, gate / "keys.json", keys)
    except OSError as error:
        raise ConfigError(
            f"{error.filename or directory} cannot be written ({error.strerror})",
            hint="nothing was made: check the directory and its disk",
        ) from None
    office = Office(directory, sector, random)
    give_to_owner(directory / LEDGER)
    return office


class Office:
    """Issues the statements of one sector."""

    def __init__(self, directory: Path, sector: str, random: Random) -> None:
        self.sector = sector
        self._random = random
        try:
            self._key = SigningKey.from_pem((directory / "secret" / f"{sector}.pem").read_bytes())
            self._account_key = read_secret(directory / "secret" / f"{sector}.account-key")
            self._sector_key = read_secret(directory / "gate" / f"{sector}.sector-key")
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{directory} has no usable sector {sector!r} ({error})",
                hint=f"make it: gated central init {directory} --sector {sector} --venue NAME",
            ) from None
        self._ledger = Ledger(directory / LEDGER)

    def close(self) -> None:
        """Close the ledger."""
        self._ledger.close()

    def pass_of(self, account: str) -> bytes:
        """The sector's pseudonym of an account: two sectors know one person by unrelated bytes."""
        return hmac.digest(self._account_key, account.encode(), "sha256")[:PASS_BYTES]

    def at_once(self) -> AbstractContextManager[None]:
        """What is issued within is issued as a whole, or not at all."""
        return self._ledger.transaction()

    def bind(
        self, account: str, credential: Credential, *, now: int, expires: int | None, carried: bool = False
    ) -> bytes:
        """A token that binds a credential to an account's pass. One that a medium shall carry names the key
        that the medium must prove, where it has one.
        """
        index = index_of(credential, self._sector_key)
        proves_key = carried and credential.assurance is Assurance.ASYMMETRIC
        with self.at_once():
            return self._bind(account, index, now, expires, credential.value if proves_key else None)[1]

    def entitle(
        self,
        account: str,
        product: str,
        *,
        now: int,
        not_before: int | None = None,
        expires: int | None = None,
        entitlement: bytes | None = None,
        **said: Unpack[Said],
    ) -> tuple[bytes, bytes]:
        """(id, token) of a new right, or of the next revision of ``entitlement``.

        ``said`` is what differs from the product's rules. Raises ``ConfigError`` for what a gate would
        refuse, but for hours: whether a venue can keep them is judged before (``gated central issue``).
        """
        not_before = now if not_before is None else not_before
        check_names(product)
        try:
            check_rules(Rules(**said))
        except ValueError as error:
            raise ConfigError(str(error), hint="name it with --at, or say no share of it") from None
        if not 0 <= not_before < END_OF_TIME:
            raise ConfigError("a right cannot begin then", hint="give it a time since 1970")
        if expires is not None and not not_before < expires < END_OF_TIME:
            raise ConfigError("a right must end after it begins", hint="give it a day or more, or no end")
        right = self._random(ID_BYTES) if entitlement is None else entitlement
        with self.at_once():
            _, token = self._issue(
                Entitlement(
                    sector=self.sector,
                    pass_=self.pass_of(account),
                    not_before=not_before,
                    expires=expires,
                    issued_at=now,
                    id=right,
                    product=product,
                    revision=self._ledger.next(self.sector, "entitlement", right),
                    **said,
                ),
                now,
            )
            if len(token) > MAX_TOKEN_BYTES:
                raise ConfigError(
                    f"a right that says so much takes {len(token)} of at most {MAX_TOKEN_BYTES} bytes",
                    hint="say the hours in the product, or name fewer venues",
                )
        return right, token

    def deny(self, kind: TargetKind, target: bytes, state: DenialState, *, now: int) -> bytes:
        """A token that denies a target, or lifts an earlier denial of it.

        Raises ``ConfigError`` for a target that was revoked: that is for good.
        """
        with self.at_once():
            return self._deny(kind, target, state, now)[1]

    def replace(self, account: str, old: Credential, new: Credential, *, now: int) -> Replaced:
        """Refuse an account's old credential for good and bind the new one: both, or neither.

        Asked again for the same three it returns the same tokens. Raises ``ConfigError`` if another took the
        old one's place already, or if the new one was revoked.
        """
        before, after = index_of(old, self._sector_key), index_of(new, self._sector_key)
        if before == after:
            raise ConfigError("a medium cannot take its own place", hint="name the old one and the new one")
        with self.at_once():
            known = statements.replacement(self._ledger, self.sector, before)
            made = known or self._replace(account, before, after, now)
            if (made.new, made.pass_) != (after, self.pass_of(account)):
                raise ConfigError(
                    "another medium or account took the place of the old one already",
                    hint="if that medium is lost too, name it as the old one",
                )
            denial, binding = (
                statements.logged(self._ledger, self.sector, number) for number in (made.denial, made.binding)
            )
        return Replaced((denial, binding), again=known is not None)

    def index(self, credential: Credential) -> bytes:
        """The name under which the sector knows a credential."""
        return index_of(credential, self._sector_key)

    def newest(self, account: str, right: bytes) -> bytes | None:
        """The newest token of a right that the account has."""
        return statements.newest_right(self._ledger, self.sector, self.pass_of(account), right)

    def _replace(self, account: str, before: bytes, after: bytes, now: int) -> statements.Replacement:
        if self._ledger.is_revoked(self.sector, _place(TargetKind.CREDENTIAL), after):
            raise ConfigError("the new medium was revoked, which is for good", hint="give out another one")
        denial, _ = self._deny(TargetKind.CREDENTIAL, before, DenialState.REVOKED, now)
        binding, _ = self._bind(account, after, now, None)
        made = statements.Replacement(after, self.pass_of(account), denial, binding)
        statements.note_replacement(self._ledger, self.sector, before, made)
        return made

    def _bind(
        self, account: str, index: bytes, now: int, expires: int | None, confirmed_by: bytes | None = None
    ) -> tuple[int, bytes]:
        return self._issue(
            Binding(
                sector=self.sector,
                pass_=self.pass_of(account),
                not_before=now,
                expires=expires,
                issued_at=now,
                id=self._random(ID_BYTES),
                index=index,
                revision=self._ledger.next(self.sector, "binding", index),
                confirmed_by=confirmed_by,
            ),
            now,
        )

    def _deny(self, kind: TargetKind, target: bytes, state: DenialState, now: int) -> tuple[int, bytes]:
        place = self.sector, _place(kind), target
        if state is DenialState.REVOKED:
            self._ledger.revoke(*place)
        elif self._ledger.is_revoked(*place):
            raise ConfigError(
                f"this {kind.name.lower()} was revoked, which is for good",
                hint="give out a new one; what may be lifted later is denied with --state blocked",
            )
        number = self._ledger.next(*place)
        return self._issue(Denial(self.sector, now, kind, target, state, number), now)

    def _issue(self, statement: Statement, now: int) -> tuple[int, bytes]:
        """Sign and log: (number in the log, token). What is not in the log was never issued."""
        token = sign_statement(self._key, statement)
        if isinstance(statement, Entitlement):
            note_entitled(self._ledger, statement)
        return statements.log(self._ledger, self.sector, statement, token, now), token


def _place(kind: TargetKind) -> str:
    """Under which numbers the denials of a kind of target count."""
    return f"denial {kind.name.lower()}"
