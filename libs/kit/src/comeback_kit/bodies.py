"""Base classes of request and response bodies, and the types that every path uses."""

from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

MAX_SAFE_INTEGER = 2**53 - 1
MAX_DEPTH = 64


def check_text(value: str) -> str:
    """Refuse what PostgreSQL and JSON readers cannot hold: NUL and lone surrogates."""
    if "\x00" in value:
        raise ValueError("must not contain NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must not contain a lone surrogate") from None
    return value


def check_id(value: str) -> str:
    """An id: 1–128 characters, no slash, no control characters."""
    if not 1 <= len(value) <= 128:
        raise ValueError("must have 1 to 128 characters")
    if "/" in value or any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise ValueError("must not contain a slash or control characters")
    return check_text(value)


def check_tree(value: Any, depth: int = 0) -> Any:
    """Walk a JSON value: text as ``check_text`` says, integers within ±(2^53−1), not nested too deep."""
    if depth > MAX_DEPTH:
        raise ValueError(f"is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, bool):
        return value
    elif isinstance(value, int):
        if abs(value) > MAX_SAFE_INTEGER:
            raise ValueError("must be within ±(2^53−1)")
    elif isinstance(value, dict):
        for key, item in value.items():
            check_tree(key, depth + 1)
            check_tree(item, depth + 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            check_tree(item, depth + 1)
    return value


IdText = Annotated[str, AfterValidator(check_id)]
Id = Annotated[str, Path(min_length=1, max_length=128), AfterValidator(check_id)]


class Body(BaseModel):
    """A request body: unknown fields refused, no coercion between types."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _check_tree(cls, value: Any) -> Any:
        return check_tree(value) if isinstance(value, dict) else value


class Answer(BaseModel):
    """A response body."""

    model_config = ConfigDict(frozen=True)
