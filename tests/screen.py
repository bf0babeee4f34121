"""A terminal that one can look at: just the commands of ECMA-48 that our displays use, and no others."""

from __future__ import annotations

import re

_COMMAND = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z\]])")


class Screen:
    """``rows`` of text; a reversed blank reads ``#``. Wraps late, as consoles do, and never scrolls."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.height = columns, rows
        self.styles: set[str] = set()  # all that was asked for, but reversal
        self.cursor = True
        self.stays_bright = False
        self._cells = [[" "] * columns for _ in range(rows)]
        self._row = self._column = 0
        self._reversed = False
        self._left = ""

    @property
    def rows(self) -> list[str]:
        return ["".join(row).rstrip() for row in self._cells]

    @property
    def words(self) -> str:
        """All that is no drawing, on one line."""
        return " ".join(row.strip() for row in self.rows if row.strip() and "#" not in row)

    def feed(self, raw: bytes) -> None:
        text = self._left + raw.decode()
        self._left = ""
        while text:
            if not text.startswith("\x1b"):
                self._print(text[0])
                text = text[1:]
                continue
            match = _COMMAND.match(text)
            if match is None:
                assert len(text) < 12, f"no command: {text[:12]!r}"
                self._left = text
                return
            self._obey(*match.groups())
            text = text[match.end() :]

    def _print(self, character: str) -> None:
        assert character.isprintable(), character
        assert self._column < self.columns, "a line is too long"
        self._cells[self._row][self._column] = "#" if self._reversed and character == " " else character
        self._column += 1

    def _obey(self, private: str, numbers: str, command: str) -> None:
        match private, command:
            case "", "H":
                self._row, self._column = (int(number) - 1 for number in numbers.split(";"))
                assert self._row < self.height, "below the last row"
            case "", "C":
                self._column += int(numbers)
            case "", "K":
                here = min(self._column, self.columns - 1)  # a late wrap stands on the last character
                self._cells[self._row][here:] = [" "] * (self.columns - here)
            case "", "J":
                assert numbers == "2"
                self._cells = [[" "] * self.columns for _ in range(self.height)]
            case "", "m":
                self._render(numbers)
            case "", "]":
                assert numbers in ("9;0", "14;0")  # the Linux console
                self.stays_bright = True
            case "?", "h" | "l":
                assert numbers == "25"
                self.cursor = command == "h"
            case _:
                raise AssertionError(f"not known here: {private}{numbers}{command}")

    def _render(self, numbers: str) -> None:
        if numbers in ("7", "27"):
            self._reversed = numbers == "7"
        else:
            self._reversed = False
            self.styles.update(set(numbers.split(";")) - {"0"})
