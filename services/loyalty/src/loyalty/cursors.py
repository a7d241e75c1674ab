"""Cursors with the types of their sort keys: 422 for one of another list, or that somebody made up."""

from datetime import datetime
from typing import Final

from comeback_kit.paging import bad_cursor, cursor_instant, decode_cursor, decode_instant_cursor

_MOST: Final = 2**63 - 1


def instant_and_id(cursor: str | None) -> tuple[datetime | None, str | None]:
    """The keys of a list by instant and id; two None for the first page."""
    if cursor is None:
        return None, None
    return decode_instant_cursor(cursor)


def number(cursor: str | None) -> int | None:
    """The key of a list by number; None for the first page."""
    return None if cursor is None else _number(decode_cursor(cursor, 1)[0])


def price_and_id(cursor: str | None) -> tuple[int, str]:
    """The keys of a list by price and id, cheapest first; what comes before all of them for the first page."""
    if cursor is None:
        return -1, ""
    price, after = decode_cursor(cursor, 2)
    return _number(price), _text(after)


def transaction(cursor: str | None) -> tuple[datetime | None, str | None, int | None, int | None]:
    """The keys of a member's transactions, and the balance after the first of the page; None for the first page."""
    if cursor is None:
        return None, None, None, None
    at, customer_id, seq, after = decode_cursor(cursor, 4)
    return cursor_instant(at), _text(customer_id), _number(seq, most=2**31 - 1), _number(after)


def _text(value: str | int) -> str:
    if not isinstance(value, str):
        raise bad_cursor()
    return value


def _number(value: str | int, *, most: int = _MOST) -> int:
    if not isinstance(value, int) or abs(value) > most:
        raise bad_cursor()
    return value
