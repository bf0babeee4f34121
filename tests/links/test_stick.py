"""A stick is read as strictly as a hostile peer, and written so that it may be pulled out at any moment."""

from __future__ import annotations

import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gated.errors import StickError
from gated.links.stick import StickReader, StickWriter, stick_folder
from gated.wire import stick
from gated.wire.stick import FOLDER, LIMITS, Place, What, folder_of, place_of

EPOCH = "0123456789abcdef"
PLACES = [
    stick.trust_file("1.root.json"),
    stick.head("pools"),
    stick.blob("pools", bytes(range(32))),
    stick.uses("pools", 0, 12),
    stick.batch("bron-1", EPOCH, 201),
    stick.ack("bron-1", EPOCH, 400),
    stick.command("bron-1", 1_795_500_000),
]


@pytest.fixture
def root(tmp_path):
    return tmp_path / FOLDER


@pytest.fixture
def full(root):
    """A stick with one file of each kind."""
    writer = StickWriter(root)
    for place in PLACES:
        writer.write(place, str(place).encode())
    return root


def test_each_kind_has_a_place_of_its_own_and_is_found_by_it():
    assert set(What) == {place.what for place in PLACES}
    assert set(What) == set(LIMITS)
    for place in PLACES:
        assert place == place_of(place.path)


def test_names_are_such_as_every_file_system_takes():
    for place in PLACES:
        for name in place.path:
            assert name == name.lower()
            assert name.isascii()
            assert not set(name) & set('<>:"/\\|?*')
            assert name[-1] not in ". "


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=4))
def test_whatever_else_it_is_called_it_is_nothing_of_ours(path):
    found = place_of(tuple(path))
    assert found is None or found.path == tuple(path)


@pytest.mark.parametrize(
    "path",
    [
        ("trust", ".."), ("trust", "a/b"), ("trust", "../keys.json"), ("trust",), ("trust", "a", "b"),
        ("sector-pools", ".."), ("sector-pools", "HEAD"), ("sector-pools", "head\n"), ("sector-..", "head"),
        ("sector-pools", "A" * 64), ("sector-pools", "0" * 63), ("sector-Pools", "head"),
        ("gate-bron-1", "up"), ("gate-bron-1", "up", f"{EPOCH}-01.batch"), ("gate-bron-1", "up", "head"),
        ("gate-bron-1", "down", f"{EPOCH}-1.batch"), ("gate-bron-1", "up", f"{EPOCH}-1.ack"),
        ("gate-../../etc", "up", f"{EPOCH}-1.batch"), ("gate-", "up", f"{EPOCH}-1.batch"),
        ("gate-bron-1", "up", f"{EPOCH}-12345678901234567.batch"),
    ],
    ids=str,
)  # fmt: skip
def test_a_name_of_no_form_leads_nowhere(path):
    assert place_of(path) is None


def test_what_was_written_is_read_in_its_order(full):
    reader = StickReader(full)
    places = reader.places()
    assert sorted(map(str, PLACES)) == sorted(map(str, places))
    assert [str(place).encode() for place in places] == [reader.read(place) for place in places]
    assert {} == reader.refused


def test_batches_come_in_the_order_of_their_numbers(root):
    writer = StickWriter(root)
    for first in (1001, 201, 1, 401):
        writer.write(stick.batch("bron-1", EPOCH, first), b"x")
    assert [1, 201, 401, 1001] == [place.order[1] for place in StickReader(root).places()]


def test_of_other_gates_not_even_the_names_are_read(full):
    (full / "gate-vaise-1").symlink_to("/etc")
    reader = StickReader(full)
    own = reader.places(lambda kind, whose: (kind, whose) == ("gate", "bron-1"))
    assert {"bron-1"} == {place.whose for place in own}
    assert {} == reader.refused


def test_a_stick_without_our_folder_says_so(tmp_path):
    with pytest.raises(StickError, match="no folder"):
        StickReader(tmp_path / FOLDER).places()


def test_our_folder_is_no_link_to_elsewhere(full, tmp_path):
    (tmp_path / "other").symlink_to(full)
    with pytest.raises(StickError):
        StickReader(tmp_path / "other").places()
    with pytest.raises(StickError):
        StickWriter(tmp_path / "other").write(PLACES[0], b"x")


def test_a_person_may_name_the_stick_or_the_folder(tmp_path):
    assert tmp_path / FOLDER == stick_folder(tmp_path) == stick_folder(tmp_path / FOLDER)


# ------------------------------------------------------------------ what is no file of ours


def at(root, place: Place):
    return root.joinpath(*place.path)


def replace_by(root, place, make):
    at(root, place).unlink()
    make(at(root, place))


def a_socket(path):
    os.chdir(path.parent)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: path.symlink_to("/etc/hostname"), "not_a_file"),
        (lambda path: path.symlink_to(path.name), "not_a_file"),
        (os.mkfifo, "not_a_file"),
        (lambda path: path.mkdir(), "not_a_file"),
        (a_socket, "not_a_file"),
        (lambda path: path.write_bytes(b""), "torn"),
    ],
    ids=["symlink", "loop", "fifo", "folder", "socket", "empty"],
)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: str(place.what))
def test_what_is_no_plain_file_is_not_opened(full, place, make, code, monkeypatch):
    monkeypatch.chdir(full)
    replace_by(full, place, make)
    reader = StickReader(full)
    assert [None] == [reader.read(one) for one in reader.places() if one.path == place.path]
    assert {code: 1} == reader.refused
    assert [(str(place), code)] == reader.examples
    assert len(PLACES) - 1 == len([one for one in reader.places() if one.path != place.path])


@pytest.mark.parametrize("place", PLACES, ids=lambda place: str(place.what))
def test_a_file_has_a_limit_that_is_known_before_it_is_read(full, place):
    with at(full, place).open("wb") as file:
        file.truncate(place.limit)
    assert place.limit == len(StickReader(full).read(place))
    with at(full, place).open("wb") as file:
        file.truncate(1 << 40)  # a terabyte of nothing, in no room
    reader = StickReader(full)
    assert (None, {"oversize": 1}) == (reader.read(place), reader.refused)


def test_a_folder_that_leads_elsewhere_is_none(full, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    for name in ("gate-bron-2", "sector-museums", "trust"):
        if (full / name).exists():
            (full / name).rename(elsewhere)
        (full / name).symlink_to(elsewhere)
    (full / "gate-bron-3").mkdir()
    (full / "gate-bron-3" / "up").symlink_to(elsewhere)
    (full / "gate-bron-3" / "sideways").mkdir()
    reader = StickReader(full)
    assert len(PLACES) - 1 == len(reader.places())
    assert {"not_a_folder": 4, "bad_name": 1} == reader.refused


def test_names_that_are_not_ours_are_told_and_left(full):
    for name in ("..%2fetc", "Head", "a" * 200, "con", "\udcff"):
        (full / "sector-pools" / name).write_bytes(b"x")
    (full / "sector-pools" / "head.new").write_bytes(b"of a copy that was cut off")
    (full / "sectorpools").mkdir()
    reader = StickReader(full)
    assert len(PLACES) == len(reader.places())
    assert {"bad_name": 6} == reader.refused


def test_too_many_files_are_not_listed(full):
    for number in range(9):
        (full / "sector-pools" / f"{number:064x}").write_bytes(b"x")
    reader = StickReader(full, most_files=5)
    found = [place for place in reader.places() if place.whose == "pools"]
    assert (5, 1) == (len(found), reader.refused["too_many"])


def test_what_is_refused_is_named_twenty_times_and_counted(full):
    for number in range(100):
        (full / "trust" / f"BAD {number}").write_bytes(b"x")
    reader = StickReader(full)
    reader.places()
    assert (20, 100) == (len(reader.examples), reader.refused["bad_name"])


# ------------------------------------------------------------------ writing


def test_a_file_is_replaced_as_a_whole_and_what_an_attempt_left_does_no_harm(full):
    place = stick.head("pools")
    at(full, place).with_name("head.new").write_bytes(b"half")
    StickWriter(full).write(place, b"newer")
    assert b"newer" == StickReader(full).read(place)
    assert not at(full, place).with_name("head.new").exists()


def test_it_writes_through_no_link(full, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    place = stick.head("pools")
    replace_by(full, place, lambda path: path.symlink_to(victim))
    StickWriter(full).write(place, b"x")
    assert (b"mine", b"x") == (victim.read_bytes(), at(full, place).read_bytes())
    (full / "sector-museums").symlink_to(tmp_path)
    with pytest.raises(StickError):
        StickWriter(full).write(stick.head("museums"), b"x")


def test_what_is_there_already_is_known_by_its_size(full):
    place, writer = PLACES[2], StickWriter(full)
    size = len(str(place))
    assert (True, False) == (writer.has(place, size), writer.has(place, size + 1))
    writer.remove(place)
    writer.remove(place)
    assert not writer.has(place, size)
    assert folder_of("gate-bron-1") == ("gate", "bron-1")
