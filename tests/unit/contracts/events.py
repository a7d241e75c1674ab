"""Order events that tie often, in every way that a tie can be told apart: for laws that must hold for all."""

import random
from typing import Any

# One instant in four spellings, then another before and one after it.
TIMES = (
    "2026-01-02T00:00:00Z",
    "2026-01-02T00:00:00.000Z",
    "2026-01-02T01:00:00+01:00",
    "2026-01-01t19:00:00-05:00",
    "2026-01-01T23:59:59.999999Z",
    "2026-01-02T00:00:00.000001Z",
)
TEXTS = ("a", "ab", "ab!", 'a"', "a\\", "é", "e\u0301", "😀", "\ue000", "B", "")
NUMBERS = (0, 9, 10, 100)
SCALARS: tuple[Any, ...] = (True, False, 1, 1.0, 0, 0.0, -0.0, 1.5, 1e21, "1", "true", None)


def maybe(rng: random.Random, into: dict[str, Any], name: str, pool: tuple[Any, ...]) -> None:
    """Absent, null, or one of the pool."""
    roll = rng.random()
    if roll < 0.2:
        into[name] = None
    elif roll < 0.6:
        into[name] = rng.choice(pool)


def shuffled(rng: random.Random, fields: dict[str, Any]) -> dict[str, Any]:
    names = list(fields)
    rng.shuffle(names)
    return {name: fields[name] for name in names}


def line(rng: random.Random) -> dict[str, Any]:
    one: dict[str, Any] = {
        "line_id": rng.choice(("l1", "l2")),
        "quantity": rng.choice((1, 2)),
        "total": rng.choice(NUMBERS),
    }
    maybe(rng, one, "sku", TEXTS)
    maybe(rng, one, "is_gift_card", (True, False))
    maybe(rng, one, "attributes", ({}, {"x": rng.choice(SCALARS)}))
    return shuffled(rng, one)


def refund(rng: random.Random) -> dict[str, Any]:
    one: dict[str, Any] = {"refund_id": rng.choice(("r1", "r2")), "amount": rng.choice(NUMBERS)}
    maybe(rng, one, "at", TIMES)
    maybe(rng, one, "tax", NUMBERS)
    maybe(rng, one, "lines", ([], [{"line_id": "l1", "quantity": 1, "amount": rng.choice(NUMBERS)}]))
    return shuffled(rng, one)


def order_event(rng: random.Random) -> tuple[dict[str, Any], str]:
    """``data`` and time of one event of the order ``o``."""
    order: dict[str, Any] = {"order_id": "o"}
    maybe(rng, order, "updated_at", TIMES)
    maybe(rng, order, "refunds", ([refund(rng) for _ in range(rng.randint(0, 3))],))
    if rng.random() < 0.3:
        return {"order": shuffled(rng, order)}, rng.choice(TIMES)
    order |= {
        "currency": rng.choice(("EUR", "USD")),
        "lines": [line(rng) for _ in range(rng.randint(0, 2))],
        "total": rng.choice(NUMBERS),
        "placed_at": rng.choice(TIMES),
    }
    for name, pool in _OPTIONAL.items():
        maybe(rng, order, name, pool)
    if rng.random() < 0.6:
        order["customer"] = {}
        for name in ("customer_id", "locale", "country"):
            maybe(rng, order["customer"], name, TEXTS[:-1])
    maybe(rng, order, "attributes", ({"x": rng.choice(SCALARS), "y": rng.choice(SCALARS)}, {}))
    maybe(rng, order, "discounts", ([{"amount": rng.choice(NUMBERS), "code": rng.choice(TEXTS)}], []))
    return {"order": shuffled(rng, order)}, rng.choice(TIMES)


_OPTIONAL: dict[str, tuple[Any, ...]] = {
    "state": ("open", "closed", "cancelled", "zebra", "archived"),
    "payment_state": ("pending", "paid", "partially_refunded", "refunded", "voided", "authorized"),
    "fulfilment_state": ("unfulfilled", "partial", "fulfilled", "delivered"),
    "number": TEXTS,
    "channel": TEXTS,
    "is_test": (True, False),
    "tax_included": (True, False),
    "shipping": NUMBERS,
    "tax": NUMBERS,
    "tip": NUMBERS,
    "paid_at": TIMES,
    "delivered_at": TIMES,
    "cancelled_at": TIMES,
}
