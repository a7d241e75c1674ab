"""The facts that conditions look at, of one order or activity and its member."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from comeback_contracts.order_view import LineView, OrderView
from comeback_contracts.remaining import remaining


class Goods:
    """What of an order a rule sees: per line its amount (minor units of the order's currency) and its units.

    ``amount`` also holds what belongs to no line: shipping and tip, where the program lets them earn.
    """

    __slots__ = ("_after_refunds", "_order", "_units", "amount", "amounts", "lines")

    def __init__(self, order: OrderView, amounts: Sequence[int], amount: int, *, after_refunds: bool) -> None:
        self.lines: Sequence[LineView] = order.lines or ()
        self.amounts = amounts
        self.amount = amount
        self._order = order
        self._after_refunds = after_refunds
        self._units: Sequence[int] | None = None

    @property
    def units(self) -> Sequence[int]:
        """The pieces of each line; counted when a rule asks for them, which few do."""
        if self._units is None:
            if self._after_refunds:
                self._units = remaining(self._order).quantities
            else:
                self._units = [line.quantity for line in self.lines]
        return self._units

    def of(self, places: Sequence[int]) -> int:
        """The amount of some lines."""
        amounts = self.amounts
        return sum([amounts[place] for place in places])


class Case:
    """One order (or activity) and what was fixed about its member."""

    __slots__ = ("_local", "at", "attributes", "channel", "tags", "tier", "zone")

    def __init__(
        self,
        at: datetime,
        zone: ZoneInfo,
        *,
        channel: str | None,
        attributes: Mapping[str, Any] | None,
        tier: str | None,
        tags: Sequence[str],
    ) -> None:
        self.at = at
        self.zone = zone
        self.channel = channel
        self.attributes = attributes
        self.tier = tier
        self.tags = tags
        self._local: datetime | None = None

    @property
    def local(self) -> datetime:
        """When it happened, on the shop's clock."""
        if self._local is None:
            self._local = self.at.astimezone(self.zone)
        return self._local


Condition = Callable[[Case], str | None]
LineFilter = Callable[[Goods], list[int]]
"""The places of the lines that a rule is about and that are worth something."""
