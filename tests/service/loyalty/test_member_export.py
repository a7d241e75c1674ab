"""The export of a member: all that is stored of them, under every name they had."""

from datetime import timedelta
from typing import Any

from tests.service.loyalty.test_customers import customer, merged
from tests.service.loyalty.world import World

UNPAID: dict[str, Any] = {"payment_state": "pending", "attributes": {"gift": "Zebedee"}}


async def test_the_export_of_a_member_has_all_that_is_stored(shop: World) -> None:
    rules = [{"id": "base", "points": 1, "per": 100, "limit": {"points": 500, "period": "month"}}]
    await shop.program(rules=rules, tiers={"window": "ever", "levels": [{"id": "silver", "threshold": 100}]})
    await shop.take(customer(shop, "b", tags=["vip"], birthday="1990-03-11"))
    await shop.order("1", 10_000, customer="a")
    shop.clock.now += timedelta(hours=1)
    await shop.order("2", 5_000, customer="b", **UNPAID)
    await shop.order("3", 500, customer="b")
    await shop.order("4", 500, customer="c", **UNPAID)
    await shop.take(merged(shop, "a", "b"))
    await shop.pay(10, customer_id="b")
    found = await shop.get("members/a/export")
    assert (found["customer_id"], sorted(found["ids"])) == ("b", ["a", "b"])
    assert (found["balance"], found["held"], found["lifetime_earned"]) == (95, 10, 105)
    assert found["tier"]["id"] == "silver"
    (profile,) = found["profile"]
    assert (profile["tags"], profile["birthday"]) == (["vip"], "1990-03-11")
    changes = [(one["customer_id"], one["at"], one["tier_id"]) for one in found["tier_changes"]]
    assert changes == [
        ("a", "2026-03-10T12:00:00Z", "silver"),
        ("a", "2026-03-10T13:00:00Z", None),  # the merge
        ("b", "2026-03-10T13:00:00Z", "silver"),
    ]
    (counter,) = found["counters"]
    assert counter["points"] == 105
    assert [
        (one["lot_id"], one["order_id"], one["earned"], one["remaining"], one["held"]) for one in found["lots"]
    ] == [
        ("order:1", "1", 100, 90, 10),
        ("order:3", "3", 5, 5, 0),
    ]
    assert [(one["order_id"], one["settled"]) for one in found["orders"]] == [("1", 100), ("2", 0), ("3", 5)]
    assert found["orders"][1]["state"]["attributes"] == {"gift": "Zebedee"}
    entries = [(one["customer_id"], one["kind"], one["points"]) for one in found["entries"]]
    assert entries == [("a", "earned", 100), ("b", "earned", 5), ("b", "held", 10)]
    (redemption,) = found["redemptions"]
    assert (redemption["state"], redemption["points"]) == ("held", 10)
