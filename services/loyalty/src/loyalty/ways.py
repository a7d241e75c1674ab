"""What earns points, in plain fields, for the member who asks."""

from datetime import datetime
from typing import Any, Final

import asyncpg

from comeback_kit.db import ShopReader, scoped
from loyalty.books import Book
from loyalty.columns import CURRENT, MEMBER_COLUMNS
from loyalty.local_time import local_date
from loyalty.program.rule import Rule
from loyalty.program_store import ShopCache, load_one
from loyalty.rules.case import Case
from loyalty.rules.conditions import compile_conditions
from loyalty.rules.periods import rule_key
from loyalty.schemas.me import WaysToEarn, WayToEarn
from loyalty.shop import Shop
from loyalty.tiers import level_id_of

_PER: Final = frozenset({"per_amount", "per_quantity"})
_OF_ORDER: Final = frozenset({"other_channel", "other_attributes"})
_WIDTH: Final = len(MEMBER_COLUMNS)
_GLANCE: Final = scoped(f"""
select {", ".join(f"m.{column}" for column in MEMBER_COLUMNS)}, shop.revision, p.tags, (
  select jsonb_agg(jsonb_build_array(c.key, c.times, c.points)) from usage c
  where c.shop_id = m.shop_id and c.customer_id = m.customer_id and c.key = any($3::text[])) as used
from shops shop
left join members asked on asked.shop_id = shop.shop_id and asked.customer_id = $2
left join members m on m.shop_id = asked.shop_id and m.customer_id = {CURRENT}
left join profiles p on p.shop_id = m.shop_id and p.customer_id = m.customer_id
where shop.shop_id = scope.shop_id""")


async def of(reader: ShopReader, cache: ShopCache, customer_id: str, now: datetime) -> WaysToEarn:
    """Every rule of the program in force; ``available`` says whether it could pay this member now.

    One round trip where the shop is known here. Raises ``ProgramUnknown`` (404).
    """
    shop = cache.get(reader.shop_id)
    row = None if shop is None else await reader.row(_GLANCE, customer_id, _keys(shop, now))
    if shop is None or row is None or row["revision"] != shop.revision:
        async with reader.transaction() as tx:
            shop = await load_one(tx, cache, reader.shop_id)
            row = await tx.fetchrow(_GLANCE, reader.shop_id, customer_id, _keys(shop, now))
    book = None if row is None else _book(row)
    return WaysToEarn(items=[_way(shop, rule, book, now) for rule in shop.current.document.rules])


def _book(row: asyncpg.Record) -> Book | None:
    if row["customer_id"] is None:
        return None
    book = Book(row[:_WIDTH])
    book.tags = tuple(row["tags"] or ())
    book.used = {key: (times, points) for key, times, points in row["used"] or ()}
    return book


def _keys(shop: Shop, now: datetime) -> list[str]:
    day = local_date(now, shop.current.zone)
    rules = shop.current.document.rules
    return [rule_key(one.id, one.limit.period, day) for one in rules if one.limit and one.limit.period != "order"]


def _way(shop: Shop, rule: Rule, book: Book | None, now: datetime) -> WayToEarn:
    when: dict[str, Any] = rule.when.model_dump(mode="json", exclude_defaults=True)
    return WayToEarn(
        rule_id=rule.id,
        kind=rule.kind,
        points=rule.points,
        per=rule.per if rule.kind in _PER else None,
        factor=rule.factor,
        activity=rule.activity,
        currency=shop.currency if rule.kind == "per_amount" else None,
        when=when,
        limit=None if rule.limit is None else rule.limit.model_dump(mode="json"),
        available=_available(shop, rule, book, now),
    )


def _available(shop: Shop, rule: Rule, book: Book | None, now: datetime) -> bool:
    zone = shop.current.zone
    if rule.kind == "first_purchase" and book is not None and book.orders_fixed:
        return False
    if rule.limit is not None and rule.limit.period != "order" and book is not None:
        times, points = book.used.get(rule_key(rule.id, rule.limit.period, local_date(now, zone)), (0, 0))
        if rule.limit.times is not None and times >= rule.limit.times:
            return False
        if rule.limit.points is not None and points >= rule.limit.points:
            return False
    tier = level_id_of(shop.current, book)
    case = Case(now, zone, channel=None, attributes=None, tier=tier, tags=() if book is None else book.tags)
    reasons = [condition(case) for condition in compile_conditions(rule.when, zone)]
    return all(reason is None or reason in _OF_ORDER for reason in reasons)
