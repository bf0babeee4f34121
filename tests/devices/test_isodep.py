"""The medium's side of ISO/IEC 14443-4, where a frame got lost or belongs to nothing."""

from __future__ import annotations

import pytest

from gated.devices.simulated.isodep import ATS, IsoDepTarget
from gated.devices.simulated.media import Faults, LeftFieldError, Medium

RATS = bytes.fromhex("E080")
COMMAND = bytes.fromhex("00A4040000")
NOT_FOUND = bytes.fromhex("6A82")
R_ACK, R_NAK = 0xA2, 0xB2


@pytest.fixture
def target():
    made = IsoDepTarget(Medium(b"\x04\x01\x02\x03"))
    assert ATS == made.frame(RATS)
    return made


def test_an_idle_medium_answers_nothing_but_its_activation():
    idle = IsoDepTarget(Medium(b"\x04\x01\x02\x03"))
    assert [None, None, None] == [idle.frame(frame) for frame in (b"", b"\x02" + COMMAND, bytes([R_NAK]))]


def test_a_lost_answer_is_sent_again_and_the_command_carried_out_once(target):
    target._medium.faults = Faults(answers={0: b"\x90\x00"})
    answer = target.frame(b"\x02" + COMMAND)
    assert b"\x02\x90\x00" == answer
    assert answer == target.frame(bytes([R_NAK]))
    assert b"\x03" + NOT_FOUND == target.frame(b"\x03" + COMMAND)


def test_a_question_whether_it_is_there_is_answered_with_its_own_number(target):
    target.frame(b"\x02" + COMMAND)
    assert bytes([R_ACK]) == target.frame(bytes([R_NAK | 1]))


def test_a_lost_part_of_a_long_answer_is_sent_again(target):
    whole = bytes(range(250)) * 2 + b"\x90\x00"
    target._medium.faults = Faults(answers={0: whole})
    first = target.frame(b"\x02" + COMMAND)
    second = target.frame(bytes([R_ACK | 1]))
    assert second == target.frame(bytes([R_NAK | 1]))
    assert (0x12, 0x03) == (first[0], second[0])
    assert whole == first[1:] + second[1:]


def test_a_medium_that_thinks_asks_for_time_whatever_it_is_asked(target):
    target._medium.faults = Faults(late_at=0)
    more_time = bytes([0xF2, 1])
    assert more_time == target.frame(b"\x02" + COMMAND)
    assert [more_time, more_time] == [target.frame(more_time), target.frame(bytes([R_NAK]))]
    target._medium.free()
    assert b"\x02" + NOT_FOUND == target.frame(more_time)
    assert target.frame(more_time) is None  # nothing is pending any more


def test_a_deselected_medium_is_idle_again(target):
    assert b"\xc2" == target.frame(b"\xc2")
    assert target.frame(b"\x02" + COMMAND) is None
    assert ATS == target.frame(RATS)


def test_what_is_no_block_is_met_with_silence_and_a_torn_medium_leaves(target):
    assert target.frame(b"\x26") is None
    target._medium.faults = Faults(tear_at=0)
    with pytest.raises(LeftFieldError):
        target.frame(b"\x02" + COMMAND)
