"""The keys that sign commands: one for each sector, which the serving process never reads.

Strangers talk to that process, and this key opens doors. Commands are signed by the one who gives them, and
wait in the ledger to be sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gated.central.known_keys import known_keys
from gated.central.sector_files import COMMAND_SUFFIX
from gated.credential.message import MESSAGE_TYPES
from gated.errors import ConfigError
from gated.model.statement import Kind
from gated.model.trust import TrustedKey
from gated.wire.command import Command, encode_command
from gated.wire.seal import SigningKey


@dataclass(frozen=True)
class CommandKey:
    """The key of a sector, as gates know it. ``repr`` shows its name alone."""

    signing: SigningKey
    listed: TrustedKey

    @classmethod
    def load(cls, directory: Path, sector: str) -> CommandKey:
        """Raises ``ConfigError``, also for a key that gates would not believe."""
        path = directory / "secret" / f"{sector}{COMMAND_SUFFIX}.pem"
        try:
            signing = SigningKey.from_pem(path.read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{path} cannot be read ({error})",
                hint="whoever commands gates must own that key (docs/how-to/send-a-command.md)",
            ) from None
        listed = known_keys(directory / "gate" / "keys.json").get(signing.kid)
        if (
            listed is None
            or (listed.algorithm, listed.public) != (signing.algorithm, signing.public)
            or Kind.COMMAND not in listed.kinds
            or sector not in listed.sectors
        ):
            raise ConfigError(
                f"no gate believes {path}: keys.json lists no such key with kind command",
                hint="put both back from one backup",
            )
        return cls(signing, listed)

    def check(self, now: int) -> None:
        """Raise ``ConfigError`` where what it signs now counts nowhere."""
        if not self.listed.holds(now):
            raise ConfigError(
                f"the command key {self.listed.kid.hex()} does not count at this time",
                hint="is the clock of this machine right? If so, the key's time is over",
            )

    def sign(self, command: Command) -> bytes:
        """A command as it travels."""
        return self.signing.sign(MESSAGE_TYPES[Kind.COMMAND], encode_command(command))

    def __repr__(self) -> str:
        return f"CommandKey({self.listed.kid.hex()})"
