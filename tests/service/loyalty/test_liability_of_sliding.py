"""The liability of a past instant in a shop whose expiry slides with activity."""

from datetime import UTC, datetime

from tests.service.loyalty.test_liability_of_merged import Parts, owed
from tests.service.loyalty.world import World

SLIDING = {"kind": "sliding", "months": 1}


async def test_later_activity_does_not_change_what_was_to_run_out_when(shop: World) -> None:
    await shop.program(expiry=SLIDING)
    seen: dict[datetime, Parts] = {}
    for month in (3, 4, 5):
        await shop.move_to(datetime(2026, month, 9, 12, tzinfo=UTC))
        await shop.order(str(month), 10_000)
        seen[shop.now] = await owed(shop)
    assert list(seen.values()) == [[("2026-04", None, 100)], [("2026-05", None, 200)], [("2026-06", None, 300)]]
    await shop.days(1)
    assert {at: await owed(shop, at) for at in seen} == seen


async def test_an_older_order_and_an_end_of_its_own_are_told_as_they_were(shop: World) -> None:
    await shop.program(expiry=SLIDING)
    await shop.move_to(datetime(2026, 3, 20, tzinfo=UTC))
    await shop.order("new", 10_000)
    await shop.order("old", 5_000, placed_at=datetime(2026, 2, 25, tzinfo=UTC))  # kept alive by the newer one
    await shop.adjust(7, expires_at="2026-12-01T00:00:00Z")
    await shop.order("other", 3_000, customer="c2", placed_at=datetime(2026, 3, 1, tzinfo=UTC))
    seen, at = await owed(shop), shop.now
    assert [one[::2] for one in seen] == [("2026-04", 180), ("2026-11", 7)]
    await shop.move_to(datetime(2026, 4, 15, tzinfo=UTC))
    await shop.order("later", 10_000)
    await shop.days(1)
    assert await owed(shop, at) == seen


async def test_points_under_a_program_without_sliding_keep_their_end(shop: World) -> None:
    await shop.program(expiry={"kind": "rolling", "months": 1})
    await shop.order("1", 10_000)
    await shop.days(1)
    await shop.program(expiry={"kind": "none"})
    await shop.order("2", 5_000)
    seen, at = await owed(shop), shop.now
    await shop.days(40)
    assert await owed(shop, at) == seen == [("2026-04", None, 100), (None, None, 50)]


async def test_the_description_says_what_a_past_instant_cannot_know(shop: World) -> None:
    document = (await shop.client.get("/openapi.json")).json()
    assert "sliding expiry" in document["paths"]["/v1/loyalty/reports/liability"]["get"]["description"]
