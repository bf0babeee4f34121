"""The NDEF file of a Type 4 tag (NFC Forum Type 4 Tag 2.0): NTAG 424, DESFire, Java cards, phones."""

from __future__ import annotations

from gated.card import ndef
from gated.card.apdu import CardFault, command
from gated.card.talk import Steps, Talk, expect

AID = bytes.fromhex("D2760000850101")
#: Where the NDEF file stands unless the capability container names another.
NDEF_FILE = bytes.fromhex("E104")

_CONTAINER_FILE = bytes.fromhex("E103")
_CONTAINER_BYTES = 15
_VERSIONS = (2, 3)  # major version of the mapping, upper half of the third byte
_FILE_CONTROL = bytes((0x04, 0x06))  # tag and length of the NDEF file control TLV
_OPEN = 0x00  # read access without any key
_LEAST_FILE = 5  # same clause: room for a length and the shortest message
_LEAST_ANSWER = 15  # clause 5.1: MLe is 000F or more
#: Of one READ BINARY: Le has one byte, and 256 is not told apart from "all there is".
_MOST_ANSWER = 255


def selected_file(talk: Talk, file: bytes) -> Steps[None]:
    """SELECT by file identifier, without an answer (clause 5.4.3). Raises ``CardFault``."""
    expect((yield from talk.ask(command(0x00, 0xA4, 0x00, 0x0C, file, le=False))))


def read_binary(talk: Talk, offset: int, count: int) -> Steps[bytes]:
    """READ BINARY (clause 5.4.4) of 1 to 255 bytes of the selected file. Raises ``CardFault``."""
    asked = bytes((0x00, 0xB0)) + offset.to_bytes(2, "big") + bytes([count])
    body = expect((yield from talk.ask(asked)))
    if len(body) > count:
        raise CardFault("too_long")
    return body


def capability(container: bytes) -> tuple[bytes, int, int]:
    """(identifier of the NDEF file, bytes of one answer, bytes of the file) of a capability container.

    Raises ``CardFault``.

    Clause 5.1: CCLEN, version, MLe, MLc, then the control TLV: identifier, size, access to read and write.
    """
    if len(container) < _CONTAINER_BYTES or int.from_bytes(container[:2], "big") < _CONTAINER_BYTES:
        raise CardFault("container")
    if container[2] >> 4 not in _VERSIONS or container[7:9] != _FILE_CONTROL or container[13] != _OPEN:
        raise CardFault("container")
    answer = int.from_bytes(container[3:5], "big")
    if answer < _LEAST_ANSWER:
        raise CardFault("container")
    size = int.from_bytes(container[11:13], "big")
    if size < _LEAST_FILE:
        raise CardFault("container")
    return container[9:11], min(answer, _MOST_ANSWER), size


def container(talk: Talk) -> Steps[bytes]:
    """Of the application that is selected: its capability container. Raises ``CardFault``."""
    yield from selected_file(talk, _CONTAINER_FILE)
    return (yield from read_binary(talk, 0, _CONTAINER_BYTES))


def message(talk: Talk) -> Steps[bytes | None]:
    """The NDEF message; None = it is no Type 4 tag. Raises ``CardFault``."""
    if (yield from talk.select(AID)) is None:
        return None
    file, chunk, size = capability((yield from container(talk)))
    yield from selected_file(talk, file)
    # Past the end of its file a medium may answer nothing at all (clause 5.4.4).
    chunk = min(chunk, size)
    return (yield from ndef.from_file(lambda offset, count: read_binary(talk, offset, count), chunk))


def whole_file(talk: Talk, file: bytes) -> Steps[bytes]:
    """The message in a file of the application that is selected, in one answer. Raises ``CardFault``."""
    yield from selected_file(talk, file)
    return (yield from ndef.from_file(lambda offset, count: read_binary(talk, offset, count), _MOST_ANSWER))
