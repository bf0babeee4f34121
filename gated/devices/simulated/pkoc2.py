"""Virtual media of PKOC version 2, and an issuer that makes their certificates."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec

from gated.devices.simulated.media import PkocMedium, raw_signature, uncompressed

_OK = b"\x90\x00"
_WRONG_LENGTH = b"\x67\x00"
_NOT_SELECTED = b"\x69\x85"
_NO_DATA = b"\x6a\x88"
_SHORT = 256  # what a short response holds at most, beside its status

_GET_INFO, _GET_CERTIFICATE = bytes.fromhex("00ca7f63"), bytes.fromhex("00ca7f21")
_AUTHENTICATE, _GET_RESPONSE = bytes.fromhex("00880000"), bytes.fromhex("00c00000")
_P256 = bytes.fromhex("2a8648ce3d030107")


class Pkoc2Medium(PkocMedium):
    """A card or phone that speaks both versions with one key, as the profile has it.

    ``certificate`` is what it answers when asked for one; empty = it has none.
    """

    def __init__(
        self, uid: bytes, key: ec.EllipticCurvePrivateKey | None = None, certificate: bytes = b""
    ) -> None:
        super().__init__(uid, key)
        self.certificate = certificate
        self._rest = b""

    def reset(self) -> None:
        """Forget the session, and what of an answer is still to be fetched."""
        super().reset()
        self._rest = b""

    def answer(self, apdu: bytes) -> bytes:
        """The commands of version 2, and those of version 1."""
        head = apdu[:4]
        if head not in (_GET_INFO, _GET_CERTIFICATE, _AUTHENTICATE, _GET_RESPONSE):
            return super().answer(apdu)
        if not self._selected:
            return _NOT_SELECTED
        if head == _GET_RESPONSE:
            return self._chained(self._rest)
        if head == _GET_INFO:
            return data_object(0x7F63, data_object(0x5C, b"\x02\x00")) + _OK
        if head == _GET_CERTIFICATE:
            return self._chained(self.certificate) if self.certificate else _NO_DATA
        return self._prove(apdu)

    def _chained(self, answer: bytes) -> bytes:
        """As much as one response holds; 61xx tells that there is more (ISO/IEC 7816-4:2020 clause 5.3.4)."""
        now, self._rest = answer[:_SHORT], answer[_SHORT:]
        more = len(self._rest)
        return now + (bytes([0x61, more if more < _SHORT else 0]) if more else _OK)

    def _prove(self, apdu: bytes) -> bytes:
        if len(apdu) != 38 or apdu[4] != 32:
            return _WRONG_LENGTH
        self.last_answer = data_object(0x9E, raw_signature(self._key, apdu[5:37])) + _OK
        return self.last_answer


class Issuer:
    """Whoever vouches for the keys of media, under a reference of 16 characters, A to Z and 0 to 9."""

    def __init__(self, reference: str, key: ec.EllipticCurvePrivateKey | None = None) -> None:
        self.reference = reference
        self._key = key or ec.generate_private_key(ec.SECP256R1())

    @classmethod
    def from_number(cls, reference: str, number: int) -> Issuer:
        """An issuer whose key follows from a number, for runs that must repeat exactly."""
        return cls(reference, ec.derive_private_key(number, ec.SECP256R1()))

    @property
    def public(self) -> bytes:
        """Its public key, uncompressed, 65 bytes: what a gate is told of it."""
        return uncompressed(self._key)

    def issue(
        self,
        uid: bytes,
        key: ec.EllipticCurvePrivateKey | None = None,
        days: tuple[str, str] = ("200101", "991231"),
    ) -> Pkoc2Medium:
        """A medium with a certificate for its key, good from the first of ``days`` to the last, YYMMDD."""
        medium = Pkoc2Medium(uid, key)
        medium.certificate = self.certified(self.body(medium.public, days))
        return medium

    def body(
        self, public: bytes, days: tuple[str, str], subject: str = "MEDIUM0000000001", extensions: bytes = b""
    ) -> bytes:
        """What a certificate says, before it is signed: objects in the order of PKOC Core 2.0.1 chapter 5."""
        first, last = (bytes(map(int, day)) for day in days)
        return b"".join(
            (
                data_object(0x5F29, b"\x00"),
                data_object(0x42, self.reference.encode("ascii")),
                data_object(0x7F49, data_object(0x06, _P256) + data_object(0x86, public)),
                data_object(0x5F20, subject.encode("ascii")),
                data_object(0x5F25, first),
                data_object(0x5F24, last),
                data_object(0x65, extensions) if extensions else b"",
            )
        )

    def certified(self, body: bytes) -> bytes:
        """A certificate with any body, right or wrong, and this issuer's signature over it."""
        whole = data_object(0x7F4E, body)
        return data_object(0x7F21, whole + data_object(0x5F37, raw_signature(self._key, whole)))


def data_object(tag: int, value: bytes) -> bytes:
    """A BER-TLV data object with the shortest length there is (ISO/IEC 7816-4:2020 clause 5.2.2)."""
    size = len(value)
    width = 0 if size < 0x80 else 1 if size < 0x100 else 2
    length = bytes([0x80 | width]) + size.to_bytes(width, "big") if width else bytes([size])
    return tag.to_bytes(1 if tag < 0x100 else 2, "big") + length + value
