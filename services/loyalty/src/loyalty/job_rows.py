"""Jobs as rows: what was asked, how far it is, what came out."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

import asyncpg

from comeback_kit.db import Connection

JobKind = Literal["program_preview", "member_import"]
JobState = Literal["running", "done", "failed"]
_COLUMNS: Final = "shop_id, job_id, kind, state, done, total, request, progress, result, created_at, updated_at"
_READ: Final = f"select {_COLUMNS} from jobs where shop_id = $1 and job_id = $2"
_WRITE: Final = f"""
insert into jobs ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (shop_id, job_id) do update set state = excluded.state, done = excluded.done, total = excluded.total,
  progress = excluded.progress, result = excluded.result, updated_at = excluded.updated_at"""


@dataclass
class Job:
    """One job. ``progress`` is what the next step needs of those before."""

    shop_id: str
    job_id: str
    kind: JobKind
    request: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    state: JobState = "running"
    done: int = 0
    total: int | None = None
    progress: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] | None = None


async def read(tx: Connection, shop_id: str, job_id: str) -> Job | None:
    """A job, without a lock."""
    return _job(await tx.fetchrow(_READ, shop_id, job_id))


async def lock(tx: Connection, shop_id: str, job_id: str) -> Job | None:
    """A job for its next step."""
    return _job(await tx.fetchrow(f"{_READ} for update", shop_id, job_id))


async def write(tx: Connection, job: Job) -> None:
    """Write a new job, or how far it is."""
    await tx.execute(
        _WRITE,
        job.shop_id,
        job.job_id,
        job.kind,
        job.state,
        job.done,
        job.total,
        job.request,
        job.progress,
        job.result,
        job.created_at,
        job.updated_at,
    )


def _job(row: asyncpg.Record | None) -> Job | None:
    return None if row is None else Job(**dict(row))
