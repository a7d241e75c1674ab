"""What the customer's own orders say."""

import math
from dataclasses import dataclass

import numpy as np

from recommendations.engine.columns import AnyInts, Floats, Ints, tally
from recommendations.engine.community import SHRINK, top_mean
from recommendations.engine.decay import DAY
from recommendations.engine.orders import decayed
from recommendations.engine.shop import ShopEngine

HISTORY_SEEDS = 60
HALF_LIFE = 90.0  # days
# A household that shops twice a week forgets sooner than one that shops monthly, in days: from so many own orders on,
# which show a pace, the half-life is 90 days × (days between them ÷ 4)^.7.
PACE_FROM = 8
PACE_DAYS = 4.0
PACE_POWER = 0.7
PACE_RANGE = (30.0, 365.0)
SORT_WEIGHT = 0.15


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
    inside = engine.marks(basket)[products]
    rare = np.zeros(len(products))
    shrink = engine.clock.shrink(now, 180.0)
    rare[inside] = ((engine.sums.weight.data[products[inside]] * shrink + SHRINK) / SHRINK) ** -0.4
    which_order = np.repeat(np.arange(len(own.slots)), own.lengths)
    alike = tally(which_order, rare[which_product], len(own.slots))
    size = own.lengths.astype(np.float64)
    weight = decayed(engine.orders.at.data[own.slots], now, 90.0) * size**-0.3 * (1.0 + 8.0 * alike / np.sqrt(size))
    values = tally(which_product, np.repeat(weight, own.lengths), len(products))[~inside] ** 0.65
    return products[~inside], values / (top_mean(values) or 1.0)


def own_share(engine: ShopEngine, own: Own, basket: Ints, basket_size: int) -> float:
    """How much of the basket the customer already buys, smoothed: the larger, the more the own orders weigh."""
    bought = int(np.count_nonzero(engine.marks(own.lines)[basket]))
    return (bought + 1) / (basket_size + 2)


def next_basket(engine: ShopEngine, own: Own, now: float, sorts: Ints | None = None) -> tuple[AnyInts, Floats]:
    """The own products by decayed count, by how often others buy them again, and by their season; largest = 1.

    Where ``sorts`` tells what sort each product row is of, the popular ones of the sorts that the customer buys gain up
    to .15: somebody who buys a sort of yogurt every week may take another cup of it.
    """
    fresh = decayed(engine.orders.at.data[own.slots], now, pace(engine, own, now))
    rows, which = np.unique(own.lines, return_inverse=True)
    values = tally(which, np.repeat(fresh * own.lengths.astype(np.float64) ** -0.15, own.lengths), len(rows))
    buyers, again = engine.customers.buyers.data[rows], engine.customers.repeaters.data[rows]
    values = values * ((again + 0.6) / (buyers + 2.0)) ** 0.5 * season(engine, rows) ** 0.25
    values = values / values.max(initial=1e-300)
    if sorts is None:
        return rows, values
    names, sort = np.unique(sorts[rows], return_inverse=True)
    bought = tally(sort[which], np.repeat(fresh, own.lengths), len(names))
    bought[names == 0] = 0.0  # products of no known sort have nothing in common
    gain = np.sqrt(bought[sort]) * (engine.popularity(rows) + 1e-5) ** 0.7
    return rows, values + SORT_WEIGHT * gain / gain.max(initial=1e-300)


def pace(engine: ShopEngine, own: Own, now: float) -> float:
    """The half-life, in days, of what a customer's own orders say of the next basket."""
    count = len(own.slots)
    if count < PACE_FROM:
        return HALF_LIFE
    span = max(now - float(engine.orders.at.data[own.slots].min()), 0.0) / DAY
    days = HALF_LIFE * math.pow((span + 1.0) / count / PACE_DAYS, PACE_POWER)
    return min(max(days, PACE_RANGE[0]), PACE_RANGE[1])


def season(engine: ShopEngine, products: AnyInts) -> Floats:
    """How much more a product sells these two weeks than this half-year, against the median product; .05 to 20."""
    rates, median = engine.seasons(products)
    result: Floats = np.clip(rates / median, 0.05, 20.0)
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
