"""Attacks by stick: nothing of it counts, each is told with its own code, and gate and office go on."""

from __future__ import annotations

import os
import random
import shutil
from contextlib import closing

import pytest
import zstandard

from carrying import Courier
from gated.central.ack_keys import AckKeys
from gated.central.ledger import Ledger
from gated.credential.cose import split
from gated.credential.message import MESSAGE_TYPES
from gated.model.statement import DenialState, Kind, TargetKind
from gated.model.trust import Algorithm
from gated.wire.ack import Ack, encode_ack
from gated.wire.seal import SigningKey
from hall import GATE
from venue import credential_of, medium, until

EPOCH = "0123456789abcdef"


@pytest.fixture
def courier(site, capsys):
    made = Courier(site, capsys)
    yield made
    made.hall.stop()


@pytest.fixture
def served(site, courier, serve):
    """A gate that knows alice's right and what the office has acknowledged, both by stick."""
    site.give("alice", medium(1), "season")
    made = serve(site, link=courier.hall.gate_link(), jitter=lambda: 0.05)
    round_trip(courier)
    assert until(lambda: made.tap(medium(1)).granted)
    courier.export_events()
    return made


def round_trip(courier):
    courier.export_events()
    courier.visit_office()
    courier.fetch()
    assert 0 == courier.bring()[0]


def sector(courier):
    return courier.folder / "sector-pools"


def down(courier):
    return courier.folder / f"gate-{GATE}" / "down"


def up(courier):
    return courier.folder / f"gate-{GATE}" / "up"


def page(courier):
    return next(path for path in sector(courier).iterdir() if len(path.name) == 64)


# ------------------------------------------------------------------ at the gate


def a_name_that_leads_elsewhere(courier):
    (sector(courier) / "..\\..\\etc\\passwd").write_bytes(b"x")


def a_symlink_to_a_secret(courier):
    (sector(courier) / "head").unlink()
    (sector(courier) / "head").symlink_to(courier.site.path / "identity" / "signing.key")


def a_folder_that_is_a_symlink(courier):
    shutil.rmtree(sector(courier))
    sector(courier).symlink_to(courier.hall.directory / "secret")


def a_fifo(courier):
    (sector(courier) / "head").unlink()
    os.mkfifo(sector(courier) / "head")


def a_device(courier):
    (sector(courier) / "head").unlink()
    (sector(courier) / "head").symlink_to("/dev/zero")


def an_endless_file(courier):
    with (sector(courier) / "head").open("ab") as file:
        file.truncate(1 << 40)


def a_page_of_a_terabyte(courier):
    with page(courier).open("ab") as file:
        file.truncate(1 << 40)


def too_many_files(courier):
    for number in range(10_001):
        (down(courier) / f"{number + 1}.command").touch()


def a_torn_page(courier):
    path = page(courier)
    path.write_bytes(path.read_bytes()[:-7])


def a_replaced_page(courier):
    path = page(courier)
    path.write_bytes(zstandard.compress(b"GP1\n" + bytes(4)))


def a_bomb(courier):
    """A few kB that would be a gigabyte: under the name of its own content, which no head names."""
    path = page(courier)
    path.write_bytes(zstandard.compress(bytes(1 << 26)))


def an_empty_head(courier):
    (sector(courier) / "head").write_bytes(b"")


def a_head_of_noise(courier):
    (sector(courier) / "head").write_bytes(random.Random(1).randbytes(300))


def a_head_signed_by_a_stranger(courier):
    payload = split((sector(courier) / "head").read_bytes(), 2000).payload
    key = SigningKey.generate(Algorithm.EDDSA)
    (sector(courier) / "head").write_bytes(key.sign(MESSAGE_TYPES[Kind.HEAD], payload))


def an_ack_for_another_gate(courier):
    receipt(courier, Ack("gate-2", EPOCH, 9, bytes(32), courier.site.now))


def an_ack_for_rows_that_never_were(courier):
    """Signed by the office's own key, as one for an older disk of this gate was."""
    receipt(courier, Ack(GATE, EPOCH, 999, bytes(32), courier.site.now))


def an_ack_signed_by_the_gate_itself(courier):
    key = SigningKey.from_pem((courier.site.path / "identity" / "signing.key").read_bytes())
    token = key.sign(MESSAGE_TYPES[Kind.ACK], encode_ack(Ack(GATE, EPOCH, 9, bytes(32), courier.site.now)))
    (down(courier) / f"{EPOCH}-9.ack").write_bytes(token)


def receipt(courier, ack):
    token = AckKeys.load(courier.hall.directory).seal("pools", ack)
    (down(courier) / f"{ack.epoch}-{ack.upto}.ack").write_bytes(token)


AT_THE_GATE = [
    (a_name_that_leads_elsewhere, "stick_bad_name"),
    (a_symlink_to_a_secret, "stick_not_a_file"),
    (a_folder_that_is_a_symlink, "stick_not_a_folder"),
    (a_fifo, "stick_not_a_file"),
    (a_device, "stick_not_a_file"),
    (an_endless_file, "stick_oversize"),
    (a_page_of_a_terabyte, "stick_oversize"),
    (too_many_files, "stick_too_many"),
    (a_torn_page, "stick_torn"),
    (a_replaced_page, "stick_torn"),
    (a_bomb, "stick_torn"),
    (an_empty_head, "stick_torn"),
    (a_head_of_noise, "head_malformed"),
    (a_head_signed_by_a_stranger, "head_unknown_key"),
    (an_ack_for_another_gate, "ack_foreign"),
    (an_ack_for_rows_that_never_were, "ack_unknown_row"),
    (an_ack_signed_by_the_gate_itself, "ack_unknown_key"),
]


@pytest.mark.parametrize(("attack", "code"), AT_THE_GATE, ids=[attack.__name__ for attack, _ in AT_THE_GATE])
def test_an_attack_by_stick_is_refused_and_the_gate_goes_on(courier, served, site, attack, code):
    courier.fetch()
    before = courier.unsent()
    attack(courier)
    exit_code, told = courier.bring()
    assert (3, True) == (exit_code, code in told["refused"]), told
    assert before <= courier.unsent()
    assert served.tap(medium(1)).granted
    # A good stick is taken in afterwards, with what is new on it.
    shutil.rmtree(courier.folder)
    site.give("bob", medium(2), "season")
    round_trip(courier)
    assert until(lambda: served.tap(medium(2)).granted)


def test_the_stick_of_last_month_takes_nothing_back(courier, served, site):
    """Bob's medium was stolen, and denied since. Somebody brings the stick of before."""
    bob = medium(2)
    site.give("bob", bob, "season")
    round_trip(courier)
    last_month = site.path / "last-month"
    shutil.copytree(courier.stick, last_month)
    index = site.office.index(credential_of(bob))
    site.office.deny(TargetKind.CREDENTIAL, index, DenialState.REVOKED, now=site.now)
    round_trip(courier)
    assert until(lambda: not served.tap(bob).granted)
    unsent = courier.unsent()
    courier.stick = last_month
    code, told = courier.bring()
    assert (3, {"head_older"}) == (code, set(told["refused"])), told
    assert ("head", "older") in courier.disbelieved()
    assert not served.tap(bob).granted
    assert unsent <= courier.unsent()


def test_the_folders_of_others_are_left_alone(courier, served, site):
    """One stick serves a whole city: nobody reads what is for another."""
    courier.fetch()
    shutil.copytree(sector(courier), courier.folder / "sector-museums")
    shutil.copytree(courier.folder / f"gate-{GATE}", courier.folder / "gate-gate-2")
    assert (0, {}) == (courier.bring()[0], courier.bring()[1]["refused"])


def test_the_folder_of_another_sector_under_our_name_is_refused(courier, served, site, tmp_path):
    """Keys of the other sector may be known here: what they sign is still not ours."""
    courier.fetch()
    museums = SigningKey.from_pem((courier.hall.directory / "secret" / "pools.ack.pem").read_bytes())
    payload = split((sector(courier) / "head").read_bytes(), 2000).payload.replace(b'"pools"', b'"museu"')
    (sector(courier) / "head").write_bytes(museums.sign(MESSAGE_TYPES[Kind.HEAD], payload))
    code, told = courier.bring()
    assert (3, {"head_foreign": 1}) == (code, told["refused"])
    assert served.tap(medium(1)).granted


def test_a_crash_in_the_middle_goes_on_at_the_next_start(courier, served, site, serve):
    site.give("bob", medium(2), "season")
    courier.fetch()
    served.stop_now()
    assert courier.run("stick", "import", courier.stick, "--config", site.config)[1]["waits"]
    (site.state / "stick.incoming").rename(site.state / "stick.taking")  # it was being taken in
    again = serve(site, link=courier.hall.gate_link(), jitter=lambda: 0.05)
    assert until(lambda: again.tap(medium(2)).granted)
    assert until(lambda: not (site.state / "stick.taking").exists())


# ------------------------------------------------------------------ at the office


def batch(courier):
    (path,) = up(courier).iterdir()
    return path


def of_another_gate(courier):
    """A gate's batches under another's name: that one would have told them."""
    (courier.folder / "gate-gate-2" / "up").mkdir(parents=True)
    batch(courier).rename(courier.folder / "gate-gate-2" / "up" / batch(courier).name)


def changed(courier):
    path = batch(courier)
    path.write_bytes(path.read_bytes().replace(b'"granted"', b'"denied" '))


def unsigned(courier):
    path = batch(courier)
    token = path.read_bytes()
    path.write_bytes(token[token.index(b'{"epoch"') : -66])


def a_receipt_as_a_batch(courier):
    path = batch(courier)
    path.write_bytes(next(down(courier).glob("*.ack")).read_bytes())


def a_batch_without_end(courier):
    with batch(courier).open("ab") as file:
        file.truncate(1 << 40)


def a_symlink(courier):
    path = batch(courier)
    path.unlink()
    path.symlink_to("/etc/hostname")


def half_of_it(courier):
    path = batch(courier)
    path.write_bytes(path.read_bytes()[:200])


def signed_by_a_copy_of_nobody(courier):
    path = batch(courier)
    token = path.read_bytes()
    payload = token[token.index(b'{"epoch"') : -66]
    path.write_bytes(SigningKey.generate(Algorithm.EDDSA).sign(MESSAGE_TYPES[Kind.EVENTS], payload))


AT_THE_OFFICE = [
    (of_another_gate, "unknown_gate"),
    (changed, "bad_signature"),
    (unsigned, "malformed"),
    (a_receipt_as_a_batch, "malformed"),
    (a_batch_without_end, "oversize"),
    (a_symlink, "not_a_file"),
    (half_of_it, "truncated"),
    (signed_by_a_copy_of_nobody, "unknown_key"),
]


@pytest.mark.parametrize(
    ("attack", "code"), AT_THE_OFFICE, ids=[attack.__name__ for attack, _ in AT_THE_OFFICE]
)
def test_an_attack_at_the_office_is_refused_and_nothing_is_acknowledged(courier, served, site, attack, code):
    before = courier.hall.rows()
    assert len(list(up(courier).iterdir())) == 1
    attack(courier)
    exit_code, told = courier.visit_office()
    assert (3, {code: 1}, 0, 0) == (exit_code, told["refused"], told["events"], told["receipts"])
    assert before == courier.hall.rows()
    shutil.rmtree(courier.folder / "gate-gate-2", ignore_errors=True)
    courier.export_events()
    assert (0, 1) == (courier.visit_office()[0], courier.visit_office()[1]["receipts"])
    assert len(before) < len(courier.hall.rows())
    with closing(Ledger(courier.hall.ledger_path)) as ledger:
        assert 1 <= len(ledger.rows("SELECT 1 FROM refused")) or code in ("oversize", "not_a_file")
