"""Where things lie on a stick, and how large they may be (docs/reference/stick.md).

Every name is of a closed form, in lower case and without what a FAT file system does not take. A name that is
of none leads nowhere: nobody opens what it names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from gated.model.name import NAME_PATTERN
from gated.model.trust import MAX_TRUST_FILE_BYTES
from gated.wire.ack import MAX_ACK_BYTES
from gated.wire.batch import MAX_BATCH_BYTES
from gated.wire.blob import MAX_BLOB_BYTES
from gated.wire.command import MAX_COMMAND_BYTES
from gated.wire.forms import DIGEST
from gated.wire.head import MAX_HEAD_TOKEN_BYTES
from gated.wire.seal import ENVELOPE_BYTES
from gated.wire.trust_file import FILE_NAME
from gated.wire.uses import MAX_USES_BYTES

#: The folder of a stick that holds all of it.
FOLDER = "gated-stick"
TRUST = "trust"
#: Of one folder: a FAT folder holds some ten thousand names as long as a blob's. What comes on top stays.
MAX_FILES = 10_000
#: Folders of sectors and gates.
MAX_FOLDERS = 1_000

_FOLDER = re.compile(rf"(sector|gate)-({NAME_PATTERN})\Z")
_NUMBER = "(0|[1-9][0-9]{0,15})"
_USES = re.compile(rf"{_NUMBER}-{_NUMBER}\.uses\Z")
_BATCH = re.compile(rf"([0-9a-f]{{16}})-{_NUMBER}\.batch\Z")
_ACK = re.compile(rf"([0-9a-f]{{16}})-{_NUMBER}\.ack\Z")
_COMMAND = re.compile(rf"{_NUMBER}\.command\Z")


class What(StrEnum):
    """What a file holds."""

    TRUST = "trust"
    HEAD = "head"
    BLOB = "blob"
    USES = "uses"
    BATCH = "batch"
    ACK = "ack"
    COMMAND = "command"


LIMITS = {
    What.TRUST: MAX_TRUST_FILE_BYTES,
    What.HEAD: MAX_HEAD_TOKEN_BYTES,
    What.BLOB: MAX_BLOB_BYTES,
    What.USES: MAX_USES_BYTES + ENVELOPE_BYTES,
    What.BATCH: MAX_BATCH_BYTES + ENVELOPE_BYTES,
    What.ACK: MAX_ACK_BYTES + ENVELOPE_BYTES,
    What.COMMAND: MAX_COMMAND_BYTES + ENVELOPE_BYTES,
}


@dataclass(frozen=True, slots=True)
class Place:
    """A file by its folders and name. ``whose``: its sector or gate, empty for the trust repository.

    ``order`` sorts the files of one kind as they are to be taken in.
    """

    what: What
    whose: str
    path: tuple[str, ...]
    order: tuple[str, int] = ("", 0)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path[-1]

    @property
    def covers(self) -> range:
        """Of use records: after which numbers they tell something new."""
        found = _USES.match(self.name)
        return range(0) if found is None else range(int(found[1]), int(found[2]))

    @property
    def limit(self) -> int:
        """The most bytes that it has."""
        return LIMITS[self.what]

    def __str__(self) -> str:
        return "/".join(self.path)


def trust_file(name: str) -> Place:
    """A file of the trust repository."""
    return Place(What.TRUST, "", (TRUST, name), (name, 0))


def head(sector: str) -> Place:
    """The newest head of a sector's feed."""
    return Place(What.HEAD, sector, (f"sector-{sector}", "head"))


def blob(sector: str, name: bytes) -> Place:
    """A part of a sector's feed, by the SHA-256 of its bytes."""
    return Place(What.BLOB, sector, (f"sector-{sector}", name.hex()), (name.hex(), 0))


def uses(sector: str, after: int, upto: int) -> Place:
    """Use records of a sector from behind ``after`` up to ``upto``."""
    return Place(What.USES, sector, (f"sector-{sector}", f"{after}-{upto}.uses"), ("", after))


def batch(gate: str, epoch: str, first: int) -> Place:
    """A batch of a gate's events."""
    return Place(What.BATCH, gate, (f"gate-{gate}", "up", f"{epoch}-{first}.batch"), (epoch, first))


def ack(gate: str, epoch: str, upto: int) -> Place:
    """A receipt for a gate."""
    return Place(What.ACK, gate, (f"gate-{gate}", "down", f"{epoch}-{upto}.ack"), (epoch, upto))


def command(gate: str, counter: int) -> Place:
    """A command for a gate."""
    return Place(What.COMMAND, gate, (f"gate-{gate}", "down", f"{counter}.command"), ("", counter))


#: The folders below that of a gate, and the one folder of a sector's and of the trust repository.
GATE_FOLDERS = ("up", "down")


def folder_of(name: str) -> tuple[str, str] | None:
    """(``sector``, ``gate`` or ``trust``, whose) of a folder's name; None of any other."""
    if name == TRUST:
        return (TRUST, "")
    found = _FOLDER.match(name)
    return None if found is None else (found[1], found[2])


def place_of(path: tuple[str, ...]) -> Place | None:
    """What lies at a path; None where nothing of ours does."""
    kind, whose = folder_of(path[0]) or ("", "")
    if kind == TRUST:
        return trust_file(path[1]) if len(path) == 2 and FILE_NAME.match(path[1]) else None
    if kind == "sector" and len(path) == 2:
        return _of_sector(whose, path[1])
    return _of_gate(whose, path[1], path[2]) if kind == "gate" and len(path) == 3 else None


def _of_sector(sector: str, name: str) -> Place | None:
    if name == "head":
        return head(sector)
    if DIGEST.match(name):
        return blob(sector, bytes.fromhex(name))
    found = _USES.match(name)
    return None if found is None else uses(sector, int(found[1]), int(found[2]))


def _of_gate(gate: str, folder: str, name: str) -> Place | None:
    if folder == "up" and (found := _BATCH.match(name)):
        return batch(gate, found[1], int(found[2]))
    if folder == "down" and (found := _ACK.match(name)):
        return ack(gate, found[1], int(found[2]))
    if folder == "down" and (found := _COMMAND.match(name)):
        return command(gate, int(found[1]))
    return None
