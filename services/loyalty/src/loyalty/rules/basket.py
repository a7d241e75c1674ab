"""The goods of an order that rules look at: as it was, and what is left of it after refunds (CONTRACT §2 and §4)."""

from comeback_contracts.eligible import Allocation, eligible_amounts
from comeback_contracts.order_amounts import Includes
from comeback_contracts.order_view import OrderView
from comeback_contracts.shares import shares
from loyalty.rules.case import Goods


class Basket:
    """An order's goods, weighed when they are asked for. Amounts are minor units of the order's currency."""

    __slots__ = ("_allocation", "_full", "_includes", "_left", "_order")

    def __init__(self, order: OrderView, includes: Includes, allocation: Allocation) -> None:
        self._order = order
        self._includes = includes
        self._allocation = allocation
        self._full: Goods | None = None
        self._left: Goods | None = None

    @property
    def full(self) -> Goods:
        """The goods as if nothing had been refunded."""
        if self._full is None:
            self._full = self._weigh(after_refunds=False)
        return self._full

    @property
    def left(self) -> Goods:
        """The goods that are left."""
        if self._left is None:
            if self._order.refunds:
                self._left = self._weigh(after_refunds=True)
            else:
                self._left = self.full
        return self._left

    def _weigh(self, *, after_refunds: bool) -> Goods:
        found = eligible_amounts(self._order, self._includes, allocation=self._allocation, after_refunds=after_refunds)
        amounts = found.lines
        if found.discount:
            off = shares(min(found.discount, sum(amounts)), amounts)
            amounts = [amount - part for amount, part in zip(amounts, off, strict=True)]
        # Not the basket: goods that hold the basket that holds them leave every order to the collector.
        return Goods(self._order, amounts, max(0, found.total), after_refunds=after_refunds)
