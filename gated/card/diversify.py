"""One key for each medium from one key of the venue (NXP AN10922 rev. 2.2, AES-128: section 2.2).

A gate that holds the venue's key can work out the key of any medium; a medium holds only its own, so
breaking one open breaks no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

KEY_BYTES = 16
#: What stands for the medium's number among the inputs.
UID = "uid"
#: And for the application's.
AID = "aid"

_BLOCK = 16
#: Of the diversification input M (same section): with the constant before it, two blocks.
MAX_INPUT_BYTES = 31
_AES_128 = b"\x01"
_UID_BYTES = 7
_TEXT, _HEX = "text:", "hex:"


@dataclass(frozen=True, slots=True)
class Diversification:
    """What stands in the diversification input M, in its order: ``UID``, ``AID`` or constant bytes."""

    inputs: tuple[str | bytes, ...] = (UID, AID)

    def input(self, uid: bytes, aid: bytes) -> bytes:
        """M of one medium."""
        named = {UID: uid, AID: aid}
        return b"".join(named[one] if isinstance(one, str) else one for one in self.inputs)


def diversification_of(words: Sequence[str], aid_bytes: int) -> Diversification:
    """As people say it: each word is ``uid``, ``aid``, ``text:…`` or ``hex:…``. Raises ``ValueError``."""
    inputs = tuple(map(_input, words))
    if UID not in inputs:
        raise ValueError('must name "uid": or one medium broken open would open for all')
    sizes = {UID: _UID_BYTES, AID: aid_bytes}
    size = sum(sizes[one] if isinstance(one, str) else len(one) for one in inputs)
    if size > MAX_INPUT_BYTES:
        raise ValueError(f"comes to {size} bytes, and AN10922 takes {MAX_INPUT_BYTES}")
    return Diversification(inputs)


def _input(text: str) -> str | bytes:
    if text in (UID, AID):
        return text
    if text.startswith(_TEXT) and text.isascii() and len(text) > len(_TEXT):
        return text.removeprefix(_TEXT).encode("ascii")
    if text.startswith(_HEX):
        return hex_bytes(text.removeprefix(_HEX))
    raise ValueError(f'{text!r} is none of "uid", "aid", "text:…", "hex:…"')


def hex_bytes(text: str) -> bytes:
    """At least one byte, as people write them. Raises ``ValueError``."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if not found:
        raise ValueError(f"{text!r} is not hex")
    return found


def diversified(master: bytes, more: bytes) -> bytes:
    """The AES-128 key for the diversification input ``more``, 1 to 31 bytes.

    The input counts as two blocks always: one of up to 15 bytes is padded to 32 with 80 00 …, and the
    second subkey is used, where plain CMAC would pad to 16.
    """
    if not 1 <= len(more) <= MAX_INPUT_BYTES:
        raise ValueError(f"a diversification input has 1 to {MAX_INPUT_BYTES} bytes")
    message = _AES_128 + more
    if len(message) > _BLOCK:
        return cmac(master, message)
    padded = (message + b"\x80").ljust(2 * _BLOCK, b"\x00")
    last = bytes(a ^ b for a, b in zip(padded[_BLOCK:], _subkey_2(master), strict=True))
    cipher = Cipher(algorithms.AES(master), modes.CBC(bytes(_BLOCK))).encryptor()
    return cipher.update(padded[:_BLOCK] + last)[_BLOCK:]


def cmac(key: bytes, message: bytes) -> bytes:
    """AES-CMAC (NIST SP 800-38B), 16 bytes."""
    made = CMAC(algorithms.AES(key))
    made.update(message)
    return made.finalize()


def _subkey_2(key: bytes) -> bytes:
    """K2 of SP 800-38B section 6.1: the encrypted zero block, doubled twice in GF(2^128)."""
    cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305  # one block, as the RFC has it
    value = int.from_bytes(cipher.update(bytes(_BLOCK)), "big")
    for _ in range(2):
        value = (value << 1) ^ (0x87 if value >> 127 else 0)
        value &= (1 << 128) - 1
    return value.to_bytes(_BLOCK, "big")
