"""EV2 secure messaging: what a medium and a gate that share a key say to each other.

Sources: NTAG 424 DNA data sheet NT4H2421Gx rev. 3.0 (sections 9.1.2 to 9.1.10); NXP AN12196 and AN12343,
whose examples are among the tests' vectors. MIFARE DESFire EV2 and EV3 do the same.
"""

from __future__ import annotations

import hmac
from enum import Enum

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from gated.card.apdu import CardFault
from gated.card.diversify import cmac

BLOCK = 16
MAC_BYTES = 8
TI_BYTES = 4
#: The command counter has two bytes (section 9.1.2): past this a new authentication is due.
MAX_COUNTER = 0xFFFF

_LABEL_ENC, _LABEL_MAC = b"\xa5\x5a", b"\x5a\xa5"
#: Of a session vector: counter 1, length of the key 128 bits (section 9.1.7).
_SV = bytes.fromhex("00010080")


class Mode(Enum):
    """How a file's data travel."""

    MAC = "mac"  # readable, and nobody can change it
    FULL = "full"  # encrypted as well


class WrongMac(CardFault):
    """What came was not said by the medium that was authenticated, or not in this place."""

    def __init__(self) -> None:
        super().__init__("mac")


def session_keys(key: bytes, rnd_a: bytes, rnd_b: bytes) -> tuple[bytes, bytes]:
    """(encryption, MAC) keys of a session (section 9.1.7)."""
    mixed = bytes(a ^ b for a, b in zip(rnd_a[2:8], rnd_b[:6], strict=True))
    context = _SV + rnd_a[:2] + mixed + rnd_b[6:] + rnd_a[8:]
    return cmac(key, _LABEL_ENC + context), cmac(key, _LABEL_MAC + context)


def truncated(mac: bytes) -> bytes:
    """MACt (section 9.1.3): every second byte of the 16, the even-numbered ones counted from 1."""
    return mac[1::2]


def cbc_encrypt(key: bytes, iv: bytes, data: bytes) -> bytes:
    """AES-128-CBC without padding."""
    return Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor().update(data)


def cbc_decrypt(key: bytes, iv: bytes, data: bytes) -> bytes:
    """The other way."""
    return Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor().update(data)


class Session:
    """An authenticated session. Each command that it wraps counts, whatever is answered.

    Args:
        encryption, mac: the session's keys.
        ti: the transaction identifier that the medium chose.
        counter: commands so far; an AuthenticateEV2NonFirst goes on counting.

    """

    def __init__(self, encryption: bytes, mac: bytes, ti: bytes, counter: int = 0) -> None:
        self._encryption = encryption
        self._mac = mac
        self.ti = ti
        self.counter = counter

    def __repr__(self) -> str:
        return f"Session({self.counter} commands)"

    def command(self, ins: int, header: bytes = b"", data: bytes = b"", mode: Mode = Mode.MAC) -> bytes:
        """The body of a wrapped command: header, data, MAC (sections 9.1.9, 9.1.10). Raises ``CardFault``."""
        if self.counter == MAX_COUNTER:
            raise CardFault("counter")
        if data and mode is Mode.FULL:
            data = cbc_encrypt(self._encryption, self._iv(_LABEL_ENC), padded(data))
        return header + data + self._truncated_mac(ins, header + data)

    def response(self, status: int, body: bytes, mode: Mode = Mode.MAC) -> bytes:
        """What an answer says, once its MAC was checked. Raises ``CardFault``.

        The counter advances before the MAC is computed: an answer recorded at another place fits nowhere.
        """
        self.counter += 1
        data, mac = body[:-MAC_BYTES], body[-MAC_BYTES:]
        # In constant time: how far a guess was right must not be told by how long it took.
        if not hmac.compare_digest(mac, self._truncated_mac(status & 0xFF, data)):
            raise WrongMac
        if data and mode is Mode.FULL:
            if len(data) % BLOCK:
                raise CardFault("length")
            return unpadded(cbc_decrypt(self._encryption, self._iv(_LABEL_MAC), data))
        return data

    def _truncated_mac(self, code: int, data: bytes) -> bytes:
        place = bytes([code]) + self.counter.to_bytes(2, "little") + self.ti
        return truncated(cmac(self._mac, place + data))

    def _iv(self, label: bytes) -> bytes:
        """Section 9.1.4: never the same for two commands, so two equal plaintexts look different."""
        plain = (label + self.ti + self.counter.to_bytes(2, "little")).ljust(BLOCK, b"\x00")
        return cbc_encrypt(self._encryption, bytes(BLOCK), plain)


def padded(data: bytes) -> bytes:
    """ISO/IEC 9797-1 padding method 2: 80, then 00 to the end of the block."""
    return (data + b"\x80").ljust(-(-(len(data) + 1) // BLOCK) * BLOCK, b"\x00")


def unpadded(data: bytes) -> bytes:
    """Without that padding. Raises ``CardFault``."""
    stripped = data.rstrip(b"\x00")
    if not stripped.endswith(b"\x80") or len(data) - len(stripped) >= BLOCK:
        raise CardFault("padding")
    return stripped[:-1]
