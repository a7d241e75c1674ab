"""Points without an order: activities, birthdays, anniversaries. Each has a lot of its own, so it pays once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from comeback_kit.db import Connection
from comeback_kit.events import Event
from loyalty import due, lot_care, members, posting, tiers
from loyalty.books import Book, Key, LotRow
from loyalty.expiry import expires_at
from loyalty.ledger import Ledger
from loyalty.member_facts import Counters, all_facts, read_tags, read_usage
from loyalty.memo import Memo
from loyalty.notices import Notices
from loyalty.pending import available_at
from loyalty.room import room_to_earn
from loyalty.rules.activities import (
    Occasion,
    activity_usage_keys,
    evaluate_activity,
    evaluate_occasion,
    occasion_usage_keys,
)
from loyalty.rules.compiled import CompiledProgram
from loyalty.rules.evaluation import Evaluation
from loyalty.shop import Shop


@dataclass(frozen=True)
class Deed:
    """Something a member did, or that came round. ``lot_id`` names it once and for all."""

    shop_id: str
    customer_id: str
    lot_id: str
    reason: str
    at: datetime
    activity: str | None = None
    occasion: Occasion | None = None
    order_id: str | None = None
    channel: str | None = None
    attributes: Mapping[str, Any] | None = None
    cause: Event | None = None

    @property
    def key(self) -> Key:
        """(shop_id, customer_id)"""
        return self.shop_id, self.customer_id

    def usage_keys(self, program: CompiledProgram) -> tuple[str, ...]:
        """The counters that its rules look at."""
        if self.occasion is not None:
            return occasion_usage_keys(program, self.occasion, self.at)
        return activity_usage_keys(program, self.activity or "", self.at, order_id=self.order_id)

    def evaluate(self, program: CompiledProgram, book: Book) -> Evaluation:
        """What it pays this member."""
        facts = all_facts(book)
        if self.occasion is not None:
            return evaluate_occasion(program, self.occasion, self.at, facts)
        return evaluate_activity(
            program,
            self.activity or "",
            self.at,
            facts,
            order_id=self.order_id,
            channel=self.channel,
            attributes=self.attributes,
        )


async def reward(
    tx: Connection, deeds: Sequence[Deed], shops: dict[str, Shop], now: datetime, sides: Ledger | None = None
) -> None:
    """Pay for deeds of known shops; those that were paid before are left alone.

    Once in a transaction, which then has locked its members and rewards; else the caller writes the ``sides``.
    """
    books = await members.lock(tx, {deed.key for deed in deeds}, now, create=True)
    ledger, notices, counters = Ledger(now), Notices(now), Counters()
    for book in books.values():
        ledger.enroll(book)
    await due.catch_up(tx, ledger, shops, notices)
    named: dict[Key, list[str]] = {}
    for deed in deeds:
        named.setdefault(books[deed.key].key, []).append(deed.lot_id)
    await members.read_lots(tx, ledger.books.values(), named)
    await _read_facts(tx, deeds, books, shops)
    await tiers.read_scores(tx, shops, ledger.books.values(), now)
    for deed in deeds:
        book = books[deed.key]
        if deed.lot_id not in book.lots:
            _pay(deed, shops[deed.shop_id], book, ledger, notices, counters)
    if sides is not None:
        posting.pass_on(ledger, sides)
    await posting.flush(tx, ledger)
    await counters.write(tx)
    await notices.send(tx)


async def _read_facts(
    tx: Connection, deeds: Sequence[Deed], books: Mapping[Key, Book], shops: Mapping[str, Shop]
) -> None:
    usage = []
    for deed in deeds:
        shop = shops[deed.shop_id]
        program = shop.program(shop.version_at(deed.at))
        usage += [(*books[deed.key].key, key) for key in deed.usage_keys(program)]
    await read_usage(tx, {book.key: book for book in books.values()}, usage)
    await read_tags(tx, books.values())


def _pay(deed: Deed, shop: Shop, book: Book, ledger: Ledger, notices: Notices, counters: Counters) -> None:
    version = shop.version_at(deed.at)
    program = shop.program(version)
    found = deed.evaluate(program, book)
    waits = program.pending.kind not in ("none", "delivered")  # nothing of it is ever delivered
    lot = LotRow.new(
        deed.lot_id,
        program_version=version,
        earned_at=deed.at,
        available_at=available_at(program.pending, deed.at, None, program.zone) if waits else min(deed.at, ledger.now),
        expires_at=expires_at(program.expiry, deed.at, program.zone),
        now=ledger.now,
    )
    book.lots[lot.lot_id] = lot
    book.changed = True
    counters.move(book, {}, found.usage)
    if program.expiry.kind == "sliding":
        lot_care.slide(shop, book, deed.at)
    points = min(found.points, room_to_earn(book))
    if not points:
        return
    lot_care.watch(program, book, lot)
    memo = Memo(reason=deed.reason, rule_ids=found.rule_ids, expires_at=lot.expires_at)
    seq = ledger.earn(book, lot, points, memo)
    tiers.count(shop, book, lot, ledger.now, points=points, spend=0, orders=0)
    more = None if lot.active else {"pending": True, "available_at": lot.available_at}
    notices.points("earned", book, points, seq, reason=deed.reason, origin=deed.cause, more=more)
    lot_care.expire_passed(ledger, notices, shop, book, ledger.now)
    tiers.look(ledger, shop, book, ledger.now, notices)
