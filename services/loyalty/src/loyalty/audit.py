"""The audit trail: who changed the program, rewards, codes, points and redemptions by hand, and to what. Append-only.

What a checkout does (hold, confirm), an order or time is in the ledger alone (ADR 0013).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from comeback_kit.db import Connection
from comeback_kit.paging import encode_cursor
from loyalty import cursors
from loyalty.schemas.reports import AuditRow

_INSERT: Final = """
insert into audit (shop_id, at, actor, action, target, detail) values ($1, $2, $3, $4, $5, $6)"""


async def record(
    tx: Connection, shop_id: str, actor: str, action: str, target: str, detail: Mapping[str, Any], now: datetime
) -> None:
    """Write one line, in the transaction of what it tells."""
    await tx.execute(_INSERT, shop_id, now, actor, action, target, dict(detail))


_PAGE: Final = """
select audit_id, at, actor, action, target, detail from audit
where shop_id = $1 and ($2::bigint is null or audit_id < $2) order by audit_id desc limit $3"""


async def page(tx: Connection, shop_id: str, *, limit: int, cursor: str | None) -> tuple[list[AuditRow], str | None]:
    """One page of the trail, newest first."""
    before = cursors.number(cursor)
    rows = await tx.fetch(_PAGE, shop_id, before, limit + 1)
    items = [
        AuditRow(
            id=str(row["audit_id"]),
            at=row["at"],
            actor=row["actor"],
            action=row["action"],
            target=row["target"],
            detail=row["detail"],
        )
        for row in rows[:limit]
    ]
    return items, encode_cursor(rows[limit - 1]["audit_id"]) if len(rows) > limit else None
