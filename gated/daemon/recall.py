"""Hops 3 and 4 of a tap: all that is known of a medium or a pass is recalled and opened."""

from __future__ import annotations

from gated.credential.index import index_of
from gated.credential.statement import open_statement
from gated.daemon.beliefs import Trust
from gated.daemon.carried import open_carried
from gated.daemon.knowledge import Knowledge
from gated.model.credential import Credential, Proof
from gated.model.decision import EMPTY, NOBODY, Candidate, Occupancy, Presence, Question
from gated.model.refusal import Reason, Refusal
from gated.model.statement import Binding, Denial, Entitlement, Kind, Statement, place_of
from gated.model.time import TimeReading
from gated.model.venue import Direction, Freshness, Lane
from gated.policy.calendar import shift_of
from gated.policy.carried import NOTHING, Carried, binding_of, merged
from gated.policy.freshness import freshness
from gated.policy.reckoning import day_time
from gated.policy.terms import asks_uses, asks_who_is_inside
from gated.store.cache import Cache, Token
from gated.store.elsewhere import NOT_ELSEWHERE, ElsewhereReader, PeopleElsewhere, UsedElsewhere, together
from gated.store.uses import NEVER_USED, UsesReader, later

Denials = list[Denial | Refusal]


class Recall:
    """Asks the question of a tap at one lane. Used by one thread. All it raises is ``StoreError``."""

    def __init__(
        self,
        *,
        lane: Lane,
        trust: Trust,
        cache: Cache,
        uses: UsesReader,
        exits_counted: bool,
        knowledge: Knowledge,
    ) -> None:
        self._lane = lane
        self._trust = trust
        self._believed = trust.now  # one picture for the whole of a question
        self._cache = cache
        self._uses = uses
        self._elsewhere = ElsewhereReader(cache)
        self._exits_counted = exits_counted
        self._knowledge = knowledge

    def of_medium(self, proof: Proof, reading: TimeReading) -> Question:
        """What a medium asks."""
        self._believed, credential = self._trust.now, proof.credential
        carried = open_carried(proof, self._believed, reading.floor)
        with self._cache:
            bound, denials = self._open(reading, index_of(credential, self._believed.sector_key))
            known = next((found for found in bound if isinstance(found, (Binding, Refusal))), None)
            binding = binding_of(proof, known, carried)
            return self._question(credential, binding, denials, reading, carried)

    def index(self, credential: Credential) -> bytes:
        """The name under which this sector knows a credential."""
        return index_of(credential, self._trust.sector_key)

    def was_shown(self, proof: Proof) -> bool:
        """Whether a rolling proof was shown here before. Raises ``StoreError``."""
        return proof.counter is not None and self._uses.was_shown(self.index(proof.credential), proof.counter)

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
        carried: Carried = NOTHING,
    ) -> Question:
        rights: list[Entitlement] = []
        refused: list[Refusal] = []
        own: dict[bytes, Denial] = {}
        pass_ = binding.pass_ if isinstance(binding, Binding) else None
        if pass_ is not None and self._lane.direction is Direction.ENTRY:
            opened, of_pass = self._open(reading, pass_)
            denials += of_pass
            rights = merged([right for right in opened if isinstance(right, Entitlement)], carried, pass_)
            refused = [*(right for right in opened if isinstance(right, Refusal)), *carried.defects]
            own = self._own_denials(rights, denials, reading)
        asked = [right.id for right in rights if asks_uses(right, self._trust.profile)]
        where = self._where(pass_, reading)
        used, people = self._elsewhere.recall(asked, self._trust.profile.venue, self.day(reading), where)
        presence, occupancy = self._inside(where, people)
        return Question(
            credential=credential,
            binding=binding,
            candidates=self._candidates(rights, asked, own, used, reading),
            refused=tuple(refused),
            denials=tuple(denials),
            lane=self._lane,
            profile=self._believed.profile,
            now=reading,
            presence=presence,
            occupancy=occupancy,
            known_at=self._knowledge.known_at,
        )

    def _candidates(
        self,
        rights: list[Entitlement],
        asked: list[bytes],
        own: dict[bytes, Denial],
        elsewhere: dict[bytes, UsedElsewhere],
        reading: TimeReading,
    ) -> tuple[Candidate, ...]:
        if not rights:
            return ()
        profile = self._believed.profile
        apart = profile.apart_cap is not None and not self._knowledge.uses_known()
        counted = self._uses.recall(asked, profile.venue, self.day(reading))
        found = []
        for right in rights:
            here, there = counted.get(right.id, NEVER_USED), elsewhere.get(right.id, NOT_ELSEWHERE)
            found.append(
                Candidate(
                    right,
                    here.uses,
                    there.uses,
                    own.get(right.id),
                    later(here.paid_at, there.paid_at),
                    max(0, here.uses.total - there.confirmed) if apart else None,
                )
            )
        return tuple(found)

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

    def _where(self, pass_: bytes | None, reading: TimeReading) -> tuple[bytes, str, int] | None:
        """Whose presence is asked for, where and when; None = nobody asks, and a tap must not wait for it."""
        profile = self._believed.profile
        if not asks_who_is_inside(profile, self._lane):
            return None
        return pass_ or b"", profile.zone(self._lane).id, self.shift(reading)

    def _inside(
        self, where: tuple[bytes, str, int] | None, elsewhere: PeopleElsewhere
    ) -> tuple[Presence, Occupancy]:
        if where is None:
            return NOBODY, EMPTY
        of_pass, of_venue = self._uses.seen(*where)
        presence, all_inside = together(of_pass, elsewhere.of_pass), together(of_venue, elsewhere.of_venue)
        return presence, Occupancy(all_inside.inside, self._exits_counted)

    def shift(self, reading: TimeReading) -> int:
        """The venue's service day, as yyyymmdd."""
        profile = self._trust.profile
        return shift_of(day_time(reading, profile.when_unsure), profile.timezone, profile.day_end_min)

    # -------------------------------------------------------------- which day, and how fresh

    def day(self, reading: TimeReading) -> int:
        """The venue's calendar day on which a use counts, as yyyymmdd."""
        profile = self._trust.profile
        return profile.day_of(day_time(reading, profile.when_unsure))

    def freshness(self, reading: TimeReading) -> Freshness | None:
        """How fresh what is known is; None where it is not judged."""
        return freshness(self._knowledge.known_at, reading.floor, self._trust.profile.staleness)


_MISPLACED = Refusal(Reason.MISPLACED)
