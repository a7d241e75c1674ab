"""Where a document is wrong, as a client can find it: pydantic's places without the names of union members in them."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

_NAMES_A_MISSING_FIELD = frozenset({"missing", "extra_forbidden"})


def in_the_document(error: ValidationError, document: object) -> ValidationError:
    """The same error with every place written as the document's own keys and indexes."""
    found = [(one, _place(one, document)) for one in error.errors(include_url=False)]
    places = [place for _, place in found]
    kept = [
        InitErrorDetails(
            type=PydanticCustomError(one["type"], "{reason}", {"reason": one["msg"].removeprefix("Value error, ")}),
            loc=place,
            input=one["input"],
        )
        for one, place in found
        # A list that is too short only because its items are wrong.
        if not (
            one["type"] == "too_short" and any(len(other) > len(place) and _starts(other, place) for other in places)
        )
    ]
    return ValidationError.from_exception_data(error.title, kept)


def _starts(place: Sequence[int | str], start: Sequence[int | str]) -> bool:
    return tuple(place[: len(start)]) == tuple(start)


def _place(error: ErrorDetails, document: object) -> tuple[int | str, ...]:
    place: list[int | str] = []
    at: Any = document
    parts = error["loc"]
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if (isinstance(at, Mapping) and isinstance(part, str) and part in at) or (
            isinstance(at, Sequence) and isinstance(part, int) and not isinstance(at, str) and part < len(at)
        ):
            at = at[part]
        elif not (last and error["type"] in _NAMES_A_MISSING_FIELD):
            continue  # the name of a union's member: in pydantic's place, not in the document
        place.append(part)
    misplaced = error.get("ctx", {}).get("error")
    if isinstance(misplaced, Misplaced):
        place.extend(misplaced.place)
    return tuple(place)


class Misplaced(ValueError):
    """A fault between parts of a document, and the place of the part that is to be changed."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(reason)
        self.place: tuple[int | str, ...] = tuple(int(part) if part.isdigit() else part for part in place.split("/"))
