"""SUN: an NTAG 424 DNA writes a number that counts up, and a MAC over it, into the address that it shows.

Sources: NT4H2421Gx rev. 3.0 section 9.3 (secure dynamic messaging): 9.3.4 PICCData, 9.3.8 SDMMAC, 9.3.9
session keys; AN12196 sections 3 and 4, whose examples are among the tests' vectors.

Nobody asks the medium anything fresh. What somebody read off it counts until a higher number was seen: so the
highest of each medium is a floor of this gate, and another gate has floors of its own. Where EV2First
can be had, take that.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass

from gated.card import ndef, type4
from gated.card.apdu import CardFault
from gated.card.diversify import Diversification, cmac, diversified
from gated.card.ev2 import KeySource
from gated.card.secure import BLOCK, cbc_decrypt, truncated
from gated.card.talk import Conversation, Steps, Talk, bad_proof, recognised
from gated.card.uid import names_somebody
from gated.model.credential import Assurance, Credential, Proof
from gated.model.refusal import Reason, Refusal

SCHEME = "sun"
UID_BYTES = 7
COUNTER_BYTES = 3

_WELL_KNOWN, _URI = 1, b"U"
_SV2 = bytes.fromhex("3CC300010080")  # section 9.3.9.1
#: PICCDataTag (section 9.3.4): UID and counter are mirrored, and the UID has seven bytes.
_TAG = 0xC7
_HEX = re.compile(rb"[0-9A-Fa-f]*\Z")


@dataclass(frozen=True, slots=True)
class Mirror:
    """Which parameters of the address bear what, and under which keys.

    ``picc`` (encrypted, under ``meta_key``) or ``uid`` and ``counter`` (plain); the MAC runs from the value
    of the parameter ``mac_from`` to its own value, and is over nothing where that is empty.
    """

    file_key: KeySource  # the venue's key, from which each medium's own follows
    diversification: Diversification
    meta_key: KeySource | None
    picc: str = "picc_data"
    uid: str = "uid"
    counter: str = "ctr"
    mac: str = "cmac"
    mac_from: str = ""
    #: Whether genuine media hide their UID from readers: then the address is compared with no hidden one.
    random_uid: bool = False

    def __repr__(self) -> str:
        return f"Mirror({self.mac})"


def converse(talk: Talk, mirror: Mirror) -> Conversation:
    """Read the address and check it. Raises ``CardError`` before the medium was recognised."""
    if (yield from talk.select(type4.AID)) is None:
        return None
    try:
        message = yield from type4.whole_file(talk, type4.NDEF_FILE)
        shown = _mirrored(address_in(message), mirror)
    except CardFault:
        return None
    if shown is None:
        return None
    return (yield from recognised(SCHEME, _checked(talk, mirror, shown)))


def address_in(message: bytes) -> bytes:
    """The address of the first URI record, without the abbreviation of its beginning; empty = none.

    Raises ``CardFault``.
    """
    for record in ndef.records(message) if message else ():
        if record[:2] == (_WELL_KNOWN, _URI):
            return record.payload[1:]
    return b""


@dataclass(frozen=True, slots=True)
class _Shown:
    picc: bytes  # encrypted; empty = plain
    uid: bytes
    counter: bytes  # most significant byte first
    mac: bytes
    covered: bytes


def _mirrored(address: bytes, mirror: Mirror) -> _Shown | None:
    """What an address shows, every part in its size; None = it is no address of ours."""
    mac_at = _value_at(address, mirror.mac)
    mac = _hex(address, mac_at, 8)
    covered_at = _value_at(address, mirror.mac_from) if mirror.mac_from else mac_at
    if mac is None or covered_at is None or mac_at is None or covered_at > mac_at:
        return None
    covered = address[covered_at:mac_at]
    if mirror.meta_key is not None:
        picc = _hex(address, _value_at(address, mirror.picc), BLOCK)
        return None if picc is None else _Shown(picc, b"", b"", mac, covered)
    uid = _hex(address, _value_at(address, mirror.uid), UID_BYTES)
    counter = _hex(address, _value_at(address, mirror.counter), COUNTER_BYTES)
    return None if uid is None or counter is None else _Shown(b"", uid, counter, mac, covered)


def _value_at(address: bytes, name: str) -> int | None:
    """Where the value of a parameter begins; None = it is not there, or stands twice."""
    found = [match.end() for match in re.finditer(rb"[?&]" + re.escape(name.encode("ascii")) + b"=", address)]
    return found[0] if len(found) == 1 else None


def _hex(address: bytes, at: int | None, size: int) -> bytes | None:
    """``size`` bytes in hex, with nothing behind them in their parameter."""
    if at is None:
        return None
    digits = re.split(rb"[&#]", address[at:], maxsplit=1)[0]
    if len(digits) != 2 * size or not _HEX.match(digits):
        return None
    return bytes.fromhex(digits.decode("ascii"))


def _checked(talk: Talk, mirror: Mirror, shown: _Shown) -> Steps[Proof | Refusal]:
    yield from ()  # nothing more is asked of the medium
    return judged(
        talk.uid,
        mirror,
        shown,
        lambda uid: diversified(mirror.file_key(), mirror.diversification.input(uid, type4.AID)),
    )


def judged(
    seen: bytes | None, mirror: Mirror, shown: _Shown, key_of: Callable[[bytes], bytes]
) -> Proof | Refusal:
    """What a medium shows, checked. ``seen``: its anticollision number; ``key_of``: the key of a UID."""
    uid, counter = shown.uid, shown.counter
    if mirror.meta_key is not None:
        plain = cbc_decrypt(mirror.meta_key(), bytes(BLOCK), shown.picc)
        if plain[0] != _TAG:
            return bad_proof(SCHEME, "picc_data")
        uid, counter = plain[1 : 1 + UID_BYTES], plain[1 + UID_BYTES : 1 + UID_BYTES + COUNTER_BYTES][::-1]
    session = cmac(key_of(uid), _SV2 + uid + counter[::-1])
    # In constant time: how far a guess was right must not be told by how long it took.
    if not hmac.compare_digest(shown.mac, truncated(cmac(session, shown.covered))):
        return bad_proof(SCHEME)
    # The address of one medium, shown by another: a tag, or a phone, whose number is another at each tap.
    hidden = mirror.random_uid and not names_somebody(seen)
    if seen != uid and not hidden:
        return Refusal(Reason.COPIED, {"scheme": SCHEME})
    return Proof(Credential(SCHEME, uid, Assurance.SYMMETRIC_ROLLING), counter=int.from_bytes(counter, "big"))
