"""Keys of the trust repository: files that the operator names, and two that serving may read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from securesystemslib.signer import CryptoSigner, Signer

from gated.central.files import make_once
from gated.central.pki import TRUST_SNAPSHOT, TRUST_TIMESTAMP
from gated.errors import ConfigError
from gated.model.trust import Algorithm
from gated.wire.seal import SigningKey

#: In ``secret/``: they say how fresh the repository is, and nothing about what stands in it.
ONLINE = {"timestamp": TRUST_TIMESTAMP, "snapshot": TRUST_SNAPSHOT}


def online_path(directory: Path, role: str) -> Path:
    """Where the key of a role lies that signs without a person."""
    return directory / "secret" / f"{ONLINE[role]}.pem"


def load_signer(path: Path) -> Signer:
    """A key from its file. Raises ``ConfigError``, which shows nothing of it."""
    try:
        return CryptoSigner(SigningKey.from_pem(path.read_bytes()).private)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror})", hint="bring the medium that has this key"
        ) from None
    except (ValueError, TypeError):
        raise ConfigError(f"{path} holds no Ed25519 or P-256 key", hint="is it the right file?") from None


def new_signer(path: Path, algorithm: Algorithm = Algorithm.EDDSA) -> Signer:
    """A fresh key in a new file that its owner alone may read. Raises ``ConfigError``."""
    if path.exists():
        raise ConfigError(f"{path} is there already", hint="name another file: no key is overwritten")
    key = SigningKey.generate(algorithm)
    try:
        make_once(path, key.pem())
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be made ({error.strerror})", hint="name a file in a folder that is there"
        ) from None
    return CryptoSigner(key.private)


def check_offline(directory: Path, paths: Sequence[Path]) -> None:
    """Raises ``ConfigError`` for a key that would lie in the office: who takes the one has the other."""
    office = directory.resolve()
    for path in paths:
        if path.resolve().is_relative_to(office):
            raise ConfigError(
                f"{path} lies in the office's directory",
                hint="keys of root and targets belong on media of their own, which are kept apart",
            )
