"""SUN: an address that counts up. What is believed of it, and of what looks like it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gated.card import ndef
from gated.card.identify import Scheme
from gated.devices.simulated.applets import AppletMedium
from gated.devices.simulated.ev2 import Sun
from kinds import (
    MIRROR,
    OTHER_UID,
    PLAIN_MIRROR,
    RANDOM_UID,
    UID,
    applet_of,
    ev2_applet,
    media_for,
    ntag424,
    proven,
    refused,
    show,
    showing,
)

SUN = media_for(Scheme.SUN, Scheme.UID)


def test_each_reading_counts_up_and_a_medium_reads_once_in_a_presentation():
    medium = ntag424()
    assert [1, 2, 3] == [proven(medium, SUN).counter for _ in range(3)]


def test_plain_mirrors_are_read_too():
    applet = ev2_applet()
    applet.sun = replace(applet.sun, meta_key=None)
    assert 1 == proven(AppletMedium(UID, [applet]), media_for(Scheme.SUN, sun=PLAIN_MIRROR)).counter


@pytest.mark.parametrize("seen", [OTHER_UID, RANDOM_UID, b""])
def test_an_address_shown_by_another_medium_is_a_copy(seen):
    """A tag, a phone that draws a number at each tap, and one that tells none."""
    message = applet_of(ntag424()).sun.message(UID)
    assert "sun" == proven(showing(message), SUN).credential.scheme
    elsewhere = showing(message, seen)
    assert ("copied", None) == refused(elsewhere, SUN)


def test_where_media_hide_their_uid_it_is_compared_with_none_but_another_is_a_copy_still():
    lane = media_for(Scheme.SUN, sun=replace(MIRROR, random_uid=True))
    for seen in (RANDOM_UID, b"", UID):
        message = applet_of(ntag424()).sun.message(UID)
        assert "sun" == proven(showing(message, seen), lane).credential.scheme
    assert ("copied", None) == refused(showing(message, OTHER_UID), lane)


def address(text):
    return b"\xd1\x01" + bytes([len(text) + 1]) + b"U\x04" + text.encode()


GOOD = "picc_data=" + "0" * 32 + "&cmac=" + "0" * 16
NOT_OURS = {
    "no address": ndef.record(1, b"T", b"\x02enhello"),
    "nothing": b"",
    "no parameter": address("city.example/t"),
    "no MAC": address("city.example/t?picc_data=" + "0" * 32),
    "a short MAC": address("city.example/t?" + GOOD[:-1]),
    "a long MAC": address("city.example/t?" + GOOD + "0"),
    "no PICC data": address("city.example/t?cmac=" + "0" * 16),
    "a MAC that is not hex": address("city.example/t?" + GOOD[:-1] + "g"),
    "the MAC twice": address("city.example/t?" + GOOD + "&cmac=" + "0" * 16),
    "junk": b"\xff" * 40,
}


@pytest.mark.parametrize("name", NOT_OURS)
def test_an_address_of_somebody_else_is_none_of_ours(name):
    assert show(showing(NOT_OURS[name]), media_for(Scheme.SUN)) is None


FORGED = {
    "invented": address("city.example/t?" + GOOD),
    "a MAC of another counter": None,
}


def test_a_forged_address_is_refused_and_nothing_weaker_tried():
    assert "bad_proof" == refused(showing(FORGED["invented"]), SUN)[0]
    one, other = Sun(applet_of(ntag424()).sun.file_key, MIRROR.meta_key()), None
    other = replace(one, counter=9)
    spliced = one.message(UID)[:-16] + other.message(UID)[-16:]
    assert "bad_proof" == refused(showing(spliced), SUN)[0]


def test_a_mac_under_another_venues_key_is_refused():
    medium = ntag424()
    applet_of(medium).sun = replace(applet_of(medium).sun, file_key=bytes(16))
    assert ("bad_proof", None) == refused(medium, SUN)
