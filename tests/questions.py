"""Questions for the decision: everything fits and the tap is granted, until a test changes one thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

from gated.model.credential import Assurance, Credential
from gated.model.decision import Candidate, Question, Uses
from gated.model.statement import Binding, Denial, DenialState, Entitlement, TargetKind
from gated.model.time import ClockQuality, ClockSample, TimeReading
from gated.model.venue import Lane, Product, Profile

NOW = 1_795_500_000
PASS = b"p" * 16
INDEX = b"i" * 16
SAMPLE = ClockSample(wall=NOW, boottime=100.0, boot="0123456789abcdef")

PRODUCTS = {
    product.id: product
    for product in (
        Product("season"),
        Product("swim3", uses=3),
        Product("elsewhere", venues=("vaise",)),
        Product("here", venues=("vaise", "bron")),
        Product("weak", min_assurance=Assurance.UID_ONLY),
        Product("strong", min_assurance=Assurance.ASYMMETRIC),
    )
}


def reading(floor: int = NOW, estimate: int | None = None, **more) -> TimeReading:
    fields = {"ceiling": None, "quality": ClockQuality.GOOD, "sample": SAMPLE, **more}
    return TimeReading(floor=floor, estimate=floor if estimate is None else estimate, **fields)


def bound(**changes) -> Binding:
    usual = Binding(
        sector="pools",
        pass_=PASS,
        not_before=NOW - 100,
        expires=None,
        issued_at=NOW - 100,
        id=bytes(8),
        index=INDEX,
        revision=0,
    )
    return replace(usual, **changes)


def right(number: int = 1, **changes) -> Entitlement:
    usual = Entitlement(
        sector="pools",
        pass_=PASS,
        not_before=NOW - 100,
        expires=NOW + 1000,
        issued_at=NOW - 100,
        id=number.to_bytes(8, "big"),
        product="season",
        revision=0,
    )
    return replace(usual, **changes)


def denied(state=DenialState.REVOKED, kind=TargetKind.PASS, number: int = 0) -> Denial:
    target = {TargetKind.CREDENTIAL: INDEX, TargetKind.PASS: PASS, TargetKind.ENTITLEMENT: bytes(8)}[kind]
    return Denial("pools", NOW - 50, kind, target, state, number)


def candidate(number: int = 1, used: int = 0, elsewhere: int = 0, denial=None, **changes) -> Candidate:
    return Candidate(right(number, **changes), Uses(used), Uses(elsewhere), denial)


def profile(**changes) -> Profile:
    return replace(
        Profile(venue="bron", sector="pools", timezone=UTC, version=1, products=PRODUCTS), **changes
    )


def credential(assurance: Assurance = Assurance.ASYMMETRIC) -> Credential:
    return Credential("pkoc", b"\x01" * 32, assurance)


def question(*candidates: Candidate, **changes) -> Question:
    usual = Question(
        credential=credential(),
        binding=bound(),
        candidates=candidates,
        refused=(),
        denials=(),
        lane=Lane("in-1"),
        profile=profile(),
        now=reading(),
    )
    return replace(usual, **changes)
