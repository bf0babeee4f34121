"""``gated explain``: what this gate would say to a medium or a pass, and why."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gated.cli.common import add_config, add_json, add_language, argument, command, moment
from gated.cli.naming import add_names, medium_of

if TYPE_CHECKING:
    from datetime import tzinfo

    from gated.app.explaining import Asked
    from gated.config.settings import LaneSettings
    from gated.model.decision import Decision
    from gated.policy.explain import Explanation, Verdict
    from gated.texts.sentences import Texts

_EXAMPLES = """\
  gated explain --public-key 04…                       a medium, now
  gated explain --medium ev2:04a1b2c3d4e5f6
  gated explain --pass 8f0c… --at 2026-12-25T10:00:00+01:00
  gated explain --uid 04a1b2c3d4e5f6 --lane in-2 --language fr --json

it reads this gate's files, beside a running gate too, and changes nothing
exit codes: 0 it would be granted; 3 it would be refused
"""
_HINT = "see gated explain --help"


def add(commands: Any) -> None:
    """Add the command."""
    explain = command(commands, "explain", "say what would happen at a tap, and why: every rule", _EXAMPLES)
    add_config(explain)
    who = explain.add_mutually_exclusive_group(required=True)
    add_names(who)
    who.add_argument("--pass", dest="pass_", metavar="HEX", help="a pass, as events name it: 16 bytes in hex")
    explain.add_argument("--assurance", metavar="WORD", help="with --pass: the proof (default: asymmetric)")
    explain.add_argument(
        "--at", metavar="TIME", help="then, such as 2026-12-25T10:00:00+01:00; left out: now"
    )
    explain.add_argument("--lane", metavar="ID", help="the lane (default: the first that leads in)")
    add_language(explain)
    add_json(explain)
    explain.set_defaults(run=run_explain)


def run_explain(arguments: argparse.Namespace) -> int:
    """Explain a tap."""
    from gated.app.explaining import explained, lane_of, reading_of
    from gated.app.verified import believe_verified
    from gated.config.settings import check
    from gated.devices.clock import SystemClock
    from gated.model.decision import Denied
    from gated.model.time import END_OF_DAYS
    from gated.texts.sentences import Texts

    settings, trust = check(arguments.config)
    believe_verified(settings, trust)
    lane = lane_of(settings, arguments.lane)
    at = argument("--at", arguments.at, lambda table, key: table.moment(key, most=END_OF_DAYS), _HINT)
    reading = reading_of(settings, SystemClock().sample(), at)
    explanation = explained(settings, trust, lane, _asked(arguments), reading)
    texts, zone = Texts(arguments.language, trust.profile.timezone), trust.profile.timezone
    if arguments.json:
        print(json.dumps(object_of(explanation, lane, reading.estimate, texts), ensure_ascii=False))
    else:
        for line in lines_of(explanation, lane, reading.estimate, zone, texts):
            print(line)
    return 3 if isinstance(explanation.decision, Denied) else 0


def _asked(arguments: argparse.Namespace) -> Asked:
    from gated.app.explaining import Asked
    from gated.cli.central_common import from_hex
    from gated.errors import ConfigError
    from gated.model.credential import Assurance, Credential, Proof

    proof = argument(
        "--assurance", arguments.assurance, lambda table, key: table.checked(key, Assurance.from_label), _HINT
    )
    if arguments.pass_ is None:
        if proof is not None:
            raise ConfigError("--assurance is for a --pass: a medium shows what it proves", hint=_HINT)
        named = medium_of(arguments)
        assert named is not None
        return Asked(Proof(named))
    taken = Credential("asked", b"", proof or Assurance.ASYMMETRIC)
    return Asked(Proof(taken), from_hex(arguments.pass_, 16, "--pass"))


def object_of(explanation: Explanation, lane: LaneSettings, at: int, texts: Texts) -> dict[str, Any]:
    """An explanation as JSON."""
    from gated.model.decision import Denied
    from gated.texts.sentences import Audience

    decision = explanation.decision
    told: dict[str, Any] = {
        "at": at,
        "lane": lane.lane.id,
        "granted": not isinstance(decision, Denied),
        "clock": str(decision.clock),
        "visitor": texts.told(decision, at),
        "staff": texts.told(decision, at, Audience.STAFF),
        "before": [_verdict(verdict) for verdict in explanation.before],
        "rights": [
            {
                "cti": judged.right.id.hex(),
                "product": judged.right.product,
                "uses_left": judged.left,
                "next_at": judged.soonest,
                "rules": [_verdict(verdict) for verdict in judged.verdicts],
            }
            for judged in explanation.rights
        ],
        "unusable": [{"reason": str(one.reason), "params": dict(one.params)} for one in explanation.refused],
    }
    return told | _decided(decision)


def _decided(decision: Decision) -> dict[str, Any]:
    from gated.model.decision import Denied, Granted

    if isinstance(decision, Denied):
        right = decision.entitlement
        return {
            "reason": str(decision.refusal.reason),
            "params": dict(decision.refusal.params),
            "next_at": decision.next_at,
            "cti": None if right is None else right.id.hex(),
        }
    if isinstance(decision, Granted):
        return {
            "cti": decision.entitlement.id.hex(),
            "persons": decision.persons,
            "cost": decision.cost,
            "left": decision.left,
            "warnings": [str(warned.notice) for warned in decision.warnings],
        }
    return {"persons": decision.persons}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "rule": str(verdict.reason),
        "passes": verdict.passes,
        "params": dict(verdict.params),
        "next_at": verdict.first,
    }


def lines_of(
    explanation: Explanation, lane: LaneSettings, at: int, zone: tzinfo, texts: Texts
) -> Iterator[str]:
    """An explanation for people."""
    from gated.texts.sentences import Audience

    decision = explanation.decision
    yield f"lane {lane.lane.id} at {moment(at, zone)} (clock {decision.clock}): {_outcome(decision, zone)}"
    yield f"  visitor: {texts.told(decision, at)}"
    yield f"  staff:   {texts.told(decision, at, Audience.STAFF)}"
    for verdict in explanation.before:
        yield _rule(verdict, zone)
    for judged in explanation.rights:
        left = "unlimited" if judged.left is None else f"{judged.left} left here today"
        soonest = "at no time" if judged.soonest is None else f"from {moment(judged.soonest, zone)}"
        yield f"right {judged.right.id.hex()} ({judged.right.product}): {left}; all rules pass {soonest}"
        for verdict in judged.verdicts:
            yield _rule(verdict, zone)
    for refusal in explanation.refused:
        yield f"a statement of this pass is no right here: {refusal}"


def _rule(verdict: Verdict, zone: tzinfo) -> str:
    if verdict.passes:
        return f"  {verdict.reason:<16} ok"
    told = " ".join(f"{name}={value}" for name, value in verdict.params.items())
    until = "" if verdict.first is None else f" until {moment(verdict.first, zone)}"
    return f"  {verdict.reason:<16} REFUSES{until} {told}".rstrip()


def _outcome(decision: Decision, zone: tzinfo) -> str:
    from gated.model.decision import Denied, Granted

    if isinstance(decision, Denied):
        then = "" if decision.next_at is None else f", granted from {moment(decision.next_at, zone)}"
        return f"REFUSED {decision.refusal}{then}"
    if isinstance(decision, Granted):
        return f"granted for {decision.persons} at the cost of {decision.cost}"
    return "an exit: always released"
