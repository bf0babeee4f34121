"""The published JSON Schemas, as a developer's validator would load them: by path, references followed."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
from referencing import Registry, Resource

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
