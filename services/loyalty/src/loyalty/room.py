"""How many points a member may have: as many as every reader of JSON can hold as one number.

What people do by hand is refused beyond that. Nobody is there to be refused an order or an activity, so those earn what
there is room for.
"""

from comeback_kit.bodies import MAX_SAFE_INTEGER
from loyalty.books import Book, LotRow


def room_of(book: Book) -> int:
    """How many points more the member may have."""
    return MAX_SAFE_INTEGER - max(0, book.balance) - book.pending - book.held


def room_to_earn(book: Book) -> int:
    """How many more the member may earn, which is counted for ever."""
    return max(0, min(room_of(book), MAX_SAFE_INTEGER - book.lifetime_earned - book.pending))


def target_within(book: Book, lot: LotRow, points: int) -> int:
    """What an order comes to that is worth so many points, of which the lot has some; what it owes needs no room."""
    more = points - lot.settled
    return points if more <= 0 else lot.settled + min(more, max(0, lot.shortfall) + room_to_earn(book))


def spend_within(book: Book, more: int) -> int:
    """What of an amount is counted as the member's spend."""
    return more if more <= 0 else min(more, max(0, MAX_SAFE_INTEGER - book.lifetime_spend))
