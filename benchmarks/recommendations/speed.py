"""How fast the engine takes orders, how long a read takes while they stream in, and what it holds in memory."""

import gc
import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from recommendations.engine import Purchase, ShopEngine
from recommendations.engine.question import Question
from recommendations.engine.suggest import suggest

READS = 3000
Quantiles: TypeAlias = tuple[float, float, float]


@dataclass(frozen=True)
class Speed:
    """`orders_per_second` of CPU time; reads at p50, p95, p99, by the clock and by CPU time; `rss_mb`: what the process
    grew by with the orders before the cut, the orders themselves not counted."""

    orders_per_second: float
    read_ms: dict[str, Quantiles]
    read_cpu_ms: dict[str, Quantiles]
    estimated_mb: float
    rss_mb: float


def in_a_process_of_its_own(orders: Sequence[Purchase], cut: float) -> Speed:
    """A fresh process holds nothing else, so that its memory can be read."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (orders, cut))


def measure(orders: Sequence[Purchase], cut: float) -> Speed:
    """Replay what is before the cut, then read before each order after it, and put the order in."""
    train = [order for order in orders if order.at < cut]
    after = [order for order in orders if order.at >= cut and len(order.product_ids) >= 2][:READS]
    gc.collect()
    before = _rss_mb()
    engine = ShopEngine()
    started = time.process_time()
    for order in train:
        engine.put(order)
    rate = len(train) / (time.process_time() - started)
    gc.collect()
    grown = _rss_mb() - before
    wall, cpu = _reads(engine, after)
    return Speed(rate, wall, cpu, engine.nbytes / 1e6, grown)


def _reads(engine: ShopEngine, after: Sequence[Purchase]) -> tuple[dict[str, Quantiles], dict[str, Quantiles]]:
    clocks: tuple[Callable[[], float], Callable[[], float]] = (time.perf_counter, time.thread_time)
    taken: tuple[dict[str, list[float]], dict[str, list[float]]] = ({}, {})
    for order in after:
        for name, question in _questions(order).items():
            starts = [clock() for clock in clocks]
            suggest(engine, question)
            for clock, start, found in zip(clocks, starts, taken, strict=True):
                found.setdefault(name, []).append((clock() - start) * 1000)
        engine.put(order)
    wall, cpu = ({name: _quantiles(values) for name, values in found.items()} for found in taken)
    return wall, cpu


def _questions(order: Purchase) -> dict[str, Question]:
    seeds, customer = order.product_ids[:-1], order.customer_id
    return {
        "one product": Question("bought_together", order.at, seeds=seeds[:1]),
        "basket": Question("bought_together", order.at, seeds=seeds),
        "basket with history": Question("bought_together", order.at, seeds=seeds, customer_id=customer),
        "next basket": Question("buy_again", order.at, customer_id=customer),
        "for you": Question("for_you", order.at, customer_id=customer),
        "also bought": Question("also_bought", order.at, seeds=seeds[:1]),
    }


def _quantiles(values: list[float]) -> Quantiles:
    p50, p95, p99 = np.percentile(values, [50, 95, 99]).tolist()
    return p50, p95, p99


def _rss_mb() -> float:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / 1e6
