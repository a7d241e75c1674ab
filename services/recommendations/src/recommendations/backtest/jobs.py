"""Back-tests as jobs: asked for over HTTP, run by a worker, one at a time."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from comeback_kit import background
from comeback_kit.db import Connection
from comeback_kit.runtime import Runtime
from recommendations.backtest.replay import replay
from recommendations.backtest.report import as_data
from recommendations.engine import Purchase
from recommendations.engine.question import Kind
from recommendations.placement_document import DEFAULTS, SHOP_WIDE
from recommendations.service_state import state_of

logger = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=60)
IDLE_SECONDS: Final = 1.0


async def orders_of(tx: Connection, shop_id: str) -> list[Purchase]:
    """Every order of a shop that something is left of."""
    rows = await tx.fetch(
        """select order_id, customer_id, extract(epoch from placed_at)::float8 as at, product_ids
           from orders where shop_id = $1 and seq is not null and cardinality(product_ids) > 0""",
        shop_id,
    )
    return [Purchase(row["order_id"], row["customer_id"], row["at"], tuple(row["product_ids"])) for row in rows]


async def kinds_of(tx: Connection, shop_id: str) -> dict[str, Kind]:
    """What each placement of a shop offers."""
    kinds: dict[str, Kind] = {name: placement.kind for name, placement in DEFAULTS.items()}
    rows = await tx.fetch(
        "select placement_id, document ->> 'kind' as kind from placements where shop_id = $1", shop_id
    )
    kinds.update({row["placement_id"]: row["kind"] for row in rows if row["placement_id"] != SHOP_WIDE})
    return kinds


async def ask(tx: Connection, shop_id: str, backtest_id: str, days: int, now: datetime) -> Any:
    """Queue a back-test; answers its row."""
    return await tx.fetchrow(
        """insert into backtests (shop_id, backtest_id, state, days, created_at) values ($1, $2, 'queued', $3, $4)
           returning *""",
        shop_id,
        backtest_id,
        days,
        now,
    )


async def one(tx: Connection, shop_id: str, backtest_id: str) -> Any | None:
    """The row of a back-test, or None."""
    return await tx.fetchrow("select * from backtests where shop_id = $1 and backtest_id = $2", shop_id, backtest_id)


async def page(tx: Connection, shop_id: str, before: tuple[datetime, str] | None, limit: int) -> Sequence[Any]:
    """The newest back-tests before a place in the list."""
    rows: Sequence[Any] = await tx.fetch(
        """select * from backtests
           where shop_id = $1 and ($2::timestamptz is null or (created_at, backtest_id) < ($2, $3))
           order by created_at desc, backtest_id desc limit $4""",
        shop_id,
        None if before is None else before[0],
        None if before is None else before[1],
        limit,
    )
    return rows


@contextlib.asynccontextmanager
async def running(runtime: Runtime) -> AsyncIterator[None]:
    """Run queued back-tests while the block runs."""
    async with background.running(_loop(runtime), "recommendations-backtests"):
        yield


async def _loop(runtime: Runtime) -> None:
    bell = state_of(runtime).backtests_wanted
    while True:
        bell.clear()
        try:
            if await run_next(runtime):
                continue
        except Exception:
            logger.exception("back-tests cannot be run right now; trying again")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE_SECONDS):
                await bell.wait()


async def run_next(runtime: Runtime) -> bool:
    """Run the oldest queued back-test, or one whose worker died; whether there was any."""
    async with runtime.db.work() as tx:
        job = await tx.fetchrow(
            """update backtests set state = 'running', claimed_until = $1
               where (shop_id, backtest_id) = (
                 select shop_id, backtest_id from backtests
                 where state = 'queued' or (state = 'running' and claimed_until < $2)
                 order by created_at for update skip locked limit 1
               ) returning shop_id, backtest_id, days""",
            runtime.clock() + LEASE,
            runtime.clock(),
        )
        if job is None:
            return False
        orders = await orders_of(tx, job["shop_id"])
        kinds = await kinds_of(tx, job["shop_id"])
    try:
        result = await _replayed(runtime, job, orders, kinds)
    except Exception as error:
        logger.exception("back-test %s failed", job["backtest_id"])
        await _finish(runtime, job, "failed", None, f"{type(error).__name__}: {error}")
    else:
        await _finish(runtime, job, "done", result, None)
    return True


async def _replayed(runtime: Runtime, job: Any, orders: list[Purchase], kinds: dict[str, Kind]) -> dict[str, Any]:
    """The replay on a thread, its progress and its claim written every second."""
    done = [0.0]
    work = asyncio.create_task(
        asyncio.to_thread(lambda: replay(orders, job["days"], kinds, progress=lambda share: done.__setitem__(0, share)))
    )
    while not work.done():
        await asyncio.wait({work}, timeout=1.0)
        async with runtime.db.work() as tx:
            await tx.execute(
                "update backtests set progress = $3, claimed_until = $4 where shop_id = $1 and backtest_id = $2",
                job["shop_id"],
                job["backtest_id"],
                done[0],
                runtime.clock() + LEASE,
            )
    return as_data(await work, job["days"])


async def _finish(runtime: Runtime, job: Any, state: str, result: dict[str, Any] | None, reason: str | None) -> None:
    async with runtime.db.work() as tx:
        await tx.execute(
            """update backtests set state = $3, result = $4, reason = $5, finished_at = $6, progress = 1
               where shop_id = $1 and backtest_id = $2""",
            job["shop_id"],
            job["backtest_id"],
            state,
            result,
            reason,
            runtime.clock(),
        )
