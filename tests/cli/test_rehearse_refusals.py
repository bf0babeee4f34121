"""A scenario with a mistake: nothing is played, and one line names table, number, id, key and value."""

from __future__ import annotations

import pytest

from cli.rehearsing import SAMPLE, table
from cli.test_commands import last_json, run
from gated.config.scenario import MAX_FILE_BYTES

AT = 'at = "2026-07-14T10:00:00+02:00"\nvenue'
TAP = {"at": "2026-07-14T11:00:00+02:00", "venue": "bron", "medium": "m1"}
MUSEUM = table("venue", id="beaux", sector="museums")
RIGHT = {"id": "e2", "pass_": "p1", "venues": ["beaux"]}
BASE = SAMPLE + MUSEUM
HOURS = 'hours = "Mo-Fr 07:00-09:00"'
UNKNOWN_KEYS = {
    "at the top": ("timezone", "colour = 5\ntimezone",
        "colour = 5: unknown key; known here: country, denial"),
    **{
        f"in a {name}": (f"[[{name}]]", f"[[{name}]]\ncolour = 5",
            f"[[{name}]] 1{called}: colour = 5: unknown key")
        for name, called in {
            "venue": " (bron)", "product": " (carnet-10)", "entitlement": " (e1)", "medium": " (m1)",
            "retirement": "", "denial": "", "tap": "",
        }.items()
    },
    "in uses": ("per_day = 1", "per_week = 1", "[[entitlement]] 1 (e1): uses.per_week = 1: unknown key"),
    "that looks like a place": ("timezone", '"tap[7]" = 5\ntimezone', "tap[7] = 5: unknown key"),
    "that looks like this place": ("timezone", '"tap[0]" = 5\ntimezone', "tap[0] = 5: unknown key"),
    "that looks like no table": ("timezone", '"no[7].at" = 5\ntimezone', "no[7].at = 5: unknown key"),
    "with a dot": (AT, f'"a.b" = 5\n{AT}', "[[tap]] 1: a.b = 5: unknown key"),
    "of two lines": (AT, f'"a\\nb" = 5\n{AT}', r"[[tap]] 1: a\nb = 5: unknown key"),
}  # fmt: skip

UNKNOWN_IDS = {
    "a venue of a right": ('venues = ["bron"]', 'venues = ["bron", "vaise"]',
        '[[entitlement]] 1 (e1): venues[1] = "vaise": there is no venue'),
    "a venue of a product": ('id = "carnet-10"', 'id = "carnet-10"\nvenues = ["bron", "vaise"]',
        '[[product]] 1 (carnet-10): venues[1] = "vaise": there is no venue'),
    "a share of a product": ('id = "carnet-10"', 'id = "carnet-10"\nuses = {per_venue = {vaise = 4}}',
        "[[product]] 1 (carnet-10): uses.per_venue.vaise = 4: there is no venue"),
    "a product": ('product = "carnet-10"', 'product = "carnet"',
        '[[entitlement]] 1 (e1): product = "carnet": there is no such [[product]]'),
    "a product of nobody": ('product = "carnet-10"', 'product = ""',
        '[[entitlement]] 1 (e1): product = "": must be a text'),
    "a venue of a tap": (AT, AT.replace("venue", 'venue = "vaise"\n#'),
        '[[tap]] 1: venue = "vaise": there is no such venue'),
    "a medium of a tap": ('medium = "m1"                  # "?"', 'medium = "m2" #',
        '[[tap]] 1: medium = "m2": there is no such medium'),
    "a medium of a denial": ('medium = "m1"                  # or', 'medium = "m2" #',
        '[[denial]] 1: medium = "m2": there is no such medium'),
    "a pass of a denial": ('medium = "m1"                  # or', 'pass = "p2" #',
        '[[denial]] 1: pass = "p2": there is no such pass'),
    "an entitlement of a denial": ('medium = "m1"                  # or', 'entitlement = "e2" #',
        '[[denial]] 1: entitlement = "e2": there is no such entitlement'),
    "a zone of the world": ("Europe/Paris", "Europe/Lyon",
        'timezone = "Europe/Lyon": \'Europe/Lyon\' is no time zone'),
}  # fmt: skip

TWICE = {
    name: (f"[[{name}]]", table(name, id=called, **fields) + f"[[{name}]]",
        f'[[{name}]] 2 ({called}): id = "{called}": stands twice')
    for name, called, fields in [
        ("venue", "bron", {}), ("product", "carnet-10", {}), ("medium", "m1", {"pass_": "p1"}),
        ("entitlement", "e1", {"pass_": "p1", "venues": ["bron"]}),
    ]
}  # fmt: skip

HOURS_REFUSED = {
    "that do not parse": ("Mo-Fr 7 bis 9", "hours cannot be read from column 7 on"),
    "of the school": ("Mo-Fr 07:00-09:00; SH off", "SH means school holidays, which no gate knows"),
    "unknown": ("Mo-Fr 07:00-09:00 unknown", '"unknown" leaves a gate without an answer'),
    "of the sun": ("sunrise-sunset", "sunrise needs the coordinates of the venue"),
    "without an end": ("Mo-Fr 07:00+", "an open end"),
    "of blanks": (" ", "hours are empty"),
    "too long": ("Mo-Fr 07:00-09:00; " * 20 + "off", "must have at most 255 characters"),
}

IMPOSSIBLE = {
    "more persons than the party": ("persons = 1", "persons = 2",
        "[[tap]] 1: persons = 2: no party of this medium is larger than 1"),
    "fewer persons than nobody": ("persons = 1", "persons = -1",
        "[[tap]] 1: persons = -1: must be a whole number"),
    "half a person": ("persons = 1", "persons = 1.5", "[[tap]] 1: persons = 1.5: must be a whole number"),
    "true as a number": ("persons = 1", "persons = true",
        "[[tap]] 1: persons = true: must be a whole number"),
    "a number without end": ("capacity = 300", f"capacity = 0x{'f' * 6000}",
        "[[venue]] 1 (bron): capacity = …: must be a whole number"),
    "tables without end": ("persons = 1", f"persons.{'a.' * 5000}a = 1", "[[tap]] 1: persons = …: must be"),
    "a party of nobody": ("party = 1", "party = 0",
        "[[entitlement]] 1 (e1): party = 0: must be a whole number"),
    "a party that pays somehow": ('"each"', '"some"', 'party_uses = "some": must be one of: each, once'),
    "a share elsewhere": ("{bron = 4}", "{vaise = 4}",
        "[[entitlement]] 1 (e1): uses.per_venue.vaise = 4: is not among its venues"),
    "no share at all": ("{bron = 4}", "{}", "uses.per_venue = {}: must name 1 to"),
    "fewer uses than none": ("total = 10", "total = -1", "uses.total = -1: must be a whole number"),
    "a tap before the last": ("[[tap]]", table("tap", **TAP) + "[[tap]]",
        '[[tap]] 2: at = "2026-07-14T10:00:00+02:00": is earlier than the tap before it'),
    "a time without an offset": ("10:00:00+02:00", "10:00:00",
        '[[tap]] 1: at = "2026-07-14T10:00:00": must be a time'),
    "a time of TOML without one": ('"2026-07-14T10:00:00+02:00"', "2026-07-14T10:00:00",
        "must be a time in whole"),
    "a fraction of a second": ("10:00:00+02:00", "10:00:00.5+02:00",
        '[[tap]] 1: at = "2026-07-14T10:00:00.5+02:00": must be a time in whole seconds'),
    "a day that is none": ("2026-07-14T10", "2026-02-29T10", "must be a time in whole seconds"),
    "an hour that is none": ("14T10:00:00", "14T24:00:00", "must be a time in whole seconds"),
    "a time before 1970": ("2026-07-14T10", "1969-07-14T10", "must not lie before 1970"),
    "a time without a calendar": ("2026-07-14T10:00:00+02", "9999-01-01T02:00:00+02",
        "must lie before the year 9999"),
    "a duration in months": ("P60D", "P2M", '[[retirement]] 1: warn = "P2M": use days, hours, minutes'),
    "a duration in words": ("PT30M", "30 min", '[[entitlement]] 1 (e1): reentry = "30 min": use days'),
    "a duration of nothing": ("PT30M", "PT0S", 'reentry = "PT0S": must lie between'),
    "an end at its begin": ("2027-01-01T00:00:00+01:00", "2026-07-01T00:00:00+02:00",
        '[[entitlement]] 1 (e1): expires = "2026-07-01T00:00:00+02:00": must be later than not_before'),
    "a denial lifted before it is": ("2026-08-09", "2026-08-02", "[[denial]] 1: until = "),
    "a denial of two": ('medium = "m1"                  # or', 'medium = "m1"\npass = "p1" #',
        "name one of medium, pass and entitlement"),
    "a denial of nothing": ('medium = "m1"                  # or', "#",
        "name one of medium, pass and entitlement"),
    "timed without an interval": (
        '"hard"              # none | soft | timed | hard\npassback_interval = "PT10M"', '"timed"',
        "[[venue]] 1 (bron): passback_interval: is missing: timed passback needs it"),
    "passback of another kind": ('"hard" ', '"strict" ', '[[venue]] 1 (bron): passback = "strict": '),
    "a day end after midnight": ("04:00", "24:00", '[[venue]] 1 (bron): day_end = "24:00": must be a time'),
    "an assurance that is none": ('"asymmetric"', '"strong"',
        '[[medium]] 1 (m1): assurance = "strong": unknown assurance'),
    "a direction that is none": ('"in" ', '"up" ', '[[tap]] 1: direction = "up": must be in or out'),
    "a country that is none": ('"FR"', '"France"', 'country = "France": must be the two capital letters'),
    "a venue that cannot be named": ('id = "bron"', 'id = "Bron"',
        '[[venue]] 1 (Bron): id = "Bron": must be 1 to 32'),
    "a medium called like a stranger": ('id = "m1"', 'id = "?"',
        '[[medium]] 1 (?): id = "?": is the one that nobody'),
    "two sectors in a right": ('venues = ["bron"]', 'venues = ["bron", "beaux"]',
        "[[entitlement]] 1 (e1): venues = ['bron', 'beaux']: stand in museums and pools"),
    "a pass in two sectors": ("[[medium]]", table("entitlement", **RIGHT) + "[[medium]]",
        '[[entitlement]] 2 (e2): pass = "p1": has rights in pools and museums'),
    "two passes of a sector": ("[[medium]]",
        table("entitlement", **RIGHT | {"pass_": "p2", "venues": ["bron"]})
        + table("medium", id="m0", pass_=["p1", "p2"]) + "[[medium]]",
        "[[medium]] 1 (m0): pass = ['p1', 'p2']: two of them have rights in pools"),
}  # fmt: skip

WRONG_TYPES = {
    f"{key} is a list": (line, f"{line.partition(' =')[0]} = [1] #", told)
    for key, line, told in [
        ("timezone", 'timezone = "Europe/Paris"', "timezone = [1]: must be a text"),
        ("capacity", "capacity = 300", "[[venue]] 1 (bron): capacity = [1]: must be a whole number"),
        ("hours", HOURS, "[[entitlement]] 1 (e1): hours = [1]: must be a text"),
        ("uses", "uses = {total = 10, per_day = 1, per_venue = {bron = 4}}", "uses = [1]: must be a whole"),
        ("venues", 'venues = ["bron"]', "venues = [1]: must be a list of texts"),
        ("pass", 'pass = "p1"                    # or', "pass = [1]: must be a list of texts"),
        ("ends", 'ends = "2026-09-01T00:00:00+02:00"', "[[retirement]] 1: ends = [1]: must be a time"),
        ("persons", "persons = 1", "[[tap]] 1: persons = [1]: must be a whole number"),
    ]
}  # fmt: skip

MISSING = {
    f"{name}.{key}": (line, "#", f"[[{name}]] 1{called}: {key}: is missing")
    for name, key, line, called in [
        ("venue", "id", 'id = "bron"\n', ""), ("product", "id", 'id = "carnet-10"', ""),
        ("entitlement", "id", 'id = "e1"', ""), ("entitlement", "pass", 'pass = "p1"\n', " (e1)"),
        ("entitlement", "venues", 'venues = ["bron"]', " (e1)"), ("medium", "id", 'id = "m1"', ""),
        ("medium", "pass", 'pass = "p1"                    #', " (m1)"),
        ("retirement", "assurance", 'assurance = "uid-only"', ""),
        ("retirement", "ends", 'ends = "2026-09-01T00:00:00+02:00"', ""),
        ("tap", "at", 'at = "2026-07-14T10:00:00+02:00"', ""), ("tap", "venue", 'venue = "bron"', ""),
        ("tap", "medium", 'medium = "m1"                  # "?"', ""),
    ]
}  # fmt: skip

MISTAKES = {
    **{f"unknown key {name}": case for name, case in UNKNOWN_KEYS.items()},
    **{f"unknown id: {name}": case for name, case in UNKNOWN_IDS.items()},
    **{f"twice: {name}": case for name, case in TWICE.items()},
    **{
        f"hours {name}": (HOURS, f"hours = '{text}'", f'[[entitlement]] 1 (e1): hours = "{text[:90]}')
        for name, (text, _) in HOURS_REFUSED.items()
    },
    **IMPOSSIBLE,
    **WRONG_TYPES,
    **{f"missing: {name}": case for name, case in MISSING.items()},
}


def refused(capsys, tmp_path, content: str | bytes) -> str:
    """The one line that is told, with nothing on stdout."""
    file = tmp_path / "own.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    code, out, err = run(capsys, "rehearse", file)
    assert (2, "", 1) == (code, out, len(err.splitlines()))
    assert err.startswith(f"gated: {file}")
    return err.removeprefix(f"gated: {file}")


def spoilt(old: str, new: str) -> str:
    assert old in BASE
    return BASE.replace(old, new, 1)


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_with_its_place(capsys, tmp_path, case):
    old, new, told = MISTAKES[case]
    err = refused(capsys, tmp_path, spoilt(old, new))
    assert err.startswith(": ")
    assert told in err
    assert err.rstrip().endswith("; see docs/reference/rehearsal.md")


@pytest.mark.parametrize("case", HOURS_REFUSED)
@pytest.mark.parametrize("where", ["entitlement", "product"])
def test_hours_that_nobody_can_keep_are_told_with_the_reason(capsys, tmp_path, case, where):
    text, told = HOURS_REFUSED[case]
    line = f"hours = '{text}'"
    err = refused(capsys, tmp_path, spoilt(*{
        "entitlement": (HOURS, line), "product": ('id = "carnet-10"', f'id = "carnet-10"\n{line}'),
    }[where]))  # fmt: skip
    assert f"[[{where}]] 1 (" in err
    assert told in err


def test_public_holidays_of_no_country_are_refused(capsys, tmp_path):
    text = spoilt(HOURS, 'hours = "PH off; 10:00-12:00"')
    (tmp_path / "own.toml").write_text(text)
    assert 0 == run(capsys, "rehearse", tmp_path / "own.toml")[0]
    err = refused(capsys, tmp_path, text.replace('country = "FR"', ""))
    assert '[[entitlement]] 1 (e1): hours = "PH off; 10:00-12:00": PH needs the country of the venue' in err


def test_the_base_of_all_this_plays(capsys, tmp_path):
    (tmp_path / "own.toml").write_text(BASE)
    assert 0 == run(capsys, "rehearse", tmp_path / "own.toml")[0]


def test_nothing_is_played_before_everything_is_read(capsys, tmp_path):
    """The last of many taps is wrong: not even the first is printed."""
    taps = table("tap", **TAP) * 50 + table("tap", **TAP | {"medium": "m9"})
    assert '[[tap]] 52: medium = "m9": there is no such medium' in refused(capsys, tmp_path, BASE + taps)


def test_json_has_the_mistake_too(capsys, tmp_path):
    (tmp_path / "own.toml").write_text(spoilt("persons = 1", "persons = 2"))
    code, out, err = run(capsys, "rehearse", tmp_path / "own.toml", "--json")
    assert (2, 1) == (code, len(err.splitlines()))
    assert {"error", "hint"} == last_json(out).keys()
    assert "[[tap]] 1: persons = 2: no party" in last_json(out)["error"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(BASE + "\n[[tap]\n", f"(at line {BASE.count(chr(10)) + 2}, column 6)", id="a bracket"),
        pytest.param('timezone = "Europe/Paris"\nid = bron\n', "(at line 2, column 6)", id="no quotes"),
        pytest.param(BASE + '\n[[tap]]\nat = "x"\nat = "y"\n', "(at line", id="a key twice"),
        pytest.param(b"# \xff\n" + BASE.encode(), "utf-8", id="bytes that are no text"),
        pytest.param("x = " + "[" * 50_000, "is not TOML: ", id="lists without end"),
        pytest.param("x = " + "9" * 5000, "is not TOML: ", id="a number without end"),
        pytest.param(BASE + "#" * MAX_FILE_BYTES, f"is larger than {MAX_FILE_BYTES} bytes", id="too large"),
        pytest.param("", "venue: must be a list of 1 to", id="nothing"),
        pytest.param("venue = []", "venue = []: must be a list of 1 to", id="no venue"),
        pytest.param('[venue]\nid = "bron"', "must be a list of 1 to", id="one bracket for a list"),
        pytest.param('venue = ["bron"]', '[[venue]] 1 = "bron": must be a table', id="no table"),
        pytest.param(BASE + table("retirement", assurance="uid-only") * 32, "retirement = ", id="too many"),
    ],
)
def test_a_file_that_is_no_scenario_is_told(capsys, tmp_path, content, told):
    assert told in refused(capsys, tmp_path, content)


def test_a_file_that_is_not_there_is_told(capsys, tmp_path):
    file = tmp_path / "none.toml"
    code, out, err = run(capsys, "rehearse", file)
    assert (2, "", f"gated: {file} is missing (scenario)") == (code, out, err.partition(";")[0])
    assert (2, "") == run(capsys, "rehearse", tmp_path)[:2]


def test_more_than_the_party_is_refused_only_where_it_can_be_known(capsys, tmp_path):
    """Whoever leaves may be more than came in on the card, and nobody knows the party of a stranger."""
    for taps in (
        table("tap", **TAP, direction="out", persons=9),
        table("tap", **TAP | {"medium": "?"}, persons=9),
        table("tap", **TAP | {"venue": "beaux"}, persons=9),
    ):
        (tmp_path / "own.toml").write_text(BASE + taps)
        assert 0 == run(capsys, "rehearse", tmp_path / "own.toml")[0]


@pytest.mark.parametrize("parties", [(4, 2), (2, 4), (None, 4), (4, None)])
def test_the_largest_party_of_a_pass_bounds_how_many_come(capsys, tmp_path, parties):
    """The last of them has its party from its product."""
    text = SAMPLE.partition("[[entitlement]]")[0] + table("product", id="p", party=parties[1])
    text += table("entitlement", id="a", pass_="p1", venues=["bron"], party=parties[0])
    text += table("entitlement", id="b", pass_="p1", venues=["bron"], product="p")
    text += table("medium", id="m1", pass_="p1")
    (tmp_path / "own.toml").write_text(text + table("tap", **TAP, persons=4))
    assert 0 == run(capsys, "rehearse", tmp_path / "own.toml")[0]
    told = "[[tap]] 1: persons = 5: no party of this medium is larger than 4"
    assert told in refused(capsys, tmp_path, text + table("tap", **TAP, persons=5))
