"""Base classes of request and response bodies, and the types that every path uses."""

import json
import re
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

MAX_SAFE_INTEGER = 2**53 - 1
MAX_DEPTH = 64
_NOT_IN_IDS = re.compile(r"[/\x00-\x1f\x7f-\x9f]")


class Misfit(ValueError):
    """A value that no service takes, wherever it stands; ``place`` leads to it from the tree that was checked."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.place: list[int | str] = []


def check_text(value: str) -> str:
    """Refuse what PostgreSQL and JSON readers cannot hold: NUL and lone surrogates."""
    if "\x00" in value:
        raise Misfit("must not contain NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Misfit("must not contain a lone surrogate") from None
    return value


def check_id(value: str) -> str:
    """An id: 1–128 characters, no slash, no control characters."""
    if not 1 <= len(value) <= 128:
        raise ValueError("must have 1 to 128 characters")
    if _NOT_IN_IDS.search(value):
        raise ValueError("must not contain a slash or control characters")
    return check_text(value)


def check_tree(value: Any, depth: int = 0) -> Any:
    """Walk a JSON value: text as ``check_text`` says, integers within ±(2^53−1), not nested too deep."""
    if depth > MAX_DEPTH:
        raise Misfit(f"is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, bool):
        return value
    elif isinstance(value, int):
        if abs(value) > MAX_SAFE_INTEGER:
            raise Misfit("must be within ±(2^53−1)")
    elif isinstance(value, dict):
        for key in value:
            check_text(key)
        _check_children(value.items(), depth + 1)
    elif isinstance(value, (list, tuple)):
        _check_children(enumerate(value), depth + 1)
    return value


def _check_children(children: Iterable[tuple[Any, Any]], depth: int) -> None:
    name: int | str = ""
    try:
        for name, child in children:  # noqa: B007  # after a fault it is where the fault was
            check_tree(child, depth)
    except Misfit as error:
        error.place.append(name)
        raise


def _placed(title: str, error: Misfit) -> ValidationError:
    kind = PydanticCustomError("value_error", "{reason}", {"reason": str(error)})
    deep = len(error.place) > MAX_DEPTH  # then the field says more than a pointer of sixty steps
    place = tuple(reversed(error.place[-1:] if deep else error.place))
    return ValidationError.from_exception_data(title, [InitErrorDetails(type=kind, loc=place, input=None)])


def decode_json(raw: bytes) -> Any:
    """A body as it was sent, lone surrogates too: ``check_tree`` says where they are.

    Raises ``ValueError`` or ``RecursionError`` for what is no JSON.
    """
    return _JSON.decode(raw.decode("utf-8-sig", "surrogatepass"))


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_JSON = json.JSONDecoder(parse_constant=_no_constant)

IdText = Annotated[str, AfterValidator(check_id)]
Id = Annotated[str, Path(min_length=1, max_length=128), AfterValidator(check_id)]


class Body(BaseModel):
    """A request body: unknown fields refused, no coercion between types."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _check_tree(cls, value: Any) -> Any:
        if isinstance(value, dict):
            try:
                check_tree(value)
            except Misfit as error:
                raise _placed(cls.__name__, error) from None
        return value


class Answer(BaseModel):
    """A response body."""

    model_config = ConfigDict(frozen=True)
