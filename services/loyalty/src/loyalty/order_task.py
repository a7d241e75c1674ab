"""One changed order on its way to be settled: its shop, its program, its buyer, and what its goods are worth."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime

from comeback_contracts.order_view import OrderView
from loyalty import forgetting
from loyalty.books import Book, Key
from loyalty.orders import OrderRow
from loyalty.rules.basket import Basket
from loyalty.rules.counting import why_it_does_not_count
from loyalty.rules.evaluation import Evaluation, basket_of
from loyalty.rules.instants import earned_at, placed_at
from loyalty.shop import Shop


class Task:
    """One changed order of a known shop. ``book`` is its buyer's, ``left`` the member it was settled to before.

    ``basket``, ``at`` (when it earns) and ``day`` (the same in the shop's zone) are None until it was weighed, which
    needs no member, and stay so while the order does not count.
    """

    __slots__ = (
        "at",
        "basket",
        "book",
        "counts",
        "day",
        "evaluation",
        "left",
        "order",
        "program",
        "shop",
        "version",
        "view",
    )

    def __init__(self, order: OrderRow, shop: Shop, version: int) -> None:
        assert order.known is not None  # noqa: S101  # orders without a snapshot make no task
        self.order = order
        self.shop = shop
        self.version = version
        self.program = shop.program(version)
        self.view: OrderView = order.known.view
        self.book: Book | None = None
        self.left: Book | None = None
        self.evaluation: Evaluation | None = None
        self.basket: Basket | None = None
        self.counts: bool | None = None
        self.at: datetime | None = None
        self.day: date | None = None

    def weigh(self) -> bool:
        """Find out whether the order counts, and what its goods are worth; once, at a moment that suits."""
        if self.counts is None:
            self.counts = why_it_does_not_count(self.view, self.program.earn_on) is None
            if self.counts:
                self.basket = basket_of(self.program, self.view)
                self.basket.left  # noqa: B018  # weighs it
                self.at = earned_at(self.program, self.view)
                self.day = self.at.astimezone(self.program.zone).date()
        return self.counts

    @property
    def members(self) -> list[Key]:
        """The ids that are to be locked."""
        order = self.order
        return [(order.shop_id, one) for one in (order.buyer, order.customer_id) if one is not None]

    def join(self, books: Mapping[Key, Book]) -> None:
        """Find the locked members; an id that was merged finds whom it was merged into."""
        order = self.order
        self.book = None if order.buyer is None else books[order.shop_id, order.buyer]
        settled_to = None if order.customer_id is None else books[order.shop_id, order.customer_id]
        self.left = settled_to if settled_to is not self.book else None

    def forget_notes(self, forgotten_at: datetime) -> None:
        """What was ordered before its buyer was erased keeps no notes, whenever its events come."""
        if placed_at(self.view) <= forgotten_at:
            forgetting.forget(self.order, self.program)

    @property
    def is_first(self) -> bool:
        """Whether nothing has been fixed for this order and its buyer yet."""
        return self.order.kept is None or self.left is not None

    @property
    def _is_redated(self) -> bool:
        """Whether the order was earned at another instant than was known before."""
        before = None if self.order.before is None else self.order.before.view
        if before is None or before.placed_at is None or not self.weigh():
            return False
        return earned_at(self.program, before) != self.at

    def needs_lots(self) -> Iterator[Book]:
        """The members whose lots this settlement may look at."""
        if self.left is not None:
            yield self.left
        if self.book is None:
            return
        sliding = self.program.expiry.kind == "sliding" and self.view.state != "cancelled"
        # Whoever had the order before has a lot of it, perhaps under an id that was merged since.
        came_back = self.is_first and bool(self.order.former)
        found = self.evaluation
        moved = found is not None and (
            found.points != self.order.settled
            or found.amount != self.order.amount
            or found.points == found.amount == 0  # only the lot knows whether an order of nothing was counted
            or self.program.pending.kind == "delivered"
            or self._is_redated
        )
        if sliding or came_back or moved:
            yield self.book
