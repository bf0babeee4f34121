"""Who comes to the demo's turnstile: a cast that follows from a number, so that a run can be repeated."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gated.central.office import Office, ProductRules, found
from gated.devices.simulated.media import Medium, PkocMedium, Replayer
from gated.model.credential import Assurance, Credential
from gated.model.statement import DenialState, TargetKind
from gated.model.trust import Algorithm
from gated.wire.statement_file import frame

SECTOR, VENUE = "pools", "bron"
_DAY_S = 86400
_PRODUCTS = (
    ProductRules("season"),
    ProductRules("swim3", uses=3),
    ProductRules("family", uses=400, party=4),
    ProductRules("elsewhere", venues=("vaise",)),
)

#: Role, how often it comes, what the table calls it.
_ROLES = (
    ("season", 30, "season pass"),
    ("carnet", 24, "three-entry card"),
    ("family", 8, "family of four"),
    ("shy", 6, "pays, does not walk through"),
    ("expired", 6, "last year's pass"),
    ("early", 5, "pass from tomorrow"),
    ("elsewhere", 5, "pass of another pool"),
    ("revoked", 6, "card reported lost"),
    ("nothing", 4, "card without a right"),
    ("stranger", 5, "unknown card"),
    ("bank", 4, "bank card"),
    ("replayed", 3, "overheard answer"),
    ("torn", 3, "card pulled away"),
)
TITLES = {role: title for role, _, title in _ROLES}
_PEOPLE_PER_ROLE = 4


@dataclass(frozen=True, slots=True)
class Visitor:
    """One of the cast."""

    role: str
    number: int

    @property
    def account(self) -> str:
        """As central knows them."""
        return f"{self.role}-{self.number}"

    def medium(self, seed: int) -> Medium:
        """What they carry."""
        drawn = hashlib.sha256(f"{seed}/{self.account}".encode()).digest()
        uid = b"\x04" + drawn[:6]
        if self.role == "bank":
            return Medium(uid)
        medium = PkocMedium.from_number(uid, int.from_bytes(drawn, "big") >> 2 or 1)
        if self.role == "replayed":
            overheard = PkocMedium.from_number(uid, 12345)
            overheard.transmit(b"\x00\xa4\x04\x00\x08" + PkocMedium.AID + b"\x00")
            overheard.transmit(b"\x80\x80\x00\x01\x12\x4c\x10" + bytes(16) + b"\x00")
            return Replayer(uid, overheard.last_answer)
        if self.role == "torn":
            medium.faults.tear_at = 1
        return medium


def visits(seed: int) -> Iterator[Visitor]:
    """Who comes, in order, without end."""
    draw = random.Random(seed)  # noqa: S311  # a cast, not a key
    roles = [role for role, _, _ in _ROLES]
    weights = [weight for _, weight, _ in _ROLES]
    # The first visits show every outcome once, so that even a short demo tells the whole story.
    for role in ("season", "carnet", "expired", "revoked", "elsewhere", "nothing", "bank", "torn"):
        yield Visitor(role, 0)
    for role in ("carnet", "carnet", "carnet", "early", "stranger", "replayed", "shy", "family"):
        yield Visitor(role, 0)
    while True:
        yield Visitor(draw.choices(roles, weights)[0], draw.randrange(_PEOPLE_PER_ROLE))


def issue(directory: Path, seed: int, now: int) -> Path:
    """Found an office and issue what the cast holds. Returns the statement file."""
    draw = random.Random(f"{seed} keys")  # noqa: S311  # pseudonyms and ids of a demo that must repeat
    office = found(
        directory,
        sector=SECTOR,
        venues=(VENUE,),
        products=_PRODUCTS,
        timezone="Europe/Paris",
        algorithm=Algorithm.EDDSA,
        now=now,
        key_days=730,
        random=draw.randbytes,
    )
    path = directory / "statements.gated"
    with path.open("wb") as handle:
        for role in TITLES:
            for number in range(_PEOPLE_PER_ROLE):
                for token in _statements(office, Visitor(role, number), seed, now):
                    handle.write(frame(token))
    office.close()
    return path


def _statements(office: Office, visitor: Visitor, seed: int, now: int) -> Iterator[bytes]:
    medium = visitor.medium(seed)
    if visitor.role in ("stranger", "replayed") or not isinstance(medium, PkocMedium):
        return
    credential = Credential("pkoc", hashlib.sha256(medium.public).digest(), Assurance.ASYMMETRIC)
    yield office.bind(visitor.account, credential, now=now, expires=None)
    match visitor.role:
        case "nothing":
            return
        case "family":
            _, token = office.entitle(visitor.account, "family", now=now, expires=now + 90 * _DAY_S)
        case "carnet":
            _, token = office.entitle(visitor.account, "swim3", now=now, expires=now + 90 * _DAY_S)
        case "expired":
            _, token = office.entitle(
                visitor.account, "season", now=now, not_before=now - 400 * _DAY_S, expires=now - _DAY_S
            )
        case "early":
            _, token = office.entitle(visitor.account, "season", now=now, not_before=now + _DAY_S)
        case "elsewhere":
            _, token = office.entitle(visitor.account, "elsewhere", now=now, expires=now + _DAY_S)
        case _:
            _, token = office.entitle(visitor.account, "season", now=now, expires=now + 365 * _DAY_S)
    yield token
    if visitor.role == "revoked":
        yield office.deny(TargetKind.CREDENTIAL, office.index(credential), DenialState.REVOKED, now=now)
