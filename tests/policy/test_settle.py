"""What a release comes to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gated.policy.settle import Outcome, settle


@pytest.mark.parametrize(
    ("persons", "cost", "passed", "expected"),
    [
        pytest.param(1, 1, 0, Outcome(0, 0, 0), id="one, nobody went"),
        pytest.param(1, 1, 1, Outcome(1, 1, 0), id="one"),
        pytest.param(1, 1, 2, Outcome(1, 1, 1), id="one, and another behind"),
        pytest.param(1, 0, 0, Outcome(0, 0, 0), id="one for nothing, nobody went"),
        pytest.param(1, 0, 1, Outcome(1, 0, 0), id="one for nothing"),
        pytest.param(1, 0, 3, Outcome(1, 0, 2), id="one for nothing, two behind"),
        pytest.param(4, 4, 0, Outcome(0, 0, 0), id="each counts, nobody went"),
        pytest.param(4, 4, 1, Outcome(1, 1, 0), id="each counts, one went"),
        pytest.param(4, 4, 3, Outcome(3, 3, 0), id="each counts, one stayed"),
        pytest.param(4, 4, 4, Outcome(4, 4, 0), id="each counts, all went"),
        pytest.param(4, 4, 6, Outcome(4, 4, 2), id="each counts, two behind"),
        pytest.param(4, 1, 0, Outcome(0, 0, 0), id="once for all, nobody went"),
        pytest.param(4, 1, 1, Outcome(1, 1, 0), id="once for all, one went"),
        pytest.param(4, 1, 4, Outcome(4, 1, 0), id="once for all"),
        pytest.param(4, 1, 5, Outcome(4, 1, 1), id="once for all, one behind"),
        pytest.param(4, 0, 0, Outcome(0, 0, 0), id="back again, nobody went"),
        pytest.param(4, 0, 2, Outcome(2, 0, 0), id="back again, two went"),
        pytest.param(4, 0, 5, Outcome(4, 0, 1), id="back again, one behind"),
    ],
)
def test_a_release_comes_to(persons, cost, passed, expected):
    assert expected == settle(persons, cost, passed)


@st.composite
def releases(draw):
    persons = draw(st.integers(1, 200))
    return persons, draw(st.sampled_from([0, 1, persons]))


@given(releases(), st.integers(0, 300))
def test_everybody_is_counted_once_and_nobody_pays_twice(release, passed):
    persons, cost = release
    outcome = settle(persons, cost, passed)
    assert passed == outcome.persons + outcome.forced
    assert 0 <= outcome.persons <= persons
    assert 0 <= outcome.uses <= cost
    assert outcome.uses <= passed


@given(releases(), st.integers(0, 300))
def test_one_more_never_makes_less(release, passed):
    fewer, more = settle(*release, passed), settle(*release, passed + 1)
    assert all(one <= other for one, other in zip(fewer, more, strict=True))


@given(releases())
def test_what_nobody_took_is_given_back(release):
    assert Outcome(0, 0, 0) == settle(*release, 0)
