"""Media of every kind, with the gate's side of their keys: what tests, benches and campaigns present."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from gated.card import ev2, ndef, record, sun, type4
from gated.card.diversify import Diversification, diversified
from gated.card.identify import Media, Scheme, identify
from gated.card.secure import Mode
from gated.card.talk import Result, Talk
from gated.devices.simulated.applets import AppletMedium, NdefApplet, carrying_pkoc
from gated.devices.simulated.ev2 import Ev2Applet, File, Sun
from gated.devices.simulated.media import Medium, PkocMedium
from gated.devices.simulated.pkoc2 import Issuer, Pkoc2Medium
from gated.devices.simulated.tag2 import Type2Medium
from gated.devices.simulated.transport import CalypsoApplet, RecordApplet
from gated.model.credential import Assurance, Credential, Proof
from gated.model.refusal import Refusal
from gated.model.time import ClockQuality, ClockSample, TimeReading

UID = bytes.fromhex("04A1B2C3D4E580")
OTHER_UID = bytes.fromhex("04FFEEDDCCBBAA")
RANDOM_UID = bytes.fromhex("08112233")
SERIAL = bytes.fromhex("0000000012345678")

#: The venue's keys, as a gate has them; another venue's are others.
VENUE_KEY, META_KEY, UID_KEY = bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48))
KEY_NUMBER, KEY_VERSION, UID_KEY_NUMBER, FILE_NUMBER = 1, 0x21, 2, 3
DIVERSIFICATION = Diversification(("uid", "aid", b"pools"))
NATIVE_AID = bytes.fromhex("3042F5")

CITY_AID = bytes.fromhex("A0000004040125090101")
RECORD = record.Place(CITY_AID, 7, 1, 4, 8)
CITY_RECORD = bytes.fromhex("25000000") + b"\x11" * 8 + bytes(17)

PASS_FILE = ev2.PassFile(FILE_NUMBER, Mode.FULL, 224)
APPLICATION = ev2.Application(
    type4.AID, lambda: VENUE_KEY, KEY_NUMBER, KEY_VERSION, DIVERSIFICATION,
    ev2.UidKey(UID_KEY_NUMBER, lambda: UID_KEY), PASS_FILE,
)  # fmt: skip
NATIVE = replace(APPLICATION, aid=NATIVE_AID, key_version=None)
MIRROR = sun.Mirror(lambda: VENUE_KEY, DIVERSIFICATION, lambda: META_KEY)
PLAIN_MIRROR = replace(MIRROR, meta_key=None)

AT = 1_800_000_000
NOW = TimeReading(AT, AT, AT, ClockQuality.GOOD, ClockSample(AT, 1.0, "0" * 16))


def file_of(message: bytes, size: int = 256) -> bytes:
    """The contents of a file that tells the length of its message first."""
    return (len(message).to_bytes(2, "big") + message).ljust(size, b"\x00")


def ev2_applet(message: bytes = b"", uid: bytes = UID, aid: bytes = type4.AID, **more) -> Ev2Applet:
    """The application of a medium of ours, with its own keys."""
    native = aid if len(aid) == 3 else b""
    own = diversified(VENUE_KEY, DIVERSIFICATION.input(uid, aid))
    shown = {"sun": Sun(diversified(VENUE_KEY, DIVERSIFICATION.input(uid, type4.AID)), META_KEY)} | more
    return Ev2Applet(
        aid=aid,
        native_aid=native,
        real_uid=uid,
        keys={0: bytes(16), KEY_NUMBER: own, UID_KEY_NUMBER: UID_KEY},
        versions={KEY_NUMBER: KEY_VERSION},
        files={2: File(b"", None, type4.NDEF_FILE), FILE_NUMBER: File(file_of(message), Mode.FULL)},
        **shown,
    )


def ntag424(message: bytes = b"", uid: bytes = UID, shown_uid: bytes | None = None, **more) -> AppletMedium:
    """An NTAG 424 DNA of ours. ``shown_uid``: a random number that it shows in place of its UID."""
    return AppletMedium(shown_uid or uid, [ev2_applet(message, uid, **more)])


def desfire(message: bytes = b"", uid: bytes = UID, **more) -> AppletMedium:
    """A MIFARE DESFire of ours, found by its native AID; its answers come in frames."""
    return AppletMedium(uid, [ev2_applet(message, uid, NATIVE_AID, **more)])


def applet_of(medium: Medium) -> Ev2Applet:
    """The application of one of the two."""
    assert isinstance(medium, AppletMedium)
    (applet,) = medium.applets
    assert isinstance(applet, Ev2Applet)
    return applet


def pkoc(uid: bytes = UID, number: int = 7) -> PkocMedium:
    """A PKOC medium whose key follows from a number."""
    return PkocMedium(uid, ec.derive_private_key(number, ec.SECP256R1()))


ISSUER = Issuer.from_number("CITYPASSISSUER01", 11)


def pkoc2(uid: bytes = UID, number: int = 7) -> Pkoc2Medium:
    """A PKOC medium of version 2, whose key the city's issuer vouches for."""
    return ISSUER.issue(uid, ec.derive_private_key(number, ec.SECP256R1()))


def phone(statements: bytes, number: int = 7) -> AppletMedium:
    """A PKOC medium that carries statements."""
    return carrying_pkoc(pkoc(UID, number), ndef.carrying(statements))


def tag(statements: bytes, uid: bytes = UID, chip: str = "ntag215") -> Type2Medium:
    """A paper ticket with a chip that carries statements."""
    return Type2Medium(uid, ndef.carrying(statements), chip)


def type4_tag(statements: bytes, uid: bytes = UID) -> AppletMedium:
    """A medium with an NDEF file that carries statements, and nothing else."""
    return AppletMedium(uid, [NdefApplet(ndef.carrying(statements))])


def showing(message: bytes, uid: bytes = UID) -> AppletMedium:
    """Somebody's medium with a file as large as an NTAG 424's, and this message in it."""
    return AppletMedium(uid, [NdefApplet(message, least=256)])


def calypso(uid: bytes = UID, **more) -> AppletMedium:
    """A transport card."""
    return AppletMedium(uid, [CalypsoApplet(SERIAL, **more)])


def city_card(uid: bytes = UID, contents=None) -> AppletMedium:
    """A card whose number stands in a record."""
    return AppletMedium(
        uid, [RecordApplet(CITY_AID, RECORD.file, {1: CITY_RECORD} if contents is None else contents)]
    )


@dataclass(frozen=True)
class Kind:
    """A conversation with a medium that is in order, and how a gate is set up for it."""

    scheme: Scheme
    make: Callable[[bytes], Medium]  # given the statements that it carries
    media: Media

    @property
    def carries(self) -> bool:
        return self.media.reads_carried or self.scheme in (Scheme.EV2, Scheme.SIGNED)


def media_for(*schemes: Scheme, **more) -> Media:
    """A lane that tries these."""
    known = {"ev2": (APPLICATION, NATIVE), "sun": MIRROR, "record": RECORD} | more
    known.setdefault("issuers", {ISSUER.reference: ISSUER.public})
    return Media(bytes(32), schemes, **known)


#: Every conversation there is, by name.
KINDS = {
    "pkoc": Kind(Scheme.PKOC, lambda _: pkoc(), media_for(Scheme.PKOC)),
    "pkoc2": Kind(Scheme.PKOC2, lambda _: pkoc2(), media_for(Scheme.PKOC2)),
    "pkoc carrying": Kind(Scheme.PKOC, phone, media_for(Scheme.PKOC, reads_carried=True)),
    "ntag424": Kind(Scheme.EV2, lambda s: ntag424(ndef.carrying(s)), media_for(Scheme.EV2)),
    "ntag424 random uid": Kind(
        Scheme.EV2, lambda s: ntag424(ndef.carrying(s), shown_uid=RANDOM_UID), media_for(Scheme.EV2)
    ),
    "desfire": Kind(Scheme.EV2, lambda s: desfire(ndef.carrying(s)), media_for(Scheme.EV2)),
    "sun": Kind(Scheme.SUN, lambda _: ntag424(), media_for(Scheme.SUN)),
    "tag": Kind(Scheme.SIGNED, tag, media_for(Scheme.SIGNED)),
    "type 4 tag": Kind(Scheme.SIGNED, type4_tag, media_for(Scheme.SIGNED)),
    "calypso": Kind(Scheme.CALYPSO, lambda _: calypso(), media_for(Scheme.CALYPSO)),
    "record": Kind(Scheme.RECORD, lambda _: city_card(), media_for(Scheme.RECORD)),
    "uid": Kind(Scheme.UID, lambda _: Medium(UID), media_for(Scheme.UID)),
}


def converse(
    transmit: Callable[[bytes], bytes], uid: bytes | None, media: Media, random=None, time=None
) -> Result:
    """A whole conversation with what answers."""
    from gated.daemon.conversing import drive

    class Session:
        def transmit(self, apdu: bytes) -> bytes:
            return transmit(apdu)

    talk = Talk(uid, random or secrets.token_bytes, time or (lambda: NOW))
    return drive(identify(talk, media), Session())


def show(medium: Medium, media: Media, **more) -> Result:
    """Present a medium in this process, to a reader that has nothing between."""
    from gated.devices.simulated.media import answered_by_reader

    def transmit(apdu: bytes) -> bytes:
        told = answered_by_reader(medium, apdu)
        return medium.transmit(apdu) if told is None else told

    medium.present()
    return converse(transmit, medium.uid or None, media, **more)


def proven(medium: Medium, media: Media, **more) -> Proof:
    """What it proves; it must."""
    result = show(medium, media, **more)
    assert isinstance(result, Proof), result
    return result


def refused(medium: Medium, media: Media, **more) -> tuple[str, object]:
    """(reason, what) of its refusal; it must be refused."""
    result = show(medium, media, **more)
    assert isinstance(result, Refusal), result
    return str(result.reason), result.params.get("what")


def twice(message: bytes) -> bytes:
    """A message with its one record twice."""
    return bytes([message[0] & ~0x40]) + message[1:] + bytes([message[0] & ~0x80]) + message[1:]


STATEMENTS = bytes(range(200)) + b"\x00\xff" * 60  # stands for some: nothing here looks into it


# ------------------------------------------------------------------ a gate for all of them

#: What an account is bound to by the office, for each kind.
CREDENTIALS = {
    "pkoc": Credential("pkoc", hashlib.sha256(pkoc().public).digest(), Assurance.ASYMMETRIC),
    "pkoc2": Credential("pkoc2", hashlib.sha256(pkoc2().public).digest(), Assurance.ASYMMETRIC),
    "ntag424": Credential("ev2", UID, Assurance.SYMMETRIC_MUTUAL),
    "sun": Credential("sun", UID, Assurance.SYMMETRIC_ROLLING),
    "tag": Credential("signed", UID, Assurance.STATIC_SIGNED),
    "calypso": Credential("calypso", SERIAL, Assurance.UID_ONLY),
    "record": Credential("record", CITY_RECORD[4:12], Assurance.UID_ONLY),
    "uid": Credential("uid", UID, Assurance.UID_ONLY),
}
CREDENTIALS |= {
    "pkoc carrying": CREDENTIALS["pkoc"],
    "ntag424 random uid": CREDENTIALS["ntag424"],
    "desfire": CREDENTIALS["ntag424"],
    "type 4 tag": CREDENTIALS["tag"],
}


def schemes(*names: Scheme) -> str:
    """The line of a lane that tries these."""
    return f"schemes = {[str(name) for name in names]}\n"


def tables(folder: Path, *, carried: bool = True) -> str:
    """The ``media`` tables of a gate.toml in ``folder``, and the key files that they name."""
    for name, key in (("venue", VENUE_KEY), ("meta", META_KEY), ("uid", UID_KEY)):
        path = folder / f"{name}.key"
        path.write_text(key.hex())
        path.chmod(0o400)
    diversification = 'diversification = ["uid", "aid", "text:pools"]'
    both = (
        f'key = "venue.key"\nkey_number = {KEY_NUMBER}\n{diversification}\n'
        f'uid_key = "uid.key"\nuid_key_number = {UID_KEY_NUMBER}\nfile = {FILE_NUMBER}\nbytes = 224\n'
    )
    return (
        f"[media]\ncarried = {str(carried).lower()}\n"
        f'[media.pkoc2]\n{ISSUER.reference} = "{ISSUER.public.hex()}"\n'
        f'[[media.ev2]]\naid = "{type4.AID.hex()}"\nkey_version = {KEY_VERSION}\n{both}'
        f'[[media.ev2]]\naid = "{NATIVE_AID.hex()}"\n{both}'
        f'[media.sun]\nkey = "venue.key"\nmeta_key = "meta.key"\n{diversification}\n'
        f'[media.record]\naid = "{CITY_AID.hex()}"\nfile = {RECORD.file}\nrecord = {RECORD.record}\n'
        f"offset = {RECORD.offset}\nbytes = {RECORD.size}\n"
    )
