"""Work in the background, in steps that each end in a commit: a restart goes on with the step that was next."""

from collections.abc import Sequence
from typing import Final

from comeback_kit import timers
from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.timers import DueTimer, Timer
from loyalty import importing, program_preview
from loyalty.errors import JobUnknown
from loyalty.job_rows import Job, lock, read, write
from loyalty.program_store import ShopCache, load_one
from loyalty.schemas.jobs import JobAnswer

STEP_TIMER: Final = "job_step"


async def start(tx: Connection, job: Job) -> None:
    """Write a new job and set its first step."""
    await write(tx, job)
    await timers.schedule(tx, [Timer(job.shop_id, STEP_TIMER, job.job_id, job.created_at)])


async def step(tx: Connection, due: Sequence[DueTimer], context: Context, cache: ShopCache) -> None:
    """Do the next step of the job that is due first; if it is not done it sets its next one.

    The others are due next. Two imports in one transaction would lock members out of order.
    """
    first, *others = due
    if others:
        await timers.schedule(tx, [Timer(one.shop_id, STEP_TIMER, one.ref, one.due_at) for one in others])
    job = await lock(tx, first.shop_id, first.ref)
    if job is None or job.state != "running":
        return
    job.updated_at = context.now
    await _step(tx, job, context, cache)
    await write(tx, job)
    if job.state == "running":
        await timers.schedule(tx, [Timer(job.shop_id, STEP_TIMER, job.job_id, context.now)])


async def _step(tx: Connection, job: Job, context: Context, cache: ShopCache) -> None:
    shop = await load_one(tx, cache, job.shop_id)
    if job.kind == "program_preview":
        await program_preview.step(tx, shop, job, context.now)
    else:
        await importing.step(tx, shop, job, context.now)


async def answer(tx: Connection, shop_id: str, job_id: str) -> JobAnswer:
    """How far a job is. Raises ``JobUnknown`` (404)."""
    job = await read(tx, shop_id, job_id)
    if job is None:
        raise JobUnknown
    return JobAnswer(
        job_id=job.job_id,
        kind=job.kind,
        state=job.state,
        done=job.done,
        total=job.total,
        result=job.result,
        created_at=job.created_at,
        updated_at=job.updated_at,
    )
