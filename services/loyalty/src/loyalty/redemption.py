"""Spending points: a hold with a code, then confirmed, cancelled, or given back after a refund (CONTRACT §4)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from comeback_kit.db import Connection
from comeback_kit.errors import DomainError, FieldError, Unprocessable
from loyalty import audit, codes, granting, late_vouchers, posting, redemption_rows, resolving, rewards, till
from loyalty.books import Book
from loyalty.desk import Desk
from loyalty.errors import (
    AboveMaxShare,
    BelowMinPoints,
    CurrencyWithoutRate,
    LimitReached,
    NotEnoughPoints,
    OutOfStock,
    RedemptionNotHeld,
    RedemptionNotSpent,
    RewardNotAvailable,
    TierRequired,
)
from loyalty.ids import Ids
from loyalty.lots import allocate
from loyalty.memo import Memo
from loyalty.redemption_rows import Redemption
from loyalty.redemption_rules import Refusal, quote, value_of
from loyalty.rewards import Reward, RewardKey
from loyalty.shop import Shop

HOLD_TIMER: Final = till.HOLD_TIMER
_REFUSALS: Final[dict[str, type[DomainError]]] = {
    error.code: error for error in (NotEnoughPoints, AboveMaxShare, BelowMinPoints, CurrencyWithoutRate)
}


async def hold_for_reward(
    tx: Connection, desk: Desk, customer_id: str, reward_id: str, *, life: timedelta, ids: Ids, create: bool = False
) -> Redemption:
    """Hold a reward's price and give out its code."""
    book, reward = await desk.member_and_reward(tx, customer_id, reward_id, create=create)
    check_open(desk.shop, book, reward, desk.now)
    await _check_limit(tx, desk, book, reward)
    check_price(book, reward)
    one = of_reward(book, reward, ids, desk.now, life)
    await _put_aside(tx, desk, book, one)
    if desk.ledger.grants:
        await rewards.lock(tx, [(desk.shop_id, reward_id)], granting.wanted(desk.ledger))
    await posting.write_sides(tx, desk.ledger)
    if not await rewards.take_stock(tx, desk.shop_id, reward):
        raise OutOfStock
    one.code = await codes.give_out(tx, book.shop_id, reward, one.redemption_id, ids)
    await _begin(tx, desk, one)
    return one


async def hold_for_order(
    tx: Connection,
    desk: Desk,
    customer_id: str,
    *,
    points: int,
    order_id: str,
    order_total: int,
    currency: str,
    life: timedelta,
    ids: Ids,
    create: bool = False,
) -> tuple[Redemption, bool]:
    """Hold points that pay for an order; the same order and points again answer the first hold (and False)."""
    book = await desk.member(tx, customer_id, create=create)
    paying = [
        one
        for one in await redemption_rows.of_order(tx, desk.shop_id, book.customer_id, order_id)
        if not one.is_over(desk.now)
    ]
    same = next((one for one in paying if one.asked == points), None)
    if same is not None:
        await desk.close(tx)  # what was due of the member was done
        return same, False
    program, used = desk.shop.current, sum(one.points - one.returned for one in paying)
    rate = program.rate(currency)
    found = quote(program.document, points, balance=book.balance, order_total=order_total, rate=rate, used=used)
    if isinstance(found, Refusal):
        raise _REFUSALS[found.code](found.detail)
    one = _new(book, ids, desk.now, life, asked=points, points=found.points, code=ids.new_code())
    one.order_id, one.source, one.value, one.currency = order_id, "order", found.value, currency
    await _put_aside(tx, desk, book, one)
    await posting.write_sides(tx, desk.ledger)
    await _begin(tx, desk, one)
    return one, True


async def confirm(tx: Connection, desk: Desk, redemption_id: str, points: int | None) -> Redemption:
    """Spend a hold; ``points`` of an order's hold, the rest is free again. Raises ``RedemptionNotHeld`` (409)."""
    book, one = await desk.redemption(tx, redemption_id)
    spend(desk, book, one, points)
    await _done(tx, desk, one)
    return one


def spend(desk: Desk, book: Book, one: Redemption, points: int | None) -> None:
    """Post the confirm of a hold, in memory. Raises as ``confirm`` does."""
    if one.state != "held" or one.is_over(desk.now):
        raise RedemptionNotHeld(f"the redemption is {one.state if one.state != 'held' else 'expired'}")
    spent = one.points if points is None else points
    if spent > one.points or (one.source != "order" and spent != one.points):
        raise Unprocessable(errors=[FieldError("/points", f"must be at most {one.points}, and all of it for a reward")])
    if one.source == "order" and one.currency is not None and spent != one.points:
        program = desk.shop.current
        rate = program.rate(one.currency)
        one.value = None if rate is None else value_of(program.document, spent, rate)
    resolving.spend(desk.ledger, desk.notices, desk.shop, book, one, spent)


async def cancel(tx: Connection, desk: Desk, redemption_id: str, *, actor: str) -> Redemption:
    """Free a hold by hand. Raises ``RedemptionNotHeld`` (409)."""
    book, one = await desk.redemption(tx, redemption_id)
    if one.state != "held":
        raise RedemptionNotHeld(f"the redemption is {one.state}")
    resolving.free(desk.ledger, desk.notices, desk.shop, book, one, "cancelled")
    await _done(tx, desk, one, _reward_of(one))
    await _record(tx, desk, actor, "redemption.cancelled", one, one.points)
    return one


async def expire(tx: Connection, desk: Desk, redemption_id: str) -> list[RewardKey]:
    """Free a hold whose time ran out; nothing when it has ended otherwise.

    The caller puts back the reward that this answers, together with what follows from tiers.
    """
    book, one = await desk.redemption(tx, redemption_id)
    if not one.is_over(desk.now):
        await desk.note(tx)
        return []
    resolving.free(desk.ledger, desk.notices, desk.shop, book, one, "expired", "hold_expired")
    await desk.review(tx)
    await till.end(tx, desk.ledger, desk.notices, one)
    return _reward_of(one)


async def give_back(tx: Connection, desk: Desk, redemption_id: str, *, actor: str) -> Redemption:
    """Give spent points back by hand into their lots, with their own expiry. Raises ``RedemptionNotSpent`` (409)."""
    book, one = await desk.redemption(tx, redemption_id)
    if one.state != "spent":
        raise RedemptionNotSpent(f"the redemption is {one.state}")
    points = one.spent - one.returned
    await late_vouchers.recall(tx, [(book, one)], desk.now)
    resolving.give_back(desk.ledger, desk.notices, desk.shop, book, one, one.spent)
    await _done(tx, desk, one, _reward_of(one))
    await _record(tx, desk, actor, "redemption.returned", one, points)
    return one


def check_open(shop: Shop, book: Book, reward: Reward, now: datetime) -> None:
    """Whether a member may take a reward now; their limit and points aside. Raises what refuses it (409)."""
    closed = reward.why_closed(now)
    if closed is not None:
        raise RewardNotAvailable(closed)
    if not reward.is_for(shop, book.standing.level_id):
        raise TierRequired(f"the reward is for {', '.join(dict.fromkeys(reward.tiers(shop)))}")
    if not reward.is_in_stock:
        raise OutOfStock


async def _check_limit(tx: Connection, desk: Desk, book: Book, reward: Reward) -> None:
    limit = reward.body.limit_per_member
    if limit is not None:
        taken = await till.taken(tx, book, reward.reward_id)
        taken += sum(one.reward_id == reward.reward_id for one in desk.ledger.grants)  # by a level that was due
        if taken >= limit:
            raise LimitReached(f"the member has taken it {taken} times, which is the most")


def check_price(book: Book, reward: Reward) -> None:
    """Raises ``NotEnoughPoints`` (409)."""
    if reward.body.points > book.balance:
        raise NotEnoughPoints(f"{reward.body.points} points are needed and {max(0, book.balance)} can be spent")


def of_reward(book: Book, reward: Reward, ids: Ids, now: datetime, life: timedelta) -> Redemption:
    """A new hold of a reward's price, of no lots and without a code yet."""
    one = _new(book, ids, now, life, asked=reward.body.points, points=reward.body.points, code="")
    one.reward_id, one.source = reward.reward_id, "reward"
    one.value, one.currency = reward.body.value, reward.body.currency
    return one


def _new(book: Book, ids: Ids, now: datetime, life: timedelta, *, asked: int, points: int, code: str) -> Redemption:
    return Redemption(
        shop_id=book.shop_id,
        redemption_id=ids.new_id("red"),
        customer_id=book.customer_id,
        reward_id=None,
        order_id=None,
        state="held",
        asked=asked,
        points=points,
        spent=0,
        returned=0,
        value=None,
        currency=None,
        code=code,
        takes=(),
        source="order",
        created_at=now,
        expires_at=now + life,
        resolved_at=None,
    )


async def _put_aside(tx: Connection, desk: Desk, book: Book, one: Redemption) -> None:
    if one.points:
        await till.read_lots(tx, book)
        put_aside(desk, book, one)
    await desk.review(tx)


async def _begin(tx: Connection, desk: Desk, one: Redemption) -> None:
    # One chance in 2^60 that a made code is there: the same request again makes another.
    if not await till.begin(tx, desk.ledger, desk.notices, one):
        raise RewardNotAvailable("the code is taken; try again")


def put_aside(desk: Desk, book: Book, one: Redemption) -> None:
    """Post a new hold, in memory; the member's open lots are read. Raises ``NotEnoughPoints`` (409)."""
    one.takes, missing = allocate(book.spendable(desk.now), one.points)
    if missing:
        raise NotEnoughPoints(f"{missing} points are missing")
    desk.ledger.hold(book, one.takes, Memo(order_id=one.order_id, redemption_id=one.redemption_id))
    desk.slide(book)


def _reward_of(one: Redemption) -> list[RewardKey]:
    return [] if one.reward_id is None else [(one.shop_id, one.reward_id)]


async def _record(tx: Connection, desk: Desk, actor: str, action: str, one: Redemption, points: int) -> None:
    detail = {
        "customer_id": one.customer_id,
        "points": points,
        "reward_id": one.reward_id,
        "order_id": one.order_id,
    }
    await audit.record(tx, desk.shop_id, actor, action, one.redemption_id, detail, desk.now)


async def _done(tx: Connection, desk: Desk, one: Redemption, back: Sequence[RewardKey] = ()) -> None:
    await desk.review(tx)
    await posting.write_sides(tx, desk.ledger, back)
    await till.end(tx, desk.ledger, desk.notices, one)
