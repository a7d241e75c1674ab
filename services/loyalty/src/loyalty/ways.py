"""What earns points, in plain fields, for the member who asks."""

from datetime import datetime
from typing import Any, Final

from comeback_kit.db import ShopReader
from loyalty.books import Book
from loyalty.local_time import local_date
from loyalty.member_read import question, see
from loyalty.program.rule import Rule
from loyalty.program_store import ShopCache
from loyalty.rules.case import Case
from loyalty.rules.conditions import compile_conditions
from loyalty.rules.periods import rule_key
from loyalty.schemas.me import WaysToEarn, WayToEarn
from loyalty.shop import Shop
from loyalty.tiers import level_id_of

_PER: Final = frozenset({"per_amount", "per_quantity"})
_OF_ORDER: Final = frozenset({"other_channel", "other_attributes"})


def _arguments(shop: Shop, now: datetime) -> tuple[list[str]]:
    return (_keys(shop, now),)


_ASKED: Final = question(
    """, p.tags, (
  select jsonb_agg(jsonb_build_array(c.key, c.times, c.points)) from usage c
  where c.shop_id = m.shop_id and c.customer_id = m.customer_id and c.key = any($8::text[])) as used""",
    "left join profiles p on p.shop_id = m.shop_id and p.customer_id = m.customer_id",
    _arguments,
)


async def of(reader: ShopReader, cache: ShopCache, customer_id: str, now: datetime) -> WaysToEarn:
    """Every rule of the program in force; ``available`` says whether it could pay this member now.

    One round trip where the shop is known here. Raises ``ProgramUnknown`` (404).
    """
    seen = await see(reader, cache, customer_id, now, _ASKED)
    book = seen.book
    if book is not None:
        tags, used = seen.rest
        book.tags = tuple(tags or ())
        book.used = {key: (times, points) for key, times, points in used or ()}
    return WaysToEarn(items=[_way(seen.shop, rule, book, now) for rule in seen.shop.current.document.rules])


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
