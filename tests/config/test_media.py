"""The ``media`` tables of gate.toml, and the keys that they name."""

from __future__ import annotations

import tomllib

import pytest

from gated.app.readers import media_of
from gated.card.apdu import CardFault
from gated.card.identify import Scheme
from gated.config.media import ROUND_TRIPS
from gated.config.secrets import DIRECTORY, MediaKey, media_key
from gated.config.settings import read_settings
from gated.errors import ConfigError
from gated.model.document import DocumentError
from kinds import (
    APPLICATION,
    DIVERSIFICATION,
    ISSUER,
    KINDS,
    META_KEY,
    NATIVE_AID,
    RECORD,
    UID_KEY,
    VENUE_KEY,
    proven,
    schemes,
    tables,
)

LANE = '[[lane]]\nid = "in-1"\nreader = "simulated"\nbarrier = "simulated"\n'


def read(folder, media="", lane=""):
    return read_settings(tomllib.loads('[gate]\nid = "g"\n' + media + LANE + lane), folder)


def test_without_a_table_nothing_is_known_but_how_long_media_may_take(tmp_path):
    settings = read(tmp_path)
    assert ((), None, None, False, ()) == (
        settings.media.ev2, settings.media.sun, settings.media.record, settings.media.reads_carried,
        settings.media.keys,
    )  # fmt: skip
    assert pytest.approx({"pkoc2": 0.7, "pkoc": 0.7, "ev2": 0.15}) == settings.media.round_trips_s
    assert settings.media.round_trips_s.keys() == ROUND_TRIPS.keys()


def test_all_of_it(tmp_path):
    settings = read(tmp_path, tables(tmp_path), schemes(*Scheme))
    one, native = settings.media.ev2
    assert (APPLICATION.aid, 1, 0x21, DIVERSIFICATION) == (
        one.aid, one.key_number, one.key_version, one.diversification,
    )  # fmt: skip
    assert (VENUE_KEY, UID_KEY, APPLICATION.file) == (one.key(), one.uid_key.key(), one.file)
    assert (NATIVE_AID, None) == (native.aid, native.key_version)
    assert (VENUE_KEY, META_KEY) == (settings.media.sun.file_key(), settings.media.sun.meta_key())
    assert (RECORD, {ISSUER.reference: ISSUER.public}) == (settings.media.record, settings.media.issuers)
    assert 6 == len(settings.media.keys)


@pytest.mark.parametrize("name", KINDS)
def test_a_lane_that_was_configured_meets_every_medium(tmp_path, name):
    settings = read(tmp_path, tables(tmp_path), schemes(*Scheme))
    media = media_of(settings.media, settings.lanes[0], bytes(32))
    kind = KINDS[name]
    assert (
        proven(kind.make(b"x"), kind.media).credential.value
        == proven(kind.make(b"x"), media).credential.value
    )


SAME = "media.ev2[0].diversification"
PLACE = '[media.record]\naid = "A00000000101"\n'
EV2 = '[[media.ev2]]\naid = "3042F5"\nkey = "k"\nkey_number = 1\n'
WRONG = {
    "an unknown key": ("[media]\ncolour = 1\n", "media.colour"),
    "an unknown scheme's round trip": ("[media.round_trip]\nuid = '1s'\n", "media.round_trip.uid"),
    "a round trip of no time": ("[media.round_trip]\npkoc = '0s'\n", "media.round_trip.pkoc"),
    "an aid of four bytes": (EV2.replace("3042F5", "3042F511"), "media.ev2[0].aid"),
    "an aid that is not hex": (EV2.replace("3042F5", "pool"), "media.ev2[0].aid"),
    "no key": (EV2.replace('key = "k"\n', ""), "media.ev2[0].key"),
    "a key number beyond any card's": (EV2.replace("number = 1", "number = 14"), "media.ev2[0].key_number"),
    "the key version of a new card": (EV2 + "key_version = 0\n", "media.ev2[0].key_version"),
    "the card itself": (EV2.replace("3042F5", "000000"), "media.ev2[0].aid"),
    "the card itself by name": (EV2.replace("3042F5", "D2760000850100"), "media.ev2[0].aid"),
    "a key version of two bytes": (EV2 + "key_version = 256\n", "media.ev2[0].key_version"),
    "two keys for one application": (EV2 + EV2.replace('"k"', '"l"'), "media.ev2"),
    "the NDEF application without a key version": (
        EV2.replace("3042F5", "D2760000850101"), "media.ev2[0].key_version",
    ),
    "a key that is the same on all media": (EV2 + 'diversification = ["aid"]\n', SAME),
    "an input that nobody knows": (EV2 + 'diversification = ["uid", "x"]\n', SAME),
    "an empty input": (EV2 + 'diversification = ["uid", "hex:"]\n', SAME),
    "inputs too long": (EV2 + f'diversification = ["uid", "text:{"x" * 25}"]\n', SAME),
    "a key for UIDs without its number": (EV2 + 'uid_key = "u"\n', "media.ev2[0].uid_key_number"),
    "a mode without a file": (EV2 + 'mode = "mac"\n', "media.ev2[0].mode"),
    "a file in clear": (EV2 + 'file = 3\nmode = "plain"\n', "media.ev2[0].mode"),
    "more bytes than an answer holds": (EV2 + "file = 3\nbytes = 225\n", "media.ev2[0].bytes"),
    "a credential with a path": (EV2.replace('"k"', '"credential:../k"'), "media.ev2[0].key"),
    "five applications": ("".join(EV2.replace("F5", f"F{n}") for n in range(5)), "media.ev2"),
    "a parameter that is not ASCII": ('[media.sun]\nkey = "k"\nmac = "ü"\n', "media.sun.mac"),
    "a record of nothing": (PLACE + "file = 1\nbytes = 3\n", "media.record.bytes"),
    "a file of no number": (PLACE + "file = 31\nbytes = 8\n", "media.record.file"),
    "a record of a native application": (
        '[media.record]\naid = "3042F5"\nfile = 1\nbytes = 8\n', "media.record.aid",
    ),
    "an issuer with a short name": (f'[media.pkoc2]\nCITY = "{ISSUER.public.hex()}"\n', "media.pkoc2.CITY"),
    "an issuer's key that is no point": (
        f'[media.pkoc2]\n{ISSUER.reference} = "04{"11" * 64}"\n', f"media.pkoc2.{ISSUER.reference}",
    ),
    "an issuer's key that is compressed": (
        f'[media.pkoc2]\n{ISSUER.reference} = "02{"11" * 32}"\n', f"media.pkoc2.{ISSUER.reference}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_says_where_it_is(tmp_path, name):
    text, where = WRONG[name]
    with pytest.raises(DocumentError) as caught:
        read(tmp_path, text)
    assert where == caught.value.where


@pytest.mark.parametrize("scheme", [Scheme.PKOC2, Scheme.EV2, Scheme.SUN, Scheme.RECORD])
def test_a_scheme_that_needs_a_table_says_so(tmp_path, scheme):
    with pytest.raises(DocumentError, match=rf"media\.{scheme}"):
        read(tmp_path, "", schemes(Scheme.PKOC, scheme))
    assert read(tmp_path, tables(tmp_path), schemes(scheme))


# ------------------------------------------------------------------ keys


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "k"
    path.write_text(VENUE_KEY.hex() + "\n")
    path.chmod(0o400)
    return MediaKey(path, "k")


def test_a_key_is_brought_each_time_and_kept_nowhere(key):
    assert VENUE_KEY == key() == key.checked()
    key.path.unlink()
    with pytest.raises(CardFault, match="key_missing"):
        key()
    assert VENUE_KEY.hex() not in repr(key)


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o444, 0o420, 0o401])
def test_a_key_that_others_can_read_is_none(key, mode):
    key.path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 0400") as caught:
        key.checked()
    assert VENUE_KEY.hex() not in str(caught.value)
    with pytest.raises(CardFault):
        key()


@pytest.mark.parametrize("text", ["", "00" * 15, "00" * 17, "zz" * 16, "ü" * 16, " ".join(["00"] * 16)])
def test_a_file_that_holds_no_key_is_told_without_its_content(key, text):
    key.path.chmod(0o600)
    key.path.write_text(text)
    with pytest.raises(ConfigError, match="holds no key") as caught:
        key.checked()
    assert not text or text not in str(caught.value)


def test_a_gate_whose_key_is_missing_does_not_start_and_its_statements_come_in_all_the_same(tmp_path, capsys):
    from gated.cli.main import main
    from gated.config.settings import check
    from venue import Site

    site = Site(tmp_path, more=EV2)
    assert check(site.config)
    for command in (["run"], ["config", "check"]):
        assert 2 == main([*command, "--config", str(site.config)])
        assert "k is missing (k)" in capsys.readouterr().err
    site.office.close()


def test_a_credential_is_looked_at_where_the_service_is(tmp_path, capsys, monkeypatch):
    from gated.cli.main import main
    from venue import Site

    site = Site(tmp_path, more=EV2.replace('"k"', '"credential:k"'))
    monkeypatch.delenv(DIRECTORY, raising=False)
    words = ["--config", str(site.config)]
    assert 0 == main(["config", "check", *words])
    assert "credential:k: systemd brings it" in capsys.readouterr().out
    assert 2 == main(["run", *words])
    assert "no credentials were brought" in capsys.readouterr().err
    monkeypatch.setenv(DIRECTORY, str(tmp_path))
    assert 2 == main(["config", "check", *words])
    assert "is missing" in capsys.readouterr().err
    (tmp_path / "k").write_text(VENUE_KEY.hex())
    (tmp_path / "k").chmod(0o400)
    assert 0 == main(["config", "check", "--json", *words])
    assert '"credentials_not_seen": []' in capsys.readouterr().out
    site.office.close()


def test_a_credential_lies_where_systemd_puts_it(tmp_path):
    found = media_key("credential:pools-ev2", tmp_path, {DIRECTORY: "/run/credentials/x.service"})
    assert "/run/credentials/x.service/pools-ev2" == str(found.path)
    assert "/run/credentials/gated.service/a" == str(media_key("credential:a", tmp_path, {}).path)
    assert tmp_path / "keys/a" == media_key("keys/a", tmp_path, {}).path


@pytest.mark.parametrize("mode", [0o400, 0o440])
def test_a_credential_is_read_whatever_its_mode_since_systemd_lets_nobody_else_in(tmp_path, mode):
    """With ``User=`` it has an ACL, and shows as 0440."""
    path = tmp_path / "pools-ev2"
    path.write_text(VENUE_KEY.hex())
    path.chmod(mode)
    assert VENUE_KEY == media_key("credential:pools-ev2", tmp_path / "none", {DIRECTORY: str(tmp_path)})()
