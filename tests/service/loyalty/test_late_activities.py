"""What was done under an id that has been merged since."""

from datetime import timedelta

from tests.service.loyalty.test_customers import activity, merged
from tests.service.loyalty.world import World, instant


async def test_a_late_activity_of_a_merged_id_goes_to_the_account(shop: World) -> None:
    await shop.program(rules=[{"id": "review", "kind": "activity", "activity": "review", "points": 20}])
    await shop.take(activity(shop, "early", customer_id="guest:1"))
    await shop.take(merged(shop, "guest:1", "c1"))
    late = activity(shop, "late", customer_id="guest:1", at=instant(shop.now - timedelta(hours=1)))
    await shop.take(late, late)
    await shop.take(activity(shop, "late", customer_id="c1"))
    assert await shop.balance("c1") == 40
    assert [one["lot_id"] for one in await shop.lots("c1")] == ["activity:late", "activity:early"]
    rows = (await shop.snapshot(["members"]))["members"]
    assert [(one["customer_id"], one["balance"]) for one in rows] == [("c1", 40), ("guest:1", 0)]
