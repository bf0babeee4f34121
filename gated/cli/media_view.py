"""How a medium that was looked at is shown: no key and no credential, its UID if it was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from gated.app.inspecting import Attempt, CarriedStatement, Inspection, Judgement
    from gated.card.describe import Chip, Container, Description
    from gated.config.settings import LaneSettings
    from gated.texts.sentences import Texts

_CHIPS = {0x01: "DESFire", 0x04: "NTAG", 0x08: "DESFire Light"}
_NXP = 0x04
_MANNERS = {
    "iso-dep": "converses by ISO-DEP",
    "type-2-tag": "a Type 2 tag: memory that anybody reads",
    "unknown": "answers nothing that is known",
}
_ENDED = {
    "failed": "a scheme was recognised and failed, and cards count that",
    "left": "the medium left, or fell silent",
}
_NOBODY = "no medium was held to the reader in time, or none woke up"


class Shown(NamedTuple):
    """What is to be shown."""

    lane: LaneSettings
    reader: str
    inspection: Inspection | None  # None = no medium came
    judgement: Judgement | None
    at: int  # seconds since 1970, as this gate believes
    texts: Texts
    uid: bytes | None  # None = it is not to be shown


def exit_code(shown: Shown) -> int:
    """0 it would be granted, 3 it would be refused or none came, 1 this gate cannot tell."""
    from gated.model.decision import Denied

    if shown.judgement is None:
        return 3
    if shown.judgement.explanation is None:
        return 1
    return 3 if isinstance(shown.judgement.explanation.decision, Denied) else 0


# ------------------------------------------------------------------ as JSON


def object_of(shown: Shown) -> dict[str, Any]:
    """As one JSON object."""
    from gated.cli.explain import object_of as explained

    told: dict[str, Any] = {"lane": shown.lane.lane.id, "reader": shown.reader}
    inspection, judgement = shown.inspection, shown.judgement
    if inspection is None or judgement is None:
        return told | {"medium": None, "trouble": _NOBODY}
    explanation = judgement.explanation
    return told | {
        "medium": _medium(inspection.description, shown.uid),
        "proofs": [_proof(attempt) for attempt in inspection.spoken],
        "not_spoken": [str(one.scheme) for one in inspection.attempts if one.result is None],
        "not_tried": [str(scheme) for scheme in inspection.untried],
        "ended": inspection.ended and str(inspection.ended),
        "carried": [_statement(one) for one in judgement.carried],
        "decision": explanation and explained(explanation, shown.lane, shown.at, shown.texts),
        "trouble": judgement.trouble or None,
    }


def _medium(seen: Description, uid: bytes | None) -> dict[str, Any]:
    return {
        "uid_bytes": seen.uid_bytes,
        "uid_random": seen.uid_random,
        "uid": uid and uid.hex(),
        "manner": str(seen.manner),
        "applications": [
            {"scheme": one.scheme, "aid": one.aid.hex(), "told": list(one.told)} for one in seen.applications
        ],
        "container": seen.container
        and {
            "version": seen.container.version,
            "bytes": seen.container.size,
            "readable": seen.container.readable,
            "writable": seen.container.writable,
        },
        "chip": seen.chip
        and {
            "name": _chip_name(seen.chip),
            "vendor": seen.chip.vendor,
            "type": seen.chip.kind,
            "version": list(seen.chip.version),
            "bytes": list(seen.chip.storage),
        },
    }


def _proof(attempt: Attempt) -> dict[str, Any]:
    from gated.app.inspecting import milliseconds
    from gated.model.credential import Proof
    from gated.model.refusal import Refusal

    told, result = (
        {"scheme": str(attempt.scheme), "proved": isinstance(attempt.result, Proof)},
        attempt.result,
    )
    if isinstance(result, Proof):
        told |= {
            "assurance": result.credential.assurance.label,
            "counter": result.counter,
            "carried_bytes": len(result.carried),
        }
    elif isinstance(result, Refusal):
        told |= {"reason": str(result.reason), "params": dict(result.params)}
    return told | {
        "commands": attempt.commands,
        "bytes": attempt.exchanged,
        "fresh_ms": milliseconds(attempt.fresh_s),
        "limit_ms": milliseconds(attempt.limit_s),
        "took_ms": milliseconds(attempt.took_s),
    }


def _statement(one: CarriedStatement) -> dict[str, Any]:
    refusal = one.refusal
    return {
        "kind": one.kind and str(one.kind),
        "bytes": one.size,
        "opens": refusal is None,
        "reason": refusal and str(refusal.reason),
        "params": {} if refusal is None else dict(refusal.params),
    }


# ------------------------------------------------------------------ for people


def lines_of(shown: Shown) -> Iterator[str]:
    """For people."""
    from gated.cli.explain import lines_of as explained

    inspection, judgement = shown.inspection, shown.judgement
    if inspection is None or judgement is None:
        yield f"reader {shown.reader}: {_NOBODY}"
        return
    yield "what it is"
    yield from _description(inspection.description, shown.uid)
    yield f"what it can prove at lane {shown.lane.lane.id}"
    yield from _proofs(inspection)
    yield from _carried(judgement.carried)
    yield "what this gate would say"
    if judgement.explanation is None:
        yield f"  cannot be told: {judgement.trouble}"
        return
    for line in explained(judgement.explanation, shown.lane, shown.at, shown.texts.timezone, shown.texts):
        yield f"  {line}"


def _description(seen: Description, uid: bytes | None) -> Iterator[str]:
    if not seen.uid_bytes:
        yield "  UID: its reader tells none"
    else:
        random = "random, another at each tap" if seen.uid_random else "the same at each tap"
        yield f"  UID: {seen.uid_bytes} bytes, {random}; " + ("not shown" if uid is None else uid.hex())
    yield f"  {_MANNERS[seen.manner]}"
    if seen.chip is not None:
        yield f"  chip: {_chip(seen.chip)}"
    for one in seen.applications:
        told = f": {', '.join(one.told)}" if one.told else ""
        yield f"  has the application of {one.scheme}, {one.aid.hex()}{told}"
    if seen.container is not None:
        yield f"  container: {_container(seen.container)}"


def _chip_name(chip: Chip) -> str:
    name = _CHIPS.get(chip.kind) if chip.vendor == _NXP else None
    return name or f"type {chip.kind:02x} of vendor {chip.vendor:02x}"


def _chip(chip: Chip) -> str:
    least, most = chip.storage
    size = f"{least} bytes" if least == most else f"{least} to {most} bytes"
    return f"{_chip_name(chip)}, hardware {chip.version[0]:x}.{chip.version[1]:x}, {size}"


def _container(container: Container) -> str:
    reads = "anybody reads it" if container.readable else "a key is needed to read it"
    writes = "ANYBODY WRITES IT" if container.writable else "not everybody writes it"
    return f"version {container.version}, {container.size} bytes; {reads}, {writes}"


def _proofs(inspection: Inspection) -> Iterator[str]:
    for attempt in inspection.spoken:
        yield from _attempt(attempt)
    silent = [str(one.scheme) for one in inspection.attempts if one.result is None]
    if silent:
        yield f"  does not speak: {', '.join(silent)}"
    if inspection.ended is not None:
        untried = ", ".join(map(str, inspection.untried)) or "nothing more"
        yield f"  not tried: {untried}: {_ENDED[inspection.ended]}"


def _attempt(attempt: Attempt) -> Iterator[str]:
    from gated.app.inspecting import milliseconds
    from gated.model.credential import Proof

    result = attempt.result
    told = f"proved {result.credential.assurance.label}" if isinstance(result, Proof) else f"REFUSED {result}"
    yield f"  {attempt.scheme:<8} {told}"
    costs = f"{attempt.commands} commands, {attempt.exchanged} bytes, {milliseconds(attempt.took_s)} ms"
    if attempt.fresh_s is not None:
        limit = "" if attempt.limit_s is None else f" (at most {milliseconds(attempt.limit_s)} ms)"
        costs += f"; fresh answer {milliseconds(attempt.fresh_s)} ms{limit}"
    yield f"           {costs}"
    if isinstance(result, Proof) and result.counter is not None:
        yield f"           its number, {result.counter}, was not spent: the floors of this gate are as before"


def _carried(carried: tuple[CarriedStatement, ...]) -> Iterator[str]:
    if not carried:
        yield "what it carries: no statements that a tap would read"
        return
    statements = "1 statement" if len(carried) == 1 else f"{len(carried)} statements"
    yield f"what it carries: {statements}, {sum(one.size for one in carried)} bytes"
    for one in carried:
        verdict = "opens here" if one.refusal is None else f"REFUSED {one.refusal}"
        yield f"  {one.kind or 'unknown':<12} {one.size:>4} bytes  {verdict}"
