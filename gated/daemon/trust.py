"""What the trust repository says takes effect: keys and rules, once all of it was verified (ADR 0022).

Whoever brings files, a link or a stick, is not believed: the repository's own signatures are, from the root
that came with the enrolment. All of an update counts or nothing of it does.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any, Protocol, TypeVar

from gated.credential.keys import read_keys
from gated.credential.metadata import Untrusted
from gated.credential.repository import Content, Reading, Repository, Verified, Wanted, open_root
from gated.daemon.beliefs import Trust
from gated.model.trust import KeySet
from gated.model.venue import Profile
from gated.policy.profile import read_profile
from gated.store.trust_files import TARGETS, TrustFiles
from gated.wire.forms import read_json
from gated.wire.trust_file import KEYS, profile_name

T = TypeVar("T")

log = logging.getLogger(__name__)

#: Parts of a profile that a running gate has built upon: they change at its next start.
AT_START = ("timezone", "day_end_min", "unknown_counts")


class FloorsKept(Protocol):
    """``gated.store.floors.Floors``, or what a command beside the gate reads of it."""

    def get(self, name: str) -> int:
        """The floor; 0 where none was ever set."""

    def raise_all(self, values: Mapping[str, int]) -> None:
        """Raise floors. Raises ``StoreError``."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the repository stands here, for people; versions, 0 = none was read yet."""

    root: int
    timestamp: int
    targets: int
    profile: int
    waits: tuple[str, ...]  # what of the profile takes effect at the next start
    why: str  # the code of what was last not believed; empty once the repository was read


class TrustKeeper:
    """Keeps what was verified, and lets it take effect. Any thread may use it.

    Args:
        root: of the enrolment, as bytes. Raises ``Untrusted`` where it is none.
        trust: what the gate believes; replaced here, and nowhere else.
        files: of what was verified.
        zone: finds a time zone by name.

    """

    def __init__(
        self,
        root: bytes,
        *,
        trust: Trust,
        files: TrustFiles,
        floors: FloorsKept,
        zone: Callable[[str], tzinfo],
    ) -> None:
        self._enrolled = open_root(root)
        self._trust = trust
        self._files = files
        self._floors = floors
        self._zone = zone
        self._targets = (KEYS, profile_name(trust.profile.venue))
        self._repository = Repository(self._enrolled, floors.get, files.keep)
        self._lock = threading.Lock()
        self._started: Profile | None = None  # the rules of this start
        self._waits: tuple[str, ...] = ()
        self._targets_version = self._done = 0
        self._refused = ""
        self._reading: Reading | None = None

    # -------------------------------------------------------------- at start

    def restore(self) -> bool:
        """Believe what was verified before. False = it is damaged, older than it was or another office's.

        Then nothing of it is believed, and what the enrolment brought counts. Raises ``StoreError``.
        """
        if not self._files.is_there:
            return True
        held = self._files.read
        try:
            _follow(self._repository.read_roots(), held)
            raw = held(TARGETS)
            if raw is not None:  # else it holds roots alone
                verified = self._repository.restore(raw, self._targets, held)
                self._believe(verified, *self._judge(verified))
        except Untrusted as untrusted:
            log.critical("what was verified of the trust repository cannot be used: %s", untrusted)
            self._repository = Repository(self._enrolled, self._floors.get, self._files.keep)
            return False
        finally:
            self._floors.raise_all(self._repository.seen)
        return True

    def begin(self) -> None:
        """The gate is built upon what is believed now."""
        self._started = self._trust.profile

    # -------------------------------------------------------------- a reading

    @property
    def done(self) -> int:
        """The version of the timestamp up to which all is in force; 0 = nothing was read since the start."""
        return self._done

    @property
    def standing(self) -> Standing:
        """For people."""
        with self._lock:
            return Standing(
                self._repository.root.version,
                self._repository.newest,
                self._targets_version,
                self._trust.profile.version,
                self._waits,
                self._refused,
            )

    def reading(self, at: int) -> Reading:
        """A conversation with the repository, for ``advance``. Each makes those before it useless.

        ``at`` is a time, in seconds since 1970, that is certainly over: what ended before is refused.
        """
        with self._lock:
            self._reading = self._repository.read(at, self._targets, self._files.read, self._done)
            return self._reading

    def is_current(self, reading: Reading) -> bool:
        """Whether no other reading was begun since."""
        return reading is self._reading

    def advance(self, reading: Reading, raw: bytes | None) -> Wanted | None:
        """Send a reading the file that it asked for, and return the next; begin with None.

        Returns None where it came to its end: what it found counts from then on. Raises ``Untrusted`` and
        ``StoreError``: then everything is as it was, and what was verified before counts as seen.
        """
        with self._lock:
            try:
                return reading.send(raw)
            except StopIteration as ended:
                self._take(ended.value)
                return None
            except Untrusted as untrusted:
                self._refused = untrusted.code
                raise
            finally:
                self._floors.raise_all(self._repository.seen)

    def read_folder(self, folder: TrustFiles, at: int) -> None:
        """Read a repository in a folder, such as a stick brought. Raises as ``advance`` does."""
        reading = self.reading(at)
        wanted = self.advance(reading, None)
        while wanted is not None:
            wanted = self.advance(reading, folder.read(wanted.name))

    # -------------------------------------------------------------- taking effect

    def _take(self, verified: Verified | None) -> None:
        if verified is not None:
            keys, profile = self._judge(verified)
            files = {one.name: one.content for one in verified.files.values()}
            self._files.put_in_force(verified.metadata, files)
            self._floors.raise_all(verified.seen)
            self._believe(verified, keys, profile)
            self._done = verified.timestamp
        self._refused = ""

    def _judge(self, verified: Verified) -> tuple[KeySet, Profile]:
        """Keys and rules, as this gate could use them."""
        keys_file, profile_file = (verified.files[name] for name in self._targets)
        place = self._trust.profile
        keys = _read(keys_file, read_keys, "keys_malformed")
        if not any(place.sector in key.sectors for key in keys.values()):
            raise Untrusted("keys_useless", f"no key may speak for sector {place.sector!r}")
        profile = _read(profile_file, self._profile, "profile_malformed")
        if (profile.sector, profile.venue) != (place.sector, place.venue):
            raise Untrusted("foreign", f"the profile is of {profile.sector} {profile.venue}")
        if profile.version < place.version:
            raise Untrusted("profile_older", f"version {profile.version} after {place.version}")
        return keys, profile

    def _profile(self, document: Any) -> Profile:
        return read_profile(document, self._zone)

    def _believe(self, verified: Verified, keys: KeySet, profile: Profile) -> None:
        started = self._started
        if started is not None:
            kept = {part: getattr(started, part) for part in AT_START}
            waits = tuple(part for part in AT_START if kept[part] != getattr(profile, part))
            if waits and waits != self._waits:
                log.warning("of the new profile these take effect at the next start: %s", ", ".join(waits))
            self._waits = waits
            profile = replace(profile, **kept)
        if verified.targets != self._targets_version:
            log.info("trust: keys and rules of the repository, version %d, count now", verified.targets)
        self._targets_version = verified.targets
        self._trust.replace(keys, profile)


def _read(file: Content, read: Callable[[Any], T], code: str) -> T:
    try:
        return read(read_json(file.content))
    except ValueError as error:
        raise Untrusted(code, str(error)) from None


def _follow(reading: Generator[Wanted, bytes | None, None], held: Callable[[str], bytes | None]) -> None:
    """Let a conversation have what lies here."""
    with suppress(StopIteration):
        wanted = next(reading)
        while True:
            wanted = reading.send(held(wanted.name))
