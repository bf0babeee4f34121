"""Scenarios for a rehearsal, built as the reader of their files builds them."""

from __future__ import annotations

from dataclasses import replace

from gated.model.credential import Assurance, Credential
from gated.model.venue import Direction, Passback
from gated.policy.rehearsal import Carried, Played, Rehearsal, Scenario, Tap
from questions import PARIS, PASS, bound, guarded, moment, right

IN, OUT = Direction.ENTRY, Direction.EXIT
START = moment("2026-07-14T10:00:00+02:00")
HOUR = 3600
MUSEUMS = b"m" * 16
STRANGER = Credential("uid", b"?", Assurance.UID_ONLY)
CARD = Credential("pkoc", b"\x01", Assurance.ASYMMETRIC)
LIDO = replace(guarded(Passback.NONE, timezone=PARIS), version=1)
VENUES = {
    "bron": LIDO,
    "vaise": replace(LIDO, venue="vaise"),
    "beaux": replace(LIDO, venue="beaux", sector="museums"),
}


def held(number: int = 1, **changes):
    return right(number, **{"not_before": 0, "expires": None, **changes})


def carried(**passes: bytes) -> Carried:
    sectors = passes or {"pools": PASS}
    return Carried(
        CARD, {name: bound(sector=name, pass_=pass_, not_before=0) for name, pass_ in sectors.items()}
    )


def tap(
    after: int = 0, venue: str = "bron", direction=IN, medium: str | None = "m1", persons: int = 1
) -> Tap:
    return Tap(START + after, venue, direction, medium, persons)


def scenario(*taps: Tap, rights=None, **changes) -> Scenario:
    usual = Scenario(
        venues=VENUES,
        rights=(held(),) if rights is None else rights,
        media={"m1": carried()},
        denials=(),
        taps=taps,
        stranger=STRANGER,
        names={},
    )
    return replace(usual, **changes)


def play(*taps: Tap, **changes) -> list[Played]:
    return list(Rehearsal(scenario(*taps, **changes)).play())


def granted(played: list[Played]) -> list[bool]:
    return [one.refusal is None for one in played]
