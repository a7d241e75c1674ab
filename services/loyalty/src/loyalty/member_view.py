"""A member as one answer, with what is due done."""

from datetime import datetime
from typing import NamedTuple

from comeback_kit.db import Connection, ShopReader
from loyalty import member_read, tiers
from loyalty.desk import Desk
from loyalty.member_read import Seen
from loyalty.program_store import ShopCache, load_one
from loyalty.schemas.members import MemberAnswer, NextTier, TierAnswer
from loyalty.shop import Shop
from loyalty.standings import Standing
from loyalty.tiers_rules import first_level, points_to_keep, points_to_next


class Glance(NamedTuple):
    """A shop, and the customer as a member of it; None where nothing of them is known."""

    shop: Shop
    member: MemberAnswer | None


async def glance(reader: ShopReader, cache: ShopCache, customer_id: str, now: datetime) -> Glance:
    """The customer as of now, without a lock: what is due is done in memory, and its time to be written comes.

    Only where it gives rewards is it done at once, because their codes are drawn. Raises ``ProgramUnknown`` (404).
    """
    seen = await member_read.see(reader, cache, customer_id, now)
    if gives_rewards(seen):
        async with reader.transaction() as tx:
            return Glance(seen.shop, await read(tx, cache, reader.shop_id, customer_id, now))
    return Glance(seen.shop, answer(seen))


def gives_rewards(seen: Seen) -> bool:
    """Whether what is due gives rewards: then it has to be written before anybody can see them.

    Nobody sees those of an erased member, whom no request may touch.
    """
    if seen.foreseen is None or seen.book is None or seen.book.erased_at is not None:
        return False
    return bool(seen.foreseen.ledger.grants)


async def read(tx: Connection, cache: ShopCache, shop_id: str, customer_id: str, now: datetime) -> MemberAnswer | None:
    """The member as of now, None where nothing of them is known. What is due is done, and written, first."""
    shop = await load_one(tx, cache, shop_id)
    seen = await member_read.see_in(tx, shop, customer_id, now)
    if seen.foreseen is not None:
        await catch_up(tx, shop, customer_id, now)
        seen = await member_read.see_in(tx, shop, customer_id, now)
    return answer(seen)


async def see(tx: Connection, shop: Shop, customer_id: str, now: datetime) -> Seen:
    """The same as it is read, in a transaction that has read the shop; written is only what gives rewards."""
    seen = await member_read.see_in(tx, shop, customer_id, now)
    if gives_rewards(seen):
        await catch_up(tx, shop, customer_id, now)
        seen = await member_read.see_in(tx, shop, customer_id, now)
    return seen


def answer(seen: Seen) -> MemberAnswer | None:
    """The answer for a member who was read; None where nothing of them is known, or any longer."""
    book = seen.book
    if book is None or book.erased_at is not None:
        return None
    return MemberAnswer(
        customer_id=book.customer_id,
        balance=book.balance,
        pending=book.pending,
        held=book.held,
        shortfall=book.shortfall,
        lifetime_earned=book.lifetime_earned,
        tier=tier_answer(seen.shop, book.standing, tiers.value_of(seen.shop, book)),
        next_expiration=seen.next_expiration,
        next_activation=seen.next_activation,
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
    program = shop.current.tiers
    level = next((one for one in program.levels if one.id == standing.level_id), None)
    if not program.levels:
        return None
    above = points_to_next(program, standing, value)
    return TierAnswer(
        id=None if level is None else level.id,
        name=None if level is None else level.name,
        since=standing.since,
        until=standing.until,
        next=None if above is None else NextTier(id=above[0].id, name=above[0].name, points_needed=above[1]),
        points_to_keep=points_to_keep(program, standing, value),
        free_shipping=level is not None and level.benefits.free_shipping,
        multiplier="1" if level is None else level.benefits.multiplier,
        reward_ids=() if level is None else level.benefits.reward_ids,
    )
