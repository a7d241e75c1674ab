"""What the customer's own orders say."""

from dataclasses import dataclass

import numpy as np

from recommendations.engine.columns import AnyInts, Floats, Ints, tally
from recommendations.engine.community import SHRINK, top_mean
from recommendations.engine.orders import decayed
from recommendations.engine.shop import ShopEngine

HISTORY_SEEDS = 60


@dataclass(frozen=True, slots=True)
class Own:
    """A customer's own orders as one read sees them: slots, their products one after another, products an order."""

    slots: Ints
    lines: Ints
    lengths: Ints

    @property
    def products(self) -> Ints:
        """Distinct products ever bought (of the orders read)."""
        return np.unique(self.lines)

    def with_product(self, product: int) -> list[Ints]:
        """The products of each own order that holds a product."""
        ends = np.cumsum(self.lengths)
        which = np.searchsorted(ends, np.flatnonzero(self.lines == product), side="right")
        return [self.lines[ends[order] - self.lengths[order] : ends[order]] for order in which]


def own_orders(engine: ShopEngine, customer_id: str | None, without: str | None = None) -> Own:
    """The customer's own orders; `without` is an order id left out, as the one that is being looked at."""
    slots = engine.customers.own(engine.customers.known(customer_id))
    if without is not None:
        slots = slots[slots != engine.orders.slots.get(without, -1)]
    return Own(slots, *engine.orders.lines(slots))


def for_basket(engine: ShopEngine, own: Own, basket: Ints, now: float) -> tuple[AnyInts, Floats]:
    """Own orders count by age, and eight times over by how much they look like the basket at hand.

    Answers the own products outside of the basket, and their scores over the mean of the 30 largest.
    """
    products, which_product = np.unique(own.lines, return_inverse=True)
    inside = np.isin(products, basket)
    rare = np.zeros(len(products))
    shrink = engine.clock.shrink(now, 180.0)
    rare[inside] = ((engine.weight.data[products[inside]] * shrink + SHRINK) / SHRINK) ** -0.4
    which_order = np.repeat(np.arange(len(own.slots)), own.lengths)
    alike = tally(which_order, rare[which_product], len(own.slots))
    size = own.lengths.astype(np.float64)
    weight = decayed(engine.orders.at.data[own.slots], now, 90.0) * size**-0.3 * (1.0 + 8.0 * alike / np.sqrt(size))
    values = tally(which_product, np.repeat(weight, own.lengths), len(products))[~inside] ** 0.65
    return products[~inside], values / (top_mean(values) or 1.0)


def own_share(own: Own, basket: Ints, basket_size: int) -> float:
    """How much of the basket the customer already buys, smoothed: the larger, the more the own orders weigh."""
    bought = int(np.isin(basket, own.lines).sum())
    return (bought + 1) / (basket_size + 2)


def next_basket(engine: ShopEngine, own: Own, now: float) -> tuple[AnyInts, Floats]:
    """The own products by decayed count, by how often others buy them again, and by their season; largest = 1."""
    weight = decayed(engine.orders.at.data[own.slots], now, 90.0) * own.lengths.astype(np.float64) ** -0.15
    rows, values = _by_product(own, weight)
    buyers, again = engine.customers.buyers.data[rows], engine.customers.repeaters.data[rows]
    values = values * ((again + 0.6) / (buyers + 2.0)) ** 0.5 * season(engine, rows) ** 0.25
    return rows, values / values.max(initial=1e-300)


def season(engine: ShopEngine, products: AnyInts) -> Floats:
    """How much more a product sells these two weeks than this half-year, against the median product; .05 to 20."""
    rates, median = engine.seasons()
    result: Floats = np.clip(rates[products] / median, 0.05, 20.0)
    return result


def history(engine: ShopEngine, own: Own, now: float) -> tuple[Ints, Floats]:
    """The products that stand for the customer, at most 60, and how much each does (90 days, largest = 1)."""
    rows, values = _by_product(own, decayed(engine.orders.at.data[own.slots], now, 90.0))
    if len(rows) > HISTORY_SEEDS:
        best = np.sort(np.argsort(-values, kind="stable")[:HISTORY_SEEDS])
        rows, values = rows[best], values[best]
    return rows.astype(np.int32), np.sqrt(values / values.max(initial=1e-300))


def _by_product(own: Own, weight: Floats) -> tuple[AnyInts, Floats]:
    """The own products, ascending, and the summed weight of the orders with each."""
    rows, which = np.unique(own.lines, return_inverse=True)
    return rows, tally(which, np.repeat(weight, own.lengths), len(rows))
