"""Every output of a gate to rest, when no daemon is left to command it.

Boards are spoken to side by side: one that does not answer must not keep the others waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gated.app.parts import Boards, make_lane_safe
from gated.devices.board import Board
from gated.devices.lights import darken
from gated.devices.wiring import burns
from gated.errors import BarrierError

if TYPE_CHECKING:
    from gated.config.outputs import LaneOutputs

#: Lanes of one board that fail one after the other: each costs time, and the service manager has little.
_GIVE_UP = 2


@dataclass(slots=True)
class Made:
    """What became of a lane's outputs: ``off``, ``held`` open, or ``none`` where there are none."""

    lane: str
    outputs: str = "none"
    error: str = ""


def make_lanes_safe(
    lanes: Sequence[LaneOutputs], burning: frozenset[str], boards: Boards | None = None
) -> list[Made]:
    """Switch outputs off, but for lanes that burn: those are held open.

    Lanes burn that the journal names; and all of them while one's fire input is active, for a fire that broke
    out a moment ago may not stand in the journal yet.
    """
    boards = boards or Boards(lanes)
    made = {number: Made(lane.id) for number, lane in enumerate(lanes)}
    by_board: dict[int, tuple[Board, list[int]]] = {}
    for number, lane in enumerate(lanes):
        if lane.wiring is not None:
            board = boards.board(lane.barrier)
            by_board.setdefault(id(board), (board, []))[1].append(number)
    active: list[bool] = []

    def listen(board: Board, numbers: list[int]) -> None:
        active.append(_any_burns(board, [lanes[number] for number in numbers]))

    def switch(_board: Board, numbers: list[int]) -> None:
        failed = 0
        for number in numbers:
            held = any(active) or lanes[number].id in burning
            made[number].outputs = "held" if held else "off"
            if failed >= _GIVE_UP:
                made[number].error = "its board does not answer"
                continue
            try:
                make_lane_safe(lanes[number], boards, held=held)
                failed = 0
            except BarrierError as error:
                made[number].error = str(error)
                failed += 1

    for step in (listen, switch):
        _side_by_side(step, list(by_board.values()))
    _darken(lanes, list(made.values()), boards)
    boards.close()
    return list(made.values())


def _darken(lanes: Sequence[LaneOutputs], made: Sequence[Made], boards: Boards) -> None:
    """Lamps and buzzers last, and only where the barrier answered: a silent board costs time. In a fire they
    go on saying so.
    """
    lit: dict[int, tuple[Board, list[int]]] = {}
    for number, (lane, outcome) in enumerate(zip(lanes, made, strict=True)):
        if lane.lights is not None and not outcome.error and outcome.outputs != "held":
            board = boards.board(lane.lights.board)
            lit.setdefault(id(board), (board, []))[1].append(number)

    def put_out(board: Board, numbers: list[int]) -> None:
        for number in numbers:
            lights = lanes[number].lights
            if lights is not None:
                darken(board, lights.lines)

    _side_by_side(put_out, list(lit.values()))


def _any_burns(board: Board, lanes: Sequence[LaneOutputs]) -> bool:
    """Whether a fire input of this board is active. One with a wrong number must not hide another's fire."""
    failed = 0
    for lane in lanes:
        try:
            if lane.wiring is not None and burns(board, lane.wiring):
                return True
        except BarrierError:  # told when it is switched
            failed += 1
            if failed >= _GIVE_UP:
                return False
    return False


def _side_by_side(
    step: Callable[[Board, list[int]], None], boards: Sequence[tuple[Board, list[int]]]
) -> None:
    threads = [threading.Thread(target=step, args=one, daemon=True) for one in boards[1:]]
    for thread in threads:
        thread.start()
    for one in boards[:1]:
        step(*one)
    for thread in threads:
        thread.join()
