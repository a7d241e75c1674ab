"""What the customer's own orders say."""

from dataclasses import dataclass

import numpy as np

from recommendations.engine.columns import AnyInts, Floats, Ints, tally
from recommendations.engine.community import SHRINK, normalize
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

    def times(self, size: int) -> Ints:
        """In how many of the own orders each product is."""
        return np.bincount(self.lines, minlength=size).astype(np.int32)


def own_orders(engine: ShopEngine, customer_id: str | None, without: str | None = None) -> Own:
    """The customer's own orders; `without` is an order id left out, as the one that is being looked at."""
    slots = engine.customers.own(engine.customers.known(customer_id))
    if without is not None:
        slots = slots[slots != engine.orders.slots.get(without, -1)]
    return Own(slots, *engine.orders.lines(slots))


def for_basket(engine: ShopEngine, own: Own, basket: Ints, now: float) -> Floats:
    """Own orders count by age, and eight times over by how much they look like the basket at hand."""
    rare = np.zeros(engine.size)
    shrink = engine.clock.shrink(now, 180.0)
    rare[basket] = ((engine.weight.data[basket] * shrink + SHRINK) / SHRINK) ** -0.4
    which = np.repeat(np.arange(len(own.slots)), own.lengths)
    alike = tally(which, rare[own.lines], len(own.slots))
    size = own.lengths.astype(np.float64)
    weight = decayed(engine.orders.at.data[own.slots], now, 90.0) * size**-0.3 * (1.0 + 8.0 * alike / np.sqrt(size))
    values = tally(own.lines, np.repeat(weight, own.lengths), engine.size)
    values[basket] = 0.0
    some = np.flatnonzero(values)
    values[some] **= 0.65
    normalize(values)
    return values


def own_share(own: Own, basket: Ints, basket_size: int) -> float:
    """How much of the basket the customer already buys, smoothed: the larger, the more the own orders weigh."""
    bought = int(np.isin(basket, own.lines).sum())
    return (bought + 1) / (basket_size + 2)


def next_basket(engine: ShopEngine, own: Own, now: float) -> Floats:
    """The own products by decayed count, by how often others buy them again, and by their season; largest = 1."""
    weight = decayed(engine.orders.at.data[own.slots], now, 90.0) * own.lengths.astype(np.float64) ** -0.15
    values = tally(own.lines, np.repeat(weight, own.lengths), engine.size)
    some = np.flatnonzero(values)
    if not len(some):
        return values
    buyers, again = engine.customers.buyers.data[some], engine.customers.repeaters.data[some]
    values[some] *= ((again + 0.6) / (buyers + 2.0)) ** 0.5 * season(engine, some) ** 0.25
    values /= values.max()
    return values


def season(engine: ShopEngine, products: AnyInts) -> Floats:
    """How much more a product sells these two weeks than this half-year, against the median product; .05 to 20."""
    rates, median = engine.seasons()
    result: Floats = np.clip(rates[products] / median, 0.05, 20.0)
    return result


def history(engine: ShopEngine, own: Own, now: float) -> tuple[Ints, Floats]:
    """The products that stand for the customer, at most 60, and how much each does (90 days, largest = 1)."""
    weight = decayed(engine.orders.at.data[own.slots], now, 90.0)
    values = tally(own.lines, np.repeat(weight, own.lengths), engine.size)
    some = np.flatnonzero(values)
    if len(some) > HISTORY_SEEDS:
        some = some[np.argsort(-values[some], kind="stable")[:HISTORY_SEEDS]]
    if not len(some):
        return some.astype(np.int32), values[some]
    return some.astype(np.int32), np.sqrt(values[some] / values[some].max())
