"""What only a reader that nfcpy drives can do wrong. The contract is in tests/contracts/test_reader.py."""

from __future__ import annotations

import errno
import os
import re
import secrets
import signal
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest

from acr122u import UsbAcr122u
from gated.app.readers import make_reader as make_reader_of
from gated.card.identify import Media, Scheme, identify
from gated.card.talk import Talk
from gated.config.settings import read_settings
from gated.daemon.conversing import drive
from gated.devices.acr122u import ORDERS, duration_s
from gated.devices.clock import SystemClock
from gated.devices.simulated.isodep import ATS
from gated.devices.simulated.media import Faults, Medium, PkocMedium
from gated.errors import CardError, ReaderError
from gated.model.credential import Assurance, Credential, Proof
from gated.model.document import DocumentError
from gated.ports import Signal
from twins import PATIENCE_S, nfcpy_field, sensed
from venue import Site, medium, until

UID = bytes.fromhex("04A1B2C3D4E580")
OTHER_UID = bytes.fromhex("04FFEEDDCCBBAA")
SELECT = b"\x00\xa4\x04\x00\x08" + PkocMedium.AID + b"\x00"
MUTE = b""  # no answer to select: a medium with a UID and nothing else

_IMPORT_WITHOUT_NFCPY = """\
import sys
sys.modules["nfc"] = None  # as if it were not installed
from gated.errors import ConfigError
try:
    import gated.devices.nfcpy
except ConfigError as error:
    print(error)
"""


@pytest.fixture
def world():
    made = nfcpy_field()
    made.reader.open()
    yield made
    made.close()


class Broken:
    """A frontend of which every part raises the same."""

    device = None

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.closed = False

    def sense(self, *_targets):
        raise self._error

    def close(self):
        self.closed = True
        raise self._error


class Wavering:
    """A frontend whose sweeps can be made to fail; it remembers what was sought."""

    def __init__(self, frontend=None) -> None:
        self._frontend = frontend
        self.device = None
        self.failures: list[Exception | None] = []  # None: finds nothing
        self.sought: list = []

    def __getattr__(self, name):
        return getattr(self._frontend, name)

    def sense(self, *targets):
        self.sought = list(targets)
        if self.failures:
            failure = self.failures.pop(0)
            if failure is not None:
                raise failure
            return None
        return self._frontend.sense(*targets)

    def close(self):
        if self._frontend is not None:
            self._frontend.close()


def make_reader(open_frontend):
    from gated.devices.nfcpy import NfcpyReader

    return NfcpyReader("usb:04e6:5591", open_frontend)


def waits(reader, times):
    """Whether the medium was seen there all the time."""
    return not any(reader.wait_removed(0.06) for _ in range(times))


# ------------------------------------------------------------------ opening


def test_without_nfcpy_one_line_says_what_to_install():
    ended = subprocess.run(
        [sys.executable, "-c", _IMPORT_WITHOUT_NFCPY], capture_output=True, text=True, check=True
    )
    assert ended.stderr == ""
    (line,) = ended.stdout.splitlines()
    assert "libusb-1.0-0" in line
    assert "pip install 'gated[nfcpy]'" in line


def test_warnings_of_the_process_stay_where_they_were():
    words = "import warnings, gated.devices.nfcpy; warnings.warn('look at me')"
    ended = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert "look at me" in ended.stderr


@pytest.mark.parametrize("path", ["usb:ffff:fffe", "tty:NOSUCH:pn532"])
def test_a_reader_that_is_not_there_is_told_with_what_to_check(path):
    from gated.devices.nfcpy import NfcpyReader

    with pytest.raises(ReaderError) as caught:
        NfcpyReader(path).open()
    assert path in str(caught.value)
    assert "pn533_usb" in caught.value.hint


@pytest.mark.parametrize(
    ("code", "hint"),
    [(errno.EACCES, "udev"), (errno.EBUSY, "pcscd"), (errno.ENODEV, "cable"), (errno.EIO, "cable")],
)
def test_the_hint_fits_what_the_system_said(code, hint):
    def refuse(_path):
        raise OSError(code, os.strerror(code))

    with pytest.raises(ReaderError) as caught:
        make_reader(refuse).open()
    assert os.strerror(code) in str(caught.value)
    assert hint in caught.value.hint


def test_each_opening_takes_a_new_frontend_and_closes_the_old_whatever_that_raises():
    given = []

    def give(_path):
        given.append(Broken(termios.error(5, "Input/output error")))
        return given[-1]

    reader = make_reader(give)
    reader.open()
    reader.open()
    assert [True, False] == [frontend.closed for frontend in given]
    reader.close()
    assert given[1].closed


@pytest.mark.parametrize("error", [OSError(errno.EIO, "gone"), termios.error(5, "Input/output error")])
def test_whatever_a_cable_raises_is_a_loss_of_the_reader(error):
    reader = make_reader(lambda _path: Broken(error))
    reader.open()
    with pytest.raises(ReaderError) as caught:
        reader.wait_card(0.0)
    assert caught.value.hint


def test_what_a_medium_may_confuse_the_driver_with_is_borne_for_a_second_and_no_longer():
    from gated.devices.nfcpy import CONFUSED, PAUSE_S

    reader = make_reader(lambda _path: Broken(IndexError("list index out of range")))
    reader.open()
    assert not reader.wait_card(PAUSE_S * (CONFUSED - 3))
    with pytest.raises(ReaderError):
        reader.wait_card(PATIENCE_S)


def test_a_driver_that_is_confused_now_and_then_is_no_lost_reader():
    from gated.devices.nfcpy import CONFUSED

    frontend = Wavering()
    frontend.failures = [IndexError("list index out of range"), None] * CONFUSED
    reader = make_reader(lambda _path: frontend)
    reader.open()
    while frontend.failures:
        assert not reader.wait_card(0.0)


# ------------------------------------------------------------------ media


@pytest.mark.parametrize("uid", ["08A1B2C3", "04A1B2C3D4E580", "04A1B2C3D4E580112233"])
def test_a_uid_of_each_size_is_told_whole(world, uid):
    world.insert(PkocMedium(bytes.fromhex(uid)))
    session = sensed(world.reader)
    assert bytes.fromhex(uid) == session.uid
    assert b"\x90\x00" == session.transmit(SELECT)[-2:]
    assert waits(world.reader, 3)
    world.remove()
    assert world.reader.wait_removed(PATIENCE_S)


def test_a_medium_of_type_b_converses_and_its_changing_number_is_not_told_as_a_uid(world):
    world.insert(PkocMedium(b""))
    session = sensed(world.reader)
    assert session.uid is None
    assert b"\x90\x00" == session.transmit(SELECT)[-2:]
    assert waits(world.reader, 3)
    world.remove()
    assert world.reader.wait_removed(PATIENCE_S)


def test_long_commands_and_answers_go_in_parts(world):
    carried = Medium(UID)
    answer = secrets.token_bytes(700) + b"\x90\x00"
    heard = []
    carried.answer = lambda apdu: (heard.append(apdu), answer)[1]
    world.insert(carried)
    command = b"\x80\x10\x00\x00\xff" + secrets.token_bytes(255) + b"\x00"
    session = sensed(world.reader)
    assert [answer, answer] == [session.transmit(command), session.transmit(command)]
    assert [command, command] == heard


def test_a_medium_with_a_uid_and_nothing_else_is_a_uid_only_credential(world):
    """As behind PC/SC, whose readers answer in its place: a CardError would end the search for a scheme."""
    world.field.present(Medium(UID), MUTE)
    session = sensed(world.reader)
    assert b"\x6a\x81" == session.transmit(SELECT)
    talk = Talk(session.uid, secrets.token_bytes, lambda: None)
    found = drive(identify(talk, Media(bytes(32), [Scheme.PKOC, Scheme.UID])), session)
    assert Proof(Credential("uid", UID, Assurance.UID_ONLY)) == found
    session.close()
    assert waits(world.reader, 5)  # it lies there, and is one tap
    world.remove()
    assert world.reader.wait_removed(PATIENCE_S)


def test_a_medium_with_a_uid_only_that_left_answers_nothing_and_neither_does_the_next(world):
    world.field.present(Medium(UID), MUTE)
    session = sensed(world.reader)
    world.field.present(Medium(OTHER_UID), MUTE)
    with pytest.raises(CardError):
        session.transmit(SELECT)
    assert world.reader.wait_removed(PATIENCE_S)
    assert OTHER_UID == sensed(world.reader).uid


@pytest.mark.parametrize("ats", [ATS, MUTE], ids=["converses", "uid only"])
def test_a_swap_between_two_looks_is_a_removal(world, ats):
    world.field.present(Medium(UID), ats)
    sensed(world.reader).close()
    world.field.present(Medium(OTHER_UID), ats)
    assert world.reader.wait_removed(PATIENCE_S)
    assert world.reader.wait_card(PATIENCE_S)
    assert OTHER_UID == world.reader.connect().uid


def test_a_swap_of_type_b_for_type_b_is_a_removal(world):
    world.insert(PkocMedium(b""))
    sensed(world.reader).close()
    world.insert(PkocMedium(b""))
    assert world.reader.wait_removed(PATIENCE_S)
    assert b"\x90\x00" == sensed(world.reader).transmit(SELECT)[-2:]


def test_a_single_sweep_that_misses_the_medium_is_no_removal():
    """And it is sought by its UID: another one beside it would not be found."""
    world = nfcpy_field()
    frontends = []

    def give(_path):
        frontends.append(Wavering(world.field.frontend(world.field.path)))
        return frontends[-1]

    reader = make_reader(give)
    reader.open()
    world.field.present(Medium(UID), MUTE)
    sensed(reader).close()
    frontends[0].failures = [None]
    assert waits(reader, 1)
    assert [UID] == [bytes(target.sel_req) for target in frontends[0].sought]
    reader.close()
    world.close()


class Phone(PkocMedium):
    """It draws a new UID whenever the field goes off."""

    def reset(self):
        super().reset()
        self.uid = b"\x08" + secrets.token_bytes(3)


def test_a_phone_that_lies_there_is_one_tap_whatever_its_uid(world):
    world.insert(Phone(UID))
    session = sensed(world.reader)
    assert b"\x90\x00" == session.transmit(SELECT)[-2:]
    session.close()
    assert waits(world.reader, 10)


def test_a_medium_that_lost_its_place_after_a_good_conversation_still_lies_there(world):
    world.insert(PkocMedium(UID))
    session = sensed(world.reader)
    assert b"\x90\x00" == session.transmit(SELECT)[-2:]
    session.close()
    world.field.blink()
    assert waits(world.reader, 5)


def test_a_medium_that_was_torn_away_and_is_held_again_at_once_gets_a_second_chance(world):
    carried = PkocMedium(UID)
    carried.faults = Faults(tear_at=0)
    world.insert(carried)
    session = sensed(world.reader)
    with pytest.raises(CardError):
        session.transmit(SELECT)
    session.close()
    carried.faults = Faults()
    world.insert(carried)
    assert world.reader.wait_removed(PATIENCE_S)
    assert b"\x90\x00" == sensed(world.reader).transmit(SELECT)[-2:]


@pytest.mark.parametrize("ats", [b"\x01", ATS], ids=["cut short", "none"])
def test_a_medium_that_does_not_wake_is_tried_in_vain_once_and_no_fault_of_the_reader(world, ats):
    sleeping = PkocMedium(UID)
    sleeping.faults = Faults(hang_waking=ats == ATS)
    world.field.present(sleeping, ats)
    assert world.reader.wait_card(PATIENCE_S)
    with pytest.raises(CardError) as caught:
        world.reader.connect()
    assert caught.value.hint
    assert waits(world.reader, 3)
    world.remove()
    assert world.reader.wait_removed(PATIENCE_S)
    world.insert(PkocMedium(OTHER_UID))
    assert OTHER_UID == sensed(world.reader).uid


def test_a_medium_that_sleeps_and_is_held_nearer_gets_a_second_chance(world):
    sleeping = PkocMedium(UID)
    sleeping.faults = Faults(hang_waking=True)
    world.insert(sleeping)
    assert world.reader.wait_card(PATIENCE_S)
    with pytest.raises(CardError):
        world.reader.connect()
    sleeping.free()
    sleeping.faults = Faults()
    assert world.reader.wait_removed(PATIENCE_S)
    assert b"\x90\x00" == sensed(world.reader).transmit(SELECT)[-2:]


def test_an_interrupt_ends_the_pause_and_is_forgotten_before_the_next_wait(world):
    world.reader.interrupt()
    clock = SystemClock()
    began = clock.monotonic()
    assert not world.reader.wait_card(0.2)
    assert clock.monotonic() - began >= 0.2


def test_a_look_never_opens_a_reader_that_was_closed(world):
    world.insert(PkocMedium(UID))
    session = sensed(world.reader)
    world.reader.close()
    for call in (world.reader.connect, lambda: session.transmit(SELECT)):
        with pytest.raises(ReaderError):
            call()


def test_a_session_begins_without_a_wait_and_only_with_what_is_there(world):
    world.insert(PkocMedium(UID))
    assert UID == world.reader.connect().uid
    world.remove()
    with pytest.raises(CardError) as caught:
        world.reader.connect()
    assert caught.value.hint


def test_a_plug_pulled_between_two_steps_is_a_loss_of_the_reader(world):
    world.insert(PkocMedium(UID))
    assert world.reader.wait_card(PATIENCE_S)
    world.unplug()
    with pytest.raises(ReaderError):
        world.reader.connect()
    world.replug()
    world.reader.open()
    world.insert(PkocMedium(UID))
    sensed(world.reader).close()
    world.unplug()
    with pytest.raises(ReaderError):
        world.reader.wait_removed(PATIENCE_S)


# ------------------------------------------------------------------ light


@pytest.fixture
def acr122u():
    """(the USB device, a reader on it)"""
    import nfc.clf.acr122

    device = UsbAcr122u()

    def give(_path):
        frontend = nfc.ContactlessFrontend()
        frontend.device = nfc.clf.acr122.init(device)
        return frontend

    reader = make_reader(give)
    reader.open()
    device.orders.clear()
    yield device, reader
    reader.close()


def test_an_acr122u_shows_each_signal_and_senses_on(acr122u):
    device, reader = acr122u
    for shown in Signal:
        reader.show(shown)
        waited_ms = device.timeouts_ms[-1]
        assert waited_ms > 1000 * duration_s(ORDERS[shown])  # a late answer would be taken for the next one
        assert not reader.wait_card(0.0)
    assert [ORDERS[shown] for shown in Signal] == device.orders


def test_a_light_that_failed_is_left_alone_until_the_next_opening(acr122u):
    device, reader = acr122u
    device.lit = False
    reader.show(Signal.GRANTED)
    reader.show(Signal.READY)
    assert [ORDERS[Signal.GRANTED]] == device.orders
    device.plugged = False
    reader.show(Signal.READY)
    with pytest.raises(ReaderError):
        reader.wait_card(0.0)
    device.plugged = device.lit = True
    reader.open()
    reader.show(Signal.READY)
    assert ORDERS[Signal.READY] == device.orders[-1]


def test_a_light_on_a_pulled_cable_raises_nothing_and_the_next_wait_tells_the_loss(acr122u):
    device, reader = acr122u
    device.plugged = False
    reader.show(Signal.READY)
    with pytest.raises(ReaderError):
        reader.wait_card(0.0)


def test_another_reader_is_told_nothing(world):
    world.reader.show(Signal.GRANTED)
    world.reader.close()
    world.reader.show(Signal.GRANTED)


# ------------------------------------------------------------------ the daemon on it


def lanes(*readers):
    return {
        "gate": {"id": "gate-1"},
        "lane": [
            {"id": f"in-{number}", "reader": reader, "barrier": "simulated"}
            for number, reader in enumerate(readers)
        ],
    }


@pytest.mark.parametrize(
    "path", ["usb:072f:2200", "tty:AMA0:pn532", "tty:gate-north:arygon", "udp:127.0.0.1:65535"]
)
def test_a_path_in_gate_toml_makes_such_a_reader(path):
    settings = read_settings(lanes(f"nfcpy:{path}"), Path())
    assert path == make_reader_of(settings.lanes[0].reader).name


@pytest.mark.parametrize(
    "path",
    [
        "usb",
        "usb:072f",
        "usb:001:004",
        "usb:072F:2200",
        "tty",
        "tty:AMA0",
        "tty:AMA0:pn533",
        "udp:a:65536",
        "com:1",
        "",
    ],
)
def test_a_path_that_may_mean_another_reader_tomorrow_is_refused(path):
    with pytest.raises(DocumentError):
        read_settings(lanes(f"nfcpy:{path}"), Path())


def test_two_lanes_cannot_share_one():
    with pytest.raises(DocumentError, match="two lanes have one reader"):
        read_settings(lanes("nfcpy:usb:04e6:5591", "nfcpy:usb:04e6:5591"), Path())


def test_a_gate_on_it_grants_and_logs_no_frame_and_no_uid_even_at_debug(tmp_path):
    made = nfcpy_field()
    site = Site(tmp_path)
    site.bring(site.give("alice", medium(1), "season"))
    text = site.config.read_text()
    site.config.write_text(text.replace('reader = "simulated"', f'reader = "nfcpy:{made.field.path}"'))
    words = [sys.executable, "-m", "gated", "run", "--config", str(site.config), "--log", "debug"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as gate:
        lines: list[str] = []
        reading = threading.Thread(target=lambda: lines.extend(gate.stderr))
        reading.start()
        torn = medium(1)
        torn.faults = Faults(tear_at=1)
        made.insert(torn)
        assert until(lambda: any("unreadable" in line for line in list(lines)))
        made.insert(medium(1))
        assert until(lambda: any("granted row" in line for line in list(lines)))
        gate.send_signal(signal.SIGTERM)
        reading.join(PATIENCE_S)
        assert 0 == gate.wait(PATIENCE_S)
    made.close()
    site.office.close()
    told = "".join(lines).lower()
    assert medium(1).uid.hex() not in re.sub(r"[ :,\-]", "", told)
    for words_of_nfcpy in ("iso-dep", "udp", "searching", "106a"):
        assert words_of_nfcpy not in told
