"""A year of the demo shop as contract events: baskets, payments, deliveries, refunds, cancellations."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from allinone.demo.catalog import Product, complements, first_weights
from allinone.demo.people import Customer

DAYS = 365
REFUNDED, CANCELLED = 0.06, 0.02


class Year:
    """Makes the events; the same seed makes the same year up to ``now``."""

    def __init__(
        self, rng: random.Random, catalog: list[Product], people: list[Customer], currency: str, now: datetime
    ) -> None:
        self._rng = rng
        self._catalog = catalog
        self._weights = first_weights(catalog)
        self._by_category: dict[str, list[Product]] = {}
        for product in catalog:
            self._by_category.setdefault(product.category, []).append(product)
        self._people = people
        self._currency = currency
        self._now = now

    def orders(self) -> list[tuple[datetime, Customer]]:
        """When who orders, oldest first."""
        moments = []
        for person in self._people:
            at = person.since + timedelta(hours=self._rng.uniform(0, 48))
            while at < self._now:
                moments.append((at, person))
                at += timedelta(days=self._rng.expovariate(1 / person.every_days) + 0.5)
        moments.sort(key=lambda moment: (moment[0], moment[1].customer_id))
        return moments

    def events(self) -> Iterator[dict[str, Any]]:
        """Every order's events, one order after the other."""
        for number, (at, person) in enumerate(self.orders(), start=1):
            yield from self._life(f"{10_000 + number}", at, person)

    def _life(self, order_id: str, at: datetime, person: Customer) -> Iterator[dict[str, Any]]:
        order = self._order(order_id, at, person)
        yield self._event("order.placed", order, at)
        if self._rng.random() < CANCELLED:
            at += timedelta(hours=3)
            yield self._event("order.cancelled", {**order, "state": "cancelled", "cancelled_at": at.isoformat()}, at)
            return
        paid_at = at + timedelta(minutes=self._rng.uniform(1, 40))
        order = {**order, "payment_state": "paid", "paid_at": paid_at.isoformat()}
        yield self._event("order.paid", order, paid_at)
        delivered_at = paid_at + timedelta(days=self._rng.uniform(1.5, 5))
        order = {
            **order,
            "state": "closed",
            "fulfilment_state": "delivered",
            "fulfilled_at": (paid_at + timedelta(days=1)).isoformat(),
            "delivered_at": delivered_at.isoformat(),
        }
        yield self._event("order.delivered", order, delivered_at)
        if self._rng.random() < REFUNDED:
            yield from self._refund(order, delivered_at + timedelta(days=self._rng.uniform(1, 12)))

    def _event(self, kind: str, order: dict[str, Any], at: datetime) -> dict[str, Any]:
        stamped = {**order, "updated_at": at.isoformat()}
        return {
            "id": f"demo-{order['order_id']}-{kind}",
            "type": kind,
            "occurred_at": at.isoformat(),
            "data": {"order": stamped},
        }

    def _refund(self, order: dict[str, Any], at: datetime) -> Iterator[dict[str, Any]]:
        line = self._rng.choice(order["lines"])
        refund = {
            "refund_id": f"r-{order['order_id']}",
            "at": at.isoformat(),
            "lines": [{"line_id": line["line_id"], "quantity": line["quantity"], "amount": line["total"]}],
            "shipping": 0,
            "amount": line["total"],
        }
        whole = len(order["lines"]) == 1
        state = "refunded" if whole and not order["shipping"] else "partially_refunded"
        yield self._event("order.refunded", {**order, "payment_state": state, "refunds": [refund]}, at)

    def _order(self, order_id: str, at: datetime, person: Customer) -> dict[str, Any]:
        lines = [self._line(number, product) for number, product in enumerate(self._basket(person), start=1)]
        goods = sum(line["total"] for line in lines)
        shipping = 0 if goods >= 4000 else 490
        return {
            "order_id": order_id,
            "number": f"#{order_id}",
            "currency": self._currency,
            "channel": self._rng.choices(["web", "app"], weights=[3, 1])[0],
            "customer": {"customer_id": person.customer_id, "locale": person.locale, "country": person.country},
            "lines": lines,
            "shipping": shipping,
            "total": goods + shipping,
            "placed_at": at.isoformat(),
        }

    def _line(self, number: int, product: Product) -> dict[str, Any]:
        quantity = 1 if product.price > 3000 else self._rng.choices([1, 2, 3], weights=[6, 3, 1])[0]
        return {
            "line_id": str(number),
            "product_id": product.product_id,
            "title": product.title,
            "category_ids": [product.category],
            "quantity": quantity,
            "unit_price": product.price,
            "total": product.price * quantity,
        }

    def _basket(self, person: Customer) -> list[Product]:
        if person.liked and self._rng.random() < 0.6:
            liked = set(person.liked)
            first = self._rng.choice([product for product in self._catalog if product.product_id in liked])
        else:
            first = self._rng.choices(self._catalog, weights=self._weights)[0]
        basket = [first]
        for category, chance in complements(first.category):
            if self._rng.random() < chance:
                basket.append(self._rng.choice(self._by_category[category]))
        if first.lasts_days is not None and len(person.liked) < 4:
            person.liked.append(first.product_id)
        return list({product.product_id: product for product in basket}.values())
