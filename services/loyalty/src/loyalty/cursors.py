"""Cursors with the types of their sort keys: 422 for one of another list, or that somebody made up."""

from datetime import datetime
from typing import Final

from comeback_kit.errors import FieldError, Unprocessable
from comeback_kit.paging import decode_cursor

_MOST: Final = 2**63 - 1


def instant_and_id(cursor: str | None) -> tuple[datetime | None, str | None]:
    """The keys of a list by instant and id; two None for the first page."""
    if cursor is None:
        return None, None
    at, after = decode_cursor(cursor, 2)
    return _instant(at), _text(after)


def number(cursor: str | None) -> int | None:
    """The key of a list by number; None for the first page."""
    return None if cursor is None else _number(decode_cursor(cursor, 1)[0])


def price_and_id(cursor: str | None) -> tuple[int, str]:
    """The keys of a list by price and id, cheapest first; what comes before all of them for the first page."""
    if cursor is None:
        return -1, ""
    price, after = decode_cursor(cursor, 2)
    return _number(price), _text(after)


def transaction(cursor: str | None, balance: int) -> tuple[datetime | None, str | None, int | None, int]:
    """The keys of a member's transactions, and the balance before the first of the page."""
    if cursor is None:
        return None, None, None, balance
    at, customer_id, seq, after = decode_cursor(cursor, 4)
    return _instant(at), _text(customer_id), _number(seq, most=2**31 - 1), _number(after)


def _instant(value: str | int) -> datetime:
    try:
        at = datetime.fromisoformat(_text(value))
    except ValueError:
        raise _bad() from None
    if at.tzinfo is None:
        raise _bad()
    return at


def _text(value: str | int) -> str:
    if not isinstance(value, str) or "\x00" in value:
        raise _bad()
    return value


def _number(value: str | int, *, most: int = _MOST) -> int:
    if not isinstance(value, int) or abs(value) > most:
        raise _bad()
    return value


def _bad() -> Unprocessable:
    detail = "is not a cursor of this list; start again without one"
    return Unprocessable(detail, errors=[FieldError("/query/cursor", detail)])
