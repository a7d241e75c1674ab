"""Birthdays and anniversaries of joining: one timer a shop and day, in the shop's zone, in chunks that resume."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from comeback_kit import timers
from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.timers import DueTimer, Timer
from loyalty import program_store, rewarding
from loyalty.local_time import local_date, midnight
from loyalty.program_store import ShopCache
from loyalty.rewarding import Deed
from loyalty.rules.activities import Occasion
from loyalty.shop import Shop

DAY_TIMER: Final = "occasions_of_day"
_CHUNK: Final = 1000
_FIND: Final = """
select p.customer_id, right(p.birthday, 5) = any($3::text[]) as birthday,
  right(p.joined, 5) = any($3::text[]) and left(p.joined, 4) < $4 as anniversary
from profiles p join members m using (shop_id, customer_id)
where p.shop_id = $1 and p.customer_id > $2 and m.erased_at is null
  and (right(p.birthday, 5) = any($3::text[]) or (right(p.joined, 5) = any($3::text[]) and left(p.joined, 4) < $4))
order by p.customer_id limit $5"""


def first_timer(shop_id: str, zone_day: date, zone_midnight: datetime) -> Timer:
    """The timer of a new shop: it starts with the day that is next."""
    return Timer(shop_id, DAY_TIMER, "", zone_midnight, {"day": zone_day.isoformat(), "after": ""})


async def come_round(tx: Connection, due: Sequence[DueTimer], context: Context, cache: ShopCache) -> None:
    """Pay the occasions of the days that have begun; the timer goes on with the next chunk, or the next day."""
    shops = await program_store.load(tx, cache, {timer.shop_id for timer in due}, settling=True)
    deeds: list[Deed] = []
    upcoming = []
    for timer in due:
        shop = shops.get(timer.shop_id)
        if shop is not None:
            day, after = date.fromisoformat(timer.payload["day"]), timer.payload["after"]
            found, last = await _chunk(tx, shop, day, after)
            deeds += found
            upcoming.append(_next(shop, day, last, context.now))
    if deeds:  # of all shops together: members are locked before any reward
        await rewarding.reward(tx, deeds, shops, context.now)
    await timers.schedule(tx, upcoming)


async def _chunk(tx: Connection, shop: Shop, day: date, after: str) -> tuple[list[Deed], str | None]:
    """The next deeds of a shop's day, and the last customer where there may be more."""
    kinds = kinds_of(shop)
    if not kinds:
        return [], None
    rows = await tx.fetch(_FIND, shop.shop_id, after, _month_days(day), f"{day.year:04d}", _CHUNK)
    at = max(midnight(day, shop.current.zone), datetime.min.replace(tzinfo=UTC))
    deeds = [
        _deed(shop.shop_id, row["customer_id"], occasion, day, at)
        for row in rows
        for occasion in ("birthday", "anniversary")
        if occasion in kinds and row[occasion]
    ]
    return deeds, rows[-1]["customer_id"] if len(rows) == _CHUNK else None


def _next(shop: Shop, day: date, last: str | None, now: datetime) -> Timer:
    if last is not None:
        return Timer(shop.shop_id, DAY_TIMER, "", now, {"day": day.isoformat(), "after": last})
    # Days that were slept through are made up for, but not a year of them.
    zone = shop.current.zone
    tomorrow = max(day + timedelta(days=1), local_date(now, zone) - timedelta(days=30))
    return first_timer(shop.shop_id, tomorrow, midnight(tomorrow, zone))


def kinds_of(shop: Shop) -> set[str]:
    """Which of birthdays and anniversaries the shop's program pays for."""
    return {rule.kind for rule in shop.current.document.rules if rule.kind in ("birthday", "anniversary")}


def on_the_day(shop: Shop, customer_id: str, birthday: str | None, joined: str | None, now: datetime) -> list[Deed]:
    """What has come round today for somebody of whom it is learned only now, after the day's timer has passed.

    ``birthday`` and ``joined`` are ISO dates. Whoever was paid for this year already is not paid again.
    """
    kinds = kinds_of(shop)
    day = local_date(now, shop.current.zone)
    days = _month_days(day)
    deeds = []
    if "birthday" in kinds and birthday is not None and birthday[-5:] in days:
        deeds.append(_deed(shop.shop_id, customer_id, "birthday", day, now))
    if "anniversary" in kinds and joined is not None and joined[-5:] in days and joined[:4] < f"{day.year:04d}":
        deeds.append(_deed(shop.shop_id, customer_id, "anniversary", day, now))
    return deeds


def _deed(shop_id: str, customer_id: str, occasion: Occasion, day: date, at: datetime) -> Deed:
    return Deed(
        shop_id=shop_id,
        customer_id=customer_id,
        lot_id=f"{occasion}:{day.year}",
        reason=occasion,
        at=at,
        occasion=occasion,
    )


def _month_days(day: date) -> list[str]:
    """The day's ``MM-DD``; on 28 February of a year without a 29th, that one too."""
    found = [day.strftime("%m-%d")]
    if found == ["02-28"] and (day + timedelta(days=1)).month == 3:
        found.append("02-29")
    return found
