"""Enrolment as a technician and the office do it: two files, two fingerprints, and what can go wrong."""

from __future__ import annotations

import json
import os
import secrets
import stat
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization

from fleet import BROKER, Box, Office, gated, here
from gated.central.enrolment import EnrolmentDesk, Wanted
from gated.cli.enrolling import open_answer
from gated.config.files import load_keys, load_profile, load_sector_key
from gated.credential.cose import split
from gated.devices.clock import SystemClock
from gated.errors import ConfigError
from gated.model.trust import Algorithm
from gated.store.identity import Identity
from gated.wire.box import seal
from gated.wire.certificate import TlsKey, read_certificate
from gated.wire.enrolment import (
    context,
    encode_bundle,
    encode_enrolment,
    read_bundle,
    read_enrolment,
    read_request,
)
from gated.wire.event import canonical
from gated.wire.fingerprint import fingerprint
from gated.wire.seal import SigningKey

#: Whether `gated config check` knows the [sync] table. SWITCH THIS ON once gated.config reads it.
CONFIG_READS_SYNC = True

ROOT = os.geteuid() == 0
NOW = SystemClock().sample().wall
TYPE = "gated/enrolment"
WANTED = Wanted("pools", "bron", BROKER, 825, 168)


@pytest.fixture
def office(tmp_path):
    return Office(tmp_path / "city")


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path / "box")


@pytest.fixture
def asked(box):
    assert 0 == box.request().code
    return box


@pytest.fixture
def answered(asked, office):
    said = office.enrol(asked.asked, asked.fingerprint, asked.answer)
    assert 0 == said.code, said.err
    return asked


def told(said, code, *words):
    """One line on stderr, nothing but JSON on stdout, and the exit code."""
    assert (code, 1) == (said.code, len(said.err.strip().splitlines())), said
    assert {"error", "hint"} == json.loads(said.out).keys()
    for word in words:
        assert word in said.err
    assert "; " in said.err, "an error says what to do next"


def config_check(box):
    """`gated config check` on what install wrote."""
    config = box.config
    if not CONFIG_READS_SYNC:
        config = box.path / "without-sync.toml"
        config.write_text(box.config.read_text().partition("[sync]")[0])
    return here("config", "check", "--config", config, "--json")


# ------------------------------------------------------------------ as it should go


def test_a_bare_box_becomes_a_gate_by_three_commands(box, office):
    said = box.request()
    assert (0, "bron-1", str(box.asked)) == (said.code, said["gate"], said["file"])
    assert said["fingerprint"] == fingerprint(box.asked.read_bytes())
    said = office.enrol(box.asked, box.fingerprint, box.answer)
    assert (0, "bron-1", office.fingerprint) == (said.code, said["gate"], said["central"])
    assert NOW + 168 * 3600 <= said["expires"] <= NOW + 168 * 3600 + 7200
    serial = said["serial"]
    said = box.install(office.fingerprint)
    assert (0, "pools", "bron", BROKER, []) == (
        said.code, *(said[key] for key in ("sector", "venue", "broker", "change")),
    )  # fmt: skip
    assert [f"gated config check --config {box.config}", "systemctl start gated"] == said["next"]

    checked = config_check(box)
    assert (0, "bron-1", "bron", "pools") == (
        checked.code,
        *(checked[k] for k in ("gate", "venue", "sector")),
    )
    certificate = read_certificate((box.identity / "gate.crt").read_text())
    assert f"{certificate.serial_number:x}" == serial
    assert certificate.public_key() == public_of(box.identity / "gate.key")
    assert (office.path / "gate" / "ca.crt").read_bytes() == (box.identity / "ca.crt").read_bytes()
    for ours, theirs in (("keys.json", "keys.json"), ("profile.json", "profile-bron.json")):
        assert read_json(office.path / "gate" / theirs) == read_json(box.path / ours)
    record = json.loads((box.identity / "enrolment.json").read_bytes())
    assert ("bron-1", "pools", "bron", BROKER) == tuple(
        record[k] for k in ("gate", "sector", "venue", "broker")
    )
    assert NOW <= record["enrolled_at"] <= NOW + 7200


def read_json(path):
    return json.loads(path.read_bytes())


def public_of(path):
    return serialization.load_pem_private_key(path.read_bytes(), None).public_key()


def test_the_daemon_can_read_what_install_wrote_and_nobody_else_its_secrets(answered, office):
    assert 0 == answered.install(office.fingerprint).code
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in answered.identity.iterdir()}
    assert {"gate.key": 0o600, "signing.key": 0o600, "sector.key": 0o400} == {
        name: mode for name, mode in modes.items() if not mode & 0o044
    }
    assert load_keys(answered.path / "keys.json")
    assert "bron" == load_profile(answered.path / "profile.json").venue
    assert 32 == len(load_sector_key(answered.path / "sector.key"))


def test_people_are_told_what_to_do_next(tmp_path):
    """The same in text, by processes of their own, as the page shows it."""

    def run(*words):
        said = gated(*words, cwd=tmp_path)
        assert 0 == said.code, said.err
        return said.out

    run("central", "init", "city", "--sector", "pools", "--venue", "bron")
    out = run("enrol", "request", "--gate", "bron-1", "--identity", "etc/identity", "--out", "a.request")
    assert "read this fingerprint to the office over the phone: " in out
    words = ["--sector", "pools", "--venue", "bron", "--request", "a.request", "--out", "a.enrolment"]
    words += ["--fingerprint", out.split()[-1], "--broker", BROKER]
    out = run("central", "enrol", "city", *words)
    assert "makes the box gate bron-1" in out
    (central,) = [line.split()[-1] for line in out.splitlines() if "to the technician" in line]
    assert central == run("central", "fingerprint", "city").strip()
    out = run(
        "enrol", "install", "a.enrolment", "--central", central,
        "--config", "etc/gate.toml", "--identity", "etc/identity",
    )  # fmt: skip
    assert "this box is gate bron-1 at bron (sector pools)" in out
    assert "next: gated config check --config etc/gate.toml, then systemctl start gated" in out
    written = ("central", "broker-config", "city", "--host", "localhost", "--out", "broker")
    out = run(*written)
    assert "broker: 1 gates may connect, 0 enrolments ended\n  new certificate: broker/server.crt" in out
    assert out.endswith("next: restart the broker\n")
    assert "enrolled no longer" in run("central", "retire", "city", "--gate", "bron-1")
    assert run(*written).startswith(
        "broker: 0 gates may connect, 1 enrolments ended\nnext: let the broker read"
    )


def test_a_fingerprint_may_be_typed_as_people_type(asked, office):
    typed = asked.fingerprint.lower().replace("-", " ")
    assert 0 == office.enrol(asked.asked, typed, asked.answer).code
    assert 0 == asked.install(office.fingerprint.replace("-", "").lower()).code


# ------------------------------------------------------------------ secrets stay


def test_no_key_of_the_box_leaves_it_and_no_secret_is_readable_on_the_way(answered, office):
    carried = answered.asked.read_bytes() + answered.answer.read_bytes()
    sector_key = (office.path / "gate" / "pools.sector-key").read_text().strip()
    for secret in (sector_key.encode(), bytes.fromhex(sector_key)):
        assert secret not in carried
    waiting = Identity(answered.identity).waiting()
    for private in (
        waiting.box.private.private_bytes_raw(),
        waiting.signing.private.private_bytes_raw(),
        waiting.tls.private.private_numbers().private_value.to_bytes(32),
    ):
        for form in (private, private.hex().encode()):
            assert form not in carried
    assert b"PRIVATE KEY" not in carried


def test_no_command_says_a_secret(tmp_path, office):
    box = Box(tmp_path / "box")
    said = [box.request(), office.enrol(box.asked, box.fingerprint, box.answer)]
    said += [box.install(office.fingerprint), box.install(office.fingerprint), box.request()]
    text = "".join(one.out + one.err for one in said)
    planted = [(office.path / "gate" / "pools.sector-key").read_text().strip()]
    for path in [*box.path.rglob("*.key"), *office.path.rglob("*.pem")]:
        planted += [line for line in path.read_text().splitlines() if len(line) > 30 and "---" not in line]
    assert len(planted) > 4
    assert not [secret for secret in planted if secret in text]


# ------------------------------------------------------------------ the request


def test_a_second_request_is_refused_unless_again_is_said(asked):
    before = asked.asked.read_bytes()
    told(asked.request(), 2, "a request waits for its answer already", "--again")
    kept = Identity(asked.identity).waiting_request
    assert before == kept.read_bytes() == asked.asked.read_bytes()
    assert 0 == asked.request("--again").code
    one, other = (read_request(split(raw, 9000).payload) for raw in (before, asked.asked.read_bytes()))
    assert not {one.public, one.box, one.csr} & {other.public, other.box, other.csr}


def test_an_enrolled_box_asks_again_only_if_told_so_and_works_on_until_install(box, office):
    box.enrol(office)
    before = box.files()
    told(box.request(), 2, "is enrolled already", "--again makes a new request; the old identity works on")
    assert 0 == box.request("--again").code
    assert before == box.files()
    said = office.enrol(box.asked, box.fingerprint, box.answer)
    told(said, 2, "gate 'bron-1' is enrolled already", "--replace")
    assert not box.answer.with_name("no").exists()
    assert 0 == office.enrol(box.asked, box.fingerprint, box.answer, "--replace").code
    assert before == box.files()
    said = box.install(office.fingerprint)
    assert (0, "systemctl restart gated") == (said.code, said["next"][-1])
    after = box.files()
    changed = {name for name in after if after[name] != before[name]}
    own = {f"identity/{name}" for name in ("gate.key", "gate.crt", "signing.key", "enrolment.json")}
    assert own == changed


def test_the_office_may_answer_one_request_twice_and_the_newer_answer_counts(answered, office):
    first = answered.answer.read_bytes()
    assert 0 == office.enrol(answered.asked, answered.fingerprint, answered.answer, "--replace").code
    assert first != answered.answer.read_bytes()
    assert 0 == answered.install(office.fingerprint).code


@pytest.mark.parametrize("gate", ["Bron-1", "", "a" * 33, "bron/1", "-", "+"])
def test_a_gate_needs_a_name(tmp_path, gate):
    box = Box(tmp_path / "box", gate=gate)
    told(box.request(), 2, "is not a name")
    assert [] == list(box.path.iterdir())


def test_a_request_that_cannot_be_written_is_kept(tmp_path):
    box = Box(tmp_path / "box")
    words = ["--gate", "bron-1", "--identity", box.identity, "--out", tmp_path / "none" / "x", "--json"]
    told(here("enrol", "request", *words), 2, "cannot be written", f"cp {box.identity}.request/request")


def test_an_owner_that_is_not_there_is_told(tmp_path):
    box = Box(tmp_path / "box")
    told(box.request("--owner", "nobody-of-this-name"), 2, "nobody-of-this-name" if ROOT else "only root")
    assert [] == list(box.path.iterdir())


@pytest.mark.skipif(not ROOT, reason="only root can give files away")
def test_root_gives_the_keys_to_the_user_that_is_named(answered, office):
    import pwd

    user = pwd.getpwnam("nobody")
    assert 0 == answered.install(office.fingerprint, "--owner", "nobody").code
    given = {path.name for path in answered.identity.iterdir() if path.stat().st_uid == user.pw_uid}
    assert {"gate.key", "signing.key", "sector.key"} == given
    assert user.pw_gid == answered.identity.stat().st_gid


# ------------------------------------------------------------------ what the office refuses


def stranger():
    return SigningKey.generate(Algorithm.EDDSA)


def resigned(raw, key=None, **changes):
    """The request with other members, signed by a key of its own (or by ``key``, kept in the payload)."""
    request = json.loads(split(raw, 9000).payload)
    own = key or stranger()
    request["signing"] = {"alg": "EdDSA", "public": own.public.hex()}
    return own.sign(TYPE, canonical(request | changes).encode())


FORGED = {
    "nothing": (lambda raw: b"", "is no sound request: truncated"),
    "noise": (lambda raw: b"noise", "is no sound request: malformed"),
    "cut off": (lambda raw: raw[:-1], "is no sound request: truncated"),
    "longer": (lambda raw: raw + b"\0", "is no sound request: malformed"),
    "changed": (lambda raw: raw.replace(b"bron-1", b"bron-2"), "is no sound request: bad_signature"),
    "another signature": (lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), "is no sound request: bad_signature"),
    "another kind": (lambda raw: stranger().sign("gated/ack", split(raw, 9000).payload), "content_type"),
    "huge": (lambda raw: raw + bytes(20_000), "is larger than"),
    "a name that is not the csr's": (lambda raw: resigned(raw, gate="bron-2"), "common name 'bron-2' alone"),
    "no csr": (lambda raw: resigned(raw, csr="x"), "csr is no certificate request"),
    "central's name": (
        lambda raw: resigned(raw, gate="central", csr=TlsKey.generate().request("central")),
        "no gate can be called 'central'",
    ),
    "a useless box key": (lambda raw: resigned(raw, box="00" * 32), "no answer can be made"),
    "another version": (lambda raw: resigned(raw, v=2), "malformed (what=payload)"),
}  # fmt: skip


@pytest.mark.parametrize("case", FORGED)
def test_a_request_that_is_not_sound_is_refused_and_nothing_is_remembered(asked, office, case):
    forge, what = FORGED[case]
    asked.asked.write_bytes(forge(asked.asked.read_bytes()))
    said = office.enrol(asked.asked, fingerprint(asked.asked.read_bytes()), asked.answer)
    told(said, 2, what)
    assert not asked.answer.exists()
    assert [] == EnrolmentDesk(office.path, secrets.token_bytes).gates()


def test_a_gate_that_signs_otherwise_is_refused(asked, office):
    key = SigningKey.generate(Algorithm.ES256)
    signing = {"alg": "ES256", "public": key.public.hex()}
    asked.asked.write_bytes(resigned(asked.asked.read_bytes(), key, signing=signing))
    said = office.enrol(asked.asked, fingerprint(asked.asked.read_bytes()), asked.answer)
    told(said, 2, "a gate signs with Ed25519")


def test_a_request_of_another_box_under_this_ones_name_is_refused_by_its_fingerprint(asked, office, tmp_path):
    """The forger writes a sound request for the same gate: the phone call tells them apart."""
    forger = Box(tmp_path / "forger")
    forger.request()
    said = office.enrol(forger.asked, asked.fingerprint, asked.answer)
    told(said, 2, "the fingerprint is not that of this request", "is not from that box")
    assert forger.fingerprint not in said.err, "what is shown would be read back"
    told(office.enrol(asked.asked, "AAAA-BBBB", asked.answer), 2, "--fingerprint: a fingerprint is XXXX-")
    assert not asked.answer.exists()


def test_no_gate_is_enrolled_that_would_believe_no_receipt(office, asked):
    path = office.path / "gate" / "keys.json"
    whole = json.loads(path.read_bytes())
    for change in ({"kinds": ["time"]}, {"expires": 1}, {"not_before": 1 << 39}):
        path.write_text(json.dumps({**whole, "keys": [key | change for key in whole["keys"]]}))
        said = office.enrol(asked.asked, asked.fingerprint, asked.answer)
        told(said, 2, "no key for receipts of sector 'pools' that counts today", "run-central.md")
        assert not asked.answer.exists()


REFUSED = {
    "no such venue": ({"venue": "vaise"}, "profile-vaise.json cannot be read"),
    "a venue of another sector": ({"venue": "fourviere"}, "venue 'fourviere' belongs to sector 'museums'"),
    "no such sector": ({"sector": "baths"}, "no key of sector 'baths'"),
    "a path for a venue": ({"venue": "../secret/x"}, "is not a name"),
    "no TLS": ({"broker": "mqtt://localhost"}, "--broker is plain text"),
    "no port": ({"broker": "mqtts://localhost:0"}, "--broker names no host"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_gate_is_refused(asked, office, case):
    changes, what = REFUSED[case]
    told(office.enrol(asked.asked, asked.fingerprint, asked.answer, **changes), 2, what)
    assert not asked.answer.exists()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--days", "0"], "a certificate cannot live 0 days"),
        (["--days", "7301"], "a certificate cannot live 7301 days"),
        (["--valid-hours", "0"], "valid for 0 hours"),
        (["--valid-hours", "8761"], "valid for 8761 hours"),
        (["--out", "/nowhere/x"], "no folder for /nowhere/x"),
        (["--request", "/nowhere"], "cannot be read"),
    ],
)
def test_what_the_office_mistypes_is_told_and_nothing_remembered(asked, office, words, what):
    told(office.enrol(asked.asked, asked.fingerprint, asked.answer, *words), 2, what)
    assert [] == EnrolmentDesk(office.path, secrets.token_bytes).gates()


DAMAGED = {
    "noise for keys": ("gate/keys.json", "noise", "keys.json is damaged"),
    "no table": ("gate/keys.json", "[1]", "keys.json is damaged"),
    "no keys": ("gate/keys.json", '{"v": 1}', "keys: must be a list"),
    "noise for a profile": ("gate/profile-bron.json", "[" * 100_000, "profile-bron.json is damaged"),
    "a profile beyond canonical JSON": (
        "gate/profile-bron.json", '{"venue": "bron", "sector": "pools", "x": 1.5}', "no answer can be made",
    ),
    "no sector key": ("gate/pools.sector-key", "zz", "pools.sector-key holds no sector key"),
    "noise for a CA": ("secret/device-ca.pem", "noise", "device-ca.pem is damaged"),
    "noise for the key": ("secret/enrol.pem", "noise", "enrol.pem is damaged"),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGED)
def test_an_office_whose_files_are_damaged_enrols_nobody(asked, office, case):
    name, content, what = DAMAGED[case]
    (office.path / name).write_text(content)
    told(office.enrol(asked.asked, asked.fingerprint, asked.answer), 2, what)
    assert not asked.answer.exists()


def test_an_office_that_is_not_ours_is_told(asked, office):
    (office.path / "secret" / "enrol.pem").mkdir()
    told(here("central", "fingerprint", office.path, "--json"), 2, "enrol.pem cannot be made or read")


def test_a_folder_that_is_no_office_is_told(tmp_path):
    told(here("central", "fingerprint", tmp_path, "--json"), 2, "is no office", "gated central init")
    assert [] == list(tmp_path.iterdir())


# ------------------------------------------------------------------ what the box refuses


def forged_office(answered, tmp_path):
    """Another office answers the same request, as if it were ours."""
    other = Office(tmp_path / "other")
    assert 0 == other.enrol(answered.asked, answered.fingerprint, answered.answer).code
    return other


def signed_anew(raw, key, **changes):
    payload = json.loads(split(raw, 2_000_000).payload)
    return key.sign(TYPE, canonical(payload | {"central": key.public.hex()} | changes).encode())


def central_key(office):
    return SigningKey.from_pem((office.path / "secret" / "enrol.pem").read_bytes())


def flipped(raw, word):
    at = raw.index(word) + len(word) + 6
    return raw[:at] + (b"0" if raw[at : at + 1] != b"0" else b"1") + raw[at + 1 :]


TAMPERED = {
    "nothing": (lambda raw, key: b"", "is no sound enrolment file: truncated"),
    "noise": (lambda raw, key: b"noise", "is no sound enrolment file: malformed"),
    "cut off": (lambda raw, key: raw[:-1], "is no sound enrolment file: truncated"),
    "longer": (lambda raw, key: raw + b"\0", "is no sound enrolment file: malformed"),
    "another gate": (lambda raw, key: raw.replace(b"bron-1", b"bron-2"), "bad_signature"),
    "a changed seal": (lambda raw, key: flipped(raw, b'"sealed":'), "bad_signature"),
    "a longer life": (lambda raw, key: flipped(raw, b'"expires":'), "bad_signature"),
    "another key within": (lambda raw, key: flipped(raw, b'"central":'), "unknown_key"),
    "another kind": (lambda raw, key: key.sign("gated/ack", split(raw, 2_000_000).payload), "content_type"),
    "a request": (lambda raw, key: key.sign(TYPE, b"{}"), "malformed (what=payload)"),
    "another seal, signed by the office": (
        lambda raw, key: signed_anew(raw, key, sealed="00" * 100), "does not open here",
    ),
    "another gate, signed by the office": (
        lambda raw, key: signed_anew(raw, key, gate="bron-2"), "does not open here",
    ),
    "a useless ephemeral key": (
        lambda raw, key: signed_anew(raw, key, ephemeral="00" * 32), "does not open here",
    ),
    "a key of the forger's": (
        lambda raw, key: signed_anew(raw, stranger()), "somebody else than the office",
    ),
    "huge": (lambda raw, key: raw + bytes(1_500_000), "is larger than"),
}  # fmt: skip


@pytest.mark.parametrize("case", TAMPERED)
def test_an_enrolment_that_was_tampered_with_changes_nothing(answered, office, case):
    tamper, what = TAMPERED[case]
    good = answered.answer.read_bytes()
    answered.answer.write_bytes(tamper(good, central_key(office)))
    before = tree(answered.path)
    told(answered.install(office.fingerprint), 2, what)
    assert before == tree(answered.path)
    answered.answer.write_bytes(good)
    assert 0 == answered.install(office.fingerprint).code


def tree(folder):
    return {path: path.read_bytes() if path.is_file() else b"" for path in sorted(folder.rglob("*"))}


def test_another_offices_answer_is_refused_by_the_fingerprint(answered, office, tmp_path):
    other = forged_office(answered, tmp_path)
    before = tree(answered.path)
    said = answered.install(office.fingerprint)
    told(said, 2, "signed by somebody else than the office", "over the phone")
    assert other.fingerprint not in said.err, "what is shown would be typed"
    told(answered.install("x"), 2, "--central: a fingerprint is XXXX-")
    assert before == tree(answered.path)


def test_an_answer_for_another_box_is_refused(answered, office, tmp_path):
    other = Box(tmp_path / "other", gate="bron-2")
    other.request()
    said = other.install(office.fingerprint, file=answered.answer)
    told(said, 2, "is for another box, or for an earlier request", "for gate 'bron-1'")
    third = Box(tmp_path / "third")
    told(
        third.install(office.fingerprint, file=answered.answer),
        2,
        "no request waits for an answer on this box",
    )
    assert [] == list(third.path.iterdir())


def test_an_answer_to_an_earlier_request_is_refused(answered, office):
    assert 0 == answered.request("--again").code
    told(answered.install(office.fingerprint), 2, "for an earlier request of this one")


def test_an_answer_is_used_once(answered, office):
    assert 0 == answered.install(office.fingerprint).code
    before = tree(answered.path)
    told(answered.install(office.fingerprint), 2, "this enrolment was used already, at 20", "--again")
    assert 0 == answered.request("--again").code
    told(answered.install(office.fingerprint), 2, "this enrolment was used already")
    assert before.items() <= tree(answered.path).items()


def test_an_answer_that_expired_is_refused_and_a_clock_in_1970_takes_it(asked, office):
    keys = office.path / "gate" / "keys.json"
    document = json.loads(keys.read_bytes())
    older = [key | {"not_before": NOW - 200 * 3600} for key in document["keys"]]
    keys.write_text(json.dumps({**document, "keys": older}))
    desk = EnrolmentDesk(office.path, secrets.token_bytes)
    made = desk.enrol(
        asked.asked.read_bytes(), asked.fingerprint, WANTED, now=NOW - 168 * 3600, replace=False
    )
    asked.answer.write_bytes(made.file)
    told(asked.install(office.fingerprint), 2, "this enrolment expired at 20", "is this clock right?")

    def opened(now):
        return open_answer(made.file, office.fingerprint, Identity(asked.identity), now=now)

    for now in (0, NOW - 1):
        assert "bron-1" == opened(now).enrolment.gate
    with pytest.raises(ConfigError, match="expired"):
        opened(made.expires)


def office_means(asked, office, gate="bron-1", **changes):
    """An answer that the office signed and sealed rightly, with another content: somebody was mistaken."""
    waiting = Identity(asked.identity).waiting()
    answer = read_enrolment(split(asked.answer.read_bytes(), 2_000_000).payload)
    plain = waiting.box.open(answer.ephemeral, context("bron-1", waiting.request), answer.sealed)
    content = encode_bundle(replace(read_bundle(plain), **changes))
    ephemeral, sealed = seal(answer.box, context(gate, waiting.request), content)
    mistaken = replace(answer, gate=gate, ephemeral=ephemeral, sealed=sealed)
    asked.answer.write_bytes(central_key(office).sign(TYPE, encode_enrolment(mistaken)))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"certificate": "x"}, "is no certificate"),
        ({"ca": "x"}, "is no certificate"),
        ({"venue": "vaise"}, "profile: is of pools bron"),
        ({"sector": "baths"}, "profile: is of pools bron"),
        ({"keys": {"v": 1}}, "keys: must be a list"),
        ({"profile": {"v": 1}}, "venue: is missing"),
        ({"gate": "bron-3"}, "is not for 'bron-3'"),
    ],
    ids=str,
)
def test_an_answer_that_no_gate_can_use_changes_nothing(answered, office, changes, what):
    office_means(answered, office, **changes)
    before = tree(answered.path)
    told(
        answered.install(office.fingerprint), 2, "an enrolment that no gate can use", what, "tell the office"
    )
    assert before == tree(answered.path)


def test_keys_that_may_not_speak_for_the_sector_are_refused(answered, office):
    keys = json.loads((office.path / "gate" / "keys.json").read_bytes())
    keys["keys"] = [key for key in keys["keys"] if key["sectors"] == ["museums"]]
    office_means(answered, office, keys=keys)
    told(answered.install(office.fingerprint), 2, "keys: none may speak for sector 'pools'")


def test_a_certificate_for_another_key_is_refused(answered, office, tmp_path):
    other = Box(tmp_path / "other", gate="bron-2")
    other.enrol(office)
    office_means(answered, office, certificate=(other.identity / "gate.crt").read_text())
    told(answered.install(office.fingerprint), 2, "is for another key")


# ------------------------------------------------------------------ files in the way


def test_an_identity_that_was_made_by_hand_is_left_alone(box):
    box.identity.mkdir()
    (box.identity / "gate.key").write_text("mine")
    told(box.request(), 2, "was not made by `gated enrol`", "move it away: mv")
    assert "mine" == (box.identity / "gate.key").read_text()


def test_a_spoilt_record_can_be_enrolled_over(box, office):
    box.enrol(office)
    (box.identity / "enrolment.json").write_text("noise")
    told(box.install(office.fingerprint), 1, "enrolment.json cannot be read", "--again")
    box.enrol(office, "--replace", again=True)


def test_a_request_whose_key_is_damaged_is_told(answered, office):
    kept = Identity(answered.identity).waiting_request
    kept.with_name("gate.key").write_text("noise")
    told(
        answered.install(office.fingerprint),
        1,
        "cannot be used (it is damaged)",
        "gated enrol request --again",
    )


# ------------------------------------------------------------------ ending


def test_a_retired_gate_is_no_longer_enrolled_and_its_name_is_free(box, office):
    box.enrol(office)
    retire = ("central", "retire", office.path, "--gate", "bron-1", "--json")
    said = here(*retire)
    assert (0, False) == (said.code, said["enrolled"])
    told(here(*retire), 2, "gate 'bron-1' is not enrolled")
    box.enrol(office, again=True)
    rows = EnrolmentDesk(office.path, secrets.token_bytes).gates()
    assert [False, True] == [row.ended_at is None for row in rows]
