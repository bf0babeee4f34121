"""What a person sees of the demo: a live table on a terminal, plain lines elsewhere, nothing with --json."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from gated.cli.demo_cast import TITLES

_SHOWN = 16


class Show(Protocol):
    """Where the demo tells its story."""

    def tap(self, line: dict[str, Any]) -> None:
        """A visitor tapped."""

    def note(self, text: str) -> None:
        """Something else happened."""

    def end(self, summary: dict[str, Any], defects: list[str]) -> None:
        """All visitors came."""


@contextmanager
def show_for(*, as_json: bool) -> Iterator[Show]:
    """The show that suits stdout."""
    if as_json:
        yield _Lines(as_json=True)
    elif sys.stdout.isatty():
        with _table() as table:
            yield table
    else:
        yield _Lines(as_json=False)


def _why(line: dict[str, Any]) -> str:
    if line["granted"]:
        left = line.get("left")
        return "" if left is None else f"{left} uses left"
    told = " ".join(f"{name}={value}" for name, value in line.get("params", {}).items())
    return f"{line['reason']} {told}".rstrip()


def _summary_lines(summary: dict[str, Any], defects: list[str]) -> Iterator[str]:
    yield (
        f"{summary['taps']} taps: {summary['granted']} granted, {summary['denied']} refused"
        f" for {len(summary['reasons'])} different reasons"
    )
    yield (
        f"people let in: {summary['persons']}: {summary['taken']} passed, {summary['not_taken']} did not and"
        f" got {summary['given_back']} uses back, {summary['unknown']} unknown (the power cut);"
        f" {summary['unsettled']} releases unsettled"
    )
    decide = summary["decide_ms"]
    yield (
        f"recalled, verified, judged and durably written in {decide['p50']:.2f} ms (median),"
        f" {decide['p99']:.2f} ms (p99); the gate holds {summary['rss_mb']:.0f} MB"
    )
    yield f"journal: {summary['journaled']} rows, " + ("chain whole" if not defects else "; ".join(defects))
    yield (
        f"central: signed for {summary['acknowledged']} rows and has {summary['at_central']},"
        f" {summary['lost']} lost, {summary['duplicates']} counted twice, after {summary['outages']} outage;"
        f" {summary['passes'] - summary['differing']} of {summary['passes']} passes counted alike"
    )


class _Lines:
    def __init__(self, *, as_json: bool) -> None:
        self._silent = as_json

    def tap(self, line: dict[str, Any]) -> None:
        if not self._silent:
            outcome = "granted" if line["granted"] else "refused"
            print(f"{line['tap'] + 1:>5}  {TITLES[line['role']]:<28} {outcome}  {_why(line)}")

    def note(self, text: str) -> None:
        if not self._silent:
            print(f"       --- {text} ---")

    def end(self, summary: dict[str, Any], defects: list[str]) -> None:
        if not self._silent:
            print()
            for line in _summary_lines(summary, defects):
                print(line)


@contextmanager
def _table() -> Iterator[Show]:
    from rich.live import Live
    from rich.table import Table

    class _Live:
        def __init__(self, live: Live) -> None:
            self._live = live
            self._rows: deque[tuple[str, ...]] = deque(maxlen=_SHOWN)

        def tap(self, line: dict[str, Any]) -> None:
            # Never colour alone: the word and the sign say the same.
            outcome = "[green]✓ granted[/]" if line["granted"] else "[red]✗ refused[/]"
            self._add(str(line["tap"] + 1), TITLES[line["role"]], outcome, _why(line), f"{line['ms']:.1f} ms")

        def note(self, text: str) -> None:
            self._add("", f"[yellow]{text}[/]", "", "", "")

        def _add(self, *cells: str) -> None:
            self._rows.append(cells)
            table = Table("tap", "visitor", "outcome", "why", "took", expand=True, title="gated demo")
            for row in self._rows:
                table.add_row(*row)
            self._live.update(table)

        def end(self, summary: dict[str, Any], defects: list[str]) -> None:
            for line in _summary_lines(summary, defects):
                self._live.console.print(line)

    with Live(refresh_per_second=12) as live:
        yield _Live(live)
