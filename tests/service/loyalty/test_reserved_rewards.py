"""A reward that the benefits of a level name is for its members, beside those whom the reward itself names."""

from typing import Any

import pytest

from comeback_kit.db import ShopDoor
from tests.service.loyalty.test_tier_benefits import SILVER, TIERS
from tests.service.loyalty.world import Json, World

GOLD: Json = {"id": "gold", "name": "Gold", "threshold": 1_000}
LEVELS: Json = {**TIERS, "levels": [*TIERS["levels"], GOLD]}
POINTS = {"bronze": 50, "silver": 150, "gold": 1_500}
LONG = pytest.mark.parametrize("how", ["short", "long", "counted"])
MUG: Json = {"reward_id": "mug", "kind": "free_shipping", "name": "Mug", "points": 10}


async def ready(shop: World, how: str = "short", tiers: tuple[str, ...] = ()) -> None:
    """A mug that only silver names, and a member of each level, who are known by its name."""
    await shop.program(tiers=LEVELS)
    await shop.post("rewards", {**MUG, "tiers": tiers, **({"stock": 9} if how == "counted" else {})})
    await shop.take(*[shop.order_event(name, POINTS[name] * 100, customer=name) for name in POINTS])
    assert [await shop.tier(name) for name in POINTS] == list(POINTS)


async def takers(shop: World, path: str = "members/{}") -> list[str]:
    """Who may take the mug: the staff's way, or the member's own."""
    found = []
    for name in POINTS:
        client = shop.client if path != "me" else shop.service.customer(name)
        answer = await client.post(f"/v1/loyalty/{path.format(name)}/redemptions", json={"reward_id": "mug"})
        if answer.status_code == 201:
            found.append(name)
        else:
            assert (answer.status_code, answer.json()["code"]) == (409, "tier_required")
            assert "silver" in answer.json()["detail"]
    return found


async def seen_by(shop: World) -> list[str]:
    """To whom the mug is shown among what they can take."""
    shown = {name: await shop.get("me/rewards", client=shop.service.customer(name)) for name in POINTS}
    return [name for name, page in shown.items() if "mug" in [one["reward_id"] for one in page["items"]]]


@LONG
@pytest.mark.parametrize("path", ["members/{}", "me"])
@pytest.mark.parametrize(("own", "allowed"), [((), ["silver"]), (("gold",), ["silver", "gold"])], ids=["none", "gold"])
async def test_it_is_taken_by_whom_the_level_or_the_reward_names(
    shop: World, monkeypatch: pytest.MonkeyPatch, how: str, path: str, own: tuple[str, ...], allowed: list[str]
) -> None:
    await ready(shop, how, own)
    if how == "long":
        monkeypatch.setattr(ShopDoor, "is_alone", False)
    before = await shop.snapshot()
    assert await seen_by(shop) == allowed
    assert await shop.snapshot() == before
    assert await takers(shop, path) == allowed


async def test_a_reward_that_nobody_names_is_for_all(shop: World) -> None:
    await ready(shop)
    await shop.program(tiers={**LEVELS, "levels": [*TIERS["levels"][:1], {**SILVER, "benefits": {}}, GOLD]})
    await shop.work()
    assert await seen_by(shop) == list(POINTS)
    assert await takers(shop) == list(POINTS)


async def test_whoever_is_unknown_is_of_the_first_level(shop: World) -> None:
    await ready(shop)
    nobody = shop.service.customer("nobody")
    assert "mug" not in [one["reward_id"] for one in (await shop.get("me/rewards", client=nobody))["items"]]
    answer = await nobody.post("/v1/loyalty/me/redemptions", json={"reward_id": "mug"})
    assert answer.json()["code"] == "tier_required"


async def test_the_next_reward_is_one_that_is_for_the_member(shop: World) -> None:
    await ready(shop)
    await shop.post("rewards", {**MUG, "reward_id": "cap", "points": 60})
    await shop.post("rewards", {**MUG, "reward_id": "far", "points": 5_000})
    expected = {"bronze": "amount-off-100", "silver": "far", "gold": "far"}
    for name, reward_id in expected.items():
        mine = await shop.get("me", client=shop.service.customer(name))
        assert mine["next_reward"]["reward_id"] == reward_id
        page = await shop.get(f"orders/{name}/post-purchase")
        assert page["next_reward"]["reward_id"] == reward_id


async def test_what_is_held_stays_when_the_program_changes(shop: World) -> None:
    await ready(shop)
    held: list[Any] = [await shop.post("members/silver/redemptions", {"reward_id": "mug"}) for _ in range(2)]
    gold = {**GOLD, "benefits": {"reward_ids": ["mug"]}}
    await shop.program(tiers={**LEVELS, "levels": [*TIERS["levels"][:1], {**SILVER, "benefits": {}}, gold]})
    await shop.post("members/silver/redemptions", {"reward_id": "mug"}, status=409)
    done = await shop.post(f"redemptions/{held[0]['redemption_id']}/confirm")
    assert (done["state"], done["code"]) == ("spent", held[0]["code"])
    await shop.order("later", 10_000, customer="silver", discounts=[{"code": held[1]["code"], "amount": 500}])
    assert (await shop.get(f"redemptions/{held[1]['redemption_id']}"))["state"] == "spent"


async def test_a_reward_for_reaching_a_level_is_given_whoever_else_may_take_it(shop: World) -> None:
    gold = {**GOLD, "entry": {"reward_ids": ["mug"]}}
    await shop.post("rewards", MUG)
    await shop.program(tiers={**LEVELS, "levels": [*TIERS["levels"], gold]})
    await shop.order("1", 150_000)
    (given,) = (await shop.get("members/c1/redemptions"))["items"]
    assert (given["reward_id"], given["points"], await shop.tier()) == ("mug", 0, "gold")
