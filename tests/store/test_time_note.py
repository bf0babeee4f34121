"""The note of the time: what was written is read back, and what nobody wrote is nothing."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from gated.errors import StoreError
from gated.model.time import END_OF_TIME, BoundsNote
from gated.store.time_note import read_time_note, write_time_note

NOTE = BoundsNote("0123456789abcdef", 60.5, 1_800_000_000, 1_800_000_002, 1_800_000_001, None)
BEGUN = BoundsNote("0123456789abcdef", 60.5, 1_800_000_000, None, 0, (1_799_999_000, 3.25, 0, True))


@pytest.mark.parametrize("note", [NOTE, BEGUN])
def test_a_note_reads_as_it_was_written(tmp_path, note):
    write_time_note(tmp_path / "time.json", note)
    assert note == read_time_note(tmp_path / "time.json")


def test_where_there_is_none_nothing_is_said(tmp_path, caplog):
    assert None is read_time_note(tmp_path / "time.json")
    assert "" == caplog.text


def changed(**members) -> bytes:
    return json.dumps(asdict(BEGUN) | members).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff", b"7", b"[]", b"{}", b"[" * 100_000, changed(more=1), b" " * 5000,
        changed(boot=7), changed(boottime=60), changed(boottime=-1.0), changed(boottime=float("nan")),
        changed(boottime=float("inf")), changed(floor=-1), changed(floor=END_OF_TIME + 1), changed(floor=1.5),
        changed(floor=True), changed(floor=None), changed(ceiling="now"), changed(ceiling=-1),
        changed(wall=None),
        changed(start=[]), changed(start={}), changed(start=[1, 2.0, 3]), changed(start=[1, 2, 3, True]),
        changed(start=[1, 2.0, 3, 1]), changed(start=[-1, 2.0, 3, True]), changed(start=[1, 2.0, -3, True]),
        changed(start=[1, float("nan"), 3, True]),
    ],
)  # fmt: skip
def test_a_damaged_note_is_none_and_told(tmp_path, caplog, content):
    (tmp_path / "time.json").write_bytes(content)
    assert None is read_time_note(tmp_path / "time.json")
    assert "floor of time alone" in caplog.text


def test_a_note_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(StoreError, match=r"time\.json cannot be written"):
        write_time_note(tmp_path / "gone" / "time.json", NOTE)
