"""Where a document is wrong, as a client can find it: pydantic's places without the names of union members in them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

Place: TypeAlias = tuple[int | str, ...]

_DISCRIMINATOR: Final = re.compile(r"'(\w+)'")  # a field that tells members of a union apart, as pydantic quotes it
_NAMES_A_MISSING_FIELD: Final = frozenset({"missing", "extra_forbidden"})


class Misplaced(ValueError):
    """A fault between parts of a document, and the place of the part that is to be changed."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(reason)
        self.place: Place = tuple(int(part) if part.isdigit() else part for part in place.split("/"))


def in_the_document(error: ValidationError, document: object) -> ValidationError:
    """The same error with every place written as the document's own keys and indexes."""
    found = [(one, _place(one, document)) for one in error.errors(include_url=False)]
    places = [place for _, place in found]
    return ValidationError.from_exception_data(
        error.title, [_said(one, place) for one, place in found if not _follows(one, place, places)]
    )


def _said(error: ErrorDetails, place: Place) -> InitErrorDetails:
    reason = error["msg"].removeprefix("Value error, ")
    if error["type"] == "union_tag_invalid":
        reason = f"must be one of {error['ctx']['expected_tags']}"
    elif error["type"] == "union_tag_not_found":
        reason = "Field required"
    kind = PydanticCustomError(error["type"], "{reason}", {"reason": reason})
    return InitErrorDetails(type=kind, loc=place, input=error["input"])


def _follows(error: ErrorDetails, place: Place, places: Sequence[Place]) -> bool:
    """Whether a list is too short only because its items are wrong."""
    return error["type"] == "too_short" and any(
        len(other) > len(place) and other[: len(place)] == place for other in places
    )


def _place(error: ErrorDetails, document: object) -> Place:
    place: list[int | str] = []
    at: Any = document
    parts = error["loc"]
    for index, part in enumerate(parts):
        if _inside(at, part):
            at = at[part]
        elif index < len(parts) - 1 or error["type"] not in _NAMES_A_MISSING_FIELD:
            continue  # the name of a union's member: in pydantic's place, not in the document
        place.append(part)
    context = error.get("ctx", {})
    misplaced = context.get("error")
    if isinstance(misplaced, Misplaced):
        return (*place, *misplaced.place)
    named = _DISCRIMINATOR.fullmatch(context.get("discriminator", ""))
    return tuple(place) if named is None else (*place, named[1])


def _inside(at: object, part: int | str) -> bool:
    if isinstance(at, Mapping):
        return part in at
    return isinstance(at, list | tuple) and isinstance(part, int) and part < len(at)
