"""Which gates there are, and what they last said of themselves.

A gate's row is made by its enrolment and never removed: an old event is verified with the key of its time.
``gate_keys`` is the door by which every letter comes in: a gate that is not enrolled has no keys there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gated.central.ledger import Ledger
from gated.errors import ConfigError
from gated.model.name import is_name
from gated.model.statement import Kind
from gated.model.time import END_OF_TIME
from gated.model.trust import KID_BYTES, Algorithm, KeySet, TrustedKey
from gated.wire.forms import GATE
from gated.wire.state import State, encode_state, read_state

#: What a gate's key may sign, and nothing else.
GATE_KINDS = frozenset({Kind.EVENTS, Kind.STATE, Kind.REQUEST})
_SELECT = (
    "SELECT gate, enrolment, sector, venue, kid, algorithm, public, serial, enrolled_at, ended_at FROM gate "
)


@dataclass(frozen=True, slots=True)
class EnrolledGate:
    """One enrolment of a gate.

    ``public`` is the Ed25519 key that its events are signed with (32 bytes) and ``kid`` its name (4 bytes);
    ``serial`` is the number of its certificate, as text. Times are seconds since 1970; ``ended_at`` is None
    while the enrolment is in force.
    """

    gate: str
    enrolment: int  # from 1; each further enrolment of the same gate is one more
    sector: str
    venue: str
    kid: bytes
    algorithm: Algorithm
    public: bytes
    serial: str
    enrolled_at: int
    ended_at: int | None

    @property
    def key(self) -> TrustedKey:
        """Its key with its scope."""
        return TrustedKey(
            kid=self.kid,
            algorithm=self.algorithm,
            public=self.public,
            sectors=frozenset({self.sector}),
            kinds=GATE_KINDS,
            not_before=self.enrolled_at,
            expires=END_OF_TIME,
        )


def enrol_gate(
    ledger: Ledger,
    gate: str,
    *,
    sector: str,
    venue: str,
    kid: bytes,
    public: bytes,
    serial: str,
    now: int,
    algorithm: Algorithm = Algorithm.EDDSA,
) -> int:
    """Let a gate's letters be believed; returns the number of its enrolment, from 1.

    Durable when it returns; within ``ledger.transaction()`` it is a part of that. Raises ``ConfigError`` if
    the gate is enrolled at present (``end_gate`` first), was enrolled in another sector (its passes would
    be joined with the other's), or if the key belongs to another gate.
    """
    _check(gate, sector, venue, kid, public)
    with ledger.transaction():
        earlier = [one for one in gates(ledger) if one.gate == gate]
        if any(one.ended_at is None for one in earlier):
            raise ConfigError(f"gate {gate!r} is enrolled already", hint="end that enrolment first")
        if any(one.sector != sector for one in earlier):
            raise ConfigError(
                f"gate {gate!r} belonged to sector {earlier[0].sector!r}",
                hint="in another sector a gate gets another name",
            )
        clashes = ledger.rows(
            "SELECT 1 FROM gate WHERE (public = ?1 AND gate <> ?2)"
            " OR (gate = ?2 AND kid = ?3 AND public <> ?1)",
            (public, gate, kid),
        )
        if clashes:
            raise ConfigError("this key belongs to another gate", hint="let the box make new keys")
        number = len(earlier) + 1
        ledger.execute(
            "INSERT INTO gate VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            (gate, number, sector, venue, kid, str(algorithm), public, serial, now),
        )
    return number


def _check(gate: str, sector: str, venue: str, kid: bytes, public: bytes) -> None:
    if GATE.match(gate) is None or not is_name(sector) or not is_name(venue):
        raise ConfigError("a gate, its sector and its venue need names", hint="use 1 to 32 of a-z 0-9 . _ -")
    if len(kid) != KID_BYTES or len(public) != 32:
        raise ConfigError("this is no gate's key", hint="it must be an Ed25519 public key of 32 bytes")


def end_gate(ledger: Ledger, gate: str, now: int) -> bool:
    """Believe nothing more of a gate from now on. False = it is not enrolled at present."""
    with ledger.transaction():
        found = ledger.rows(
            "UPDATE gate SET ended_at = ? WHERE gate = ? AND ended_at IS NULL RETURNING 1", (now, gate)
        )
    return bool(found)


def gates(ledger: Ledger) -> list[EnrolledGate]:
    """Every enrolment, by gate and number; those that ended too."""
    return [_gate(row) for row in ledger.rows(_SELECT + "ORDER BY gate, enrolment")]


def gate_keys(ledger: Ledger, gate: str) -> tuple[str, KeySet] | None:
    """(sector, keys) of a gate that is enrolled at present; None of any other."""
    rows = ledger.rows(_SELECT + "WHERE gate = ? AND ended_at IS NULL", (gate,))
    if not rows:
        return None
    enrolled = _gate(rows[0])
    return enrolled.sector, {enrolled.kid: enrolled.key}


def _gate(row: tuple[Any, ...]) -> EnrolledGate:
    gate, enrolment, sector, venue, kid, algorithm, *rest = row
    return EnrolledGate(gate, enrolment, sector, venue, kid, Algorithm(algorithm), *rest)


# ------------------------------------------------------------------ what is heard of them


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of a gate beside its events. ``at``: when anything of it was last believed."""

    at: int | None = None
    online: bool | None = None
    state: State | None = None
    alarms: tuple[Alarm, ...] = ()
    refused: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a person must look at, and how often it came."""

    epoch: str
    code: str
    since: int
    latest: int
    times: int


def note_state(ledger: Ledger, state: State, now: int) -> bool:
    """Keep what a gate says of itself. False = it is known, or the late will of an earlier connection."""
    told = encode_state(state).decode()
    rows = ledger.rows("SELECT told FROM state WHERE gate = ? AND told IS NOT NULL", (state.gate,))
    for (known,) in rows:
        if known == told or _is_late(state, read_state(known.encode())):
            return False
    ledger.execute(
        "INSERT INTO state VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (gate) DO UPDATE"
        " SET heard_at = ?2, session = ?3, online = ?4, told = ?5",
        (state.gate, now, state.session, state.online, told),
    )
    return True


def _is_late(state: State, known: State) -> bool:
    """Whether this is the will of a connection that another one has followed. A will is signed beforehand."""
    gone = known.online and not state.online
    return gone and state.session != known.session and state.at <= known.at


def note_heard(ledger: Ledger, heard: Mapping[str, int]) -> None:
    """Keep when something of a gate was last believed."""
    ledger.executemany(
        "INSERT INTO state (gate, heard_at) VALUES (?, ?) ON CONFLICT (gate) DO UPDATE"
        " SET heard_at = max(heard_at, excluded.heard_at)",
        sorted(heard.items()),
    )


def epochs_begun(ledger: Ledger, gate: str, since: int) -> int:
    """How many epochs of a gate were first kept at or after a time."""
    found = ledger.rows(
        "SELECT count(*) FROM chain WHERE gate = ? AND branch = 0 AND begun_at >= ?", (gate, since)
    )
    return int(found[0][0])


def note_refused(ledger: Ledger, refused: Mapping[tuple[str, str], int], now: int) -> None:
    """Count what was not believed, by gate and code. Who is not enrolled counts under the empty name."""
    ledger.executemany(
        "INSERT INTO refused VALUES (?, ?, ?, ?) ON CONFLICT (gate, code) DO UPDATE"
        " SET times = times + excluded.times, latest = excluded.latest",
        [(gate, code, times, now) for (gate, code), times in sorted(refused.items())],
    )


def raise_alarm(ledger: Ledger, gate: str, epoch: str, code: str, now: int) -> bool:
    """Note an alarm. Whether it is the first of its code in this epoch."""
    rows = ledger.rows(
        "INSERT INTO alarm VALUES (?1, ?2, ?3, ?4, ?4, 1) ON CONFLICT (gate, epoch, code) DO UPDATE"
        " SET latest = ?4, times = times + 1 RETURNING times",
        (gate, epoch, code, now),
    )
    return bool(rows[0][0] == 1)


def end_alarm(ledger: Ledger, gate: str, epoch: str, code: str) -> None:
    """What the alarm told of is mended."""
    ledger.execute("DELETE FROM alarm WHERE gate = ? AND epoch = ? AND code = ?", (gate, epoch, code))


def end_alarms(ledger: Ledger, gate: str, code: str) -> None:
    """The same, in whatever epoch it was told."""
    ledger.execute("DELETE FROM alarm WHERE gate = ? AND code = ?", (gate, code))


def heard_of(ledger: Ledger, gate: str) -> Heard:
    """What is known of a gate; of the empty name: of all that nobody enrolled."""
    alarms = ledger.rows(
        "SELECT epoch, code, since, latest, times FROM alarm WHERE gate = ? ORDER BY since, code", (gate,)
    )
    refused = ledger.rows("SELECT code, times FROM refused WHERE gate = ? ORDER BY code", (gate,))
    at, online, told = None, None, None
    for row in ledger.rows("SELECT heard_at, online, told FROM state WHERE gate = ?", (gate,)):
        at, online, told = row
    return Heard(
        at=at,
        online=None if online is None else bool(online),
        state=None if told is None else read_state(told.encode()),
        alarms=tuple(Alarm(*row) for row in alarms),
        refused=tuple(refused),
    )
