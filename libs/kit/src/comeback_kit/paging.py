"""Lists: newest first, a limit, an opaque cursor."""

import base64
import binascii
from typing import Annotated, Generic, TypeVar

import msgspec
from fastapi import Query

from comeback_kit.bodies import Answer
from comeback_kit.errors import FieldError, Unprocessable

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=100, description="most items to answer")]
Cursor = Annotated[
    str | None, Query(pattern=r"^[A-Za-z0-9_-]+$", max_length=1024, description="`next_cursor` of the page before")
]


class Page(Answer, Generic[T]):
    """One page of a list; ``next_cursor`` is null on the last one."""

    items: list[T]
    next_cursor: str | None


def encode_cursor(*parts: str | int) -> str:
    """An opaque cursor of the last row's sort keys."""
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).rstrip(b"=").decode()


def decode_cursor(text: str, arity: int) -> tuple[str | int, ...]:
    """The sort keys of a cursor that ``encode_cursor`` made; 422 for anything else."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        parts = msgspec.json.decode(raw, type=tuple[str | int, ...])
    except (binascii.Error, msgspec.DecodeError, ValueError) as error:
        raise _bad_cursor() from error
    if len(parts) != arity:
        raise _bad_cursor()
    return parts


def _bad_cursor() -> Unprocessable:
    detail = "is not a cursor of this list; start again without one"
    return Unprocessable(detail, errors=[FieldError("/query/cursor", detail)])
