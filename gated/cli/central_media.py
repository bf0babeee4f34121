"""``gated central media-key``: keys that media share with gates, one for each venue."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated.cli.central_common import add_place, from_hex
from gated.cli.common import command

if TYPE_CHECKING:
    from gated.card.diversify import Diversification
    from gated.central.media_keys import Purpose

#: What a key can be for (``gated.central.media_keys.Purpose``).
SCHEMES = ("ev2", "ev2-uid", "sun", "sun-meta")
_NO_KEY = "no key was written"
_MEDIA_KEY = """\
  gated central media-key ./city --sector pools --venue bron --scheme ev2 --out bron-ev2.key
  gated central media-key ./city --sector pools --scheme sun --key-version 2 --out pools-sun.key
  gated central media-key ./city --sector pools --venue bron --scheme ev2 --out 04a1.key \\
      --uid 04a1b2c3d4e580 --aid 3042f5 --diversify uid,aid,text:pools

a key goes into a new file that its owner alone may read, and never onto the screen
"""


def add(below: Any) -> None:
    """Add the command to those of ``gated central``."""
    made = command(below, "media-key", "make the key that media share with the gates of a venue", _MEDIA_KEY)
    add_place(made)
    made.add_argument("--venue", metavar="NAME", help="of its gates alone; left out: of the whole sector")
    made.add_argument(
        "--scheme",
        required=True,
        choices=SCHEMES,
        help="what it is for; -uid and -meta: for all media alike",
    )
    made.add_argument(
        "--key-version", type=int, default=1, metavar="N", help="another makes another key (default: 1)"
    )
    made.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to: a new file")
    made.add_argument("--uid", metavar="HEX", help="the own key of this medium, for whoever encodes it")
    made.add_argument(
        "--aid", metavar="HEX", help="with --uid: its application; of sun: the NDEF application"
    )
    made.add_argument(
        "--diversify",
        metavar="WORDS",
        help="with --uid: as gate.toml has it, such as uid,aid,text:pools (default: uid,aid)",
    )
    made.set_defaults(run=run_media_key)


def run_media_key(arguments: argparse.Namespace) -> int:
    """Make a key."""
    import secrets

    from gated.central.media_keys import Purpose, Use, check_use, key_of, master, own_key, write_key

    purpose = Purpose(arguments.scheme)
    use = Use(purpose, arguments.sector, arguments.venue, _version(arguments.key_version))
    medium = _medium(arguments, purpose)
    check_use(arguments.directory, use)
    key = key_of(master(arguments.directory, use.sector, secrets.token_bytes), use)
    write_key(arguments.out, key if medium is None else own_key(key, *medium))
    _tell(arguments)
    return 0


def _tell(arguments: argparse.Namespace) -> None:
    """What it is for and where it lies, and nothing of it."""
    told = {
        "file": str(arguments.out),
        "scheme": arguments.scheme,
        "sector": arguments.sector,
        "venue": arguments.venue,
        "key_version": arguments.key_version,
        "uid": arguments.uid and arguments.uid.lower(),
    }
    if arguments.json:
        print(json.dumps(told))
        return
    whose = f"sector {arguments.sector}" + (f", venue {arguments.venue}" if arguments.venue else "")
    holder = "gates" if arguments.uid is None else f"medium {told['uid']}"
    print(
        f"{arguments.out}: {arguments.scheme} key, version {arguments.key_version}, for {holder} of {whose}"
    )


def _version(number: int) -> int:
    from gated.central.media_keys import LEAST_VERSION, MOST_VERSION
    from gated.errors import ConfigError

    if not LEAST_VERSION <= number <= MOST_VERSION:
        raise ConfigError(
            f"--key-version {number}: must lie between {LEAST_VERSION} and {MOST_VERSION}",
            hint="media that nobody has encoded tell 0",
        )
    return number


def _medium(arguments: argparse.Namespace, purpose: Purpose) -> tuple[Diversification, bytes, bytes] | None:
    """(how, UID, AID) of the medium whose own key is asked for. Raises ``ConfigError``."""
    from gated.card import sun, type4
    from gated.central.media_keys import Purpose
    from gated.config.media import aid_of
    from gated.errors import ConfigError

    if arguments.uid is None:
        if arguments.aid is not None or arguments.diversify is not None:
            raise ConfigError("--aid and --diversify are for one medium", hint="name it: --uid HEX")
        return None
    if purpose not in (Purpose.EV2, Purpose.SUN):
        raise ConfigError(f"a key for {purpose} is the same on all media", hint="leave out --uid")
    uid = from_hex(arguments.uid, sun.UID_BYTES, "--uid")
    if purpose is Purpose.SUN:
        if arguments.aid is not None:
            raise ConfigError("--aid is for ev2: sun has the NDEF application", hint="leave it out")
        return _diversification(arguments.diversify, type4.AID), uid, type4.AID
    if arguments.aid is None:
        raise ConfigError("an ev2 medium's key is that of an application", hint="name it: --aid HEX")
    try:
        aid = aid_of(arguments.aid)
    except ValueError as error:
        raise ConfigError(f"--aid: {error}", hint=_NO_KEY) from None
    return _diversification(arguments.diversify, aid), uid, aid


def _diversification(words: str | None, aid: bytes) -> Diversification:
    from gated.card.diversify import AID, UID, diversification_of
    from gated.errors import ConfigError

    try:
        return diversification_of([UID, AID] if words is None else words.split(","), len(aid))
    except ValueError as error:
        raise ConfigError(f"--diversify: {error}", hint=_NO_KEY) from None
