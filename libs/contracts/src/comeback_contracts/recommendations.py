"""What recommendations tells."""

from comeback_contracts.ids import Id
from comeback_contracts.instants import Instant
from comeback_contracts.model import Contract


class ReplenishmentDue(Contract):
    """``replenishment.due``: about now the customer runs out of a product; once a cycle.

    Expected at ``due_at``, likely between ``window_from`` and ``window_until``.
    """

    customer_id: Id
    product_id: Id
    due_at: Instant
    window_from: Instant | None = None
    window_until: Instant | None = None
    last_order_id: Id | None = None
    at: Instant | None = None
