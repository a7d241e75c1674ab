"""What no body may hold, wherever it stands, and that it is named at its place."""

from typing import Any

import pytest
from pydantic import Field, ValidationError

from comeback_kit.bodies import MAX_DEPTH, Body, check_tree


class Note(Body):
    text: str = ""
    tree: dict[str, Any] = Field(default_factory=dict)


def deep(levels: int) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for _ in range(levels):
        tree = {"x": tree}
    return tree


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"text": "a\x00"}, ("text",)),
        ({"tree": {"a": [1, {"b": "\ud800"}]}}, ("tree", "a", 1, "b")),
        ({"tree": {"a": [0, 2**53]}}, ("tree", "a", 1)),
        ({"tree": {"a": {"\x00": 1}}}, ("tree", "a")),
        ({"tree": deep(MAX_DEPTH)}, ("tree",)),
    ],
)
def test_what_no_service_takes_is_named_at_its_place(document: dict[str, Any], place: tuple[int | str, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        Note.model_validate(document)
    (error,) = refused.value.errors()
    assert error["loc"] == place


def test_everything_else_passes_as_it_is() -> None:
    document = {"text": "é\n", "tree": {"a": [True, None, 1.5, -(2**53) + 1], "b": deep(MAX_DEPTH - 3)}}
    assert check_tree(document) is document
    assert Note.model_validate(document).tree == document["tree"]
