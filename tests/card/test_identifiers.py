"""Numbers that cards tell anybody: Calypso, and a record somewhere on a city card."""

from __future__ import annotations

import pytest

from gated.card.identify import Scheme
from gated.devices.simulated.applets import AppletMedium
from gated.devices.simulated.media import faulty
from kinds import (
    CITY_RECORD,
    SERIAL,
    UID,
    calypso,
    city_card,
    media_for,
    proven,
    refused,
)


@pytest.mark.parametrize("first", [True, False])
def test_the_serial_is_found_in_any_order(first):
    assert SERIAL == proven(calypso(serial_first=first), media_for(Scheme.CALYPSO)).credential.value


def test_an_invalidated_card_is_refused():
    assert ("invalidated", None) == refused(calypso(invalidated=True), media_for(Scheme.CALYPSO, Scheme.UID))


FCI = {
    "no serial": "6F0FA50DBF0C0A53080A2E114200010203",
    "a short serial": "6F0DA50BBF0C08C70600000012345690",
    "a serial of zeros": "6F0FA50DBF0C0AC7080000000000000000",
    "two serials": "6F19A517BF0C14C7081111111111111111C7082222222222222222",
    "cut off": "6F20A50D",
    "endless length": "6F84FFFFFFFF",
    "nothing": "",
}


@pytest.mark.parametrize("name", FCI)
def test_an_answer_without_a_serial_is_unreadable(name):
    medium = calypso()
    with faulty(medium, answers={0: bytes.fromhex(FCI[name]) + b"\x90\x00"}):
        assert "unreadable" == refused(medium, media_for(Scheme.CALYPSO, Scheme.UID))[0]


def test_a_number_without_records_is_read_at_its_offset():
    from gated.card.record import Place
    from gated.devices.simulated.transport import RecordApplet
    from kinds import CITY_AID

    medium = AppletMedium(UID, [RecordApplet(CITY_AID, 3, bytes(range(64)))])
    lane = media_for(Scheme.RECORD, record=Place(CITY_AID, 3, None, 16, 10))
    assert bytes(range(16, 26)) == proven(medium, lane).credential.value


@pytest.mark.parametrize(
    ("contents", "what"),
    [
        ({1: bytes(29)}, "blank"),
        ({1: b"\xff" * 29}, "blank"),
        ({1: CITY_RECORD[:11]}, "short"),
        ({1: b""}, "short"),
        ({}, "status_6a83"),
    ],
)
def test_a_number_that_names_nobody_is_refused(contents, what):
    assert ("unreadable", what) == refused(city_card(contents=contents), media_for(Scheme.RECORD, Scheme.UID))
