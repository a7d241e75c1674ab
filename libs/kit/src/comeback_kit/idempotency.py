"""``Idempotency-Key``: the answer of a keyed POST is kept in the transaction of its effect, for a day."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from comeback_kit.auth import Principal
from comeback_kit.db import Connection
from comeback_kit.errors import IdempotencyKeyInUse, IdempotencyKeyReused, IdempotencyKeyTooLong

KEPT = timedelta(hours=24)

# One statement for both: its snapshot may be older than the lock that it gets, so an answer that was kept in between is
# not seen here. ``keep`` finds it.
_BEGIN = """
select pg_try_advisory_xact_lock(hashtextextended($5, 7)) as free, i.body_hash, i.status, i.content_type, i.body,
  i.created_at
from (values (1)) one left join idempotency i on i.shop_id = $1 and i.caller = $2 and i.target = $3 and i.key = $4"""
_KEEP = """
insert into idempotency as i (shop_id, caller, target, key, body_hash, status, content_type, body, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (shop_id, caller, target, key) do update set body_hash = excluded.body_hash, status = excluded.status,
  content_type = excluded.content_type, body = excluded.body, created_at = excluded.created_at
where i.created_at < $10"""
_PRUNE = """
with gone as (
  delete from idempotency
  where ctid = any(array(select ctid from idempotency where created_at < $1 order by created_at limit $2)) returning 1
)
select count(*) from gone"""
_FORGET = """
delete from idempotency where shop_id = $1 and (
  caller = 'customer:' || $2
  or position('/' || $2 || '/' in target || '/') > 0 or position($3 in target || '/') > 0
  or exists (select from unnest($4::bytea[]) text where position(text in body) > 0))"""


class AnsweredMeanwhile(Exception):
    """The same request was answered between our look and our lock: roll back and look again."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One keyed request: who, where, under which key, with which body."""

    shop_id: str
    caller: str
    target: str
    key: str
    body_hash: bytes


async def claim_of(request: Request, principal: Principal) -> Claim | None:
    """The claim of a keyed POST, or None. Raises ``IdempotencyKeyTooLong`` (400)."""
    if request.method != "POST":
        return None
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 1 <= len(key) <= 255:
        raise IdempotencyKeyTooLong
    target = f"{request.method} {request.url.path}"
    digest = hashlib.sha256(await request.body()).digest()
    return Claim(principal.shop_id, f"{principal.kind}:{principal.subject}", target, key, digest)


async def begin(tx: Connection, claim: Claim, now: datetime) -> Response | None:
    """The kept answer of this claim, or None when the request is to run now.

    Raises ``IdempotencyKeyInUse`` (409) while the first request runs, ``IdempotencyKeyReused`` (422) for another body.
    """
    name = f"{claim.shop_id}\x1f{claim.caller}\x1f{claim.target}\x1f{claim.key}"
    row = await tx.fetchrow(_BEGIN, claim.shop_id, claim.caller, claim.target, claim.key, name)
    assert row is not None  # noqa: S101  # the outer row is always there
    if not row["free"]:
        raise IdempotencyKeyInUse
    if row["created_at"] is None or row["created_at"] < now - KEPT:
        return None
    if row["body_hash"] != claim.body_hash:
        raise IdempotencyKeyReused
    return Response(
        row["body"], status_code=row["status"], media_type=row["content_type"], headers={"Idempotency-Replay": "true"}
    )


async def keep(tx: Connection, claim: Claim, response: Response, now: datetime) -> None:
    """Keep a 2xx answer; others are not kept, so that the caller may try again. Raises ``AnsweredMeanwhile``."""
    if not 200 <= response.status_code < 300:
        return
    status = await tx.execute(
        _KEEP,
        claim.shop_id,
        claim.caller,
        claim.target,
        claim.key,
        claim.body_hash,
        response.status_code,
        response.headers.get("content-type", "application/json"),
        bytes(response.body),
        now,
        now - KEPT,
    )
    if status != "INSERT 0 1":
        raise AnsweredMeanwhile


async def forget(tx: Connection, shop_id: str, customer_id: str) -> None:
    """Drop every kept answer that names a person (their erasure): in its caller, its path, or a text of its body.

    Whole names only: the answers of customer 12 stay when customer 1 goes, for a retry of theirs must not act twice.
    """
    written = {json.dumps(customer_id, ensure_ascii=plain)[1:-1] for plain in (True, False)}
    texts = [f'{before}{text}"' for text in sorted(written) for before in ('"', ":")]
    await tx.execute(
        _FORGET, shop_id, customer_id, f"/{quote(customer_id, safe='')}/", [text.encode() for text in texts]
    )


async def prune(tx: Connection, now: datetime, most: int) -> int:
    """Drop up to ``most`` answers that nobody may ask for any more; answer how many."""
    return int(await tx.fetchval(_PRUNE, now - KEPT, most))
