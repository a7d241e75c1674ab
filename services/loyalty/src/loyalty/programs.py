"""Program versions: reading them, and putting a new one into force."""

from datetime import datetime
from typing import Final

from comeback_kit.db import Connection
from comeback_kit.paging import encode_cursor
from loyalty import audit, cursors, program_store, tier_review
from loyalty.errors import ProgramUnknown
from loyalty.program.checks import check_program
from loyalty.program.document import Program
from loyalty.schemas.program import ProgramAnswer, ProgramBody, VersionAnswer

_COLUMNS: Final = "version, document, valid_from, created_at, actor"
_NEWEST: Final = f"select {_COLUMNS} from programs where shop_id = $1 order by version desc limit 1"
_LIST: Final = f"""
select {_COLUMNS} from programs where shop_id = $1 and ($2::bigint is null or version < $2)
order by version desc limit $3"""
_SETTLED: Final = "select true from orders where shop_id = $1 and program_version is not null limit 1"
_PUT: Final = f"""
insert into programs (shop_id, version, document, valid_from, created_at, actor) values ($1, $2, $3, $4, $5, $6)
on conflict (shop_id, version) do update set document = excluded.document, created_at = excluded.created_at,
  actor = excluded.actor
returning {_COLUMNS}"""
_TOUCH: Final = "update shops set revision = revision + 1 where shop_id = $1"


async def newest(tx: Connection, shop_id: str) -> ProgramAnswer:
    """The program in force. Raises ``ProgramUnknown`` (404)."""
    row = await tx.fetchrow(_NEWEST, shop_id)
    if row is None:
        raise ProgramUnknown
    return ProgramAnswer(version=row["version"], **Program.model_validate(row["document"]).model_dump())


async def put(tx: Connection, shop_id: str, body: ProgramBody, *, actor: str, now: datetime) -> ProgramAnswer:
    """Put a program into force: a new version, from this second on.

    While no order of the shop has been settled it replaces the first version, which is valid from ever. Raises
    ``ProgramInvalid`` (422).
    """
    program = body.program()
    check_program(program)
    await program_store.lock(tx, [shop_id])
    last = await tx.fetchrow(_NEWEST, shop_id)
    if last is None:
        raise ProgramUnknown
    document = program.model_dump(mode="json")
    settled = await tx.fetchval(_SETTLED, shop_id)
    version = last["version"] + 1 if settled or last["version"] > 1 else last["version"]
    # Shops send placed_at in whole seconds: an order of the second in which the program changed is under the new one.
    valid_from = None if version == 1 else now.replace(microsecond=0)
    await tx.fetchrow(_PUT, shop_id, version, document, valid_from, now, actor)
    await tx.execute(_TOUCH, shop_id)
    if document["tiers"] != last["document"].get("tiers"):
        await tier_review.start(tx, shop_id, now)
    await audit.record(tx, shop_id, actor, "program.changed", str(version), document, now)
    return ProgramAnswer(version=version, **program.model_dump())


async def versions(
    tx: Connection, shop_id: str, *, limit: int, cursor: str | None
) -> tuple[list[VersionAnswer], str | None]:
    """One page of versions, newest first."""
    before = cursors.number(cursor)
    rows = await tx.fetch(_LIST, shop_id, before, limit + 1)
    items = [
        VersionAnswer(
            version=row["version"],
            valid_from=row["valid_from"],
            created_at=row["created_at"],
            actor=row["actor"],
            program=Program.model_validate(row["document"]),
        )
        for row in rows[:limit]
    ]
    return items, encode_cursor(items[-1].version) if len(rows) > limit else None
