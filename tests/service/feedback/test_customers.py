"""Accounts that are joined, people who are forgotten."""

from typing import Any

import pytest

from comeback_kit.events import Event
from tests.service.feedback.world import World, customer, delivered, instant, order


def merged(world: World, source: str, into: str) -> Event:
    return customer("merged", {"from": source, "into": into, "at": instant(world.now)}, at=world.now)


def erased(world: World, customer_id: str = "c1") -> Event:
    return customer("erased", {"customer_id": customer_id, "at": instant(world.now)}, at=world.now)


async def test_a_joined_account_is_asked_once_in_90_days_together(world: World) -> None:
    await world.take(delivered("1", "guest:1", at=world.now))
    await world.take(merged(world, "guest:1", "c1"))
    await world.take(delivered("2", "c1", at=world.later(days=1)), delivered("3", "guest:1", at=world.now))
    found = await world.invitations()
    assert found["1", "nps"] == ("asked", None)
    assert found["2", "nps"] == found["3", "nps"] == ("skipped", "throttled")
    rows = await world.rows("select distinct customer_id from invitations")
    assert [row["customer_id"] for row in rows] == ["c1"]


async def test_answers_move_with_the_account(world: World) -> None:
    await world.take(delivered("1", "guest:1", at=world.now))
    await world.send(await world.link("1"), {"nps": "9"})
    await world.take(merged(world, "guest:1", "c1"), merged(world, "c1", "c2"))
    for name in ("guest:1", "c1", "c2"):
        assert [one["customer_id"] for one in await world.responses(customer_id=name)] == ["c2"]


@pytest.mark.parametrize("answered", ["a", "b"])
async def test_of_two_invitations_for_one_order_the_further_one_counts(world: World, answered: str) -> None:
    """The order's customer was named twice, under the guest's and the account's id, before they were joined."""
    await world.take(order("1", "a", at=world.now))
    link_a = await world.link("1")
    await world.take(order("1", "b", at=world.later(minutes=1)))
    link_b = await world.link("1")
    assert link_a != link_b
    await world.send(link_a if answered == "a" else link_b, {"nps": "9"})
    await world.take(merged(world, "a", "b"))
    assert await world.invitations() == {("1", "nps"): ("answered", None)}
    for link in (link_a, link_b):
        assert "You have already answered" in await world.open(link)
    assert len(await world.responses()) == 1
    await world.take(delivered("1", "b", at=world.later(days=1)))
    assert await world.requested() == []


async def test_merging_is_the_same_before_and_after_and_twice(world: World) -> None:
    await world.take(merged(world, "g", "c"), merged(world, "g", "c"), merged(world, "c", "g"))
    await world.take(delivered("1", "g", at=world.now), delivered("2", "c", at=world.now))
    await world.take(merged(world, "g", "c"))
    rows = await world.rows("select order_id, customer_id, state from invitations order by order_id")
    assert {row["customer_id"] for row in rows} == {"c"}
    assert sorted(row["state"] for row in rows) == ["asked", "skipped"]


async def test_an_erased_person_leaves_numbers_without_a_name(world: World) -> None:
    await world.take(customer("updated", {"customer_id": "c1", "locale": "de"}, at=world.now))
    ring = {"line_id": "1", "title": "Ring", "quantity": 1, "unit_price": 2000, "total": 2000}
    lines = [{**ring, "attributes": {"engraving": "call c1"}}]
    await world.take(delivered(at=world.now, attributes={"note": "call c1"}, lines=lines))
    await world.send(await world.link(), {"nps": "3", "comment": "I live at Elm Street"})
    await world.take(erased(world))
    score = await world.score()
    assert (score["n"], score["detractors"]) == (1, 1)
    (kept,) = await world.responses()
    assert (kept["customer_id"], kept["order_id"], kept["score"]) == (None, None, 3)
    assert kept["answers"] == {"nps": 3}
    assert await world.responses(customer_id="c1") == []
    tables = await world.rows(
        "select table_name from information_schema.tables where table_schema = 'public' and table_name <> 'outbox'"
    )
    for table in (row["table_name"] for row in tables):
        if table == "alembic_version":
            continue
        for row in await world.rows(f'select to_jsonb(t)::text as text from "{table}" t'):
            assert "Elm Street" not in row["text"], table
            assert '"c1"' not in row["text"], (table, row["text"])
            assert "call c1" not in row["text"], table


async def test_late_and_repeated_events_bring_nobody_back(world: World) -> None:
    events = [
        customer("updated", {"customer_id": "c1", "locale": "de"}, at=world.now),
        order(at=world.now),
        delivered(at=world.now),
    ]
    await world.take(*events)
    world.later(minutes=1)
    await world.take(erased(world))
    await world.take(*events, erased(world))
    await world.take(delivered(at=world.now, number="changed"))
    assert await world.rows("select 1 from invitations") == []
    assert await world.rows("select 1 from customers") == []
    assert len(await world.requested()) == 1
    assert await world.get("orders/1001/post-purchase") == {"survey": None}


async def test_who_comes_back_after_an_erasure_is_somebody_new(world: World) -> None:
    await world.take(delivered("1", at=world.now))
    await world.take(erased(world))
    world.later(days=5)
    await world.take(delivered("2", at=world.now, placed_at=instant(world.now)))
    assert await world.invitations() == {("2", "nps"): ("asked", None)}


async def test_an_erasure_reaches_every_id_of_the_account(world: World) -> None:
    await world.take(delivered("1", "g", at=world.now), merged(world, "g", "c"))
    await world.take(erased(world, "c"))
    await world.take(delivered("1", "g", at=world.now, number="again"), delivered("2", "g", at=world.now))
    assert await world.rows("select 1 from invitations") == []
    assert await world.rows("select 1 from orders where customer_id is not null") == []


async def test_an_erasure_in_the_batch_of_a_merge_forgets_both(world: World) -> None:
    await world.take(delivered("1", "g", at=world.now), delivered("2", "c", at=world.now))
    await world.take(merged(world, "g", "c"), erased(world, "c"))
    assert await world.rows("select 1 from invitations") == []
    assert await world.rows("select 1 from customers") == []


@pytest.mark.parametrize("changes", [{"email": "x@y.z"}, {"locale": None}])
async def test_what_is_said_of_a_customer_beside_the_language_changes_nothing(
    world: World, changes: dict[str, Any]
) -> None:
    await world.take(customer("updated", {"customer_id": "c1", "locale": "de"}, at=world.now))
    await world.take(
        customer("updated", {"customer_id": "c1", "updated_at": "2025-01-01T00:00:00Z", **changes}, at=world.now),
        customer("consent_changed", {"customer_id": "c1"}, at=world.now),
        delivered(at=world.now),
    )
    assert "Ihre Meinung" in await world.open(await world.link())
