"""``gated central gates``: how each gate is, as central knows it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from gated.cli.central_common import add_office, ledger_of
from gated.cli.common import command, utc
from gated.errors import one_line

if TYPE_CHECKING:
    from gated.central.ledger_gates import EnrolledGate
    from gated.central.ledger_reading import GateView

_GATES = """\
  gated central gates ./city
  gated central gates ./city --json

alarms and codes are explained in docs/reference/central.md
"""


def add(below: Any) -> None:
    """Add the command to those of ``gated central``."""
    made = command(below, "gates", "say of each gate how far its events are here, and what is wrong", _GATES)
    add_office(made)
    made.set_defaults(run=run_gates)


def run_gates(arguments: argparse.Namespace) -> int:
    """Print every gate."""
    from gated.central.ledger_gates import heard_of
    from gated.central.ledger_reading import overview
    from gated.central.ledger_uses import overspent_by

    with closing(ledger_of(arguments)) as ledger:
        overspent = overspent_by(ledger)
        told = [_told(view) | {"overspent": overspent[view.enrolled.gate]} for view in overview(ledger)]
        strangers = dict(heard_of(ledger, "").refused)
    if strangers:
        told.append({"gate": None, "refused": strangers})
    for one in told:
        if arguments.json:
            print(json.dumps(one))
        else:
            for line in _lines(one):
                print(one_line(line))
    if not told and not arguments.json:
        print("no gate is enrolled")
    return 0


def _told(view: GateView) -> dict[str, Any]:
    heard, state = view.heard, view.heard.state
    return {
        **_enrolment(view.enrolled),
        "online": heard.online,
        "heard_at": heard.at,
        "version": state and state.version,
        "position": state and state.position,
        "epochs": [
            {
                "epoch": one.epoch,
                "upto": one.upto,
                "told": one.told,
                "unsent": one.unsent,
                "missing": one.missing,
                "quarantined": one.quarantined,
                "branches": one.branches,
                "waiting": one.waiting,
            }
            for one in view.epochs
        ],
        "alarms": [
            {
                "epoch": one.epoch,
                "code": one.code,
                "since": one.since,
                "latest": one.latest,
                "times": one.times,
            }
            for one in heard.alarms
        ],
        "refused": dict(heard.refused),
        "disbelieved": {} if state is None else dict(state.refused),
    }


def _enrolment(enrolled: EnrolledGate) -> dict[str, Any]:
    """The newest one. A key is told while it is to be believed, and not after."""
    in_force = enrolled.ended_at is None
    return {
        "gate": enrolled.gate,
        "sector": enrolled.sector,
        "venue": enrolled.venue,
        "enrolment": enrolled.enrolment,
        "enrolled_at": enrolled.enrolled_at,
        "ended_at": enrolled.ended_at,
        "kid": enrolled.kid.hex() if in_force else None,
        "public": enrolled.public.hex() if in_force else None,
    }


def _lines(told: dict[str, Any]) -> Iterator[str]:
    if told["gate"] is None:
        yield "gates that nobody enrolled"
    else:
        yield f"gate {told['gate']} ({told['sector']}, {told['venue']}): {_presence(told)}"
    for one in told.get("epochs", ()):
        yield f"  epoch {one['epoch']}: {one['upto']} rows here, {one['unsent']} unsent{_troubles(one)}"
    for one in told.get("alarms", ()):
        when = f"{one['times']} times, last {utc(one['latest'])}"
        yield f"  ALARM {one['code']} in epoch {one['epoch']}: {when}"
    if told.get("overspent"):
        many = "s" if told["overspent"] > 1 else ""
        yield f"  {told['overspent']} right{many} overspent: gated central overspent"
    for where, counts in (("central", told["refused"]), ("the gate", told.get("disbelieved", {}))):
        if counts:
            listed = ", ".join(f"{code} {times}" for code, times in counts.items())
            yield f"  not believed by {where}: {listed}"


def _presence(told: dict[str, Any]) -> str:
    if told["ended_at"] is not None:
        return f"enrolment ended {utc(told['ended_at'])}"
    if told["heard_at"] is None:
        return "never heard"
    state = {True: "online", False: "offline", None: "has not greeted"}[told["online"]]
    return f"{state}, last heard {utc(told['heard_at'])}"


def _troubles(one: dict[str, Any]) -> str:
    parts = [f", {one[name]} {name}" for name in ("missing", "quarantined", "waiting") if one[name]]
    if one["branches"] > 1:
        parts.append(f", FORKED into {one['branches']}")
    return "".join(parts)
