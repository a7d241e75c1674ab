"""What a replica knows is what the database holds: restarts, other processes, merged and erased customers."""

import random
from datetime import timedelta

from recommendations.memory.shops import Shops
from recommendations.service_state import state_of
from recommendations.settings import Settings
from tests.service.recommendations.feeding import Shop, ids, sources
from tests.support.apps import Clock
from tests.support.waiting import eventually


async def test_a_new_replica_answers_the_same_after_its_rebuild(shop: Shop) -> None:
    await shop.base()
    await shop.orders(
        shop.order("O5", "AB", customer_id="c5", state="cancelled", updated_at=shop.later(hours=1).isoformat())
    )
    rng = random.Random(7)
    for number in range(60):
        products = rng.sample("ABCDEFGHIJ", rng.randint(1, 4))
        await shop.orders(
            shop.order(
                f"R{number}", products, customer_id=f"c{number % 7}", at=shop.t0 - timedelta(days=rng.randint(0, 300))
            )
        )
    runtime = shop.service.runtime
    paths = ("products/A", "products/A?kind=also_bought", "customers/c1", "customers/c1?kind=buy_again", "orders/O1")
    before = [ids(await shop.get(path)) for path in paths]
    state = state_of(runtime)
    live = await state.shops.get("demo")
    state.shops = Shops(runtime, state.settings)
    async with state.shops.running():
        memory = await state.shops.get("demo")
        assert memory.engine.orders.count == live.engine.orders.count == 64
        assert memory.seq == live.seq
        assert [ids(await shop.get(path)) for path in paths] == before


async def test_readiness_tells_the_progress_of_the_rebuild(shop: Shop) -> None:
    await shop.base()
    replica = Shops(shop.service.runtime, state_of(shop.service.runtime).settings)
    assert replica.rebuilding() == "looking for shops"
    async with replica.running():
        await eventually(lambda: replica.rebuilding() is None)
        assert (await replica.get("demo")).engine.orders.count == 5
    async with shop.service.anonymous() as nobody:
        assert (await nobody.get("/readyz")).status_code == 200


async def test_changes_of_another_process_are_followed_within_a_second(shop: Shop) -> None:
    await shop.base()
    runtime = shop.service.runtime
    replica = Shops(runtime, Settings.model_validate({**runtime.settings.model_dump(), "follow_seconds": 0.05}))
    async with replica.running():
        memory = await replica.get("demo")
        before = memory.engine.orders.count
        await shop.orders(shop.order("N1", "AE"))
        await eventually(lambda: "N1" in memory.engine.orders.slots, within=1.0)
        assert memory.engine.orders.count == before + 1


async def test_a_merged_customer_is_the_account_it_became(shop: Shop) -> None:
    await shop.orders(shop.order("O1", "AB", customer_id="guest:1"), shop.order("O2", "AC", customer_id="acc"))
    merged = shop.event("customer.merged", {"from": "guest:1", "into": "acc", "at": shop.t0.isoformat()})
    await shop.take(merged)
    await shop.take(merged)
    await shop.orders(shop.order("O3", "AD", customer_id="guest:1", at=shop.later(minutes=1)))
    for customer in ("acc", "guest:1"):
        answer = await shop.get(f"customers/{customer}", kind="buy_again")
        assert {name for name, source in sources(answer) if source == "buy_again"} == {"A", "B", "C", "D"}


async def test_accounts_joined_in_a_chain_lead_to_the_last_one(shop: Shop) -> None:
    await shop.orders(shop.order("O1", "AB", customer_id="a"))
    at = shop.t0.isoformat()
    await shop.take(shop.event("customer.merged", {"from": "a", "into": "b", "at": at}))
    await shop.take(shop.event("customer.merged", {"from": "b", "into": "c", "at": at}))
    await shop.take(shop.event("customer.merged", {"from": "c", "into": "a", "at": at}))
    for customer in ("a", "b", "c"):
        answer = await shop.get(f"customers/{customer}", kind="buy_again")
        assert ("A", "buy_again") in sources(answer)


async def test_case_21_erasing_forgets_the_person_and_keeps_the_counts(shop: Shop, clock: Clock) -> None:
    await shop.base()
    before = (await shop.get("products/A"))["items"]
    await shop.take(shop.event("customer.erased", {"customer_id": "c1", "at": shop.later(hours=1).isoformat()}))
    assert (await shop.get("products/A"))["items"] == before
    assert (await shop.get("customers/c1"))["items"] == (await shop.get("customers/nobody"))["items"]
    await shop.orders(shop.order("O1", "ABC", customer_id="c1", updated_at=shop.later(hours=2).isoformat()))
    assert (await shop.get("customers/c1"))["items"] == (await shop.get("customers/nobody"))["items"]
    async with shop.service.runtime.db.work() as tx:
        assert (
            await tx.fetchval("select count(*) from orders where customer_id = 'c1' or state::text like '%\"c1\"%'")
            == 0
        )
    clock.now = shop.later(hours=3)
    await shop.orders(shop.order("O9", "AD", customer_id="c1", at=clock.now))
    assert ("D", "buy_again") in sources(await shop.get("customers/c1", kind="buy_again"))


async def test_shops_asked_long_ago_leave_when_memory_runs_short(shop: Shop) -> None:
    await shop.base()
    other = Shop(shop.service, shop.t0, "other")
    await other.orders(other.order("O1", "AX"))
    shops = state_of(shop.service.runtime).shops
    memory = await shops.get("demo")
    memory.used_at -= 3600
    shops._budget = 1
    shops._make_room()
    assert "demo" not in shops._shops
    assert ids(await shop.get("products/A")) == ["B", "C", "D"]
