"""Lists: newest first, a limit, an opaque cursor."""

import base64
import binascii
from datetime import UTC, datetime
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
        raise bad_cursor() from error
    if len(parts) != arity or any(isinstance(part, str) and "\x00" in part for part in parts):
        raise bad_cursor()  # NUL: no text of PostgreSQL holds it
    return parts


def decode_instant_cursor(text: str) -> tuple[datetime, str]:
    """The sort keys of a list by instant and id, the instant in UTC; 422 for the cursor of another list."""
    at, after = decode_cursor(text, 2)
    if not isinstance(after, str):
        raise bad_cursor()
    return cursor_instant(at), after


def cursor_instant(part: str | int) -> datetime:
    """An instant of a cursor, in UTC; 422 for anything else, also for one that the calendar holds only elsewhere."""
    try:
        at = datetime.fromisoformat(part) if isinstance(part, str) else None
        if at is None or at.tzinfo is None:
            raise bad_cursor()
        return at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise bad_cursor() from error


def bad_cursor() -> Unprocessable:
    """What is said of a cursor that is none of this list."""
    detail = "is not a cursor of this list; start again without one"
    return Unprocessable(detail, errors=[FieldError("/query/cursor", detail)])
