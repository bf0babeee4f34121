"""What being apart can cost: how far rights of each product may be overspent while gates are cut off.

The bound, for one right and one limit. While ``gates`` gates of a venue are cut off, each of them knows what
was used before, and its own uses; the others, who know of each other, are "the rest". A gate that is cut off
grants at most what it takes to be left, and of a counted right no more than ``counted_when_apart`` lets it.
So beyond the limit are at most as many times that as there are gates, less what the rest cannot reach.
"""

from __future__ import annotations

from typing import NamedTuple

from gated.model.rules import Rules
from gated.model.venue import Product, Profile

#: In words for people, and in docs/explanation/offline.md.
ASSUMPTIONS = (
    "a gate counts as cut off from when it may miss a use until all it granted is known everywhere",
    "at least one other gate, or venue, goes on with the network, and none of the right was used before",
    "no journal is lost, no key is stolen, and the right says nothing of its own",
    "gates with the network know of each other's uses at once: what falls into that second comes on top",
)


class Exposure(NamedTuple):
    """Of a right of a product: ``beyond`` its limit are at most so many uses; of ``per`` day: on each day."""

    product: str
    per: str  # total, venue or day, as a refusal names it
    limit: int
    beyond: int


def exposures(profile: Profile, gates: int, cap: int | None) -> list[Exposure]:
    """For ``gates`` gates of a venue cut off; ``cap``: what each grants of a counted right (None = any).

    Products that are not good there, or have no limit, are left out.
    """
    return [
        exposure
        for product in profile.products.values()
        if product.venues is None or profile.venue in product.venues
        for exposure in _of(product, profile.venue, gates, cap)
    ]


def _of(product: Product, venue: str, gates: int, cap: int | None) -> list[Exposure]:
    share = dict(product.per_venue or ()).get(venue)
    counted = product.uses is not None or share is not None  # as in ``Terms.counted``: others have no cap
    never = 0 if product.per_day == 0 else None  # on no day at all
    alone = _least(product.uses, share, cap if counted else None, never)  # what one gate grants
    found = []
    for per, limit, rest in (
        ("total", product.uses, _elsewhere(product)),
        ("venue", share, product.uses),
        ("day", product.per_day, _least(_elsewhere(product), product.uses)),
    ):
        if limit is not None:
            each = _least(alone, product.per_day if per == "day" else None)
            missed = limit - min(limit, _or(_least(rest, never), limit))  # that the rest cannot reach
            beyond = gates * min(limit, _or(each, limit)) - missed
            found.append(Exposure(product.id, per, limit, max(0, beyond)))
    return found


def _elsewhere(rules: Rules) -> int | None:
    """The most uses that shares allow at all venues together; None = some venue has no share."""
    shares = dict(rules.per_venue or ())
    if rules.venues is None or any(venue not in shares for venue in rules.venues):
        return None
    return sum(shares[venue] for venue in rules.venues)


def _least(*bounds: int | None) -> int | None:
    return min((bound for bound in bounds if bound is not None), default=None)


def _or(bound: int | None, other: int) -> int:
    return other if bound is None else bound
