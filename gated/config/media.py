"""The ``media`` table of gate.toml: what this gate knows of the media that it meets."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric import ec

from gated.card import cvc, ev2, pkoc, pkoc2, record, sun, type4
from gated.card.diversify import AID, UID, Diversification, diversification_of, hex_bytes
from gated.card.secure import Mode
from gated.config.secrets import MediaKey, media_key
from gated.model.document import DocumentError, Table

#: Applications that are met by EV2First, each by its own AID and with one key.
MAX_APPLICATIONS = 4
MAX_ISSUERS = 16
MAX_KEY_NUMBER = 13  # a DESFire application has at most 14 keys, an NTAG 424 five
MAX_FILE_NUMBER = 31
#: Of one ReadData: an answer has 256 bytes, of which padding and MAC take up to 24.
MAX_CHUNK_BYTES = 224

#: How long the fresh answer of a medium may take. A card's AES takes some 20 ms, a signature of a card or a
#: phone up to several hundred; a relay over two phones adds several hundred.
ROUND_TRIPS = MappingProxyType({pkoc2.SCHEME: "700ms", pkoc.SCHEME: "700ms", ev2.SCHEME: "150ms"})

_PARAMETER = re.compile(r"[A-Za-z0-9._-]{1,32}\Z")
#: What all DESFire cards answer to. A wrong key there would spend the counters of other people's cards.
_OF_EVERY_CARD = (bytes(3), bytes.fromhex("D2760000850100"))
_AID_BYTES = (3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """Of the whole gate; each lane says which schemes it tries."""

    issuers: Mapping[str, bytes] = field(default_factory=dict)  # of PKOC version 2, by their references
    ev2: tuple[ev2.Application, ...] = ()
    sun: sun.Mirror | None = None
    record: record.Place | None = None
    reads_carried: bool = False
    round_trips_s: Mapping[str, float] = field(default_factory=dict)
    keys: tuple[MediaKey, ...] = ()  # all that are named, to be looked at before the first tap

    def lacks(self, scheme: str) -> str:
        """The table without which a scheme recognises nothing; empty = it is there, or none is needed."""
        needed = {
            pkoc2.SCHEME: self.issuers,
            ev2.SCHEME: self.ev2,
            sun.SCHEME: self.sun,
            record.SCHEME: self.record,
        }
        return "" if needed.get(scheme, True) else f"media.{scheme}"


def read_media(top: Table, base: Path) -> MediaSettings:
    """Read the table, which may be absent. Raises ``DocumentError``."""
    table = top.table("media")
    reader = _Reader(base)
    trips = table.table("round_trip")
    settings = MediaSettings(
        issuers=_issuers(table.table("pkoc2")),
        ev2=tuple(reader.application(one) for one in table.tables("ev2", most=MAX_APPLICATIONS, least=0)),
        sun=reader.mirror(table.table("sun")) if table.has("sun") else None,
        record=_place(table.table("record")) if table.has("record") else None,
        reads_carried=table.flag("carried", default=False),
        round_trips_s={
            scheme: trips.seconds(scheme, default, least=0.005, most=10.0)
            for scheme, default in ROUND_TRIPS.items()
        },
        keys=tuple(reader.keys),
    )
    aids = [application.aid for application in settings.ev2]
    if len(set(aids)) < len(aids):
        # Two keys for one application would be a list of keys to be tried, and cards count failures.
        raise DocumentError(table.path("ev2"), "two have one aid: each medium is met with one key")
    trips.done()
    table.done()
    return settings


def _issuers(table: Table) -> Mapping[str, bytes]:
    """Who vouches for keys: an uncompressed point of P-256 in hex, by its reference of 16 characters."""
    keys = table.keys()
    if len(keys) > MAX_ISSUERS:
        raise DocumentError(table.path(""), f"names more than {MAX_ISSUERS} issuers")
    for reference in keys:
        if not cvc.REFERENCE.match(reference.encode()):
            raise DocumentError(table.path(reference), "an issuer has 16 of A-Z and 0-9 for a name")
    issuers = {reference: table.checked(reference, _point) for reference in keys}
    table.done()
    return issuers


def _point(text: str) -> bytes:
    point = hex_bytes(text)
    try:
        if len(point) != 65:
            raise ValueError
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise ValueError("must be an uncompressed point of P-256: 65 bytes in hex, 04…") from None
    return point


class _Reader:
    """Reads what names keys, and keeps count of them."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self.keys: list[MediaKey] = []

    def application(self, table: Table) -> ev2.Application:
        has_uid_key = table.has("uid_key")
        aid = table.checked("aid", aid_of)
        made = ev2.Application(
            aid=aid,
            key=self._key(table, "key"),
            key_number=table.whole("key_number", most=MAX_KEY_NUMBER),
            key_version=table.whole_or_none("key_version", least=1, most=255),
            diversification=_diversification(table, len(aid)),
            uid_key=self._uid_key(table) if has_uid_key else None,
            file=_pass_file(table) if table.has("file") else None,
        )
        if made.key_version is None and aid == type4.AID:
            raise DocumentError(
                table.path("key_version"),
                "is needed with this aid: every NDEF medium has it, and a wrong key spends a card's counter",
            )
        table.done()
        return made

    def mirror(self, table: Table) -> sun.Mirror:
        names = {
            key: table.checked(key, _parameter, default)
            for key, default in (("picc", "picc_data"), ("uid", "uid"), ("counter", "ctr"), ("mac", "cmac"))
        }
        made = sun.Mirror(
            file_key=self._key(table, "key"),
            diversification=_diversification(table, len(type4.AID)),
            meta_key=self._key(table, "meta_key") if table.has("meta_key") else None,
            **names,
            mac_from=table.checked("mac_from", _parameter) if table.has("mac_from") else "",
            random_uid=table.flag("random_uid", default=False),
        )
        table.done()
        return made

    def _uid_key(self, table: Table) -> ev2.UidKey:
        return ev2.UidKey(table.whole("uid_key_number", most=MAX_KEY_NUMBER), self._key(table, "uid_key"))

    def _key(self, table: Table, key: str) -> MediaKey:
        found = table.checked(key, lambda text: media_key(text, self._base, os.environ))
        self.keys.append(found)
        return found


def _parameter(text: str) -> str:
    if not _PARAMETER.match(text):
        raise ValueError(f"{text!r} is no name of a parameter of an address")
    return text


def aid_of(text: str) -> bytes:
    """An application's number, as people write it. Raises ``ValueError``."""
    aid = hex_bytes(text)
    if len(aid) not in _AID_BYTES:
        raise ValueError("must be 3 bytes (native) or 5 to 16 (a DF name), in hex")
    if aid in _OF_EVERY_CARD:
        raise ValueError("names the card itself, as every card has it: name an application of yours")
    return aid


def _name(text: str) -> bytes:
    name = hex_bytes(text)
    if not 5 <= len(name) <= 16:
        raise ValueError("must be the name of an application, 5 to 16 bytes in hex")
    return name


def _diversification(table: Table, aid_bytes: int) -> Diversification:
    words = table.texts("diversification", [UID, AID])
    try:
        return diversification_of(words, aid_bytes)
    except ValueError as error:
        raise DocumentError(table.path("diversification"), str(error)) from None


def _pass_file(table: Table) -> ev2.PassFile:
    return ev2.PassFile(
        number=table.whole("file", most=MAX_FILE_NUMBER),
        mode=table.checked("mode", Mode, Mode.FULL),
        chunk=table.whole("bytes", 128, least=16, most=MAX_CHUNK_BYTES),
    )


def _place(table: Table) -> record.Place:
    place = record.Place(
        aid=table.checked("aid", _name),
        file=table.whole("file", least=1, most=record.MAX_FILE),
        record=table.whole_or_none("record", least=1, most=254),
        offset=table.whole("offset", 0, most=record.MAX_OFFSET),
        size=table.whole("bytes", least=record.LEAST_BYTES, most=record.MOST_BYTES),
    )
    table.done()
    return place
