"""What is wrong with data, said field by field: JSON Pointers and a stable code."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from comeback_contracts.instants import IN_THE_FUTURE
from comeback_contracts.text import NO_NUL

INVALID: Final = "invalid_request"
DOES_NOT_ADD_UP: Final = "order_does_not_add_up"
_OWN_CODES: Final = (DOES_NOT_ADD_UP, IN_THE_FUTURE)


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One bad field. ``pointer`` is a JSON Pointer (RFC 6901) from the validated value, ``""`` the value itself."""

    pointer: str
    detail: str


class InvalidData(ValueError):
    """Data that the contract refuses.

    ``code`` is ``order_does_not_add_up`` or ``in_the_future`` where nothing else is wrong, else ``invalid_request``.
    """

    def __init__(self, code: str, errors: Iterable[FieldProblem]) -> None:
        self.code = code
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{one.pointer or 'data'} {one.detail}" for one in self.errors))


def pointer(path: Iterable[str | int]) -> str:
    """The JSON Pointer of a path of names and indexes."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def invalid(error: ValidationError, prefix: str = "") -> InvalidData:
    """The contract's words for pydantic's. ``prefix`` is put before each pointer."""
    told = error.errors(include_url=False, include_context=True, include_input=False)
    # A default that was not made because another field is bad says nothing of its own.
    found = [one for one in told if one["type"] != "default_factory_not_called"] or told
    codes = {one["type"] for one in found}
    code = codes.pop() if len(codes) == 1 else INVALID
    return InvalidData(
        code if code in _OWN_CODES else INVALID,
        (FieldProblem(prefix + pointer(_path(one["loc"])), _detail(one["type"], one)) for one in found),
    )


def _path(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Without pydantic's mark for "the key itself is bad"."""
    return loc[:-1] if loc and loc[-1] == "[key]" else loc


def _detail(kind: str, error: Any) -> str:
    if kind == "string_unicode":
        return "must not contain a lone surrogate"
    if kind == "string_pattern_mismatch":
        pattern = error["ctx"]["pattern"]
        return "must not contain NUL" if pattern == NO_NUL else f"must match {pattern}"
    if kind == "extra_forbidden":
        return "is not a known field"
    if kind == "missing":
        return "is missing"
    message: str = error["msg"]
    return message.removeprefix("Value error, ")
