"""The events of one order, as a storefront posts them: 2 × 10.00 and 1 × 5.50, so that floors and refunds show."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Event = dict[str, Any]

POINTS_PAID = 25
"""Of 25.50, at one point per 1.00, floored."""
POINTS_AFTER_FIRST_REFUND = 15
POINTS_AFTER_BOTH_REFUNDS = 10


def _an_hour_ago() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@dataclass(frozen=True)
class OrderStory:
    """What happens to one order, a minute apart. Every event carries the order as it is then."""

    order_id: str
    customer_id: str | None = None
    start: datetime = field(default_factory=_an_hour_ago)
    products: tuple[str, str] = ("beans", "filter")

    @property
    def customer(self) -> str:
        """The customer's id; by default each order has its own."""
        return self.customer_id or f"of-{self.order_id}"

    def placed(self) -> Event:
        return self._event("order.placed", 0, payment_state="pending")

    def paid(self) -> Event:
        return self._event("order.paid", 1, payment_state="paid", paid_at=self._at(1))

    def refunded(self) -> Event:
        """One of the two dearer pieces, with the whole order."""
        refund = self._refund("r1", 2, "1", 1000)
        return self._event("order.refunded", 2, **self._paid("partially_refunded"), refunds=[refund])

    def refunded_alone(self) -> Event:
        """The cheaper piece, told by a platform that sends the refund without its order."""
        refund = self._refund("r2", 3, "2", 550)
        order = {"order_id": self.order_id, "refunds": [refund], "updated_at": self._at(3)}
        return self._wrapped("order.refunded", "refunded-alone", 3, order)

    def cancelled(self) -> Event:
        return self._event(
            "order.cancelled", 4, **self._paid("partially_refunded"), state="cancelled", cancelled_at=self._at(4)
        )

    def delivered(self) -> Event:
        return self._event(
            "order.delivered", 5, **self._paid("paid"), fulfilment_state="delivered", delivered_at=self._at(5)
        )

    def _paid(self, payment_state: str) -> dict[str, Any]:
        return {"payment_state": payment_state, "paid_at": self._at(1)}

    def _refund(self, refund_id: str, minute: int, line_id: str, amount: int) -> dict[str, Any]:
        line = {"line_id": line_id, "quantity": 1, "amount": amount}
        return {"refund_id": refund_id, "at": self._at(minute), "lines": [line], "amount": amount}

    def _event(self, kind: str, minute: int, **state: Any) -> Event:
        order = {
            "order_id": self.order_id,
            "currency": "EUR",
            "customer": {
                "customer_id": self.customer,
                "email": f"{self.customer}@example.com",
                "first_name": "Ann",
            },
            "lines": [self._line("1", 0, 2, 1000), self._line("2", 1, 1, 550)],
            "total": 2550,
            "placed_at": self._at(0),
            "updated_at": self._at(minute),
            **state,
        }
        return self._wrapped(kind, kind.removeprefix("order."), minute, order)

    def _wrapped(self, kind: str, name: str, minute: int, order: dict[str, Any]) -> Event:
        return {
            "id": f"{self.order_id}-{name}",
            "type": kind,
            "occurred_at": self._at(minute),
            "data": {"order": order},
        }

    def _line(self, line_id: str, product: int, quantity: int, price: int) -> dict[str, Any]:
        return {
            "line_id": line_id,
            "product_id": self.products[product],
            "title": self.products[product].title(),
            "quantity": quantity,
            "unit_price": price,
            "total": quantity * price,
        }

    def _at(self, minute: int) -> str:
        return (self.start + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")
