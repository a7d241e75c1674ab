"""One order as the engine sees it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Purchase:
    """The products that are left of one order.

    `at` is the time of the order in seconds since the epoch, `product_ids` are distinct; an empty tuple means that
    nothing is left (cancelled or wholly refunded).
    """

    order_id: str
    customer_id: str | None
    at: float
    product_ids: tuple[str, ...]
