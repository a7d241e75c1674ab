"""A member as one answer: one statement, or one for the numbers after one for the shop."""

from datetime import datetime, timedelta
from typing import Final

import asyncpg

from comeback_kit.db import Connection, ShopReader, scoped
from loyalty.columns import CURRENT
from loyalty.desk import Desk
from loyalty.program.tiers import Tiers
from loyalty.program_store import ShopCache, load_one
from loyalty.schemas.members import MemberAnswer, NextTier, PointsAt, TierAnswer
from loyalty.shop import Shop
from loyalty.standings import Standing
from loyalty.tier_counts import COUNTS_AT, SCORE
from loyalty.tiers import starts
from loyalty.tiers_rules import first_level, points_to_keep, points_to_next, window_of

_INSTANT: Final = timedelta(microseconds=1)
_COLUMNS: Final = """
  m.customer_id, m.balance, m.pending, m.held, m.shortfall, m.lifetime_earned, m.lifetime_spend, m.lifetime_orders,
  m.tier_id, m.tier_since, m.tier_until, m.due_at, m.erased_at, e.expires_at, e.expiring, a.available_at, a.activating,
  s.score"""
_SIDES: Final = f"""
left join lateral (
  select l.expires_at, sum(l.remaining)::bigint as expiring from lots l
  where m.due_at is not null and l.shop_id = m.shop_id and l.customer_id = m.customer_id
    and l.active and l.remaining > 0 and l.expires_at > $3
  group by l.expires_at order by l.expires_at limit 1) e on true
left join lateral (
  select l.available_at, sum(l.remaining)::bigint as activating from lots l
  where m.pending > 0 and l.shop_id = m.shop_id and l.customer_id = m.customer_id
    and not l.active and l.remaining > 0 and l.available_at is not null
  group by l.available_at order by l.available_at limit 1) a on true
left join lateral (
  select {SCORE % "$6::text"} as score
  from lots l
  where $6::text is not null and l.shop_id = m.shop_id and l.customer_id = m.customer_id
    and {COUNTS_AT % "$6::text"} >= $4 and {COUNTS_AT % "$6::text"} < $5) s on true"""
_MEMBER: Final = f"""
select {_COLUMNS}
from members asked
join members m on m.shop_id = asked.shop_id and m.customer_id = {CURRENT}
{_SIDES}
where asked.shop_id = $1 and asked.customer_id = $2"""
_GLANCE: Final = scoped(f"""
select shop.revision, {_COLUMNS}
from shops shop
left join members asked on asked.shop_id = shop.shop_id and asked.customer_id = $2
left join members m on m.shop_id = asked.shop_id and m.customer_id = {CURRENT}
{_SIDES}
where shop.shop_id = scope.shop_id""")


async def glance(reader: ShopReader, cache: ShopCache, customer_id: str, now: datetime) -> MemberAnswer | None:
    """The same as ``read``, in one round trip where the shop is known here and nothing of the member is due."""
    shop = cache.get(reader.shop_id)
    if shop is not None:
        row = await reader.row(_GLANCE, customer_id, now, *_window(shop, now))
        if row is not None and row["revision"] == shop.revision:
            if row["customer_id"] is None:
                return None
            if not _is_due(shop, row, now):
                return _answer(shop, row)
    async with reader.transaction() as tx:
        return await read(tx, cache, reader.shop_id, customer_id, now)


async def read(tx: Connection, cache: ShopCache, shop_id: str, customer_id: str, now: datetime) -> MemberAnswer | None:
    """The member as of now, None where nothing of them is known. What is due is done first."""
    shop = await load_one(tx, cache, shop_id)
    row = await _fetch(tx, shop, customer_id, now)
    if row is not None and _is_due(shop, row, now):
        await catch_up(tx, shop, customer_id, now)
        row = await _fetch(tx, shop, customer_id, now)
    return None if row is None else _answer(shop, row)


def _is_due(shop: Shop, row: asyncpg.Record, now: datetime) -> bool:
    if row["due_at"] is not None and row["due_at"] <= now:
        return True
    return row["tier_id"] is None and row["erased_at"] is None and starts(shop, row["balance"])


def _answer(shop: Shop, row: asyncpg.Record) -> MemberAnswer | None:
    if row["erased_at"] is not None:
        return None
    return MemberAnswer(
        customer_id=row["customer_id"],
        balance=row["balance"],
        pending=row["pending"],
        held=row["held"],
        shortfall=row["shortfall"],
        lifetime_earned=row["lifetime_earned"],
        tier=tier_answer(shop, Standing(row["tier_id"], row["tier_since"], row["tier_until"]), _value(shop, row)),
        next_expiration=_points_at(row["expiring"], row["expires_at"]),
        next_activation=_points_at(row["activating"], row["available_at"]),
    )


async def catch_up(tx: Connection, shop: Shop, customer_id: str, now: datetime) -> None:
    """Do what is due of a member who is known."""
    desk = Desk(shop, now)
    await desk.member(tx, customer_id)
    await desk.close(tx)


def zeros(shop: Shop, customer_id: str) -> MemberAnswer:
    """A customer of whom nothing is known yet."""
    first = first_level(shop.current.tiers)
    return MemberAnswer(
        customer_id=customer_id,
        balance=0,
        pending=0,
        held=0,
        shortfall=0,
        lifetime_earned=0,
        tier=tier_answer(shop, Standing(None if first is None else first.id), 0),
        next_expiration=None,
        next_activation=None,
    )


def tier_answer(shop: Shop, standing: Standing, value: int) -> TierAnswer | None:
    """What a member sees of their tier; None where the program has no tiers."""
    tiers = shop.current.tiers
    level = next((one for one in tiers.levels if one.id == standing.level_id), None)
    if not tiers.levels:
        return None
    above = points_to_next(tiers, standing, value)
    return TierAnswer(
        id=None if level is None else level.id,
        name=None if level is None else level.name,
        since=standing.since,
        until=standing.until,
        next=None if above is None else NextTier(id=above[0].id, name=above[0].name, points_needed=above[1]),
        points_to_keep=points_to_keep(tiers, standing, value),
        free_shipping=level is not None and level.benefits.free_shipping,
        multiplier="1" if level is None else level.benefits.multiplier,
        reward_ids=() if level is None else level.benefits.reward_ids,
    )


async def _fetch(tx: Connection, shop: Shop, customer_id: str, now: datetime) -> asyncpg.Record | None:
    return await tx.fetchrow(_MEMBER, shop.shop_id, customer_id, now, *_window(shop, now))


def _window(shop: Shop, now: datetime) -> tuple[datetime | None, datetime | None, str | None]:
    program = shop.current
    tiers: Tiers = program.tiers
    if not tiers.levels or tiers.basis == "balance" or tiers.window == "ever":
        return None, None, None
    start, end = window_of(tiers, now, program.zone)
    if start is None or end is None:
        return None, None, None
    shift = timedelta(0) if tiers.window in ("calendar_year", "month") else _INSTANT
    return start + shift, end + shift, tiers.basis


def _value(shop: Shop, row: asyncpg.Record) -> int:
    tiers = shop.current.tiers
    if tiers.basis == "balance":
        return int(row["balance"])
    if tiers.window != "ever":
        return int(row["score"] or 0)
    if tiers.basis == "points":
        return int(row["lifetime_earned"] - row["shortfall"])
    return int(row["lifetime_spend"] if tiers.basis == "spend" else row["lifetime_orders"])


def _points_at(points: int | None, at: datetime | None) -> PointsAt | None:
    return None if points is None or at is None else PointsAt(points=points, at=at)
