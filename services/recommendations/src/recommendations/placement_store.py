"""Placements and the shop-wide rules in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from comeback_kit.db import Connection
from recommendations import changes
from recommendations.placement_document import SHOP_WIDE, Placement, Rules


async def put(tx: Connection, shop_id: str, placement_id: str, document: Placement | Rules, now: datetime) -> None:
    """Replace a placement, or with ``SHOP_WIDE`` the rules of the whole shop; every replica follows within moments."""
    sequence = await changes.begin(tx, [shop_id])
    await tx.execute(
        """insert into placements (shop_id, placement_id, document, updated_at, seq) values ($1, $2, $3, $4, $5)
           on conflict (shop_id, placement_id) do update set
             document = excluded.document, updated_at = excluded.updated_at, seq = excluded.seq""",
        shop_id,
        placement_id,
        document.model_dump(mode="json"),
        now,
        sequence.next(shop_id),
    )
    await sequence.close(tx)


async def one(tx: Connection, shop_id: str, placement_id: str) -> Any | None:
    """``document updated_at`` of a placement that was put, or None."""
    return await tx.fetchrow(
        "select document, updated_at from placements where shop_id = $1 and placement_id = $2", shop_id, placement_id
    )


async def every(tx: Connection, shop_id: str) -> Sequence[Any]:
    """``placement_id document updated_at`` of every placement that was put."""
    rows: Sequence[Any] = await tx.fetch(
        """select placement_id, document, updated_at from placements
           where shop_id = $1 and placement_id <> $2 order by placement_id""",
        shop_id,
        SHOP_WIDE,
    )
    return rows
