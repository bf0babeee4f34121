"""The prose of the feed's format says what the code does: numbers, forms, codes, members."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path

from gated.central import feed, feed_cut
from gated.model.statement import KIND_NUMBERS, Kind, TargetKind
from gated.wire import blob, manifest, page
from gated.wire.setdigest import BUCKETS, leaf
from schemas import document

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "feed.md").read_text()


def section(title: str) -> str:
    """What stands under a heading, up to the next one."""
    found = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def number(text: str) -> int:
    return int(text.replace(",", ""))


def test_limits_have_the_values_of_the_code():
    rows = re.findall(
        r"^\| [^|]+ \| (\d+) \| [^|]+ \| `gated\.([\w.]+)` \|$", section("Limits"), re.MULTILINE
    )
    assert 12 == len(rows) == section("Limits").count("`gated.")
    for value, name in rows:
        module, _, attribute = name.rpartition(".")
        assert int(value) == getattr(import_module(f"gated.{module}"), attribute), name


def test_numbers_in_prose_are_those_of_the_table():
    found = re.search(r"at most ([\d,]+) bytes each", section("Blobs"))
    assert found
    assert number(found[1]) == blob.MAX_BLOB_BYTES
    assert f"level {blob.LEVEL}:" in section("Blobs")
    assert re.findall(r"1 to ([\d,]+)", section("A page")) == ["2,000", "1,024"]
    assert number(re.findall(r"at most ([\d,]+) bytes before", section("A page"))[0]) == page.MAX_PAGE_BYTES
    assert re.findall(r"^\| (\d+) . count \|", section("A page"), re.MULTILINE) == [str(page.RECORD.size)]
    assert re.findall(r"1 to ([\d,]+)\.", section("An index")) == [f"{manifest.MAX_NAMES:,}"]
    much, sizes = feed.Much(), ", ".join(str(size) for size in feed_cut.SIZES[:1])
    told = section("The manifest")
    assert f"multiples of {sizes}," in told
    assert f"more than {much.statements:,} statements" in told
    assert f"or {much.deltas} deltas" in told
    assert f"{BUCKETS:,} **buckets**" in section("The digest of the set")


def test_kinds_and_forms_are_those_of_the_code():
    places = re.findall(r"^\| (\w+)[^|]* \| (\d) \| ", section("Position, place, rank"), re.MULTILINE)
    assert {(kind, int(told)) for kind, told in places} == {
        (str(kind), number) for kind, number in KIND_NUMBERS.items()
    }
    forms = re.findall(r"^\| (\d) \| ([^|]+) \| (\d+) \|", section("A page"), re.MULTILINE)
    assert len(forms) == len(page._FORMS)
    for (form, what, size), (kind, bytes_, fixed) in zip(forms, page._FORMS, strict=True):
        assert int(size) == bytes_
        assert KIND_NUMBERS[Kind(what.split()[0])] == kind
        if kind == KIND_NUMBERS[Kind.DENIAL]:
            assert fixed == bytes([TargetKind[what.rpartition(" ")[2].upper()]]), form


def test_a_leaf_is_what_the_page_says():
    assert bytes([8]) + b"a credit"[:8] + b"\2\1\2" + (7).to_bytes(8, "big") == leaf(b"a credit", 2, b"\2", 7)


def test_every_member_is_explained():
    for title, schema in (("The head", "head"), ("The manifest", "manifest")):
        told = set(re.findall(r"`([\w.\[\]]+)`(?=[^|]*\|)", section(title)))
        members = document(f"sync/{schema}.schema.json")["properties"]
        assert members.keys() - {"snapshot"} <= told, title
    for member in ("position", "rows", "denials", "pages"):
        assert f"`snapshot.{member}`" in section("The manifest")
    for member in ("first", "last", "denials", "others"):
        assert f"`deltas[].{member}`" in section("The manifest")


def test_every_code_is_explained():
    of_blobs, _, _ = section("What a gate does").partition("| `what` |")
    told = set(re.findall(r"^\| `(\w+)` \|", of_blobs, re.MULTILINE))
    source = "".join(inspect.getsource(module) for module in (blob, page, manifest))
    assert told == set(re.findall(r'BlobError\([^,()]+, "(\w+)"', source)) | {"malformed"}
