"""What stands on a display of characters: a symbol as large as there is room for, and words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

from gated.ports import Signal

#: The least that a display has: the texts are made for it (docs/reference/texts.md).
COLUMNS, ROWS = 20, 4

#: Drawn on displays with room for it; ``#`` is light. One cell is as high as two are wide.
_LARGE: Mapping[Signal, tuple[str, ...]] = {
    Signal.READY: ("#########", "#       #", "#########", "#       #", "#########"),
    Signal.GRANTED: ("   #   ", "  ###  ", " ##### ", "   #   ", "   #   "),
    Signal.LOOK: ("   #    #", "  ###   #", " #####  #", "   #     ", "   #    #"),
    Signal.REFUSED: ("#   #", " # # ", "  #  ", " # # ", "#   #"),
    Signal.OUT_OF_SERVICE: (" ##### ", "#     #", "# ### #", "#     #", " ##### "),
    Signal.FREE: ("  #     #  ", " ###   ### ", "##### #####", "  #     #  ", "  #     #  "),
    Signal.FIRE: ("#   #   #", "#   #   #", "#   #   #", "         ", "#   #   #"),
    Signal.ALARM: ("#   #   #", " # # # # ", "  #   #  ", " # # # # ", "#   #   #"),
}
#: On a row of its own.
SMALL: Mapping[Signal, str] = {
    Signal.READY: "[===]",
    Signal.GRANTED: "^  ^  ^",
    Signal.LOOK: "^  ^  ^  !",
    Signal.REFUSED: "X  X  X",
    Signal.OUT_OF_SERVICE: "( - )",
    Signal.FREE: "^ ^ ^ ^ ^ ^",
    Signal.FIRE: "!  !  !",
    Signal.ALARM: "X ! X ! X",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row, to be centred. ``drawn`` = its ``#`` are light, not letters."""

    text: str = ""
    drawn: bool = False


Page = tuple[Row, ...]


def pages(signal: Signal, texts: Sequence[str], columns: int, rows: int) -> tuple[Page, ...]:
    """What is shown in turn, each ``rows`` high; one page if all texts have room below each other.

    Every text is shown whole. Where one leaves no room for the symbol, that has a page of its own at the end.
    """
    columns, rows = max(1, columns), max(1, rows)
    blocks = [_wrapped(text, columns) for text in texts if text.strip()]
    together = [row for block in blocks for row in ("", *block)][1:]
    if not blocks or len(together) < rows:
        return (_page(signal, together, columns, rows),)
    parts = [block[start : start + rows] for block in blocks for start in range(0, len(block), rows)]
    alone = () if all(len(part) < rows for part in parts) else (_page(signal, [], columns, rows),)
    return (*(_page(signal, part, columns, rows) for part in parts), *alone)


def _wrapped(text: str, columns: int) -> list[str]:
    """Lines of printable characters: whatever a text carries commands no terminal."""
    lines = wrap(text, columns, break_on_hyphens=False)
    return ["".join(one if one.isprintable() else _plain(one) for one in line) for line in lines]


def _plain(character: str) -> str:
    return " " if character.isspace() else "?"


def _page(signal: Signal, words: Sequence[str], columns: int, rows: int) -> Page:
    symbol = _symbol(signal, columns, rows - len(words))
    shown = [*symbol, *map(Row, words)]
    above = (rows - len(shown)) // 2
    return (*[Row()] * above, *shown, *[Row()] * (rows - len(shown) - above))


def _symbol(signal: Signal, columns: int, rows: int) -> list[Row]:
    """As large as the rows allow, with a row free below it."""
    drawn = _LARGE[signal]
    scale = min((rows - 1) // len(drawn), columns // (2 * len(drawn[0])))
    if scale > 0:
        return [
            *(
                Row("".join(cell * 2 * scale for cell in line), drawn=True)
                for line in drawn
                for _ in range(scale)
            ),
            Row(),
        ]
    return [Row(SMALL[signal][:columns])] if rows > 0 else []
