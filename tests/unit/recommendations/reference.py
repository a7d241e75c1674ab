"""The formulas of shared/research/recs-v2.md once more, straight over a list of orders with dicts: no rings, no running
sums, no numpy. Slow, and independent of the engine that it checks."""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from recommendations.engine import Purchase

DAY = 86_400.0
S = 10.0


def dec(now: float, at: float, half_life: float) -> float:
    return math.exp2((at - now) / (half_life * DAY))


class Reference:
    def __init__(self, orders: Sequence[Purchase], now: float, ring: int) -> None:
        self.orders = sorted(orders, key=lambda order: (order.at, order.order_id))
        self.now, self.ring = now, ring

    def weight(self, order: Purchase, half_life: float) -> float:
        return dec(self.now, order.at, half_life) / math.sqrt(max(len(order.product_ids) - 1, 1))

    def sums(self, per_order: Callable[[Purchase], float]) -> dict[str, float]:
        found: dict[str, float] = defaultdict(float)
        for order in self.orders:
            for product in order.product_ids:
                found[product] += per_order(order)
        return found

    def newest(self, product: str, count: int) -> list[Purchase]:
        return [order for order in self.orders if product in order.product_ids][-count:]

    def linear(self, seed: str) -> dict[str, float]:
        total = self.sums(lambda order: self.weight(order, 180))
        pairs: dict[str, float] = defaultdict(float)
        for order in self.newest(seed, self.ring):
            for product in order.product_ids:
                pairs[product] += self.weight(order, 180)
        return {
            product: value / ((total[seed] + S) ** 0.8 * (total[product] + S) ** 0.4)
            for product, value in pairs.items()
            if product != seed
        }

    def community(self, basket: Sequence[str], beta: float) -> dict[str, float]:
        total = self.sums(lambda order: self.weight(order, 180))
        part = min(self.ring, max(50, 8000 // len(basket)))
        overlap: dict[str, float] = defaultdict(float)
        by_id = {order.order_id: order for order in self.orders}
        for seed in basket:
            read = self.newest(seed, part)
            mine = (sum(self.weight(order, 180) for order in read) + S) ** -0.5
            for order in read:
                overlap[order.order_id] += mine
        values: dict[str, float] = defaultdict(float)
        for order_id, shared in overlap.items():
            order = by_id[order_id]
            for product in order.product_ids:
                values[product] += self.weight(order, 365) * shared**1.75
        return top30(
            {p: v * (total[p] + S) ** -beta for p, v in values.items() if p not in basket},
        )

    def with_history(self, basket: Sequence[str], own: Sequence[Purchase]) -> dict[str, float]:
        total = self.sums(lambda order: self.weight(order, 180))
        pop = self.sums(lambda order: dec(self.now, order.at, 14))
        values: dict[str, float] = defaultdict(float)
        for order in own:
            size = len(order.product_ids)
            alike = sum(((total[p] + S) / S) ** -0.4 for p in order.product_ids if p in basket)
            mine = dec(self.now, order.at, 90) * size**-0.3 * (1 + 8 * alike / math.sqrt(size))
            for product in order.product_ids:
                values[product] += mine
        personal = top30({p: v**0.65 for p, v in values.items() if p not in basket})
        bought = {p for order in own for p in order.product_ids}
        share = (len(bought & set(basket)) + 1) / (len(basket) + 2)
        found = self.community(basket, 0.5)
        return {
            p: found.get(p, 0) + 2 * share**0.7 * personal.get(p, 0) + 1e-6 * pop[p] / max(pop.values())
            for p in {*found, *personal}
        }

    def pace(self, own: Sequence[Purchase]) -> float:
        if len(own) < 8:
            return 90.0
        span = (self.now - min(order.at for order in own)) / 86_400.0
        return min(max(90.0 * math.pow((span + 1) / len(own) / 4, 0.7), 30.0), 365.0)

    def next_basket(self, own: Sequence[Purchase]) -> dict[str, float]:
        pop14 = self.sums(lambda order: dec(self.now, order.at, 14))
        pop180 = self.sums(lambda order: dec(self.now, order.at, 180))
        most14, most180 = max(pop14.values()), max(pop180.values())
        rate = {p: (pop14[p] / most14 + 1e-6) / (pop180[p] / most180 + 1e-6) for p in pop14}
        median = statistics.median(rate.values())
        times = Counter((order.customer_id, p) for order in self.orders if order.customer_id for p in order.product_ids)
        values: dict[str, float] = defaultdict(float)
        half_life = self.pace(own)
        for order in own:
            for product in order.product_ids:
                values[product] += dec(self.now, order.at, half_life) * len(order.product_ids) ** -0.15
        for product in values:
            counts = [count for (_, name), count in times.items() if name == product]
            repeat = (sum(count >= 2 for count in counts) + 0.6) / (len(counts) + 2)
            season = min(max(rate[product] / median, 0.05), 20)
            values[product] *= repeat**0.5 * season**0.25
        most = max(values.values(), default=1.0)
        return {p: v / most + 0.02 * pop14[p] / most14 for p, v in values.items()}


def top30(values: dict[str, float]) -> dict[str, float]:
    mean = sum(sorted(values.values())[-30:]) / 30
    return {p: v / mean for p, v in values.items()} if mean else {}
