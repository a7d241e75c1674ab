"""Frees the points of holds whose time ran out."""

from collections.abc import Sequence

from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.timers import DueTimer
from loyalty import members, posting, redemption, redemption_rows
from loyalty.desk import Desk
from loyalty.errors import RedemptionUnknown
from loyalty.ledger import Ledger
from loyalty.state import cache_of


async def holds_expired(tx: Connection, due: Sequence[DueTimer], context: Context) -> None:
    """Free them, one shop's desk after the other; those that ended otherwise are left alone."""
    held = await redemption_rows.find_many(tx, [(timer.shop_id, timer.ref) for timer in due])
    # All members first and in order, so that two batches of holds never wait for each other.
    await members.lock(tx, {(one.shop_id, one.customer_id) for one in held}, context.now, create=False)
    sides, back = Ledger(context.now), []
    for one in held:
        desk = await Desk.open(tx, cache_of(context.runtime), one.shop_id, context.now)
        try:
            back += await redemption.expire(tx, desk, one.redemption_id)
        except RedemptionUnknown:
            continue
        posting.pass_on(desk.ledger, sides)
    # At once: the gifts of a level end at one instant, and whoever gives gifts locks in order of the rewards.
    await posting.write_sides(tx, sides, back)
