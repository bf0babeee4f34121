"""How a lane stands and what it showed, in a technician's words."""

from __future__ import annotations

from typing import Any

from gated.cli.common import utc

#: By signal: a sign and a word; nobody has to see the colour.
SIGNALS = {
    "ready": ("·", "ready", "dim"),
    "granted": ("✓", "granted", "green"),
    "look": ("✓", "granted, look", "green"),
    "refused": ("✗", "refused", "red"),
    "out_of_service": ("■", "out of service", "yellow"),
    "free": ("»", "free", "cyan"),
    "fire": ("!", "FIRE", "bold red"),
    "alarm": ("!", "went in without a release", "bold red"),
}
_STAGES = {
    "shut": ("■", "shut", "yellow"),
    "ready": ("●", "ready", "green"),
    "released": ("►", "released", "bold green"),
    "closing": ("►", "closing", "green"),
    "free": ("»", "stands open", "cyan"),
    "fire": ("!", "FIRE", "bold red"),
}
#: What is missing, by who has to mend it.
_BARRIER = {"barrier": "no answer", "fault_input": "fault", "contact": "contact stuck"}


def refused_words(code: str) -> str:
    """Why an order was not obeyed; the code itself, of a daemon that knows one more."""
    from datetime import UTC

    from gated.policy.orders import WhyNot
    from gated.texts.sentences import Texts

    return Texts("en", UTC).order(WhyNot(code)) if code in set(WhyNot) else code


def stage_words(lane: dict[str, Any]) -> tuple[str, str, str]:
    """Sign, word and style of how a lane stands."""
    sign, word, style = _STAGES.get(lane.get("stage", ""), ("?", str(lane.get("stage")), "red"))
    release = lane.get("release")
    if release:
        word += f" {release['passed']}/{release['persons']}"
    elif lane.get("stage") == "shut" and not lane.get("missing"):
        word = "shut by order"
    return sign, word, style


def reader_words(lane: dict[str, Any]) -> str:
    """How its reader is."""
    if lane.get("hung"):
        return "held by a medium"
    return "lost" if "reader" in lane.get("missing", ()) else "ok"


def barrier_words(lane: dict[str, Any]) -> str:
    """How its barrier is."""
    told = [_BARRIER[part] for part in lane.get("missing", ()) if part in _BARRIER]
    if lane.get("alarm"):
        told.append("fire input active")
    return ", ".join(told) or "ok"


def outcome_words(outcome: dict[str, Any]) -> str:
    """What was shown, and why."""
    word = SIGNALS.get(outcome["signal"], ("", outcome["signal"], ""))[1]
    return f"{word} {why_words(outcome)}".rstrip()


def why_words(outcome: dict[str, Any]) -> str:
    """The reason with its parameters."""
    if not outcome.get("reason"):
        return ""
    told = ", ".join(f"{name}={value}" for name, value in (outcome.get("params") or {}).items())
    return f"{outcome['reason']} ({told})" if told else str(outcome["reason"])


def lane_words(lane: dict[str, Any]) -> str:
    """All of a lane on one line."""
    told = [str(lane["state"])]
    if lane.get("cause"):
        told[0] += f" ({lane['cause']}) since {utc(lane['since'])}"
    if "stage" in lane:
        told += [lane["direction"], stage_words(lane)[1]]
        if lane["mode"] != "normal":
            told.append(f"mode {lane['mode']}")
        reader, barrier = reader_words(lane), barrier_words(lane)
        told += [f"reader {reader}"] if reader != "ok" else []
        told += [f"barrier: {barrier}"] if barrier != "ok" else []
    return ", ".join(told)
