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
