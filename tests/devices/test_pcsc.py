"""What only PC/SC can do wrong. The contract that all twins keep is in tests/contracts/test_reader.py."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pcscd
from gated.devices.simulated.media import Faults, Medium
from gated.errors import CardError, ReaderError
from twins import PATIENCE_S, sensed

UID = bytes.fromhex("04A1B2C3D4E580")
OTHER_UID = bytes.fromhex("04FFEEDDCCBBAA")

_IMPORT_WITHOUT_PYSCARD = """\
import sys
sys.modules["smartcard"] = None  # as if it were not installed
from gated.errors import ConfigError
try:
    import gated.devices.pcsc
except ConfigError as error:
    print(error)
"""


@pytest.fixture
def service():
    with pcscd.running() as made:
        yield made


@pytest.fixture
def make_reader(service):
    from gated.devices.pcsc import PcscReader

    made = []

    def make(name):
        made.append(PcscReader(name))
        return made[-1]

    yield make
    for reader in made:
        reader.close()


def test_without_pyscard_one_line_names_the_packages_to_install():
    ended = subprocess.run(
        [sys.executable, "-c", _IMPORT_WITHOUT_PYSCARD], capture_output=True, text=True, check=True
    )
    assert ended.stderr == ""
    (line,) = ended.stdout.splitlines()
    for word in ("gcc", "python3-dev", "libpcsclite-dev", "pip install 'gated[pcsc]'"):
        assert word in line


@pytest.mark.pcsc
def test_a_name_that_no_reader_has_is_told_with_the_names_that_there_are(service, make_reader):
    with pytest.raises(ReaderError) as caught:
        make_reader("Gate ACR122U 0").open()  # a beginning of a name is no name
    for slot in service.slots:
        assert repr(slot.reader) in str(caught.value)
    assert "gate.toml" in caught.value.hint


@pytest.mark.pcsc
@pytest.mark.parametrize("place", range(2 * pcscd.READERS))
def test_readers_that_differ_in_the_end_of_their_names_sense_only_their_own_media(
    service, make_reader, place
):
    readers = [make_reader(slot.reader) for slot in service.slots]
    for reader in readers:
        reader.open()
    service.slots[place].insert(Medium(UID))
    session = sensed(readers.pop(place))
    assert not any(reader.wait_card(0.0) for reader in readers)
    session.close()


@pytest.mark.pcsc
def test_a_swap_between_two_looks_shows_in_the_event_counter(service, make_reader):
    slot = service.slots[0]
    reader = make_reader(slot.reader)
    reader.open()
    slot.insert(Medium(UID))
    sensed(reader).close()
    slot.remove()
    slot.insert(Medium(OTHER_UID))  # with the same ATR
    slot.wait_seen()
    assert reader.wait_removed(0.0)
    assert reader.wait_card(0.0)
    assert reader.connect().uid == OTHER_UID


@pytest.mark.pcsc
def test_a_medium_that_another_program_holds_is_not_ours_and_the_reader_is_fine(service, make_reader):
    slot = service.slots[0]
    reader, other = make_reader(slot.reader), make_reader(slot.reader)
    reader.open()
    other.open()
    slot.insert(Medium(UID))
    held = sensed(other)
    assert reader.wait_card(PATIENCE_S)
    with pytest.raises(CardError) as caught:
        reader.connect()
    assert "another program" in caught.value.hint
    held.close()
    assert sensed(reader).uid == UID


@pytest.mark.pcsc
def test_an_oversized_answer_is_no_loss_of_the_reader(service, make_reader):
    slot = service.slots[0]
    reader = make_reader(slot.reader)
    reader.open()
    medium = Medium(UID)
    medium.faults = Faults(answers={0: bytes(65535), 1: b"\x90\x00"})
    slot.insert(medium)
    session = sensed(reader)
    try:
        assert len(session.transmit(bytes(5))) == 65535
    except CardError:
        session.close()
        session = sensed(reader)
    assert session.transmit(bytes(5)) == b"\x90\x00"


@pytest.mark.pcsc
def test_a_reader_that_was_away_serves_through_a_new_context(service, make_reader):
    slot = service.slots[0]
    reader = make_reader(slot.reader)
    for number in range(3):
        reader.open()
        slot.insert(Medium(bytes([4, number, 0, 1])))
        assert sensed(reader).uid == bytes([4, number, 0, 1])
        service.stop()
        with pytest.raises(ReaderError):
            reader.wait_removed(PATIENCE_S)
        with pytest.raises(ReaderError):
            reader.open()
        slot.remove()
        service.start()


@pytest.mark.pcsc
def test_what_pyscard_raises_when_pcscd_dies_within_a_call_is_a_loss_of_the_reader(service):
    from gated.devices import pcsc_calls

    def dies():
        raise SystemError("<built-in function SCardListReaders> returned NULL without setting an exception")

    with pytest.raises(ReaderError) as caught:
        pcsc_calls.ask("north", "waiting", dies)
    assert "north" in str(caught.value)
