"""Members with their points from another system: booked in chunks, each row once, with its own dates."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from comeback_kit.bodies import MAX_SAFE_INTEGER
from comeback_kit.db import Connection
from loyalty import due, lot_care, members, posting, tiers
from loyalty.books import Book, Key, LotRow
from loyalty.import_rows import MOST_BAD, lot_id_of
from loyalty.job_rows import Job
from loyalty.ledger import Ledger
from loyalty.lots import Take
from loyalty.memo import Memo
from loyalty.notices import Notices
from loyalty.room import room_of
from loyalty.schemas.jobs import BadRow, ImportLot, ImportMember
from loyalty.shop import Shop

_CHUNK: Final = 500
_SENT: Final = 2_000
"""How many rows are kept by one statement: the driver holds everybody up while it writes them."""
_ADD: Final = """
insert into import_rows (shop_id, job_id, place, row) select $1, $2, place, row
from unnest($3::int[], $4::jsonb[]) u(place, row)"""
_NEXT: Final = """
select place, row from import_rows where shop_id = $1 and job_id = $2 and place > $3 order by place limit $4"""
_FORGET: Final = "delete from import_rows where shop_id = $1 and job_id = $2"
_ERASED: Final = "customer_id: this person was erased, and does not come back by old data"
_PROFILES: Final = """
insert into profiles (shop_id, customer_id, tags, birthday, joined, fields)
select $1, customer_id, coalesce(string_to_array(tags, e'\\x1f'), '{}'), birthday, joined, fields
from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[])
  u(customer_id, tags, birthday, joined, fields)
on conflict (shop_id, customer_id) do nothing"""


class _Row(NamedTuple):
    """One good row of the file."""

    line: int
    member: ImportMember


@dataclass
class _Booked:
    """What became of a chunk: how many lots were booked, the rows that were taken with their member, the others."""

    lots: int = 0
    taken: list[tuple[_Row, Book]] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)

    def refuse(self, row: _Row, why: str) -> None:
        self.bad.append(BadRow(line=row.line, detail=why))


async def start(tx: Connection, job: Job, rows: Sequence[tuple[int, dict[str, Any]]]) -> None:
    """Keep the good rows of an import for its steps, by their lines."""
    job.total = len(rows)
    for first in range(0, len(rows), _SENT):
        part = rows[first : first + _SENT]
        await tx.execute(_ADD, job.shop_id, job.job_id, [line for line, _ in part], [row for _, row in part])


async def step(tx: Connection, shop: Shop, job: Job, now: datetime) -> None:
    """Book the next rows. A lot that was booked before is left alone, so an import may be sent again."""
    # A job of an older version counted its rows from 0 instead of naming their lines.
    found = await tx.fetch(_NEXT, job.shop_id, job.job_id, job.progress.get("after", job.done - 1), _CHUNK)
    if found:
        rows = [_Row(row["place"], ImportMember.model_validate(row["row"])) for row in found]
        booked = await _book(tx, shop, rows, now)
        await _profiles(tx, shop.shop_id, booked.taken)
        _note(job, booked)
        job.progress["after"] = rows[-1].line
    job.done += len(found)
    if len(found) < _CHUNK:
        job.state = "done"
        job.result = _result(job)
        await forget_rows(tx, job)


async def forget_rows(tx: Connection, job: Job) -> None:
    """Drop what is kept of the file."""
    await tx.execute(_FORGET, job.shop_id, job.job_id)


def _note(job: Job, booked: _Booked) -> None:
    progress = job.progress
    progress["lots"] = progress.get("lots", 0) + booked.lots
    if booked.bad:
        progress["rejected"] = progress.get("rejected", 0) + len(booked.bad)
        told = [*progress.get("bad_rows", ()), *(bad.model_dump() for bad in booked.bad)]
        progress["bad_rows"] = told[:MOST_BAD]


def _result(job: Job) -> dict[str, Any]:
    """How many rows and lots were taken; of refused rows, where there are some, how many and the first ones."""
    rejected = job.progress.get("rejected", 0)
    result = {"members": job.done - rejected, "lots": job.progress.get("lots", 0)}
    return result | ({"rejected": rejected, "bad_rows": job.progress["bad_rows"]} if rejected else {})


async def _book(tx: Connection, shop: Shop, rows: Sequence[_Row], now: datetime) -> _Booked:
    shops = {shop.shop_id: shop}
    locked = await members.lock(tx, {(shop.shop_id, row.member.customer_id) for row in rows}, now, create=True)
    people = [(row, locked[shop.shop_id, row.member.customer_id]) for row in rows]
    # An import is old data, which brings nobody back: whoever returned has said so in an event since.
    booked = _Booked()
    for row, book in people:
        if book.erased_at is not None:
            booked.refuse(row, _ERASED)
    people = [(row, book) for row, book in people if book.erased_at is None]
    ledger, notices = Ledger(now), Notices(now)
    for _, book in people:
        ledger.enroll(book)
        # Whoever the import brings enters the first level unheard: to catch up with that would tell of it.
        if book.is_new and due.is_due(shops, book, now):
            tiers.look(ledger, shop, book, now, Notices(now))
    await due.catch_up(tx, ledger, shops, notices)
    await notices.send(tx)  # what was due anyway; of what the import brings nobody hears
    await _read_lots(tx, people)
    await tiers.read_scores(tx, shops, ledger.books.values(), now)
    for row, book in people:
        _row(shop, ledger, notices, booked, row, book)
    await posting.flush(tx, ledger)
    return booked


def _row(shop: Shop, ledger: Ledger, notices: Notices, booked: _Booked, row: _Row, book: Book) -> None:
    lots = _new_lots(book, row.member)
    why = _no_room(book, lots.values())
    if why is not None:
        booked.refuse(row, why)
        return
    for lot_id, lot in lots.items():
        _lot(shop, ledger, book, lot_id, lot)
    lot_care.expire_passed(ledger, notices, shop, book, ledger.now)
    tiers.look(ledger, shop, book, ledger.now, notices)
    booked.lots += len(lots)
    booked.taken.append((row, book))


async def _read_lots(tx: Connection, people: Sequence[tuple[_Row, Book]]) -> None:
    named: dict[Key, list[str]] = {}
    for row, book in people:
        given = [lot.lot_id for lot in row.member.lots if lot.lot_id is not None]
        named.setdefault(book.key, []).extend([*_lot_ids(row.member), *given])
    await members.read_lots(tx, [book for _, book in people], named)


def _new_lots(book: Book, member: ImportMember) -> dict[str, ImportLot]:
    """Its lots that were not booked before; the shop's own export brings its own lots."""
    lots: dict[str, ImportLot] = {}
    for lot_id, lot in zip(_lot_ids(member), member.lots, strict=True):
        if lot_id not in book.lots and lot.lot_id not in book.lots:
            lots.setdefault(lot_id, lot)
    return lots


def _no_room(book: Book, lots: Iterable[ImportLot]) -> str | None:
    """Why a member cannot have these lots, too; as adjustments and transfers say it."""
    given = [(lot.points, lot.points if lot.earned is None else lot.earned) for lot in lots]
    for name, points, room in (
        ("points", sum(points for points, _ in given), room_of(book)),
        ("earned", sum(earned for _, earned in given), MAX_SAFE_INTEGER - book.lifetime_earned),
    ):
        if points > room:
            return f"lots: {name} must be at most {max(0, room)} together, what the member has room for"
    return None


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
    alike: Counter[str] = Counter()
    for lot in member.lots:
        if lot.lot_id is not None:
            ids.append(lot.lot_id if lot.lot_id.startswith("import:") else f"import:{lot.lot_id}")
            continue
        name = lot_id_of(member.customer_id, lot, 0)
        ids.append(lot_id_of(member.customer_id, lot, alike[name]))
        alike[name] += 1
    return ids


async def _profiles(tx: Connection, shop_id: str, people: Sequence[tuple[_Row, Book]]) -> None:
    """What rules ask about people; an event has said more than an import, whatever came first."""
    said = [(book.customer_id, row.member) for row, book in people]  # of a merged id it is said of the account
    known = {customer_id: one for customer_id, one in said if one.tags or one.birthday or one.joined}
    rows = [
        (
            customer_id,
            "\x1f".join(tag.replace("\x1f", " ") for tag in one.tags) if one.tags else None,
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
