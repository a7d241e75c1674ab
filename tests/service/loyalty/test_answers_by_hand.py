"""What an adjustment and a transfer answer: themselves, also where the balance that they make reaches a tier."""

from tests.service.loyalty.world import Json, World

TIERS: Json = {
    "basis": "balance",
    "window": "ever",
    "levels": [{"id": "silver", "threshold": 50, "entry": {"points": 7}}],
}


async def test_an_adjustment_answers_itself(shop: World) -> None:
    await shop.program(tiers=TIERS)
    found = await shop.adjust(60)
    assert (found["type"], found["points"], found["balance_after"]) == ("adjusted", 60, 60)
    assert (await shop.transactions())[0] == found
    assert await shop.balance() == 67


async def test_a_transfer_answers_both_sides(shop: World) -> None:
    await shop.program(tiers=TIERS)
    await shop.adjust(60)
    found = await shop.post("members/c1/transfers", {"to": "c2", "points": 55})
    assert [(one["type"], one["points"], one["balance_after"]) for one in (found["out"], found["into"])] == [
        ("transferred_out", -55, 12),
        ("transferred_in", 55, 55),
    ]
    assert await shop.balance("c2") == 62
