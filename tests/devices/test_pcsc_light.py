"""The light and buzzer of an ACR122U behind a real pcscd; the reader is virtual, and bears its name."""

from __future__ import annotations

import pytest

import pcscd
from gated.devices.acr122u import ORDERS, SILENCE, duration_s
from gated.devices.simulated.media import Faults, Medium, PkocMedium
from gated.ports import Signal
from twins import PATIENCE_S, sensed

UID = bytes.fromhex("04A1B2C3D4E580")
SELECT = b"\x00\xa4\x04\x00\x08" + PkocMedium.AID + b"\x00"

pytestmark = pytest.mark.pcsc


@pytest.fixture
def service():
    with pcscd.running() as made:
        yield made


@pytest.fixture(params=[0, 2], ids=["ACR122U", "another reader"])
def slot(request, service):
    return service.slots[request.param]


@pytest.fixture
def reader(slot):
    from gated.devices.pcsc import PcscReader

    made = PcscReader(slot.reader)
    made.open()
    yield made
    made.close()


@pytest.fixture
def acr122u(service):
    from gated.devices.pcsc import PcscReader

    made = PcscReader(service.slots[0].reader)
    yield made
    made.close()


def test_the_orders_are_those_of_the_document():
    """P2 bit by bit, T1, T2, repetitions, buzzer (1 = while T1)."""
    assert {
        Signal.READY: "FF00400C0400000000",
        Signal.GRANTED: "FF0040AE0401000101",
        Signal.LOOK: "FF0040AE0401010301",
        Signal.REFUSED: "FF00405D0401010201",
        Signal.OUT_OF_SERVICE: "FF00400D0400000000",
        Signal.FREE: "FF00400E0400000000",
        Signal.FIRE: "FF0040AE0401010501",
        Signal.ALARM: "FF00405D0401010501",
    } == {signal: order.hex().upper() for signal, order in ORDERS.items()}
    assert set(Signal) == set(ORDERS)
    assert (0.1, 0.4, 0.0) == tuple(
        duration_s(ORDERS[signal]) for signal in (Signal.GRANTED, Signal.REFUSED, Signal.READY)
    )


def test_a_signal_goes_beside_the_medium_to_an_acr122u_only(slot, reader):
    medium = PkocMedium(UID)
    medium.faults = Faults(answers={0: b"\x6f\x00"})
    slot.insert(medium)
    sensed(reader).close()
    reader.show(Signal.GRANTED)
    reader.show(Signal.READY)
    own = [SILENCE, ORDERS[Signal.GRANTED], ORDERS[Signal.READY]]
    assert (own if "ACR122U" in reader.name else []) == slot.orders
    session = reader.connect()  # the medium saw none of it
    assert session.transmit(SELECT) == b"\x6f\x00"
    session.close()


def test_showing_is_no_removal_of_the_medium_and_no_second_one(slot, reader):
    slot.insert(Medium(UID))
    sensed(reader).close()
    for signal in Signal:
        reader.show(signal)
        assert not reader.wait_removed(0.5)  # longer than pcscd takes to look
    slot.remove()
    assert reader.wait_removed(PATIENCE_S)


def test_without_a_medium_an_order_goes_to_the_reader_itself_where_its_driver_lets_us(service, acr122u):
    service.obey()
    acr122u.open()
    assert [SILENCE] == service.orders()
    acr122u.show(Signal.REFUSED)
    assert [SILENCE, ORDERS[Signal.REFUSED]] == service.orders()


def test_what_the_driver_refused_is_not_tried_again_until_the_next_opening(service, acr122u):
    acr122u.open()  # refused here already
    service.obey()
    acr122u.show(Signal.READY)
    assert [] == service.orders()
    service.slots[0].insert(Medium(UID))
    assert acr122u.wait_card(PATIENCE_S)
    acr122u.show(Signal.GRANTED)  # the other way is open still
    assert [SILENCE, ORDERS[Signal.GRANTED]] == service.slots[0].orders
    service.slots[0].remove()
    acr122u.open()
    acr122u.show(Signal.READY)
    assert [SILENCE, ORDERS[Signal.READY]] == service.orders()


def test_a_reader_of_that_name_that_knows_no_light_is_left_in_peace(service, acr122u):
    slot = service.slots[0]
    slot.insert(Medium(UID))
    slot.presentation.lit = False
    slot.wait_seen()
    acr122u.open()
    for _ in range(3):
        acr122u.show(Signal.GRANTED)
    assert [SILENCE, ORDERS[Signal.GRANTED]] == slot.orders


def test_a_medium_that_another_program_holds_darkens_one_signal_only(service, acr122u):
    from gated.devices.pcsc import PcscReader

    slot = service.slots[0]
    other = PcscReader(slot.reader)
    acr122u.open()
    other.open()
    slot.insert(Medium(UID))
    held = sensed(other)
    acr122u.show(Signal.REFUSED)
    held.close()
    other.close()
    acr122u.show(Signal.GRANTED)
    assert ORDERS[Signal.REFUSED] not in slot.orders
    assert ORDERS[Signal.GRANTED] == slot.orders[-1]


def test_a_lost_or_closed_reader_shows_nothing_and_raises_nothing(service, acr122u):
    acr122u.show(Signal.READY)
    acr122u.open()
    service.stop()
    acr122u.show(Signal.READY)
    acr122u.close()
    acr122u.show(Signal.READY)
