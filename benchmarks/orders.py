"""Order events as the gateway puts them on the log: about 1.5 kB, three to six lines, three orders a customer."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from comeback_contracts.envelope import encode, make_event
from comeback_contracts.topics import ORDERS, event_key
from comeback_kit.events import Event
from comeback_kit.log.port import Entry

SHOP = "bench"
_CATEGORIES = ("coffee", "tea", "machines", "grinders", "cups", "sale")
_CHANNELS = ("web", "app", "pos")


def shop_event(now: datetime) -> Event:
    """The shop becomes known."""
    data = {"shop_id": SHOP, "name": "Bench", "currency": "EUR", "time_zone": "Europe/Berlin", "locale": "en"}
    return _event(encode(_made("shop", "shop.upserted", now, data)))


def order_entries(count: int, now: datetime, *, seed: int = 1, prefix: str = "o") -> list[Entry]:
    """Paid orders of the last 30 days, in the order in which they were placed."""
    rng = random.Random(seed)
    return orders_of([f"c-{rng.randrange(max(1, count // 3))}" for _ in range(count)], now, seed=seed, prefix=prefix)


def orders_of(customers: Sequence[str], now: datetime, *, seed: int = 1, prefix: str = "o") -> list[Entry]:
    """The same, one order of each of these customers."""
    rng = random.Random(seed)
    entries = []
    for number, customer in enumerate(customers):
        at = (now - timedelta(days=30) + timedelta(days=30) * number / len(customers)).replace(microsecond=0)
        data = {"order": _order(f"{prefix}-{number}", customer, at, rng)}
        document = encode(_made(f"{prefix}-{number}-paid", "order.paid", at, data))
        entries.append(Entry(ORDERS, event_key("order.paid", SHOP, data), document, None))
    return entries


def events_of(entries: list[Entry]) -> list[Event]:
    """As the kit hands them to a handler."""
    return [_event(entry.value) for entry in entries]


def posted(number: int, customer: str, at: datetime, rng: random.Random) -> dict[str, Any]:
    """The same order as a storefront posts it."""
    order = _order(f"p-{number}", customer, at, rng)
    return {"id": f"p-{number}", "type": "order.paid", "occurred_at": _text(at), "data": {"order": order}}


def _order(order_id: str, customer: str, at: datetime, rng: random.Random) -> dict[str, Any]:
    lines = [_line(str(place), rng) for place in range(1, rng.randint(3, 6) + 1)]
    goods = sum(line["total"] for line in lines)
    return {
        "order_id": order_id,
        "number": f"#{order_id}",
        "state": "open",
        "payment_state": "paid",
        "fulfilment_state": "unfulfilled",
        "channel": rng.choice(_CHANNELS),
        "currency": "EUR",
        "tax_included": True,
        "customer": {"customer_id": customer, "locale": "de-DE", "country": "DE"},
        "lines": lines,
        "shipping": 490,
        "total": goods + 490,
        "placed_at": _text(at),
        "paid_at": _text(at),
        "updated_at": _text(at),
    }


def _line(line_id: str, rng: random.Random) -> dict[str, Any]:
    product, quantity, price = rng.randrange(2000), rng.randint(1, 3), rng.randrange(500, 9000)
    total = quantity * price
    return {
        "line_id": line_id,
        "product_id": f"product-{product}",
        "variant_id": f"variant-{product}-{rng.randrange(4)}",
        "sku": f"SKU-{product:05}",
        "title": f"A product with the number {product}",
        "category_ids": rng.sample(_CATEGORIES, 2),
        "quantity": quantity,
        "unit_price": price,
        "tax": total * 19 // 119,
        "total": total,
    }


def _made(event_id: str, kind: str, at: datetime, data: dict[str, Any]) -> Any:
    subject = SHOP if kind.startswith("shop") else data["order"]["order_id"]
    return make_event(id=event_id, source="api", type=kind, time=at, shop_id=SHOP, subject=subject, data=data)


def _event(document: bytes) -> Event:
    return msgspec.json.decode(document, type=Event)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
