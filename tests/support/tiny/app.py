"""Notes per shop: enough to see transactions, scopes, idempotency and row-level security."""

import asyncio
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, FastAPI, Query
from pydantic_settings import SettingsConfigDict

from comeback_kit.db import GATE, scoped
from comeback_kit.errors import Conflict, NotFound
from comeback_kit.http import (
    Answer,
    Begin,
    Body,
    Caller,
    CustomerId,
    Door,
    Id,
    Now,
    Reader,
    TransactionRoute,
    Tx,
    requires,
)
from comeback_kit.log.port import EventLog
from comeback_kit.runtime import Clock
from comeback_kit.service import ServiceDefinition, create_service_app
from comeback_kit.settings import ServiceSettings

GLANCE = scoped("select note_id, text from notes where shop_id = scope.shop_id and note_id = $2")

# No shop in the filter on purpose: only row-level security stands between two of them.
DOUBLE = f"""
with doubled as (
  update notes set text = text || text where {GATE} and note_id = $2 returning shop_id, note_id, text, at
)
insert into notes select shop_id, note_id || '-copy', text, at from doubled returning note_id, text"""

router = APIRouter(route_class=TransactionRoute)


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="TINY_", extra="ignore", frozen=True)


class NoteBody(Body):
    note_id: str
    text: str
    size: int = 0


class NoteAnswer(Answer):
    note_id: str
    text: str


class NoteExists(Conflict):
    code = "note_exists"
    title = "There is such a note"


class NoteAtCommit(Conflict):
    code = "never_seen"


@router.post("/v1/tiny/notes", status_code=201, dependencies=[requires("tiny:write")])
async def add(body: NoteBody, tx: Tx, caller: Caller, now: Now) -> NoteAnswer:
    try:
        await tx.execute(
            "insert into notes (shop_id, note_id, text, at) values ($1, $2, $3, $4)",
            caller.shop_id,
            body.note_id,
            body.text,
            now,
        )
    except asyncpg.UniqueViolationError as error:
        raise NoteExists from error
    return NoteAnswer(note_id=body.note_id, text=body.text)


@router.get("/v1/tiny/notes/{note_id}", dependencies=[requires("tiny:read")])
async def read(note_id: Id, tx: Tx) -> NoteAnswer:
    # No shop in the filter on purpose: row-level security must hide other shops' notes.
    row = await tx.fetchrow("select note_id, text from notes where note_id = $1", note_id)
    if row is None:
        raise NotFound
    return NoteAnswer(note_id=row["note_id"], text=row["text"])


@router.get("/v1/tiny/notes/{note_id}/glance", dependencies=[requires("tiny:read")])
async def glance(note_id: Id, reader: Reader, size: Annotated[int, Query(ge=0)] = 0) -> NoteAnswer:
    row = await reader.row(GLANCE, note_id)
    if row is None:
        raise NotFound
    return NoteAnswer(note_id=row["note_id"], text=row["text"] + "!" * size)


@router.post("/v1/tiny/notes/{note_id}/double", dependencies=[requires("tiny:write")])
async def double(note_id: Id, door: Door) -> NoteAnswer:
    """Alone in one statement; for a caller who keeps more, in their transaction."""
    if door.is_alone:
        rows = await door.rows(DOUBLE, note_id)
    else:
        async with door.transaction() as tx:
            rows = await tx.fetch(DOUBLE, door.shop_id, note_id)
    if not rows:
        raise NotFound
    return NoteAnswer(note_id=rows[0]["note_id"], text=rows[0]["text"])


@router.post("/v1/tiny/late", status_code=201, dependencies=[requires("tiny:write")])
async def late(body: NoteBody, begin: Begin, caller: Caller, now: Now) -> NoteAnswer:
    """The same as ``add`` after a while; a note of no text is refused before, one of size 1 after it was written."""
    await asyncio.sleep(0.05)
    if not body.text:
        raise NoteAtCommit
    note = await add(body, await begin(), caller, now)
    if body.size:
        raise NoteExists
    return note


@router.get("/v1/tiny/me")
async def me(customer_id: CustomerId) -> dict[str, Any]:
    return {"customer_id": customer_id}


@router.post("/v1/tiny/boom", dependencies=[requires("tiny:write")])
async def boom(tx: Tx, caller: Caller, now: Now) -> dict[str, Any]:
    await tx.execute("insert into notes values ($1, 'boom', '', $2)", caller.shop_id, now)
    raise RuntimeError("boom")


DEFINITION = ServiceDefinition(name="tiny", title="Tiny", package="tests.support.tiny", routers=[router])


def create_app(settings: Settings, *, log: EventLog | None = None, clock: Clock | None = None) -> FastAPI:
    return create_service_app(DEFINITION, settings, log=log, clock=clock)
