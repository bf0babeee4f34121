"""Hops 3 and 4 of a tap: all that is known of a medium or a pass is recalled and opened."""

from __future__ import annotations

from dataclasses import dataclass

from gated.credential.index import index_of
from gated.credential.statement import open_statement
from gated.model.credential import Credential
from gated.model.decision import EMPTY, NOBODY, UNUSED, Candidate, Occupancy, Presence, Question
from gated.model.refusal import Reason, Refusal
from gated.model.statement import Binding, Denial, Entitlement, Kind, Statement, place_of
from gated.model.time import TimeReading
from gated.model.trust import KeySet
from gated.model.venue import Direction, Lane, Profile
from gated.policy.calendar import shift_of
from gated.policy.terms import asks_uses, asks_who_is_inside
from gated.store.cache import Cache, Token
from gated.store.uses import NEVER_USED, UsesReader

Denials = list[Denial | Refusal]


@dataclass(frozen=True, slots=True)
class Believed:
    """One picture of what the gate believes: whose signatures, which sector, whose rules."""

    keys: KeySet
    sector_key: bytes
    profile: Profile

    def __repr__(self) -> str:
        return f"Believed({len(self.keys)} keys, {self.profile.venue})"


class Trust:
    """What the gate believes now. Replaced as a whole: who needs several parts of it takes one picture."""

    def __init__(self, keys: KeySet, sector_key: bytes, profile: Profile) -> None:
        self._now = Believed(keys, sector_key, profile)

    @property
    def now(self) -> Believed:
        """The picture of this moment."""
        return self._now

    @property
    def keys(self) -> KeySet:
        """Whose signatures count now."""
        return self._now.keys

    @property
    def sector_key(self) -> bytes:
        """Under which credentials are indexed."""
        return self._now.sector_key

    @property
    def profile(self) -> Profile:
        """The venue's rules now. Sector and venue never change."""
        return self._now.profile

    def replace(self, keys: KeySet, profile: Profile) -> None:
        """Believe these from now on. Raises ``ValueError`` for rules of another venue or sector."""
        before = self._now
        if (profile.sector, profile.venue) != (before.profile.sector, before.profile.venue):
            raise ValueError("a gate stays where it is")
        self._now = Believed(keys, before.sector_key, profile)

    def __repr__(self) -> str:
        return f"Trust({len(self.keys)} keys, {self.profile.venue})"


class Recall:
    """Asks the question of a tap at one lane. Used by one thread. All it raises is ``StoreError``."""

    def __init__(
        self, *, lane: Lane, trust: Trust, cache: Cache, uses: UsesReader, exits_counted: bool
    ) -> None:
        self._lane = lane
        self._trust = trust
        self._believed = trust.now  # one picture for the whole of a question
        self._cache = cache
        self._uses = uses
        self._exits_counted = exits_counted

    def of_medium(self, credential: Credential, reading: TimeReading) -> Question:
        """What a medium asks."""
        self._believed = self._trust.now
        with self._cache:
            bound, denials = self._open(reading, index_of(credential, self._believed.sector_key))
            binding = next((found for found in bound if isinstance(found, (Binding, Refusal))), None)
            return self._question(credential, binding, denials, reading)

    def of_pass(self, binding: Binding, credential: Credential, reading: TimeReading) -> Question:
        """What a medium would ask that ``binding`` bound, though nobody issued it."""
        self._believed = self._trust.now
        with self._cache:
            return self._question(credential, binding, [], reading)

    # -------------------------------------------------------------- recalled and opened

    def _question(
        self,
        credential: Credential,
        binding: Binding | Refusal | None,
        denials: Denials,
        reading: TimeReading,
    ) -> Question:
        rights: list[Entitlement] = []
        refused: list[Refusal] = []
        own: dict[bytes, Denial] = {}
        pass_ = binding.pass_ if isinstance(binding, Binding) else None
        if pass_ is not None and self._lane.direction is Direction.ENTRY:
            opened, of_pass = self._open(reading, pass_)
            denials += of_pass
            rights = [right for right in opened if isinstance(right, Entitlement)]
            refused = [right for right in opened if isinstance(right, Refusal)]
            own = self._own_denials(rights, denials, reading)
        presence, occupancy = self._inside(pass_, reading)
        return Question(
            credential=credential,
            binding=binding,
            candidates=self._candidates(rights, own, reading),
            refused=tuple(refused),
            denials=tuple(denials),
            lane=self._lane,
            profile=self._believed.profile,
            now=reading,
            presence=presence,
            occupancy=occupancy,
        )

    def _candidates(
        self, rights: list[Entitlement], own: dict[bytes, Denial], reading: TimeReading
    ) -> tuple[Candidate, ...]:
        if not rights:
            return ()
        profile = self._believed.profile
        day = profile.day_of(reading.estimate)
        asked = [right.id for right in rights if asks_uses(right, profile)]
        counted = self._uses.recall(asked, profile.venue, day)
        found = [(right, counted.get(right.id, NEVER_USED), own.get(right.id)) for right in rights]
        return tuple(
            Candidate(right, known.uses, UNUSED, denial, known.paid_at) for right, known, denial in found
        )

    def _own_denials(
        self, rights: list[Entitlement], denials: Denials, reading: TimeReading
    ) -> dict[bytes, Denial]:
        own: dict[bytes, Denial] = {}
        for found in self._open(reading, *(right.id for right in rights))[1]:
            if isinstance(found, Denial):
                own[found.target] = found
            else:
                # One that does not verify refuses the tap as a whole: it cannot be told what it spoke of.
                denials.append(found)
        return own

    def _open(self, reading: TimeReading, *keys: bytes) -> tuple[list[Statement | Refusal], Denials]:
        """(bindings and rights, denials) under some keys, opened."""
        others: list[Statement | Refusal] = []
        denials: Denials = []
        for row in self._cache.recall(*keys):
            statement = open_statement(row.token, self._believed.keys, reading.floor)
            if not isinstance(statement, Refusal):
                statement = self._in_place(statement, row)
            if row.kind is Kind.DENIAL:
                assert isinstance(statement, Denial | Refusal)
                denials.append(statement)
            else:
                others.append(statement)
        return others, denials

    def _in_place(self, statement: Statement, row: Token) -> Statement | Refusal:
        """A genuine statement in a row or a sector that is not its own is a forgery.

        The row's columns say which statement counts, so one that bears an older rank than its row, or
        stands beside its successor under another id, would bring back what was taken away.
        """
        if statement.sector != self._believed.profile.sector:
            return Refusal(Reason.FOREIGN_SECTOR, {"sector": statement.sector})
        stands = statement.key == row.key and statement.rank == row.rank
        return statement if stands and place_of(statement) == (row.kind, row.id) else _MISPLACED

    # -------------------------------------------------------------- who is inside

    def _inside(self, pass_: bytes | None, reading: TimeReading) -> tuple[Presence, Occupancy]:
        """Who is inside, if anybody asks: a tap must not wait for what nobody asks."""
        profile = self._believed.profile
        if not asks_who_is_inside(profile, self._lane):
            return NOBODY, EMPTY
        zone = profile.zone(self._lane).id
        presence, inside = self._uses.inside(pass_ or b"", zone, self.shift(reading))
        return presence, Occupancy(inside, self._exits_counted)

    def shift(self, reading: TimeReading) -> int:
        """The venue's service day, as yyyymmdd."""
        profile = self._trust.profile
        return shift_of(reading.estimate, profile.timezone, profile.day_end_min)


_MISPLACED = Refusal(Reason.MISPLACED)
