"""What must hold of every ledger and every list of messages, whatever happened, read through the public API."""

from collections import Counter
from typing import Any

from tests.support.shop import Shop

_UNMOVED = {"pending_added", "pending_cancelled", "spent"}


async def check_books(shop: Shop, customer_id: str, points: int) -> None:
    """The member's balance is ``points``, and the transactions chain up to it."""
    member = await shop.member(customer_id)
    transactions = list(reversed(await shop.transactions(customer_id)))
    balance = 0
    for transaction in transactions:
        if transaction["type"] not in _UNMOVED:
            balance += transaction["points"]
        assert transaction["balance_after"] == balance, f"{customer_id}: the chain breaks at {transaction}"
    assert member["balance"] == balance == points, f"{customer_id}: {member}, {transactions}"
    assert member["lifetime_earned"] == points
    ids = [transaction["id"] for transaction in transactions]
    assert len(ids) == len(set(ids))


async def check_order(shop: Shop, order_id: str, points: int) -> dict[str, Any]:
    """The order is worth ``points``, its postings sum up to it, and no message exists twice; the explanation."""
    explanation: dict[str, Any] = await shop.read(f"/v1/loyalty/orders/{order_id}/explanation")
    assert explanation["points"] == points, explanation
    assert sum(posting["points"] for posting in explanation["postings"]) == points, explanation
    return explanation


async def check_messages(shop: Shop, order_id: str) -> Counter[str]:
    """How many messages of each workflow the order has: one confirmation, at most one of the others but clawbacks."""
    messages = await shop.messages(order_id=order_id)
    counts = Counter(message["workflow"] for message in messages)
    assert counts["order_confirmation"] == 1, messages
    assert counts["points_earned"] <= 1, messages
    assert counts["survey_invitation"] <= 1, messages
    return counts
