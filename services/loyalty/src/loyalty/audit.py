"""The audit trail: who changed the program, rewards and points by hand, and what it was changed to. Append-only."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from comeback_kit.db import Connection

_INSERT: Final = """
insert into audit (shop_id, at, actor, action, target, detail) values ($1, $2, $3, $4, $5, $6)"""


async def record(
    tx: Connection, shop_id: str, actor: str, action: str, target: str, detail: Mapping[str, Any], now: datetime
) -> None:
    """Write one line, in the transaction of what it tells."""
    await tx.execute(_INSERT, shop_id, now, actor, action, target, dict(detail))
