"""Whoever comes between the read and the write of the express till is seen, and other shops are not."""

from datetime import timedelta
from typing import Any

import pytest

from comeback_kit.db import ShopDoor
from loyalty import express, express_rows, redemption
from loyalty.ids import RANDOM
from loyalty.shop import Shop
from loyalty.state import cache_of
from tests.service.loyalty.express_till import LIFE, Meddle, Ways, at_hand, before, confirm, forget, hold, ready
from tests.service.loyalty.world import Json, World, event, instant

KNOWN = pytest.mark.parametrize("known", [True, False], ids=["known", "read"])


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Ways:
    return Ways().watch(monkeypatch)


async def _earn(shop: World) -> None:
    await shop.order("o1", 5000)


async def _hold(shop: World) -> None:
    await hold(shop)


async def _pay(shop: World) -> None:
    await shop.pay(30)


async def _take_away(shop: World) -> None:
    await shop.adjust(-70)


async def _erase(shop: World) -> None:
    await shop.take(event("customer.erased", {"customer_id": "c1", "at": instant(shop.now)}, at=shop.now))


async def _merge(shop: World) -> None:
    data = {"from": "c1", "into": "c2", "at": instant(shop.now)}
    await shop.take(event("customer.merged", data, at=shop.now))


@pytest.mark.parametrize(
    ("meddle", "status", "numbers"),
    [
        (_earn, 201, (90, 0, 60, 0)),
        (_hold, 409, (40, 0, 60, 0)),
        (_pay, 201, (10, 0, 90, 0)),
        (_take_away, 409, (30, 0, 0, 0)),
    ],
    ids=["order", "hold", "payment", "adjustment"],
)
async def test_a_hold_sees_who_came_in_between(
    shop: World,
    ways: Ways,
    monkeypatch: pytest.MonkeyPatch,
    meddle: Meddle,
    status: int,
    numbers: tuple[int, int, int, int],
) -> None:
    await ready(shop)
    before(monkeypatch, "begin", shop, meddle)
    await hold(shop, status=status)
    assert (await shop.numbers(), ways.long) == (numbers, 1)


async def test_a_hold_of_one_who_was_erased_in_between_is_refused(
    shop: World, ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ready(shop)
    before(monkeypatch, "begin", shop, _erase)
    await hold(shop, status=404)
    async with shop.service.runtime.db.work() as tx:
        held = await tx.fetchval("select coalesce(sum(held), 0)::bigint from members")
        redemptions = await tx.fetchval("select count(*) from redemptions")
    assert (held, redemptions, ways.long) == (0, 0, 1)


async def test_a_hold_of_one_who_was_merged_in_between_is_the_others(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ready(shop)
    before(monkeypatch, "begin", shop, _merge)
    await hold(shop)
    assert await shop.numbers("c2") == (40, 0, 60, 0)


@KNOWN
async def test_a_confirm_sees_who_confirmed_cancelled_or_carried_it_in_between(
    shop: World, ways: Ways, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    await ready(shop, 1000)
    end = express_rows.end
    for number, verb in enumerate(("confirm", "cancel", "order")):
        held = await hold(shop)

        async def meddle(shop: World, held: Json = held, verb: str = verb, number: int = number) -> None:
            if verb == "order":
                discounts = [{"code": held["code"], "amount": 0}]
                await shop.order(f"o{number}", 0, discounts=discounts)
            else:
                await shop.post(f"redemptions/{held['redemption_id']}/{verb}")

        if not known:
            forget(shop)
        monkeypatch.setattr(express_rows, "end", end)
        before(monkeypatch, "end", shop, meddle)
        await confirm(shop, held, status=409)
    assert (await shop.numbers(), ways.long) == ((880, 0, 0, 0), 0 if known else 3)


@KNOWN
@pytest.mark.parametrize(
    ("meddle", "numbers"),
    [(_earn, (90, 0, 0, 0)), (_pay, (10, 0, 30, 0)), (_erase, None), (_merge, None)],
    ids=["order", "payment", "erasure", "merge"],
)
async def test_a_confirm_sees_who_changed_its_member_in_between(
    shop: World,
    ways: Ways,
    monkeypatch: pytest.MonkeyPatch,
    meddle: Meddle,
    numbers: tuple[int, int, int, int] | None,
    known: bool,
) -> None:
    await ready(shop)
    held = await hold(shop)
    if not known:
        forget(shop)
    before(monkeypatch, "end", shop, meddle)
    assert (await confirm(shop, held))["state"] == "spent"
    assert ways.long == (0 if known and meddle is not _erase else 1)
    if numbers is not None:
        assert await shop.numbers() == numbers


@KNOWN
@pytest.mark.parametrize("table", ["lots", "redemptions"])
async def test_a_row_that_moved_alone_undoes_all(
    shop: World, ways: Ways, monkeypatch: pytest.MonkeyPatch, table: str, known: bool
) -> None:
    """Nobody writes one without its member's row; a ``vacuum full`` moves it."""
    await ready(shop)
    held = await hold(shop)

    async def move(shop: World) -> None:
        async with shop.service.runtime.db.work() as tx:
            await tx.execute(f"update {table} set customer_id = customer_id")

    if not known:
        forget(shop)
    before(monkeypatch, "end", shop, move)
    assert (await confirm(shop, held))["state"] == "spent"
    kinds = [("adjusted", 100), ("held", -60), ("spent", -60)]
    assert (await shop.kinds(), ways.long) == (kinds, 0 if known else 1)


@KNOWN
async def test_a_timer_that_moved_in_between_finds_nothing_to_do(
    shop: World, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    await ready(shop)
    held = await hold(shop)

    async def postpone(shop: World) -> None:
        async with shop.service.runtime.db.work() as tx:
            await tx.execute("update timers set run_at = run_at + interval '1 minute' where ref like 'red%'")

    if not known:
        forget(shop)
    before(monkeypatch, "end", shop, postpone)
    await confirm(shop, held)
    await shop.days(31)
    assert (await shop.get(f"redemptions/{held['redemption_id']}"))["state"] == "spent"
    assert await shop.numbers() == (40, 0, 0, 0)


async def test_a_confirmed_hold_leaves_no_timer(shop: World) -> None:
    await ready(shop, 200)
    for known in (True, False):
        held = await hold(shop)
        if not known:
            forget(shop)
        await confirm(shop, held)
    timers = (await shop.snapshot(("timers",)))["timers"]
    assert [one["ref"] for one in timers if one["kind"] == "redemption_expires"] == []


async def test_a_confirm_within_a_minute_reads_nothing(
    shop: World, ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ready(shop, 200)
    reads = Ways()
    monkeypatch.setattr(express_rows, "see_redemption", reads.count(express_rows.see_redemption))
    soon, late = await hold(shop), await hold(shop)
    # The second hold rewrote the member: the first one is read after all.
    await confirm(shop, soon)
    assert reads.long == 1
    soon = await hold(shop)
    await confirm(shop, soon)
    assert reads.long == 1
    assert (await confirm(shop, soon, status=409))["code"] == "redemption_not_held"
    shop.clock.now += timedelta(minutes=2)
    await confirm(shop, late)
    assert (reads.long, ways.long) == (3, 0)


async def test_what_a_hold_answered_stays_as_it_was(shop: World) -> None:
    await ready(shop)
    door = ShopDoor(shop.service.runtime.db, "demo")
    one = await at_hand(shop, door).hold_for_reward("c1", "r", life=LIFE, ids=RANDOM)
    done = await at_hand(shop, door).confirm(one.redemption_id, None)
    assert (one.state, done.state) == ("held", "spent")


async def test_a_known_hold_is_no_other_shops(shop: World) -> None:
    await ready(shop)
    await shop.shop("other")
    held = await hold(shop)
    async with shop.service.client("other") as other:
        answer = await other.post(f"/v1/loyalty/redemptions/{held['redemption_id']}/confirm")
    assert answer.status_code == 404
    await confirm(shop, held)


async def _seen(shop: World, door: ShopDoor, held: Json) -> tuple[Shop, Any, Any]:
    kept = cache_of(shop.service.runtime).get("demo")
    assert kept is not None
    member = await express_rows.see_reward(door, kept, shop.now, "c1", "r")
    return kept, member, await express_rows.see_redemption(door, kept, shop.now, held["redemption_id"])


async def test_the_statements_find_and_change_nothing_of_another_shop(shop: World) -> None:
    await ready(shop, 200)
    await shop.shop("other")
    held = await hold(shop)
    other = ShopDoor(shop.service.runtime.db, "other")
    kept, member, one = await _seen(shop, other, held)
    assert (member, one) == (None, None)
    _, (seen, reward), (found, held_one) = await _seen(shop, ShopDoor(shop.service.runtime.db, "demo"), held)
    snapshot = await shop.snapshot()
    desk = express._desk(kept, shop.now, seen.book)
    new = redemption.of_reward(seen.book, reward, RANDOM, shop.now, LIFE)
    redemption.put_aside(desk, seen.book, new)
    assert not await express_rows.begin(other, seen, desk.ledger, new)
    desk = express._desk(kept, shop.now, found.book)
    redemption.spend(desk, found.book, held_one, None)
    assert not await express_rows.end(other, found, desk.ledger, desk.notices, held_one)
    assert await shop.snapshot() == snapshot
