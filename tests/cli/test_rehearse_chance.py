"""Scenarios spoilt by chance: refused with a place, or played to the end, and nothing else."""

from __future__ import annotations

import copy
import json
import tomllib
from datetime import datetime

from hypothesis import example, given, settings
from hypothesis import strategies as st

from cli.rehearsing import SAMPLE
from gated.cli.rehearse import _line, _object
from gated.config.mistakes import told_with_value
from gated.config.scenario import read_scenario
from gated.errors import one_line
from gated.model.document import DocumentError
from gated.model.refusal import Reason
from gated.policy.rehearsal import Rehearsal
from gated.texts.sentences import Texts

DOCUMENT = tomllib.loads(SAMPLE)
TIMES = [
    "1970-01-01T00:00:00Z", "2026-07-14T08:00:00+02:00", "2026-10-25T02:30:00+02:00",
    "2026-10-25T02:30:00+01:00", "2027-03-28T02:30:00+01:00", "2028-02-29T23:59:59+01:00",
    "9998-12-31T23:59:59-14:00", "9999-12-31T23:59:59-14:00", "2026-07-14T10:00:00.5+02:00",
    "2026-07-14T10:00:00",
]  # fmt: skip
WORDS = [
    "", "?", "m1", "m2", "p1", "p2", "e1", "bron", "vaise", "carnet-10", "FR", "UTC", "Asia/Kolkata", "in",
    "out", "none", "soft", "timed", "hard", "each", "once", "uid-only", "asymmetric", "04:00", "23:59",
    "PT0S", "PT1S", "P31D", "P60D", "24/7", "Mo-Fr 07:00-09:00", "PH off", "Feb 29 10:00-12:00", "SH off",
    "\0", "a\nb", "\ud800", *TIMES,
]  # fmt: skip
KEYS = sorted(
    {"id", "direction", "colour", "a.b", "tap[0]", "venue[7].id", "until", "from", "pass", "entitlement"}
    | {key for tables in DOCUMENT.values() if isinstance(tables, list) for key in tables[0]}
)
SCALARS = (
    st.sampled_from(WORDS) | st.text(max_size=4) | st.integers(-2, 4) | st.integers() | st.booleans()
    | st.floats() | st.datetimes() | st.datetimes(timezones=st.timezones()) | st.dates() | st.times()
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KEYS, "total", "bron"]), inner)
    ),
    max_leaves=4,
)


@st.composite
def documents(draw):
    """The sample with more of its tables, and some of it changed, left out or added."""
    document = copy.deepcopy(DOCUMENT)
    for name in ("venue", "entitlement", "medium", "denial", "tap"):
        first = document[name][0]
        for number in range(draw(st.integers(0, 2))):
            document[name].append(first | ({"id": f"{first['id']}{number}"} if "id" in first else {}))
    for _ in range(draw(st.integers(0, 4))):
        spot = document
        while True:
            spots = [value for value in (spot.values() if isinstance(spot, dict) else spot)
                     if isinstance(value, (dict, list)) and value]  # fmt: skip
            if not spots or draw(st.integers(0, 3)) == 0:
                break
            spot = draw(st.sampled_from(spots))
        if isinstance(spot, list):
            place = draw(st.integers(0, len(spot) - 1))
            spot[place] = draw(VALUES)
        elif draw(st.booleans()) and spot:
            spot.pop(draw(st.sampled_from(sorted(spot))))
        else:
            spot[draw(st.sampled_from(sorted({*spot, *KEYS})))] = draw(VALUES)
    return document


def read(document):
    """The scenario, or what is wrong with it."""
    try:
        return read_scenario(document)
    except DocumentError as error:
        return error


@given(documents())
@example(DOCUMENT)
@example(DOCUMENT | {"tap[9]": 1})
@example(DOCUMENT | {"foo[9]": 1})
@example(DOCUMENT | {"tap": [DOCUMENT["tap"][0] | {"at": "9999-12-31T23:59:59-14:00"}]})
@settings(max_examples=300, deadline=None)
def test_a_document_is_refused_with_its_place_or_played_to_the_end(document):
    scenario = read(document)
    if isinstance(scenario, DocumentError):
        told = one_line(told_with_value(document, scenario))
        assert told.isprintable()
        assert one_line(scenario.what) in told
        return
    timezone = next(iter(scenario.venues.values())).timezone
    texts = Texts("fr", timezone)
    played = list(Rehearsal(scenario).play())
    assert len(document.get("tap", [])) == len(played)
    for one in played:
        shown = _object(one, scenario, timezone)
        assert shown == json.loads(json.dumps(shown))
        assert (shown["reason"] is None) is shown["granted"]
        assert shown["reason"] in {None, *Reason}
        assert _line(one, scenario, timezone, texts)


@st.composite
def sound(draw):
    """A document that is seldom refused: its values are of the right kind."""
    document = copy.deepcopy(DOCUMENT)
    (venue,), (right,), (tap,) = document["venue"], document["entitlement"], document["tap"]
    venue["passback"] = draw(st.sampled_from(["none", "soft", "timed", "hard"]))
    venue["capacity"] = draw(st.integers(0, 5))
    venue["day_end"] = draw(st.sampled_from(["00:00", "02:30", "04:00"]))
    right["uses"] = {"total": draw(st.integers(0, 9)), "per_day": draw(st.integers(0, 9))}
    right["party"] = draw(st.integers(1, 5))
    right["party_uses"] = draw(st.sampled_from(["each", "once"]))
    right["hours"] = draw(st.sampled_from(["24/7", "Mo-Fr 07:00-09:00", "22:00-03:00; PH off"]))
    at = st.sampled_from(sorted({*TIMES[1:6], "2026-07-14T08:00:01+02:00"}))
    taps = draw(
        st.lists(st.tuples(at, st.sampled_from(["in", "out"]), st.integers(0, right["party"])), max_size=8)
    )
    document["tap"] = [
        tap | {"at": at, "direction": way, "persons": persons}
        for at, way, persons in sorted(taps, key=lambda one: datetime.fromisoformat(one[0]))
    ]
    return document


@given(sound())
@settings(max_examples=200, deadline=None)
def test_what_is_played_keeps_its_limits(document):
    (venue,), (right,) = document["venue"], document["entitlement"]
    scenario = read_scenario(document)
    spent = 0
    for one in Rehearsal(scenario).play():
        if one.left is None:
            continue
        assert 0 <= one.left <= min(right["uses"].values())
        assert 1 <= one.released <= min(right["party"], venue["capacity"])
        taken = min(one.released, one.passed)
        spent += (taken if right["party_uses"] == "each" else min(taken, 1)) * (one.decision.cost > 0)
        assert spent <= right["uses"]["total"]
