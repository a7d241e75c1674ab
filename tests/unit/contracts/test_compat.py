"""What is a breaking change of a schema, and what is not."""

from typing import Any

import pytest

from comeback_contracts.compat import breaks


def schema(required: tuple[str, ...] = ("a",), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": {"type": "string"}, **properties}, "required": list(required)}


TEXT = {"type": "string"}
MAYBE = {"anyOf": [{"type": "string"}, {"type": "null"}]}
ENUM = {"enum": ["x", "y"], "type": "string"}

ALLOWED: dict[str, tuple[Any, Any]] = {
    "the same": (schema(b=TEXT), schema(b=TEXT)),
    "a new optional field": (schema(), schema(b=TEXT)),
    "a wider type": (schema(b=TEXT), schema(b=MAYBE)),
    "another kind of number": (schema(b={"type": "integer"}), schema(b={"type": "number"})),
    "another value of an enum": (schema(b=ENUM), schema(b={"enum": ["x", "y", "z"], "type": "string"})),
    "an enum that becomes open": (schema(b=ENUM), schema(b=TEXT)),
    "a looser bound": (schema(b={"type": "string", "maxLength": 5}), schema(b={"type": "string", "maxLength": 9})),
    "a bound less": (schema(b={"type": "integer", "minimum": 0}), schema(b={"type": "integer"})),
    "anything goes": (schema(b=TEXT), schema(b={})),
    "another name of a definition": (
        schema(b={"$ref": "#/$defs/One"}) | {"$defs": {"One": TEXT}},
        schema(b={"$ref": "#/$defs/Two"}) | {"$defs": {"Two": TEXT}},
    ),
    "another description": (schema(b=TEXT), schema(b={**TEXT, "description": "words", "default": ""})),
}

BREAKING: dict[str, tuple[Any, Any, str]] = {
    "a removed field": (schema(b=TEXT), schema(), "/b was removed"),
    "a newly required field": (schema(b=TEXT), schema(("a", "b"), b=TEXT), "/b is newly required"),
    "a new and required field": (schema(), schema(("a", "b"), b=TEXT), "/b is newly required"),
    "a field that is no longer promised": (schema(), schema(()), "/a is no longer promised"),
    "another type": (schema(b=TEXT), schema(b={"type": "integer"}), "/b may no longer be string"),
    "a narrower type": (schema(b=MAYBE), schema(b=TEXT), "/b may no longer be null"),
    "a narrower number": (
        schema(b={"type": "number"}),
        schema(b={"type": "integer"}),
        "/b may no longer be number",
    ),
    "a narrower enum": (schema(b=ENUM), schema(b={"enum": ["x"], "type": "string"}), "/b may no longer be ['y']"),
    "an open text that becomes an enum": (schema(b=TEXT), schema(b=ENUM), "/b may no longer be ['anything else']"),
    "a narrower bound": (
        schema(b={"type": "string", "maxLength": 9}),
        schema(b={"type": "string", "maxLength": 5}),
        "/b has a narrower maxLength",
    ),
    "a new bound": (schema(b=TEXT), schema(b={"type": "string", "minLength": 1}), "/b has a narrower minLength"),
    "another pattern": (schema(b=TEXT), schema(b={"type": "string", "pattern": "^a$"}), "/b has another pattern"),
    "another constant": (schema(b={"const": "1.0"}), schema(b={"const": "2.0"}), "/b has another const"),
    "inside a list": (
        schema(b={"type": "array", "items": schema(c=TEXT)}),
        schema(b={"type": "array", "items": schema()}),
        "/b/*/c was removed",
    ),
    "inside a choice": (
        schema(b={"anyOf": [schema(c=TEXT), {"type": "null"}]}),
        schema(b={"anyOf": [schema(), {"type": "null"}]}),
        "/b/c was removed",
    ),
    "inside a definition": (
        schema(b={"$ref": "#/$defs/One"}) | {"$defs": {"One": schema(c=TEXT)}},
        schema(b={"$ref": "#/$defs/One"}) | {"$defs": {"One": schema()}},
        "/b/c was removed",
    ),
    "inside free names": (
        schema(b={"type": "object", "additionalProperties": MAYBE}),
        schema(b={"type": "object", "additionalProperties": TEXT}),
        "/b/* may no longer be null",
    ),
}


@pytest.mark.parametrize(("old", "new"), ALLOWED.values(), ids=ALLOWED.keys())
def test_what_is_allowed(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert breaks(old, new) == []


@pytest.mark.parametrize(("old", "new", "expected"), BREAKING.values(), ids=BREAKING.keys())
def test_what_breaks(old: dict[str, Any], new: dict[str, Any], expected: str) -> None:
    assert breaks(old, new) == [expected]


def test_a_schema_may_hold_itself() -> None:
    tree = {
        "$ref": "#/$defs/Node",
        "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}},
    }
    assert breaks(tree, tree) == []
