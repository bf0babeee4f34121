"""How long a medium may think, where only it can: what took longer came from further away.

That finds phones which relay over a network. A wire between two antennas adds too little to be seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gated.model.credential import Proof
from gated.model.refusal import Reason, Refusal


def fresh_s(result: Proof | Refusal | None, trips_s: Sequence[float]) -> float | None:
    """How long the answer took that nobody could give beforehand, in seconds; None = there was none.

    All its parts count: whoever relays could answer at once that there is more (61xx), and think meanwhile.
    """
    if not isinstance(result, Proof) or result.fresh is None:
        return None
    return sum(trips_s[result.fresh.start : result.fresh.stop])


def in_time(
    result: Proof | Refusal | None, trips_s: Sequence[float], limits_s: Mapping[str, float]
) -> Proof | Refusal | None:
    """Refuse a fresh answer that took longer than a medium of its scheme ever needs. All times in seconds."""
    took = fresh_s(result, trips_s)
    if took is None:
        return result
    assert isinstance(result, Proof)
    scheme = result.credential.scheme
    limit = limits_s.get(scheme)
    if limit is None or took <= limit:
        return result
    return Refusal(
        Reason.TOO_SLOW, {"scheme": scheme, "took_ms": round(took * 1000), "limit_ms": round(limit * 1000)}
    )
