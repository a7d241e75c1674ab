"""Work in the background, in steps that each end in a commit: a restart goes on with the step that was next."""

import logging
from collections.abc import Sequence
from copy import deepcopy
from typing import Final

from comeback_kit import timers
from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.failures import Kind, kind_of
from comeback_kit.timers import DueTimer, Timer
from loyalty import importing, program_preview
from loyalty.errors import JobUnknown
from loyalty.job_rows import Job, lock, read, write
from loyalty.program_store import ShopCache, load_one
from loyalty.schemas.jobs import JobAnswer

logger = logging.getLogger(__name__)

STEP_TIMER: Final = "job_step"
MOST_TRIES: Final = 8
"""After so many tries of a step (two minutes) its job fails. What passes by itself is no try, and is waited for."""
_WHAT_TO_DO: Final = {
    "program_preview": "The preview could not be made, and nothing was written. Ask for it again; if that fails, too, "
    "the service's log says why, at the job's id.",
    "member_import": "The import stopped after the rows that are done, which stay booked. Send the same file again: "
    "nothing is booked twice. If that fails, too, the service's log says why, at the job's id.",
}


async def start(tx: Connection, job: Job) -> None:
    """Write a new job and set its first step."""
    await write(tx, job)
    await timers.schedule(tx, [Timer(job.shop_id, STEP_TIMER, job.job_id, job.created_at)])


async def step(tx: Connection, due: Sequence[DueTimer], context: Context, cache: ShopCache) -> None:
    """Do the next step of the one job that is due; if it is not done it sets its next one.

    One at a time: two imports in one transaction would lock members out of order.
    """
    (timer,) = due
    job = await lock(tx, timer.shop_id, timer.ref)
    if job is None or job.state != "running":
        return
    job.updated_at = context.now
    if timer.attempts + 1 < MOST_TRIES:
        await _step(tx, job, context, cache)
    else:
        job = await _last_try(tx, job, context, cache)
    await write(tx, job)
    if job.state == "running":
        await timers.schedule(tx, [Timer(job.shop_id, STEP_TIMER, job.job_id, context.now)])


async def _last_try(tx: Connection, job: Job, context: Context, cache: ShopCache) -> Job:
    """The step once more; where it still fails in no passing way, none of it is written and the job has failed."""
    tried = deepcopy(job)
    await tx.execute("savepoint last_try")
    try:
        await _step(tx, tried, context, cache)
    except Exception as error:
        if kind_of(error) is Kind.TRANSIENT:
            raise
        await tx.execute("rollback to savepoint last_try")
        logger.exception("the job %s of shop %s failed", job.job_id, job.shop_id)
        await _fail(tx, job)
        return job
    return tried


async def _fail(tx: Connection, job: Job) -> None:
    job.state, job.progress = "failed", {"detail": _WHAT_TO_DO[job.kind]}
    if job.kind == "member_import":
        await importing.forget_rows(tx, job)


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
        detail=job.progress.get("detail") if job.state == "failed" else None,
        created_at=job.created_at,
        updated_at=job.updated_at,
    )
