"""Each kind of reward can be added, seen, taken and spent."""

from typing import get_args

import pytest

from loyalty.schemas.rewards import RewardKind
from tests.service.loyalty.world import Json, World

KINDS: dict[str, Json] = {
    "amount_off": {"value": 500},
    "percent_off": {"percent": "12.5"},
    "free_shipping": {},
    "free_product": {"product_id": "p1"},
    "gift_card": {"value": 2_500, "currency": "USD"},
    "event_invitation": {},
    "partner": {},
}


def test_every_kind_is_tried() -> None:
    assert sorted(KINDS) == sorted(get_args(RewardKind))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_reward_of_each_kind(shop: World, kind: str) -> None:
    body = {"reward_id": "r", "kind": kind, "name": "Thanks", "points": 40, **KINDS[kind]}
    made = await shop.post("rewards", body, status=201)
    currency = KINDS[kind].get("currency", "EUR" if "value" in KINDS[kind] else None)
    wanted = {"value": None, "percent": None, "product_id": None, **body, "currency": currency}
    assert {name: made[name] for name in wanted} == wanted
    await shop.adjust(100)
    mine = (await shop.get("me/rewards", client=shop.service.customer("c1")))["items"]
    assert [(one["kind"], one["affordable"]) for one in mine if one["reward_id"] == "r"] == [(kind, True)]
    held = await shop.post("members/c1/redemptions", {"reward_id": "r"}, status=201)
    assert (held["state"], held["points"], held["value"], held["currency"]) == (
        "held",
        40,
        KINDS[kind].get("value"),
        currency,
    )
    assert held["code"]
    assert await shop.numbers() == (60, 0, 40, 0)
    done = await shop.post(f"redemptions/{held['redemption_id']}/confirm", status=200)
    assert (done["state"], done["code"], await shop.numbers()) == ("spent", held["code"], (60, 0, 0, 0))
    assert [(one["reward_id"], one["code"]) for one in await shop.told("reward.redeemed")] == [("r", held["code"])]
