"""The picture of a running gate on a terminal of 80 columns: every colour has its word beside it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gated.cli.lane_words import SIGNALS, barrier_words, reader_words, stage_words, why_words
from gated.cli.status import knowledge_words, since
from gated.errors import one_line
from gated.wire.control import Kind, Line

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

_KEPT = 100
#: Lines that are neither lanes nor outcomes.
_FRAME = 14


class View:
    """What is known of a gate, and how it looks."""

    def __init__(self) -> None:
        self._begun = False
        self.status: dict[str, Any] = {}
        self.lanes: dict[str, dict[str, Any]] = {}
        self.outcomes: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self.lost = ""

    def take(self, lines: Iterable[Line]) -> None:
        """Learn from what the gate says."""
        from gated.links.control_client import value_of

        for line in lines:
            value = value_of(line)
            match line.kind:
                case Kind.STATUS:
                    self._learn(value)
                case Kind.STANDS:
                    self.lanes.setdefault(value["lane"], {}).update(value)
                case Kind.SHOWN if value["signal"] != "ready":
                    self.outcomes.append(value)
                case _:
                    pass

    def lose(self, why: str) -> None:
        """The gate is gone: nobody knows how its lanes stand."""
        self.lost = why
        self.lanes.clear()
        self.status = {"gate": self.status.get("gate")}

    def _learn(self, status: dict[str, Any]) -> None:
        if not self._begun:  # what was shown before we came
            self._begun = True
            before = [
                one | {"lane": name}
                for name, lane in status["lanes"].items()
                for one in lane.get("outcomes", [])
            ]
            self.outcomes.extend(sorted(before, key=lambda one: int(one["at"])))
        self.status = status
        for name, lane in status["lanes"].items():
            self.lanes.setdefault(name, {}).update(lane)

    # -------------------------------------------------------------- the picture

    def picture(self, height: int) -> RenderableType:
        """All of it, on ``height`` lines."""
        from rich.console import Group
        from rich.text import Text

        room = max(1, height - _FRAME - len(self.lanes))
        lost = Text(f"! {one_line(self.lost)}" if self.lost else "", "bold red")
        return Group(self._head(), lost, self._lanes(), "", self._outcomes(room), "", self._foot())

    def _head(self) -> Text:
        from rich.text import Text

        running = ("NOT THERE", "bold red") if self.lost else ("running", "bold green")
        people = (self.status.get("inside") or {}).get("people")
        head = Text.assemble(
            (f"gate {self.status.get('gate') or '…'}", "bold"), "  ", running, overflow="ellipsis"
        )
        if people is not None:
            unsure = "" if self.status["inside"]["confidence"] == "measured" else " (entries only)"
            head.append(f"  {people} people inside{unsure}")
        return head

    def _lanes(self) -> Table:
        table = _table("lane", "way", "stands", "reader", "barrier", "mode")
        for name, lane in self.lanes.items():
            if "stage" not in lane:
                continue
            reader, barrier = reader_words(lane), barrier_words(lane)
            table.add_row(
                _cut(name, 16),
                "in" if lane["direction"] == "entry" else "out",
                _signed(*stage_words(lane)),
                _judged(reader),
                _judged(barrier),
                _cut(lane["mode"].replace("_", " "), 14),
            )
        return table

    def _outcomes(self, room: int) -> Table:
        from datetime import UTC, datetime

        from rich.text import Text

        table = _table("UTC", "lane", "outcome", "why")
        for one in list(self.outcomes)[-room:]:
            at = datetime.fromtimestamp(one["at"], UTC).strftime("%H:%M:%S")
            table.add_row(
                at,
                _cut(one["lane"], 16),
                _signed(*SIGNALS.get(one["signal"], ("?", one["signal"], ""))),
                Text(one_line(why_words(one))),
            )
        return table

    def _foot(self) -> Text:
        from rich.text import Text

        foot = Text(no_wrap=True, overflow="ellipsis")
        status = self.status
        if status.get("trouble"):
            foot.append(f"files: {one_line(status['trouble'])}\n", style="red")
        if "unsent" in status:
            ages = status["ages_s"]
            foot.append(f"{status['unsent']} rows unsent")
            if status["unsent"]:
                foot.append(f" (the oldest {since(ages['oldest_unsent'])})")
            foot.append(f" · last receipt {since(ages['last_ack'])}\n")
            foot.append_text(_link(status["link"]))
            foot.append(f" · signed time {since(ages['signed_time'])}\n")
            if not status["cache"]["complete"]:
                foot.append("cache INCOMPLETE: import a full file\n", style="bold red")
            for words in knowledge_words(status.get("knowledge")):
                foot.append(f"{words.strip()}\n", style="" if "fresh" in words else "bold red")
        foot.append("q ends", style="dim")
        return foot


def _link(link: dict[str, Any] | None) -> Text:
    from rich.text import Text

    if link is None:
        return Text("link: never opened")
    return Text("link: up", "green") if link.get("up") else Text("link: DOWN", "bold red")


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, expand=True, header_style="dim")
    for column in columns:
        last = column == columns[-1]
        table.add_column(column, no_wrap=True, overflow="ellipsis", ratio=1 if last else None)
    return table


def _signed(sign: str, word: str, style: str) -> Text:
    from rich.text import Text

    return Text(f"{sign} {word}", style=style)


def _judged(words: str) -> Text:
    from rich.text import Text

    return Text(_cut(words, 18), style="green" if words == "ok" else "bold red")


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"
