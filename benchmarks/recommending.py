"""The recommendation engine on Complete Journey: orders taken, reads while orders stream in, memory.

The quality of the answers takes longer and is a program of its own: ``python -m benchmarks.recommendations``.
"""

import itertools
from collections.abc import Sequence

from benchmarks.recommendations import journey, speed
from benchmarks.recommendations.speed import Speed
from benchmarks.report import Result

REPLAY_BAR = 20_000.0
READ_BAR_MS = 5.0
STATE_BAR_MB = 250.0
QUICK_ORDERS = 20_000
WITH_HISTORY = "basket with history"


def measure(quick: bool) -> Sequence[Result]:
    """Replay what was bought before the last four weeks, then read before each order after them."""
    orders = journey.orders()
    cut = journey.WINDOWS["test"].timestamp()
    if quick:
        before = [order for order in orders if order.at < cut][-QUICK_ORDERS:]
        after = (order for order in orders if order.at >= cut)
        orders = [*before, *itertools.islice(after, 300)]
    return results(speed.in_a_process_of_its_own(orders, cut))


def results(fast: Speed) -> list[Result]:
    """The figures beside their bars."""
    p50, _, p99 = fast.read_ms[WITH_HISTORY]
    cpu = fast.read_cpu_ms[WITH_HISTORY][2]
    note = f"p50 {p50:.2f} ms; CPU p99 {cpu:.2f} ms"
    rate, state = fast.orders_per_second, fast.rss_mb
    return [
        Result(
            "recommendations_replay", rate, "orders/s a core", rate / REPLAY_BAR, f"limit of {REPLAY_BAR:g}", least=1
        ),
        Result(
            "recommendations_read_p99", p99, "ms", p99 / READ_BAR_MS, f"limit of {READ_BAR_MS:g} ms", most=1, note=note
        ),
        Result("recommendations_state", state, "MB", state / STATE_BAR_MB, f"limit of {STATE_BAR_MB:g} MB", most=1),
    ]
