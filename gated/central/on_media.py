"""Statements that a medium carries: the one message that is written onto it, and which chips have room.

Sizes: data sheet NTAG213_215_216 rev. 3.2, section 8.5.6: as delivered, the capability container tells 144,
496 and 872 bytes, less than the user memory (144, 504, 888) of the two larger chips, and a gate reads no
further; NT4H2421Gx rev. 3.0, section 8.2.3: the NDEF file has 256 bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gated.card import sun
from gated.card.ndef import MAX_MESSAGE_BYTES, carrying
from gated.errors import ConfigError
from gated.wire.statement_file import frame

#: A message in a Type 2 tag stands behind a kind and a length of one byte, or of three from 255 on.
_SHORT_TLV, _LONG_TLV, _LONG = 2, 4, 255
#: In a file, behind a length of two bytes.
_FILE_HEAD = 2


class Chip(NamedTuple):
    """A kind of memory. ``is_file``: a file of a Type 4 tag; else the memory of a Type 2 tag."""

    name: str
    size: int
    is_file: bool = False

    def holds(self, message: int) -> bool:
        """Whether a message of so many bytes fits. What ends it is not needed where the memory ends."""
        head = _FILE_HEAD if self.is_file else _SHORT_TLV if message < _LONG else _LONG_TLV
        return head + message <= self.size


#: ``type4``: DESFire, a Java card, a phone. Its owner makes the file as large as it must be.
CHIPS = (
    Chip("ntag213", 144),
    Chip("ntag215", 496),
    Chip("ntag216", 872),
    Chip("ntag424", 256, is_file=True),
    Chip("type4", MAX_MESSAGE_BYTES + _FILE_HEAD, is_file=True),
)


def chip_named(name: str) -> Chip:
    """The chip of this name. Raises ``ConfigError``."""
    for chip in CHIPS:
        if chip.name == name:
            return chip
    raise ConfigError(f"no chip {name!r} is known", hint=f"known: {', '.join(chip.name for chip in CHIPS)}")


def check_scheme(scheme: str) -> None:
    """Raises ``ConfigError`` for a medium whose message must stay as it is."""
    if scheme == sun.SCHEME:
        raise ConfigError(
            "a sun medium shows its address in that place",
            hint="bind it without a message: nothing was issued",
        )


def message_of(tokens: Sequence[bytes], chip: Chip | None = None) -> bytes:
    """The NDEF message that carries statements. Raises ``ConfigError`` if no gate would read so much, or
    if it does not fit ``chip``.
    """
    message = carrying(b"".join(map(frame, tokens)))
    if len(message) > MAX_MESSAGE_BYTES:
        raise ConfigError(
            f"the message has {len(message)} bytes, and gates read {MAX_MESSAGE_BYTES}",
            hint="carry fewer rights: nothing was issued",
        )
    if chip is not None and not chip.holds(len(message)):
        fitting = ", ".join(fitting_chips(len(message)))
        raise ConfigError(
            f"the message has {len(message)} bytes, which do not fit {chip.name}",
            hint=f"nothing was issued; it fits {fitting}",
        )
    return message


def fitting_chips(message: int) -> list[str]:
    """The names of the chips that hold a message of so many bytes."""
    return [chip.name for chip in CHIPS if chip.holds(message)]
