"""Free text about a person goes with them, wherever the service keeps it; the points of the ledger stay."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec
import pytest

from comeback_kit import migrate
from loyalty import reasons
from tests.service.loyalty.test_customers import activity, customer, erased, merged
from tests.service.loyalty.test_lock_order import handled
from tests.service.loyalty.world import Json, World, line

WORD = "Zebedee"
Says = Callable[[World], Awaitable[Any]]


async def given(shop: World) -> None:
    await shop.adjust(100, reason=f"sorry, {WORD}")


async def taken(shop: World) -> None:
    await shop.adjust(100)
    await shop.adjust(-10, reason=f"{WORD} called")


async def taken_into_debt(shop: World) -> None:
    await shop.program(negative="allow")
    await shop.adjust(-10, reason=f"{WORD} called")


async def given_later(shop: World) -> None:
    at = (shop.now + timedelta(days=1)).isoformat()
    await shop.adjust(100, reason=f"sorry, {WORD}", available_at=at)


async def given_under_a_key(shop: World) -> None:
    body = {"points": 5, "reason": WORD}
    answer = await shop.client.post("/v1/loyalty/members/c1/adjustments", json=body, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 201


async def given_to_a_guest_id(shop: World) -> None:
    await shop.adjust(100, "guest:1", reason=f"sorry, {WORD}")
    await shop.take(merged(shop, "guest:1", "c1"))


async def told_tags(shop: World) -> None:
    await shop.take(customer(shop, tags=[WORD]))


async def an_orders_attributes(shop: World) -> None:
    await shop.order("1", attributes={"gift": WORD})


async def an_unpaid_orders_attributes(shop: World) -> None:
    await shop.order("1", payment_state="pending", attributes={"gift": WORD})


async def imported_tags(shop: World) -> None:
    row = {"customer_id": "c1", "tags": [WORD]}
    await shop.client.post("/v1/loyalty/imports/members", content=msgspec.json.encode(row))
    await shop.work()


KEPT: dict[str, Says] = {
    one.__name__: one
    for one in (
        given,
        taken,
        taken_into_debt,
        given_later,
        given_under_a_key,
        given_to_a_guest_id,
        told_tags,
        an_orders_attributes,
        an_unpaid_orders_attributes,
        imported_tags,
    )
}


async def places(shop: World, word: str = WORD) -> set[str]:
    """The columns of the whole database that hold a word."""
    connection = await asyncpg.connect(shop.service.database_url)
    try:
        tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        return {
            f"{table}.{column}"
            for (table,) in tables
            for row in await connection.fetch(f'select * from "{table}"')
            for column, value in row.items()
            if word in repr(value)
        }
    finally:
        await connection.close()


@pytest.mark.parametrize("says", KEPT.values(), ids=KEPT)
async def test_a_word_is_nowhere_any_more_and_points_stay(shop: World, says: Says) -> None:
    await says(shop)
    assert await places(shop)
    before = await shop.snapshot(["entries", "lots"])
    shop.clock.now += timedelta(minutes=1)
    await shop.take(erased(shop))
    assert await places(shop) == set()
    after = await shop.snapshot(["entries", "lots"])
    assert after["lots"] == before["lots"]
    assert [row | {"reason": None} for row in after["entries"]] == [row | {"reason": None} for row in before["entries"]]


async def test_what_an_activity_says_while_it_waits_for_its_shop_goes_too(shop: World) -> None:
    for name in ("c1", "c12"):
        said = activity(shop, "a", customer_id=name, attributes={"text": WORD + name})
        await shop.take(msgspec.structs.replace(said, shopid="late"))
    assert await places(shop) == {"timers.payload"}
    await shop.take(msgspec.structs.replace(erased(shop), shopid="late"))
    assert await places(shop, f'{WORD}c1"') == set()
    assert await places(shop, f'{WORD}c12"') == {"timers.payload"}
    await shop.shop("late")
    await shop.days(1)


async def test_what_a_line_or_an_activity_says_is_never_kept(shop: World) -> None:
    await shop.take(customer(shop, first_name=WORD, email=f"{WORD}@example.org"))
    await shop.order("1", lines=[{**line("1", 100), "attributes": {"engraving": WORD}}])
    await shop.take(activity(shop, "a", attributes={"text": WORD}))
    await shop.client.post("/v1/loyalty/imports/members", content=f'{{"customer_id": {WORD}}}\n{{"points": "{WORD}"}}')
    await shop.client.post("/v1/loyalty/imports/members", content=f'{{"customer_id": "c1", "birthday": "{WORD}"}}')
    await shop.work()
    assert await places(shop) == set()


async def test_what_an_import_under_way_says_goes_with_its_end(shop: World) -> None:
    row = {"customer_id": "c1", "tags": [WORD], "birthday": "1990-05-05"}
    answer = await shop.client.post("/v1/loyalty/imports/members", content=msgspec.json.encode(row))
    await shop.take(erased(shop))
    assert await places(shop) == {"import_rows.row"}
    await shop.work()
    assert await places(shop) == set()
    job = await shop.get(f"jobs/{answer.json()['job_id']}")
    assert (job["result"]["rejected"], job["result"]["members"]) == (1, 0)


async def test_readers_see_that_there_was_a_reason(shop: World) -> None:
    await shop.adjust(100, reason=f"sorry, {WORD}")
    await shop.order("1")
    await shop.take(erased(shop))
    shop.clock.now += timedelta(days=1)
    await shop.take(customer(shop, kind="customer.registered"))
    await shop.adjust(1, reason="welcome back")
    reasons = [one["reason"] for one in await shop.transactions()]
    assert reasons == ["erased", None, "welcome back"]
    trail = (await shop.get("audit"))["items"]
    told = [one["detail"] for one in trail if one["action"] == "points.adjusted"]
    assert told == [{"points": 1, "reason": "welcome back"}, {"points": 100, "reason": "erased"}]


async def test_what_is_said_of_others_stays(shop: World) -> None:
    await shop.shop("other")
    for name in ("c1", "c12"):
        await shop.adjust(10, name, reason=f"of {name}.")
    answer = await shop.service.client("other").post(
        "/v1/loyalty/members/c1/adjustments", json={"points": 1, "reason": "of another shop's c1"}
    )
    assert answer.status_code == 201
    await shop.take(erased(shop))
    assert await places(shop, "of c1.") == set()
    assert await places(shop, "of c12.") == {"entries.reason", "audit.detail"}
    assert await places(shop, "another shop") == {"entries.reason", "audit.detail"}


@pytest.mark.parametrize("out", [True, False], ids=["sender", "receiver"])
async def test_the_others_of_a_transfer_do_not_show_who_it_was_with(shop: World, out: bool) -> None:
    gone, stays, third = "gone", "stays", "third"
    for name in (gone, stays, third):
        await shop.adjust(10, name)
    passed: list[tuple[str, str]] = [(gone, stays) if out else (stays, gone), (stays, third)]
    for source, to in passed:
        await shop.post(f"members/{source}/transfers", {"to": to, "points": 3})
    await shop.take(erased(shop, gone))
    shown = await shop.transactions(stays)
    export = await shop.get(f"members/{stays}/export")
    assert gone not in str([shown, export["entries"]])
    assert [one["reason"] for one in shown] == ["test", "erased", "to:third"]
    assert [one["reason"] for one in await shop.transactions(third)] == ["test", "from:stays"]


async def test_of_two_who_passed_points_to_each_other_each_is_forgotten(shop: World) -> None:
    for name in ("c1", "c2"):
        await shop.adjust(10, name, reason=WORD)
    for source, to in (("c1", "c2"), ("c2", "c1")):
        await shop.post(f"members/{source}/transfers", {"to": to, "points": 3})
    await shop.take(erased(shop, "c2"), erased(shop))
    assert {row["reason"] for row in (await shop.snapshot(["entries"]))["entries"]} == {"erased"}
    assert await places(shop) == set()


async def test_batches_of_people_who_passed_points_across_never_wait_for_each_other(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each batch has forgotten its first person when the other has: the second ones' lines are not in each other's."""
    for name in "abcd":
        await shop.adjust(10, name, reason=WORD)
    for source, to in (("a", "d"), ("b", "c")):
        await shop.post(f"members/{source}/transfers", {"to": to, "points": 3})
    forget, both = reasons.forget, asyncio.Barrier(2)

    async def together(*given: Any) -> None:
        await both.wait()
        await forget(*given)

    monkeypatch.setattr(reasons, "forget", together)
    async with asyncio.timeout(20):
        await asyncio.gather(
            *[handled(shop, "customers", *[erased(shop, name) for name in names]) for names in ("ab", "cd")]
        )
    assert await places(shop) == set()
    assert {row["reason"] for row in (await shop.snapshot(["entries"]))["entries"]} == {"erased"}


async def test_an_erasure_from_before_this_was_so_is_made_good(shop: World) -> None:
    """Somebody who came back since keeps what was said of them since."""
    for name in ("c1", "c2", "c3"):
        await shop.adjust(10, name, reason=WORD)
    shop.clock.now += timedelta(hours=1)
    connection = await asyncpg.connect(shop.service.database_url)
    try:
        await connection.execute("update members set forgotten_at = $1 where customer_id in ('c1', 'c2')", shop.now)
        shop.clock.now += timedelta(hours=1)
        await shop.adjust(10, "c2", reason="since")
        await connection.execute("update alembic_version set version_num = '0004'")
        await migrate.upgrade(shop.service.database_url, "loyalty", "loyalty")
        forced = "select bool_and(relforcerowsecurity) from pg_class where relname in ('entries', 'audit', 'members')"
        assert await connection.fetchval(forced)
    finally:
        await connection.close()
    rows: list[Json] = (await shop.snapshot(["entries"]))["entries"]
    said = {(row["customer_id"], row["reason"]) for row in rows}
    assert said == {("c1", "erased"), ("c2", "erased"), ("c2", "since"), ("c3", WORD)}
    trail = (await shop.get("audit"))["items"]
    assert {(one["target"], one["detail"]["reason"]) for one in trail} == said
