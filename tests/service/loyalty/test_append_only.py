"""What happened cannot be rewritten: neither role of the service may change or delete a line of the books."""

import asyncpg
import pytest

from tests.service.loyalty.world import World


@pytest.mark.parametrize("role", ["api", "worker"])
@pytest.mark.parametrize("statement", ["update {} set shop_id = shop_id", "delete from {}", "truncate {}"])
@pytest.mark.parametrize("table", ["entries", "audit", "tier_changes"])
async def test_the_books_can_only_grow(shop: World, role: str, statement: str, table: str) -> None:
    tiers = {"window": "ever", "levels": [{"id": "silver", "threshold": 100}]}
    await shop.program(tiers=tiers)
    await shop.order("1", 10_000)
    before = (await shop.snapshot([table]))[table]
    assert before
    db = shop.service.runtime.db
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.work() if role == "worker" else db.request("demo") as tx:
            await tx.execute(statement.format(table))
    assert (await shop.snapshot([table]))[table] == before


@pytest.mark.parametrize("role", ["api", "worker"])
@pytest.mark.parametrize(
    "statement",
    [
        "update entries set reason = 'better'",
        "update entries set reason = null",
        "update entries set points = 1",
        "update entries set reason = 'erased', points = 1",
        "update audit set detail = '{}'",
        "update audit set detail = detail || '{\"points\": 1}'",
        "update audit set detail = jsonb_set(detail, '{reason}', '\"better\"')",
        "update audit set target = 'c2'",
    ],
)
async def test_a_reason_may_go_and_nothing_may_take_its_place(shop: World, role: str, statement: str) -> None:
    await shop.adjust(10)
    before = await shop.snapshot(["entries", "audit"])
    db = shop.service.runtime.db
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.work() if role == "worker" else db.request("demo") as tx:
            await tx.execute(statement)
    assert await shop.snapshot(["entries", "audit"]) == before


async def test_requests_cannot_let_a_reason_go(shop: World) -> None:
    await shop.adjust(10)
    for statement in ("update entries set reason = 'erased'", "update audit set detail = detail"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with shop.service.runtime.db.request("demo") as tx:
                await tx.execute(statement)
