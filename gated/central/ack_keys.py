"""The keys of the serving process: they sign receipts, and nothing that opens a gate.

Each sector has one beside its issuing key, so that the process that strangers talk to holds no key that
makes statements.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gated.credential.message import MESSAGE_TYPES
from gated.errors import ConfigError
from gated.model.statement import Kind
from gated.wire.ack import Ack, encode_ack
from gated.wire.seal import SigningKey

#: What such a key may sign: receipts; and their time may move a gate's clock forward.
ACK_KINDS = (Kind.ACK, Kind.TIME)
#: ``secret/<sector>.ack.pem``. No sector may have a name that ends so.
ACK_SUFFIX = ".ack"


class AckKeys:
    """A signing key for each sector. ``repr`` shows the sectors alone."""

    def __init__(self, keys: Mapping[str, SigningKey]) -> None:
        self._keys = dict(keys)

    @classmethod
    def load(cls, directory: Path) -> AckKeys:
        """The keys of every sector of an office. Opens no other file. Raises ``ConfigError``."""
        paths = sorted((directory / "secret").glob(f"*{ACK_SUFFIX}.pem"))
        if not paths:
            raise ConfigError(
                f"{directory} has no keys for receipts",
                hint=f"is it an office's directory? gated central init {directory} makes one",
            )
        keys = {}
        for path in paths:
            try:
                keys[path.name.removesuffix(f"{ACK_SUFFIX}.pem")] = SigningKey.from_pem(path.read_bytes())
            except (OSError, ValueError) as error:
                raise ConfigError(
                    f"{path} cannot be read ({error})", hint="it must belong to the user that serves"
                ) from None
        return cls(keys)

    @property
    def sectors(self) -> frozenset[str]:
        """Whose receipts can be signed."""
        return frozenset(self._keys)

    def seal(self, sector: str, ack: Ack) -> bytes:
        """A signed receipt."""
        return self._keys[sector].sign(MESSAGE_TYPES[Kind.ACK], encode_ack(ack))

    def __repr__(self) -> str:
        return f"AckKeys({', '.join(sorted(self._keys))})"
