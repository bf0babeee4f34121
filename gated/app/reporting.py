"""What a gate says of itself where a command asks: nothing that it would not tell at the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gated import __version__
from gated.daemon.lane import LaneWorker
from gated.model.event import LaneState
from gated.store.condition import condition
from gated.store.directory import FLOORS
from gated.store.floors import TIME, floors_file


def report(state_dir: Path, lanes: Sequence[LaneWorker], now: int) -> Mapping[str, int | str]:
    """The status of a ``reported`` row. Raises ``StoreError``."""
    found = condition(state_dir, now)
    refused = (found["link"] or {}).get("refused", {})
    return {
        "version": __version__,
        "rows": found["seq"],
        "unsent": found["unsent"],
        "unsettled": found["unsettled"],
        "position": found["cache"]["position"],
        "complete": int(found["cache"]["complete"]),
        "signed_time": floors_file(state_dir / FLOORS).get(TIME, 0),
        "lanes": len(lanes),
        "in_service": sum(lane.standing.state is LaneState.IN_SERVICE for lane in lanes),
        "refused": sum(count for count in refused.values() if isinstance(count, int)),
    }
