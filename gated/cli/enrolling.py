"""The box's side of an enrolment: make a request, take in its answer (docs/reference/enrolment.md)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from gated.cli.common import utc
from gated.cli.gate_toml import Plan
from gated.config.files import zone
from gated.credential.keys import read_keys
from gated.credential.message import MESSAGE_TYPES
from gated.credential.possession import open_own
from gated.errors import ConfigError
from gated.model.document import DocumentError
from gated.model.refusal import Refusal
from gated.model.statement import Kind
from gated.model.trust import Algorithm
from gated.policy.profile import read_profile
from gated.store.identity import (
    GATE_KEY,
    PUBLIC,
    RECORD,
    ROOT,
    SECRET,
    SIGNING_KEY,
    Identity,
    Part,
    Waiting,
)
from gated.wire.box import BoxKey
from gated.wire.certificate import TlsKey, check_certificate, read_certificate
from gated.wire.enrolment import (
    MAX_ENROLMENT_BYTES,
    Bundle,
    Enrolment,
    Record,
    Request,
    context,
    encode_record,
    encode_request,
    read_bundle,
    read_enrolment,
)
from gated.wire.fingerprint import is_fingerprint_of
from gated.wire.seal import ENVELOPE_BYTES, SigningKey

_SECTOR_KEY_MODE = 0o400


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was opened, checked and found to be for this box."""

    enrolment: Enrolment
    bundle: Bundle
    waiting: Waiting


def make_request(identity: Identity, gate: str, *, at: int, again: bool) -> bytes:
    """Make this box's keys and keep them; returns the request's file. Raises ``ConfigError``."""
    identity.check()
    waits = identity.waiting_request
    if waits is not None and not again:
        raise ConfigError(
            f"a request waits for its answer already: {waits}",
            hint="send that file again, or make new keys with --again (its answer will then be useless)",
        )
    if identity.is_enrolled and not again:
        raise ConfigError(
            f"{identity.path} is enrolled already",
            hint="--again makes a new request; the old identity works on",
        )
    tls, signing, box = TlsKey.generate(), SigningKey.generate(Algorithm.EDDSA), BoxKey.generate()
    request = Request(gate, tls.request(gate), signing.algorithm, signing.public, box.public, at)
    token = signing.sign(MESSAGE_TYPES[Kind.ENROLMENT], encode_request(request))
    identity.keep_request(Waiting(token, tls, signing, box))
    return token


def open_answer(raw: bytes, told: str, identity: Identity, *, now: int) -> Answer:
    """Believe an answer of central, or raise ``ConfigError`` and leave everything as it is."""
    identity.check()
    enrolment = _signed(raw, told)
    waiting = _awaited(enrolment, identity)
    if now >= enrolment.expires:
        raise ConfigError(
            f"this enrolment expired at {utc(enrolment.expires)}, and it is {utc(now)} here",
            hint="is this clock right? If so, let the office answer the same request anew, with --replace",
        )
    try:
        plain = waiting.box.open(
            enrolment.ephemeral, context(enrolment.gate, waiting.request), enrolment.sealed
        )
    except ValueError:
        raise ConfigError(
            "this enrolment does not open here: it was made for another request",
            hint="let the office answer the request that waits here",
        ) from None
    try:
        bundle = read_bundle(plain)
        _check(bundle, enrolment.gate, waiting)
    except ValueError as error:
        raise ConfigError(
            f"the office made an enrolment that no gate can use ({error})",
            hint="tell the office; nothing was changed",
        ) from None
    return Answer(enrolment, bundle, waiting)


def _signed(raw: bytes, told: str) -> Enrolment:
    """The answer, signed by the office whose fingerprint was told."""
    payload = open_own(
        raw,
        Kind.ENROLMENT,
        lambda payload: (Algorithm.EDDSA, read_enrolment(payload).central),
        MAX_ENROLMENT_BYTES + ENVELOPE_BYTES,
    )
    if isinstance(payload, Refusal):
        raise ConfigError(
            f"this is no sound enrolment file: {payload}",
            hint="take the file that `gated central enrol` wrote, and copy it anew",
        )
    enrolment = read_enrolment(payload)
    try:
        ours = is_fingerprint_of(told, enrolment.central)
    except ValueError as error:
        raise ConfigError(f"--central: {error}", hint="ask the office for it again") from None
    if not ours:
        raise ConfigError(
            "this enrolment was signed by somebody else than the office whose fingerprint was given",
            hint="ask for it again, over the phone; if it was right, the file is forged",
        )
    return enrolment


def _awaited(enrolment: Enrolment, identity: Identity) -> Waiting:
    """The request that this answers."""
    waiting = identity.waiting()
    if waiting is not None and waiting.box.public == enrolment.box:
        return waiting
    record = identity.record()
    if record is not None and record.box == enrolment.box:
        raise ConfigError(
            f"this enrolment was used already, at {utc(record.enrolled_at)}",
            hint="the box is enrolled; to enrol it anew: gated enrol request --again",
        )
    if waiting is None:
        raise ConfigError(
            "no request waits for an answer on this box",
            hint="make one: gated enrol request (or name its folder with --identity)",
        )
    raise ConfigError(
        "this enrolment is for another box, or for an earlier request of this one",
        hint=f"it is for gate {enrolment.gate!r}: take it to the box whose request it answers",
    )


def _check(bundle: Bundle, gate: str, waiting: Waiting) -> None:
    """Whether a gate could serve with this. Raises ``ValueError``."""
    check_certificate(bundle.certificate, gate, waiting.tls)
    read_certificate(bundle.ca)
    profile = read_profile(bundle.profile, zone)
    if (profile.sector, profile.venue) != (bundle.sector, bundle.venue):
        raise DocumentError("profile", f"is of {profile.sector} {profile.venue}")
    if not any(bundle.sector in key.sectors for key in read_keys(bundle.keys).values()):
        raise DocumentError("keys", f"none may speak for sector {bundle.sector!r}")
    if bundle.root is not None:
        _check_root(_file(bundle.root))


def _check_root(raw: bytes) -> None:
    from gated.credential.metadata import Untrusted
    from gated.credential.repository import open_root

    try:
        open_root(raw)
    except Untrusted as untrusted:
        raise DocumentError("root", untrusted.detail) from None


def install(answer: Answer, identity: Identity, plan: Plan, *, now: int) -> None:
    """Make the answer this box's identity. A power cut leaves the old or the new one; run it again then.

    The order is the law: the identity changes in one step, then gate.toml may name it, then the key that
    opened the answer is gone. Raises ``StoreError`` and ``OSError``.
    """
    bundle, waiting = answer.bundle, answer.waiting
    record = Record(
        answer.enrolment.gate, bundle.sector, bundle.venue, bundle.broker, now, answer.enrolment.box
    )
    trust = {
        "keys": Part(_file(bundle.keys)),
        "profile": Part(_file(bundle.profile)),
        "sector_key": Part(bundle.sector_key.hex().encode() + b"\n", _SECTOR_KEY_MODE),
    }
    parts = {
        "ca.crt": Part(bundle.ca.encode(), PUBLIC),
        "gate.crt": Part(bundle.certificate.encode(), PUBLIC),
        GATE_KEY: Part(waiting.tls.pem(), SECRET),
        SIGNING_KEY: Part(waiting.signing.pem(), SECRET),
        RECORD: Part(encode_record(record), PUBLIC),
    }
    if bundle.root is not None:
        parts[ROOT] = Part(_file(bundle.root))
    links = {}
    for key, path in plan.trust.items():
        inside = path.absolute().parent == identity.path.absolute()
        name = (
            path.name if inside else {"keys": "keys.json", "profile": "profile.json"}.get(key, "sector.key")
        )
        if name in parts:
            raise ConfigError(f"{plan.path}: trust.{key} names {path}", hint="give it a name of its own")
        parts[name] = trust[key]
        if not inside:
            links[name] = path
    identity.install(parts, links)
    plan.write()
    identity.finish()


def _file(document: dict[str, Any]) -> bytes:
    """As the office writes it: for people, too."""
    return json.dumps(document, indent=2).encode() + b"\n"
