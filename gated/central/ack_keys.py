"""The keys of the serving process: they sign receipts, heads, use records and the time, and open no gate.

Each sector has one beside its issuing key, so that the process that strangers talk to holds no key that
makes statements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gated.central.known_keys import known_keys
from gated.credential.message import MESSAGE_TYPES
from gated.errors import ConfigError
from gated.model.statement import Kind
from gated.model.trust import KeySet, TrustedKey
from gated.wire.ack import Ack, encode_ack
from gated.wire.seal import SigningKey

#: What such a key may sign: receipts, whose time may move a gate's clock forward, and what gates are told of
#: the feed and of uses elsewhere.
ACK_KINDS = (Kind.ACK, Kind.HEAD, Kind.USES, Kind.TIME)
#: ``secret/<sector>.ack.pem``. No sector may have a name that ends so.
ACK_SUFFIX = ".ack"
#: A key that ends so soon is told whenever serving begins.
ENDS_SOON_S = 60 * 86400
_ENDS = "docs/how-to/run-central.md, When a key for receipts ends"


@dataclass(frozen=True, slots=True)
class _Key:
    path: Path
    signing: SigningKey
    listed: TrustedKey  # as gates know it


class AckKeys:
    """A signing key for each sector. ``repr`` shows the sectors alone."""

    def __init__(self, keys: Mapping[str, _Key]) -> None:
        self._keys = dict(keys)

    @classmethod
    def load(cls, directory: Path) -> AckKeys:
        """The keys of every sector of an office, as its keys.json lists them for gates.

        Opens no other file. Raises ``ConfigError``, also for a key that gates would not believe.
        """
        secret = directory / "secret"
        try:
            paths = [path for path in sorted(secret.iterdir()) if path.name.endswith(f"{ACK_SUFFIX}.pem")]
        except PermissionError:
            raise ConfigError(
                f"{secret} cannot be read", hint="who serves must be able to list it, and read *.ack.pem"
            ) from None
        except OSError:
            paths = []
        if not paths:
            raise ConfigError(
                f"{directory} has no keys for receipts",
                hint=f"is it an office's directory? gated central init {directory} makes one",
            )
        known, keys = known_keys(directory / "gate" / "keys.json"), {}
        for path in paths:
            sector = path.name.removesuffix(f"{ACK_SUFFIX}.pem")
            try:
                signing = SigningKey.from_pem(path.read_bytes())
            except (OSError, ValueError) as error:
                raise ConfigError(
                    f"{path} cannot be read ({error})", hint="it must belong to the user that serves"
                ) from None
            keys[sector] = _Key(path, signing, _listed(path, signing, sector, known))
        return cls(keys)

    @property
    def sectors(self) -> frozenset[str]:
        """Whose receipts can be signed."""
        return frozenset(self._keys)

    def check(self, now: int) -> list[tuple[str, int]]:
        """(sector, seconds since 1970) of each key that ends soon.

        Raises ``ConfigError`` for one that has ended, or does not count yet.
        """
        for key in self._keys.values():
            if not key.listed.holds(now):
                begun = now >= key.listed.not_before
                trouble = "has ended" if begun else "does not count yet"
                raise ConfigError(
                    f"{key.path} {trouble}: no gate believes its receipts",
                    hint=f"is the clock right? {_ENDS}" if begun else "is the clock of this machine right?",
                )
        ends = [(sector, key.listed.expires) for sector, key in sorted(self._keys.items())]
        return [one for one in ends if one[1] - now <= ENDS_SOON_S]

    def may(self, sector: str, kind: Kind, at: int) -> bool:
        """Whether gates believe such a message of that time: the key of an older office signs fewer kinds."""
        listed = self._keys[sector].listed
        return listed.holds(at) and kind in listed.kinds

    def sign(self, sector: str, kind: Kind, payload: bytes, at: int) -> bytes | None:
        """A signed message; None where its time lies outside of the key's own, or its kind.

        The time of a message moves the clock of every gate forward, and nothing moves it back: a wrong clock
        here must not do that.
        """
        if not self.may(sector, kind, at):
            return None
        return self._keys[sector].signing.sign(MESSAGE_TYPES[kind], payload)

    def seal(self, sector: str, ack: Ack) -> bytes | None:
        """A signed receipt; None of one whose time lies outside of the key's own."""
        return self.sign(sector, Kind.ACK, encode_ack(ack), ack.at)

    def __repr__(self) -> str:
        return f"AckKeys({', '.join(sorted(self._keys))})"


def _listed(path: Path, key: SigningKey, sector: str, known: KeySet) -> TrustedKey:
    """A key as gates know it. Raises ``ConfigError`` where they would not believe its receipts."""
    listed = known.get(key.kid)
    if (
        listed is None
        or (listed.algorithm, listed.public) != (key.algorithm, key.public)
        or Kind.ACK not in listed.kinds
        or sector not in listed.sectors
    ):
        raise ConfigError(
            f"no gate believes {path}: keys.json lists no such key with kind ack for sector {sector!r}",
            hint="put both back from one backup, or move the key away to serve the other sectors",
        )
    return listed
