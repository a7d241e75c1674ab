"""Durable timers: something is to happen to (shop, kind, ref) at an instant, whatever restarts in between."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from comeback_kit.db import Connection
from comeback_kit.runtime import Runtime
from comeback_kit.settling import Context

_MOVE = """on conflict (shop_id, kind, ref)
do update set due_at = excluded.due_at, run_at = excluded.due_at, payload = excluded.payload, attempts = 0"""
_SCHEDULE = f"""
insert into timers (shop_id, kind, ref, due_at, run_at, payload)
select shop_id, kind, ref, due_at, due_at, payload
from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::jsonb[])
  with ordinality as given (shop_id, kind, ref, due_at, payload, place)
order by place
{_MOVE}"""
_CANCEL = """
delete from timers t using unnest($3::text[]) as gone (ref)
where t.shop_id = $1 and t.kind = $2 and t.ref = gone.ref"""
_DUE = """
select count(*) from unnest($1::text[]) as wanted (kind) join timers using (kind)
where run_at <= $2 and attempts = 0"""


class Timer(msgspec.Struct, frozen=True):
    """One timer. (shop, kind, ref) is unique: scheduling it again moves it and replaces the payload."""

    shop_id: str
    kind: str
    ref: str
    due_at: datetime
    payload: dict[str, Any] = {}


class DueTimer(msgspec.Struct, frozen=True):
    """A timer whose instant has come; already deleted in the handler's transaction. ``attempts``: earlier failures."""

    shop_id: str
    kind: str
    ref: str
    due_at: datetime
    payload: dict[str, Any]
    attempts: int


TimerHandler: TypeAlias = Callable[[Connection, Sequence[DueTimer], Context], Awaitable[None]]


class AtMost:
    """A handler that takes at most so many timers at once; after each such batch it is the other kinds' turn."""

    def __init__(self, most: int, handler: TimerHandler) -> None:
        self.most = most
        self._handler = handler

    async def __call__(self, tx: Connection, due: Sequence[DueTimer], context: Context) -> None:
        """Pass them on."""
        await self._handler(tx, due, context)


async def schedule(tx: Connection, timers: Sequence[Timer]) -> None:
    """Set timers, effective when the transaction commits. Of two with the same key the last one stands."""
    unique = {(timer.shop_id, timer.kind, timer.ref): timer for timer in timers}
    rows = [unique[key] for key in sorted(unique)]
    if rows:
        await tx.execute(
            _SCHEDULE,
            [row.shop_id for row in rows],
            [row.kind for row in rows],
            [row.ref for row in rows],
            [row.due_at for row in rows],
            [row.payload for row in rows],
        )


async def cancel(tx: Connection, shop_id: str, kind: str, refs: Sequence[str]) -> None:
    """Remove timers; those that are not there are ignored."""
    if refs:
        await tx.execute(_CANCEL, shop_id, kind, sorted(refs))


def scheduling(shop: str, kind: str, ref: str, due_at: str) -> str:
    """``schedule`` of one timer without a payload, as a part (``with … as (…)``) of a statement that writes more."""
    return f"""insert into timers (shop_id, kind, ref, due_at, run_at, payload)
values ({shop}, {kind}, {ref}, {due_at}, {due_at}, '{{}}') {_MOVE}"""


def setting(shop: str, kind: str, ref: str, due_at: str, *, source: str) -> str:
    """``scheduling`` of a timer that is not there yet, for the one row of ``source``; answers its ``place``."""
    return f"""insert into timers (shop_id, kind, ref, due_at, run_at, payload)
select {shop}, {kind}, {ref}, {due_at}, {due_at}, '{{}}' from {source} returning ctid as place"""


def cancelling(shop: str, kind: str, ref: str, *, place: str | None = None) -> str:
    """``cancel`` of one timer, as such a part; with ``place`` only where it still is."""
    there = "" if place is None else f"ctid = {place} and "
    return f"delete from timers where {there}shop_id = {shop} and kind = {kind} and ref = {ref}"


async def due(runtime: Runtime, kinds: Sequence[str]) -> int:
    """How many timers of these kinds are due and not done; those that failed and wait for another try do not count."""
    if not kinds:
        return 0
    async with runtime.db.work() as tx:
        return int(await tx.fetchval(_DUE, list(kinds), runtime.clock()))
