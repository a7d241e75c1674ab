"""Reading a member while something of theirs is due and not done: the same answer, as cheap, and nothing is written."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from loyalty import member_read
from tests.service.loyalty.conftest import empty
from tests.service.loyalty.test_customers import customer, erased, merged
from tests.service.loyalty.test_me import MOST, PATHS
from tests.service.loyalty.world import START, Json, World, changes

Due = Callable[[World], Awaitable[None]]
EXPIRY: Json = {"kind": "rolling", "days": 10}
PENDING: Json = {"kind": "days", "days": 3}
GOLD: Json = {"id": "gold", "threshold": 80, "benefits": {"multiplier": "2"}, "entry": {"points": 7}}
SILVER: Json = {"id": "silver", "threshold": 30, "entry": {"points": 5}}
BRONZE: Json = {"id": "bronze", "threshold": 0, "entry": {"points": 50}}
RULES: list[Json] = [{"id": "base"}, {"id": "gold", "kind": "fixed", "points": 5, "when": {"tiers": ["gold"]}}]


def tiers(*levels: Json, **more: Any) -> Json:
    return {"basis": "points", "window": "month", "downgrade": "full", "levels": levels or [GOLD], **more}


async def programmed(shop: World, **program: Any) -> None:
    """A program under which everybody has been looked at."""
    await shop.program(**program)
    await shop.work()


async def late(shop: World, days: float) -> None:
    """Time passes, and the job does not come round."""
    shop.clock.now += timedelta(days=days)


async def spend(shop: World, points: int) -> None:
    held = await shop.pay(points)
    await shop.post(f"redemptions/{held['redemption_id']}/confirm")


async def activation(shop: World) -> None:
    await programmed(shop, pending=PENDING)
    await shop.order("1")
    await shop.order("2", 3_000)
    await shop.adjust(20)
    await late(shop, 2)
    await shop.order("3", 5_000)
    await late(shop, 2)


async def activation_into_a_tier(shop: World) -> None:
    await programmed(shop, pending=PENDING, expiry=EXPIRY, tiers=tiers(SILVER, GOLD))
    await shop.order("1")
    await late(shop, 4)


async def activation_that_fills_a_deficit(shop: World) -> None:
    await programmed(shop, pending=PENDING, negative="allow")
    await shop.adjust(-30)
    await shop.order("1")
    await late(shop, 4)


async def expiry(shop: World) -> None:
    await programmed(shop, expiry={**EXPIRY, "warn_days": [3, 1]})
    await shop.order("1")
    await spend(shop, 30)
    await late(shop, 2)
    await shop.order("2", 5_000)
    await late(shop, 9)


async def warning(shop: World) -> None:
    await programmed(shop, expiry={**EXPIRY, "warn_days": [3, 1]}, tiers=tiers())
    await shop.order("1")
    await late(shop, 8)


async def expiry_of_a_shortfall(shop: World) -> None:
    await programmed(shop, expiry=EXPIRY, negative="pending_only", tiers=tiers())
    await shop.order("1")
    await shop.refund("1", 10_000)
    await late(shop, 12)


async def expiry_under_a_balance_tier(shop: World) -> None:
    await programmed(shop, expiry=EXPIRY, tiers=tiers(SILVER, GOLD, basis="balance", window="ever"))
    await shop.order("1")
    await late(shop, 12)


async def sliding_expiry(shop: World) -> None:
    await programmed(shop, expiry={"kind": "sliding", "days": 10})
    await shop.order("1")
    await late(shop, 5)
    await shop.order("2", 5_000)
    await late(shop, 11)


def tier_end(basis: str, **more: Any) -> Due:
    async def due(shop: World) -> None:
        least = {"points": 80, "spend": 5_000, "orders": 1}[basis]
        await programmed(shop, tiers=tiers({**GOLD, "threshold": least}, basis=basis, **more))
        await shop.order("1")
        await late(shop, 20)
        await shop.order("2", 2_000)
        await late(shop, 400)

    return due


async def tier_end_of_one_who_used_all(shop: World) -> None:
    """Lots in which nothing is left count too."""
    await programmed(shop, tiers=tiers(SILVER, GOLD, window="rolling_12m", downgrade="one"))
    await shop.order("1")
    await late(shop, 300)
    await shop.order("2", 4_000)
    await shop.adjust(-(await shop.balance()))
    await late(shop, 80)


async def tier_end_kept(shop: World) -> None:
    await programmed(shop, tiers=tiers(until="end_of_next"))
    await shop.order("1")
    await shop.move_to(datetime(2026, 4, 20, tzinfo=UTC))
    await shop.order("2")
    shop.clock.now = datetime(2026, 5, 2, tzinfo=UTC)


async def newcomer(shop: World) -> None:
    await programmed(shop, tiers=tiers(BRONZE, GOLD), expiry=EXPIRY)
    await shop.take(customer(shop, "c1"))
    await late(shop, 1)


async def newcomer_without_entry(shop: World) -> None:
    await programmed(shop, tiers=tiers({**BRONZE, "entry": {}}, GOLD, window="rolling_12m"))
    await shop.take(customer(shop, "c1"))
    await late(shop, 1)


async def newcomer_to_a_new_program(shop: World) -> None:
    """The review of all members has not come to them yet."""
    await shop.order("1")
    await late(shop, 1)
    await shop.program(tiers=tiers(BRONZE, {**GOLD, "threshold": 500}, window="ever"))
    await late(shop, 1)


async def somebody_merged(shop: World) -> None:
    await programmed(shop, pending=PENDING, expiry=EXPIRY)
    await shop.order("1", customer="old")
    await late(shop, 1)
    await shop.order("2", 5_000)
    await shop.take(merged(shop, "old", "c1"))
    await late(shop, 4)


async def all_of_it(shop: World) -> None:
    levels = ({**BRONZE, "entry": {}}, SILVER, GOLD)
    await programmed(
        shop,
        rules=RULES,
        pending=PENDING,
        expiry={"kind": "rolling", "days": 40},
        tiers=tiers(*levels, downgrade="one"),
    )
    for number in range(30):
        await shop.order(str(number), 1_000 + 100 * number)
        await late(shop, 1)
    await spend(shop, 60)
    await late(shop, 50)


KINDS: dict[str, Due] = {
    one.__name__: one
    for one in (
        activation,
        activation_into_a_tier,
        activation_that_fills_a_deficit,
        expiry,
        warning,
        expiry_of_a_shortfall,
        expiry_under_a_balance_tier,
        sliding_expiry,
        tier_end_of_one_who_used_all,
        tier_end_kept,
        newcomer,
        newcomer_without_entry,
        newcomer_to_a_new_program,
        somebody_merged,
        all_of_it,
    )
} | {
    f"tier_end_{basis}_{window}": tier_end(basis, window=window)
    for basis in ("points", "spend", "orders")
    for window in ("calendar_year", "month", "rolling_12m", "anniversary")
}
WRITTEN = ("members", "lots", "entries", "tier_changes")
EVERY = pytest.mark.parametrize("due", KINDS.values(), ids=KINDS)


async def begun(shop: World, due: Due) -> None:
    """Something is due of c1; rewards stand by."""
    for points in (10, 60, 1_000):
        await shop.post("rewards", {"reward_id": f"r{points}", "kind": "free_shipping", "name": "R", "points": points})
    await shop.post(
        "rewards", {"reward_id": "vip", "kind": "free_shipping", "name": "V", "points": 5, "tiers": ["gold"]}
    )
    await due(shop)
    await shop.get("me", client=shop.service.customer("nobody"))  # the process knows the program


async def mine(shop: World, path: str = "/transactions", **params: Any) -> Any:
    return await shop.get(f"me{path}", client=shop.service.customer("c1"), **params)


@EVERY
@pytest.mark.parametrize("path", PATHS, ids=["me", *(path[1:] for path in PATHS[1:])])
async def test_a_call_answers_what_it_answers_after_the_job(shop: World, asked: list[str], path: str, due: Due) -> None:
    await begun(shop, due)
    me = shop.service.customer("c1")
    before = await shop.everything()
    asked.clear()
    first = await me.get(f"/v1/loyalty/me{path}")
    assert first.status_code == 200
    assert len(asked) <= MOST, "\n".join(asked)
    after = await shop.everything()
    if path != "/transactions" or before["entries"] == after["entries"]:
        assert changes(before, after) == []
    for seconds in (0, 1):
        shop.clock.now += timedelta(seconds=seconds)
        again = await me.get(f"/v1/loyalty/me{path}", headers={"If-None-Match": first.headers["ETag"]})
        assert again.status_code == 304, f"{first.json()} became {again.json()}"
    assert changes(after, await shop.everything()) == []
    await shop.work()
    assert (await me.get(f"/v1/loyalty/me{path}")).json() == first.json()


@EVERY
async def test_a_member_is_read_as_after_the_job(shop: World, due: Due) -> None:
    await begun(shop, due)
    before = await shop.everything()
    first = await shop.member()
    assert changes(before, await shop.everything()) == []
    shop.clock.now += timedelta(minutes=1)
    await shop.work()
    assert changes(before, await shop.everything()) != []
    assert await shop.member() == first


@EVERY
async def test_what_a_page_of_transactions_writes_is_what_the_job_writes(shop: World, due: Due) -> None:
    by_job = await _done(shop, due, shop.work)
    assert await _done(shop, due, lambda: mine(shop, limit=2)) == by_job


async def _done(shop: World, due: Due, does: Callable[[], Awaitable[Any]]) -> Json | None:
    """What is stored and told afterwards; None where no points moved."""
    await empty(shop.service)
    shop.clock.now = START
    await shop.shop()
    await begun(shop, due)
    before = (await shop.everything())["entries"]
    await does()
    stored = await shop.everything()
    told = [f"{one.type} {bytes(one.data).decode()}" for one in await shop.published()]
    found = {"told": told} | {name: stored[name] for name in WRITTEN}
    drawn = re.compile(r'red_\w+|"code":"\w+"')
    found = {name: [drawn.sub("", row) for row in rows] for name, rows in found.items()}
    return found if stored["entries"] != before else None


async def test_pages_of_transactions_chain_though_more_becomes_due_between_them(shop: World) -> None:
    await begun(shop, all_of_it)
    found, cursor = [], None
    while True:
        answer = await mine(shop, limit=7, **({"cursor": cursor} if cursor else {}))
        found += answer["items"]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
        await late(shop, 1)
    assert {"expired", "pending_activated", "earned"} <= {one["type"] for one in found}
    posted = (await shop.transactions())[::-1]
    assert found == posted[-len(found) :]


@pytest.mark.parametrize("path", PATHS, ids=["me", *(path[1:] for path in PATHS[1:])])
async def test_a_reward_that_a_level_gives_is_there_at_once(shop: World, path: str) -> None:
    """Its code is drawn, so it is written; and there is one less of it."""
    mug = {"reward_id": "mug", "kind": "free_product", "product_id": "m", "name": "M", "points": 20}
    await shop.post("rewards", {**mug, "stock": 1})
    await programmed(shop, pending=PENDING, tiers=tiers({**GOLD, "entry": {"reward_ids": ["mug"]}}))
    await shop.order("1")
    await late(shop, 4)
    me = shop.service.customer("c1")
    first = await me.get(f"/v1/loyalty/me{path}")
    if path == "/redemptions":
        assert [one["reward_id"] for one in first.json()["items"]] == ["mug"]
    await late(shop, 0.01)
    again = await me.get(f"/v1/loyalty/me{path}", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    await shop.work()
    assert (await me.get(f"/v1/loyalty/me{path}")).json() == first.json()


async def test_a_page_is_right_though_somebody_was_faster(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await begun(shop, activation)
    read = member_read.see

    async def meddled(*given: Any) -> Any:
        seen = await read(*given)
        monkeypatch.undo()
        await shop.adjust(-30)
        return seen

    monkeypatch.setattr(member_read, "see", meddled)
    items = (await mine(shop))["items"]
    assert [(one["type"], one["points"]) for one in items[:2]] == [("adjusted", -30), ("pending_activated", 30)]
    assert items == (await shop.transactions())[::-1]


async def test_somebody_erased_reads_nothing_of_what_was_due(shop: World) -> None:
    await begun(shop, expiry)
    await shop.take(erased(shop))
    await late(shop, 1)
    assert (await mine(shop))["items"] == []
    assert (await mine(shop, ""))["balance"] == 0


@EVERY
@pytest.mark.parametrize("path", ["members/c1/lots", "orders/1/post-purchase"], ids=["lots", "thank_you"])
async def test_lots_and_thank_you_pages_answer_what_they_answer_after_the_job(
    shop: World, asked: list[str], path: str, due: Due
) -> None:
    """Nobody waits for a lock, and nothing is written, but what makes a lot that is to be seen."""
    await begun(shop, due)
    orders = (await shop.snapshot(["orders"]))["orders"]
    status = 200 if path.startswith("members") or any(one["order_id"] == "1" for one in orders) else 404
    before = await shop.everything()
    asked.clear()
    first = await shop.get(path, status=status)
    after = await shop.everything()
    if path.startswith("orders") or len(before["lots"]) == len(after["lots"]):
        assert changes(before, after) == []
        assert [one for one in asked if "for update" in one] == []
    await late(shop, 0.01)
    await shop.work()
    again = await shop.get(path, status=status)
    assert first == again or status == 404


async def test_pages_of_lots_chain_though_more_becomes_due_between_them(shop: World) -> None:
    await begun(shop, all_of_it)
    found: list[Json] = []
    cursor = None
    while True:
        answer = await shop.get("members/c1/lots", limit=7, **({"cursor": cursor} if cursor else {}))
        found += answer["items"]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    await shop.work()
    assert (await shop.get("members/c1/lots", limit=100))["items"] == found


@pytest.mark.parametrize("gone", [False, True], ids=["used", "erased"])
async def test_a_page_of_lots_is_of_one_moment_though_somebody_was_faster(
    shop: World, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    await begun(shop, activation)
    read = member_read.see

    async def meddled(*given: Any) -> Any:
        seen = await read(*given)
        monkeypatch.undo()
        await shop.adjust(-(await shop.balance()))
        await shop.adjust(7)
        if gone:
            await shop.take(erased(shop))
        return seen

    monkeypatch.setattr(member_read, "see", meddled)
    answer = await shop.get("members/c1/lots", status=404 if gone else 200)
    assert gone or answer == await shop.get("members/c1/lots")
    assert gone or sum(one["remaining"] for one in answer["items"]) == sum((await shop.numbers())[:2])


async def test_the_thank_you_page_of_a_level_that_gives_a_reward_has_its_code_drawn_once(shop: World) -> None:
    mug = {"reward_id": "mug", "kind": "free_product", "product_id": "m", "name": "M", "points": 20, "stock": 1}
    await shop.post("rewards", mug)
    await programmed(shop, pending=PENDING, tiers=tiers({**GOLD, "entry": {"reward_ids": ["mug"]}}))
    await shop.order("1")
    await late(shop, 4)
    first = await shop.get("orders/1/post-purchase")
    await shop.work()
    assert await shop.get("orders/1/post-purchase") == first
    assert len((await shop.get("members/c1/redemptions"))["items"]) == 1


async def test_a_hold_past_its_end_is_held_for_readers_and_the_till_alike_until_its_timer_rings(shop: World) -> None:
    await shop.order("1")
    await shop.pay(60)
    await late(shop, 1)
    me = shop.service.customer("c1")
    for client, path in ((me, "me"), (shop.client, "members/c1")):
        found = await shop.get(path, client=client)
        assert (found["balance"], found["held"]) == (40, 60)
    assert (await shop.pay(100, "2", status=409))["code"] == "not_enough_points"
    await shop.work()
    assert (await shop.get("me", client=me))["balance"] == 100
    await shop.pay(100, "2")


async def test_the_thank_you_page_of_somebody_erased_is_there_though_something_was_due(shop: World) -> None:
    await begun(shop, expiry)
    await shop.take(erased(shop))
    found = await shop.get("orders/1/post-purchase")
    assert (found["points_earned"], found["balance"]) == (0, 0)


async def test_a_level_that_an_erased_account_reaches_by_itself_keeps_nobody_from_reading(shop: World) -> None:
    await shop.post("rewards", {"reward_id": "mug", "kind": "free_shipping", "name": "M", "points": 20})
    await programmed(shop, pending=PENDING, tiers=tiers({**GOLD, "entry": {"reward_ids": ["mug"]}}))
    await shop.order("1")
    await shop.take(erased(shop))
    await late(shop, 4)
    for path in PATHS[:-1]:
        await mine(shop, path)
    assert (await shop.get("orders/1/post-purchase"))["balance"] == 0
    refused = [await shop.get(f"members/c1{path}", status=404) for path in ("", "/transactions", "/lots")]
    assert {one["code"] for one in refused} == {"member_unknown"}
