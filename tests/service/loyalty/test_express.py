"""Hold and confirm without a lock: the short way is taken where it may be, and leaves what the long one leaves."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from comeback_kit.db import Database, ShopDoor
from loyalty.ids import RANDOM
from tests.service.loyalty.express_till import LIFE, REWARD, Ways, at_hand, confirm, forget, hold, ready
from tests.service.loyalty.world import Json, World


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Ways:
    return Ways().watch(monkeypatch)


KNOWN = pytest.mark.parametrize("known", [True, False], ids=["known", "read"])


@KNOWN
async def test_a_plain_hold_and_its_confirm_take_the_short_way(shop: World, ways: Ways, known: bool) -> None:
    await ready(shop)
    held = await hold(shop)
    assert (held["state"], held["points"], await shop.numbers()) == ("held", 60, (40, 0, 60, 0))
    if not known:
        forget(shop)
    done = await confirm(shop, held)
    assert (done["state"], done["code"], await shop.numbers()) == ("spent", held["code"], (40, 0, 0, 0))
    assert await shop.kinds() == [("adjusted", 100), ("held", -60), ("spent", -60)]
    assert [one["code"] for one in await shop.told("reward.redeemed")] == [held["code"]]
    assert [one["balance"] for one in await shop.told("points.redeemed")] == [40]
    assert ways.long == 0


async def test_both_ways_leave_the_same_behind(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await shop.post("rewards", REWARD)
    for member in ("a", "b"):
        await shop.adjust(45, member)
        await shop.adjust(45, member)
    await confirm(shop, await hold(shop, "a"))
    monkeypatch.setattr(ShopDoor, "is_alone", False)
    await confirm(shop, await hold(shop, "b"))
    rows = await shop.snapshot(("members", "lots", "entries", "redemptions", "timers", "outbox"))
    for name, table in rows.items():
        short, long = (sorted(repr(_nameless(row)) for row in table if _owner(row) == member) for member in ("a", "b"))
        assert (name, short) == (name, long)
        assert short or name == "timers"


def _owner(row: Json) -> str:
    return str(row.get("customer_id") or row.get("key", "")).removeprefix("demo:")


def _nameless(row: Json) -> Json:
    """A row without what is new in each: whose it is, made ids and codes, and the events that carry them."""
    made = ("customer_id", "redemption_id", "code", "key", "value", "id", "shard", "lot_id", "created_at", "takes")
    return {name: value for name, value in row.items() if name not in made}


async def test_a_hold_takes_from_several_lots_the_soonest_first(shop: World, ways: Ways) -> None:
    await ready(shop, 10)
    for day in (3, 1, 2):
        await shop.adjust(20, expires_at=f"2026-07-0{day}T00:00:00Z")
    held = await hold(shop)
    await confirm(shop, held)
    assert [(one["remaining"], one["expires_at"]) for one in await shop.lots()] == [(10, None)]
    assert ([kind for kind, _ in await shop.kinds()][-2:], ways.long) == (["held", "spent"], 0)


async def test_more_lots_than_one_statement_writes_take_the_long_way(shop: World, ways: Ways) -> None:
    await ready(shop, 5)
    for _ in range(11):
        await shop.adjust(5)
    await confirm(shop, await hold(shop))
    assert (await shop.numbers(), ways.long) == ((0, 0, 0, 0), 2)


LONG: dict[str, Json] = {
    "stock": {"stock": 5},
    "limit": {"limit_per_member": 5},
    "free": {"points": 0},
}


@pytest.mark.parametrize("reward", LONG.values(), ids=LONG)
async def test_what_is_more_than_the_member_takes_the_long_way(shop: World, ways: Ways, reward: Json) -> None:
    await ready(shop, **reward)
    await hold(shop)
    assert ways.long == 1


async def test_a_refusal_needs_no_lock(shop: World, ways: Ways) -> None:
    await ready(shop, 50)
    assert (await hold(shop, status=409))["code"] == "not_enough_points"
    await shop.adjust(50)
    held = await hold(shop)
    await confirm(shop, held)
    assert (await confirm(shop, held, status=409))["code"] == "redemption_not_held"
    assert ways.long == 0


async def test_what_is_due_is_done_first(shop: World, ways: Ways) -> None:
    await ready(shop, 50)
    await shop.adjust(50, expires_at="2026-03-12T00:00:00Z")
    shop.clock.now += timedelta(days=3)  # the job is late
    assert (await hold(shop, status=409))["code"] == "not_enough_points"
    assert ways.long == 1


TIERS = {
    "window": "rolling_12m",
    "levels": [{"id": "b", "threshold": 0}, {"id": "s", "threshold": 80, "benefits": {"multiplier": "2"}}],
}


@pytest.mark.parametrize("basis", ["points", "spend"])
async def test_a_tier_that_stays_takes_the_short_way(shop: World, ways: Ways, basis: str) -> None:
    await shop.program(tiers={**TIERS, "basis": basis})
    await shop.order("o1", 9000)
    await ready(shop)
    level = await shop.tier()
    await confirm(shop, await hold(shop))
    assert (await shop.tier(), level, ways.long) == ("s", "s", 0)


async def test_a_tier_that_falls_takes_the_long_way(shop: World, ways: Ways) -> None:
    await shop.program(tiers={**TIERS, "basis": "balance", "window": "ever", "downgrade": "full"})
    await ready(shop)
    assert await shop.tier() == "s"
    await hold(shop)
    assert (await shop.tier(), ways.long) == ("b", 1)


async def test_points_that_a_hold_keeps_alive_take_the_long_way(shop: World, ways: Ways) -> None:
    await shop.program(expiry={"kind": "sliding", "days": 100})
    await ready(shop)
    shop.clock.now += timedelta(days=2)
    held = await hold(shop)
    assert ways.long == 1
    await confirm(shop, held)
    assert ways.long == 1


async def test_a_keyed_hold_is_one_with_its_kept_answer(shop: World, ways: Ways) -> None:
    await ready(shop, 200)
    path, key = "/v1/loyalty/members/c1/redemptions", {"Idempotency-Key": "k"}
    first, again = [await shop.client.post(path, json={"reward_id": "r"}, headers=key) for _ in range(2)]
    assert (first.status_code, again.json()) == (201, first.json())
    assert (await shop.numbers(), ways.long) == ((140, 0, 60, 0), 1)


@pytest.mark.parametrize(
    "without", ["enable_tidscan", "enable_nestloop", "enable_indexscan", "enable_hashjoin", "enable_seqscan"]
)
async def test_the_short_way_is_taken_under_any_plan(shop: World, ways: Ways, without: str) -> None:
    await ready(shop, 1000)
    database = Database(f"{shop.service.database_url}&{without}=off", "loyalty", api_pool=1)
    await database.open()
    try:
        door = ShopDoor(database, "demo")
        for number in range(8):  # a generic plan comes after five
            one = await at_hand(shop, door).hold_for_reward("c1", "r", life=LIFE, ids=RANDOM)
            if number % 2:
                forget(shop)
            await at_hand(shop, door).confirm(one.redemption_id, None)
        assert (await shop.numbers(), ways.long) == ((520, 0, 0, 0), 0)
    finally:
        await database.close()


async def test_no_connection_keeps_the_shop(shop: World, ways: Ways) -> None:
    await ready(shop)
    await confirm(shop, await hold(shop))
    assert ways.long == 0
    pool = shop.service.runtime.db.pool("api")
    kept = [await pool.acquire() for _ in range(pool.get_idle_size())]
    kept += list(shop.service.runtime.db._parking.kept)  # type: ignore[union-attr]  # an open database has one
    try:
        assert kept
        for connection in kept:
            assert not await connection.fetchval("select current_setting('app.shop_id', true)")
    finally:
        for connection in kept:
            if connection not in shop.service.runtime.db._parking.kept:  # type: ignore[union-attr]
                await pool.release(connection)


async def test_a_hundred_rewards_of_one_balance_are_as_many_as_it_pays(shop: World) -> None:
    await ready(shop, 600)
    path = "/v1/loyalty/members/c1/redemptions"
    answers = await asyncio.gather(*(shop.client.post(path, json={"reward_id": "r"}) for _ in range(100)))
    assert Counter(one.status_code for one in answers) == {201: 10, 409: 90}
    ids = [one.json()["redemption_id"] for one in answers if one.status_code == 201]
    calls = [shop.client.post(f"/v1/loyalty/redemptions/{one}/confirm") for one in ids * 10]
    assert Counter(one.status_code for one in await asyncio.gather(*calls)) == {200: 10, 409: 90}
    assert await shop.numbers() == (0, 0, 0, 0)
    assert len(await shop.told("reward.redeemed")) == 10


async def test_short_and_long_ways_of_one_member_at_once(shop: World) -> None:
    """Nothing is spent twice; the ledger is proven afterwards."""
    await ready(shop, 3000)

    async def take(number: int) -> None:
        held = await hold(shop)
        await shop.post(f"redemptions/{held['redemption_id']}/{'cancel' if number % 3 == 0 else 'confirm'}")

    await asyncio.gather(
        *(take(number) for number in range(30)),
        *(shop.pay(10, f"p{number}") for number in range(10)),
        *(shop.order(f"o{number}", 1000) for number in range(10)),
    )
    assert await shop.numbers() == (3000 + 10 * 10 - 20 * 60 - 10 * 10, 0, 100, 0)
