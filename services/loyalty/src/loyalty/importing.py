"""Members with their points from another system: booked in chunks, each row once, with its own dates."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from comeback_kit.db import Connection
from loyalty import due, lot_care, members, posting, tiers
from loyalty.books import Book, LotRow
from loyalty.job_rows import Job
from loyalty.ledger import Ledger
from loyalty.lots import Take
from loyalty.memo import Memo
from loyalty.notices import Notices
from loyalty.schemas.jobs import ImportLot, ImportMember
from loyalty.shop import Shop

_CHUNK: Final = 500
_ADD: Final = """
insert into import_rows (shop_id, job_id, place, row) select $1, $2, place, row
from unnest($3::int[], $4::jsonb[]) u(place, row)"""
_NEXT: Final = """
select place, row from import_rows where shop_id = $1 and job_id = $2 and place >= $3 order by place limit $4"""
_PROFILES: Final = """
insert into profiles (shop_id, customer_id, tags, birthday, joined, fields)
select $1, customer_id, coalesce(string_to_array(tags, e'\\x1f'), '{}'), birthday, joined, fields
from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[])
  u(customer_id, tags, birthday, joined, fields)
on conflict (shop_id, customer_id) do nothing"""


async def start(tx: Connection, job: Job, rows: Sequence[dict[str, Any]]) -> None:
    """Keep the good rows of an import for its steps."""
    job.total = len(rows)
    await tx.execute(_ADD, job.shop_id, job.job_id, list(range(len(rows))), list(rows))


async def step(tx: Connection, shop: Shop, job: Job, now: datetime) -> None:
    """Book the next rows. A lot that was booked before is left alone, so an import may be sent again."""
    rows = await tx.fetch(_NEXT, job.shop_id, job.job_id, job.done, _CHUNK)
    people = [ImportMember.model_validate(row["row"]) for row in rows]
    if people:
        booked = await _book(tx, shop, people, now)
        job.progress["lots"] = job.progress.get("lots", 0) + booked
        await _profiles(tx, shop.shop_id, people)
    job.done += len(rows)
    if len(rows) < _CHUNK:
        job.state = "done"
        job.result = {"members": job.done, "lots": job.progress.get("lots", 0)}
        await tx.execute("delete from import_rows where shop_id = $1 and job_id = $2", job.shop_id, job.job_id)


async def _book(tx: Connection, shop: Shop, people: Sequence[ImportMember], now: datetime) -> int:
    shops = {shop.shop_id: shop}
    books = await members.lock(tx, {(shop.shop_id, one.customer_id) for one in people}, now, create=True)
    ledger, notices = Ledger(now), Notices(now)
    for book in books.values():
        ledger.enroll(book)
    await due.catch_up(tx, ledger, shops, notices)
    named = {book.key: [] for book in books.values()}  # type: dict[tuple[str, str], list[str]]
    for one in people:
        given = [lot.lot_id for lot in one.lots if lot.lot_id is not None]
        named[books[shop.shop_id, one.customer_id].key] += [*_lot_ids(one), *given]
    await members.read_lots(tx, ledger.books.values(), named)
    await tiers.read_scores(tx, shops, ledger.books.values(), now)
    booked = 0
    for one in people:
        book = books[shop.shop_id, one.customer_id]
        for lot_id, lot in zip(_lot_ids(one), one.lots, strict=True):
            if lot_id not in book.lots and lot.lot_id not in book.lots:  # the shop's own export brings its own lots
                _lot(shop, ledger, book, lot_id, lot)
                booked += 1
        lot_care.expire_passed(ledger, notices, shop, book, now)
        tiers.look(ledger, shop, book, now, notices)
    await posting.flush(tx, ledger)
    return booked


def _lot(shop: Shop, ledger: Ledger, book: Book, lot_id: str, given: ImportLot) -> None:
    lot = LotRow.new(
        lot_id,
        program_version=shop.newest,
        earned_at=given.earned_at,
        available_at=given.available_at or given.earned_at,
        expires_at=given.expires_at,
        now=ledger.now,
    )
    book.lots[lot_id] = lot
    # Nothing of a pending lot can have been spent: what is not there any more was taken back.
    earned = given.earned if lot.active and given.earned is not None else given.points
    memo = Memo(reason="import", expires_at=given.expires_at)
    ledger.earn(book, lot, earned, memo)
    tiers.count(shop, book, lot, ledger.now, points=earned, spend=0, orders=0)
    lot_care.watch(shop.current, book, lot)
    used = earned - given.points
    if used:
        ledger.withdraw(
            book, [Take(lot_id, min(used, lot.remaining))], 0, "adjusted", Memo(reason="import: used before")
        )


def _lot_ids(member: ImportMember) -> list[str]:
    """Ids that are the same when the same row comes again; equal lots of one member are told apart by their number."""
    ids: list[str] = []
    for lot in member.lots:
        if lot.lot_id is not None:
            ids.append(lot.lot_id if lot.lot_id.startswith("import:") else f"import:{lot.lot_id}")
            continue
        text = msgspec.json.encode([member.customer_id, lot.model_dump(mode="json", exclude={"lot_id"})])
        digest = hashlib.blake2b(text, digest_size=12).hexdigest()
        number = sum(one.startswith(f"import:{digest}") for one in ids)
        ids.append(f"import:{digest}:{number}")
    return ids


async def _profiles(tx: Connection, shop_id: str, people: Sequence[ImportMember]) -> None:
    """What rules ask about people; an event has said more than an import, whatever came first."""
    known = {one.customer_id: one for one in people if one.tags or one.birthday or one.joined}
    rows = [
        (
            customer_id,
            "\x1f".join(one.tags) if one.tags else None,
            one.birthday,
            one.joined,
            {
                name: [value, "1970-01-01T00:00:00Z"]
                for name, value in (("tags", list(one.tags or ())), ("birthday", one.birthday))
                if value
            }
            | ({"registered": [f"{one.joined}T00:00:00Z", "1970-01-01T00:00:00Z"]} if one.joined else {}),
        )
        for customer_id, one in sorted(known.items())
    ]
    if rows:
        await tx.execute(_PROFILES, shop_id, *[list(column) for column in zip(*rows, strict=True)])
