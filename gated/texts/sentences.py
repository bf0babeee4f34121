"""From what happened to what is told: a code and its parameters become a sentence or two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum

from gated.errors import one_line
from gated.model.decision import Decision, Denied, Granted, Leaving, Notice, Warned
from gated.model.refusal import Params, Reason, Refusal
from gated.texts.catalogue import catalogue
from gated.texts.languages import LANGUAGES
from gated.texts.moments import Moments


class Audience(StrEnum):
    """Who is spoken to. Each is a context of the catalogues."""

    VISITOR = "visitor"  # knows card, ticket and desk
    STAFF = "staff"  # knows gated's words, and asks what to do next


#: The parameter whose value picks a text of its own: ``uses_exhausted.day``.
BY_VALUE: Mapping[Reason, str] = {
    Reason.DENIED: "state",
    Reason.EXPIRED: "what",
    Reason.NOT_YET_VALID: "what",
    Reason.USES_EXHAUSTED: "per",
    Reason.VENUE_FULL: "exits",
    Reason.UNKNOWN_KEY: "what",
    Reason.OUT_OF_SCOPE: "scope",
    Reason.UNREADABLE: "what",
    Reason.OUT_OF_SERVICE: "cause",
}
#: The parameters whose presence does: ``expired.expires``.
BY_NAME: Mapping[Reason, tuple[str, ...]] = {
    Reason.WEAK_CREDENTIAL: ("ended", "needs"),
    Reason.WRONG_VENUE: ("product",),
    Reason.EXPIRED: ("expires",),
    Reason.NOT_YET_VALID: ("not_before",),
    Reason.KNOWLEDGE_EXPIRED: ("known_at",),
    Reason.PASSBACK: ("inside",),
    Reason.VENUE_FULL: ("capacity",),
    Reason.MALFORMED: ("what",),
    Reason.FOREIGN_SECTOR: ("sector",),
}
#: Parameters that are moments are told as days. What ends at midnight was good until the day before.
_MOMENTS: Mapping[str, int] = {"expires": -1, "ended": 0, "not_before": 0, "known_at": 0}
#: A visitor is told when to come back, or else to go to the desk. The other texts say themselves what to do.
_PASSES_WITH_TIME = frozenset(
    {Reason.NOT_YET_VALID, Reason.USES_EXHAUSTED, Reason.OUTSIDE_HOURS, Reason.PASSBACK}
)


@dataclass(frozen=True, slots=True)
class Texts:
    """What is told in one language at a venue in ``timezone``. Raises ``ValueError`` for another language.

    The language is read at the first text. A gate asks for ``ready()`` when it starts, so that no
    visitor waits for it.
    """

    language: str
    timezone: tzinfo
    _moments: Moments = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise ValueError(f"no texts in language {self.language!r}, use one of: {', '.join(LANGUAGES)}")
        object.__setattr__(self, "_moments", Moments(self.language, self.timezone))

    def ready(self, audience: Audience = Audience.VISITOR) -> str:
        """While the lane waits for a medium."""
        return self._say(audience, ("ready",))

    def free(self, audience: Audience = Audience.VISITOR) -> str:
        """While the lane stands open by order."""
        return self._say(audience, ("free",))

    def fire(self, audience: Audience = Audience.VISITOR) -> str:
        """While the lane stands open because of a fire."""
        return self._say(audience, ("fire",))

    def order(self, why: str) -> str:
        """Why a lane does not do what staff ordered, and what to do next; ``why`` is a code of ``WhyNot``."""
        return self._say(Audience.STAFF, (f"order.{why}",))

    def alarm(self, audience: Audience = Audience.VISITOR) -> str:
        """Somebody went in without a release."""
        return self._say(audience, ("alarm",))

    def told(self, decision: Decision, now: int, audience: Audience = Audience.VISITOR) -> str:
        """What a decision comes to, in words. ``now`` is the time of the tap, in seconds since 1970."""
        match decision:
            case Granted():
                return self.granted(decision, audience)
            case Denied():
                return self.refused(decision.refusal, decision.next_at, now, audience)
            case Leaving():
                return self.leaving(audience)

    def leaving(self, audience: Audience = Audience.VISITOR) -> str:
        """At an exit, which is never refused."""
        return self._say(audience, ("leaving",))

    def granted(self, granted: Granted, audience: Audience = Audience.VISITOR) -> str:
        """How many may enter and how many uses are left, then the notices.

        Of the notices a visitor is told the retirement alone, staff all of them.
        """
        if granted.persons > 1:
            parts = [self._count(audience, "granted.party", "persons", granted.persons)]
        else:
            parts = [self._say(audience, ("granted.again" if granted.cost == 0 else "granted",))]
        if granted.left is not None:
            parts.append(self._count(audience, "granted.left", "left", granted.left))
        parts += (self.notice(warned, audience) for warned in _worth_telling(granted, audience))
        return " ".join(parts)

    def notice(self, warned: Warned, audience: Audience = Audience.VISITOR) -> str:
        """What is said beside a grant, as a sentence of its own."""
        code, about = f"notice.{warned.notice}", warned.about
        told: str | None = one_line(str(about))
        if warned.notice is Notice.RETIREMENT:
            told = self._moments.date(about) if isinstance(about, int) else None
        return self._say(audience, (f"{code}.about", code), {} if told is None else {"about": told})

    def refused(
        self, refusal: Refusal, next_at: int | None, now: int, audience: Audience = Audience.VISITOR
    ) -> str:
        """Why, and what to do next.

        ``next_at`` is that of ``Denied``, None where there is none; ``now`` is the time of the tap,
        both in seconds since 1970. Parameters that nobody foresaw lead to the general text of the code.
        """
        why = self._say(audience, _ids(refusal), self._told(refusal.params))
        if audience is Audience.VISITOR and refusal.reason not in _PASSES_WITH_TIME:
            return why
        back = self._back(refusal.reason, next_at, now, audience)
        if not back and audience is Audience.VISITOR:
            back = self._say(audience, ("desk",))
        return f"{why} {back}".rstrip()

    # ------------------------------------------------------------------ parts

    def _back(self, reason: Reason, next_at: int | None, now: int, audience: Audience) -> str:
        when = None if next_at is None else self._moments.when(next_at, now)
        if when is None:
            return ""
        if when.day is None:
            return self._say(audience, ("next.today",), {"time": when.time})
        if audience is Audience.VISITOR and reason is Reason.PASSBACK:
            return ""  # the end of the day forgets who is inside, but the desk can help today
        return self._say(audience, ("next.later",), {"day": when.day, "time": when.time})

    def _told(self, params: Params) -> dict[str, str]:
        told = {}
        for name, value in params.items():
            if name not in _MOMENTS:
                told[name] = one_line(str(value))
            elif isinstance(value, int) and (date := self._moments.date(value + _MOMENTS[name])) is not None:
                told[name] = date
        return told

    def _say(self, audience: Audience, ids: tuple[str, ...], told: Mapping[str, str] | None = None) -> str:
        """The first of these texts that exists and whose placeholders are all known."""
        texts = catalogue(self.language)
        for id_ in ids:
            text = texts.pgettext(audience, id_)
            if text != id_:
                try:
                    return text.format_map(told or {})
                except KeyError:
                    continue
        return ids[-1]  # a code is better than nothing; tests/texts holds that it never comes to this

    def _count(self, audience: Audience, id_: str, name: str, number: int) -> str:
        return catalogue(self.language).npgettext(audience, id_, id_, number).format_map({name: str(number)})


def _ids(refusal: Refusal) -> tuple[str, ...]:
    """The texts of a refusal, the most exact first. The last one has no placeholder."""
    reason, params = refusal.reason, refusal.params
    ids = [f"{reason}.{name}" for name in BY_NAME.get(reason, ()) if name in params]
    value = params.get(BY_VALUE.get(reason, ""))
    if value is not None:
        ids.insert(0, f"{reason}.{value}")
    return (*ids, str(reason))


def _worth_telling(granted: Granted, audience: Audience) -> list[Warned]:
    ends = [warned for warned in granted.warnings if warned.notice is Notice.RETIREMENT]
    others = [warned for warned in granted.warnings if warned.notice is not Notice.RETIREMENT]
    # A medium may belong to two generations that retire: the day that matters is the first.
    first = sorted(ends, key=lambda warned: warned.about if isinstance(warned.about, int) else 0)[:1]
    return first if audience is Audience.VISITOR else others + first
