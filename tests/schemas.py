"""The published JSON Schemas, as a developer's validator would load them: by path, references followed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

from gated.model.document import DocumentError

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"


def document(path: str):
    """A schema by its path below docs/reference."""
    return json.loads((REFERENCE / path).read_text())


def _retrieve(uri: str) -> Resource:
    return Resource.from_contents(json.loads(Path(uri.removeprefix("file://")).read_text()))


def validator(path: str) -> jsonschema.Draft202012Validator:
    """A validator that follows relative references from where the file stands."""
    uri = (REFERENCE / path).as_uri()
    return jsonschema.Draft202012Validator({"$ref": uri}, registry=Registry(retrieve=_retrieve))


def cases(table):
    """Parameters (name, change) of a table of changes by name."""
    return [
        pytest.param(name, change, id=f"{name} {str(change)[:60]}")
        for name in table
        for change in table[name]
    ]


def reads(read: Callable[[bytes], Any], message: dict) -> bool:
    """Whether the code takes a message, written as it travels."""
    try:
        read(json.dumps(message, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode())
    except DocumentError:
        return False
    return True
