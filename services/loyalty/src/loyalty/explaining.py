"""Why an order earned what it earned, and what an order would earn; by the arithmetic that settles orders."""

from datetime import datetime
from typing import Any, Final

from comeback_contracts.instants import format_instant
from comeback_contracts.order_merge import from_event
from comeback_contracts.order_view import OrderView
from comeback_contracts.orders import Order
from comeback_kit.db import Connection
from loyalty import due_trial, member_read, tiers
from loyalty.books import Book
from loyalty.columns import CURRENT
from loyalty.errors import OrderUnknown
from loyalty.expiry import expires_at
from loyalty.history import SIGNED
from loyalty.local_time import local_date
from loyalty.member_facts import facts_of, read_tags, read_usage
from loyalty.members import peek as peek_member
from loyalty.notices import transaction_id
from loyalty.order_states import Known
from loyalty.orders import OrderRow
from loyalty.orders import peek as peek_order
from loyalty.pending import available_at
from loyalty.program_store import ShopCache, load_one
from loyalty.rules.explanation import Explanation, explain
from loyalty.rules.facts import fix, usage_keys
from loyalty.rules.instants import delivered_at, earned_at, placed_at
from loyalty.rules.kept import NOTHING_KEPT, Facts, Kept
from loyalty.schemas.orders import CapPoints, EarnPreviewAnswer, ExplanationAnswer, LinePoints, Posting, RulePoints
from loyalty.shop import Shop

_NAMES: Final = """
select distinct unnest(array[m.customer_id, m.merged_into]) as name
from members m join unnest($2::text[]) u(customer_id) using (customer_id) where m.shop_id = $1"""
_POSTINGS: Final = f"""
select customer_id, seq, kind, min(created_at) as created_at, min(reason) as reason,
  coalesce({SIGNED}, 0)::bigint as points
from entries join unnest($2::text[]) u(customer_id) using (customer_id)
where shop_id = $1 and order_id = $3
group by customer_id, seq, kind order by min(created_at), customer_id, seq"""
# Of the lot itself: what an order owes may have run out since it was settled.
_BOOKED: Final = f"""
select coalesce(sum(l.shortfall), 0)::bigint as shortfall,
  coalesce(sum(l.earned - l.clawed - l.shortfall) filter (where l.customer_id = (
    select {CURRENT} from members asked where asked.shop_id = $1 and asked.customer_id = $4)), 0)::bigint as settled
from lots l join unnest($2::text[]) u(customer_id) using (customer_id) where l.shop_id = $1 and l.lot_id = $3"""


async def explanation(tx: Connection, cache: ShopCache, shop_id: str, order_id: str) -> ExplanationAnswer:
    """Per rule and line why points, why none, and every posting since. Raises ``OrderUnknown`` (404)."""
    order = await peek_order(tx, shop_id, order_id)
    if order is None:
        raise OrderUnknown
    shop = await load_one(tx, cache, shop_id)
    version, found = _explained(shop, order)
    names = await _names(tx, order)
    postings = [
        Posting(
            id=transaction_id(row["customer_id"], row["seq"]),
            customer_id=row["customer_id"],
            type=row["kind"],
            points=row["points"],
            reason=row["reason"],
            created_at=row["created_at"],
        )
        for row in await tx.fetch(_POSTINGS, shop_id, names, order_id)
    ]
    booked = await tx.fetchrow(_BOOKED, shop_id, names, order.lot_id, order.customer_id)
    assert booked is not None  # noqa: S101  # sums are one row
    return ExplanationAnswer(
        order_id=order_id,
        customer_id=order.buyer,
        program_version=version,
        points=found.points,
        settled=booked["settled"],
        shortfall=booked["shortfall"],
        note=found.note,
        postings=postings,
        **_parts(found),
    )


def _explained(shop: Shop, order: OrderRow) -> tuple[int | None, Explanation]:
    if order.known is None or not order.has_snapshot:
        return None, Explanation(0, note="order_not_seen")
    version = order.program_version or shop.version_at(placed_at(order.known.view))
    return version, explain(shop.program(version), order.known.view, order.kept or NOTHING_KEPT)


async def _names(tx: Connection, order: OrderRow) -> list[str]:
    """Every member under whose name the order was posted."""
    names = {*order.former, *([order.customer_id] if order.customer_id else [])}
    rows = await tx.fetch(_NAMES, order.shop_id, sorted(names))
    return sorted(names | {row["name"] for row in rows if row["name"]})


async def preview(
    tx: Connection,
    cache: ShopCache,
    shop_id: str,
    order: Order,
    customer_id: str | None,
    at: datetime | None,
    now: datetime,
) -> EarnPreviewAnswer:
    """What an order would earn, were it paid, fulfilled and delivered. Writes nothing."""
    shop = await load_one(tx, cache, shop_id)
    told = _told(order, customer_id, at, now)
    known = OrderRow(shop_id, told.view.order_id)
    if at is None:  # else it is asked of an order as if it had been placed then
        known = await peek_order(tx, shop_id, known.order_id) or known
    state = told.view if known.known is None else known.known.merged_with(told).view
    version, kept = await _fixed(tx, shop, known, state, now)
    program = shop.program(version)
    found = explain(program, state, kept, assume_counts=True)
    earned = earned_at(program, state)
    available = available_at(program.pending, earned, delivered_at(state), program.zone)
    is_pending = available is None or available > max(now, earned)
    return EarnPreviewAnswer(
        points=found.points,
        pending=found.points if is_pending else 0,
        available_at=available,
        expires_at=expires_at(program.expiry, earned, program.zone),
        program_version=version,
        note=found.note,
        **_parts(found),
    )


def _told(order: Order, customer_id: str | None, at: datetime | None, now: datetime) -> Known:
    """The order as an event that comes now would tell it."""
    data = order.as_data()
    if at is not None:
        data["placed_at"] = format_instant(at)
    if customer_id is not None:
        data["customer"] = {**(data.get("customer") or {}), "customer_id": customer_id}
    return Known.of(from_event({"order": data}, format_instant(now)))


async def _fixed(tx: Connection, shop: Shop, known: OrderRow, state: OrderView, now: datetime) -> tuple[int, Kept]:
    """The version under which the order is settled next, and what is fixed by then.

    Once it has counted the version stays; the rest stays as long as the order is of the same member.
    """
    version = known.program_version
    if version is None:
        version = shop.version_at(placed_at(state))
    buyer = None if state.customer is None else state.customer.customer_id
    if known.kept is not None and buyer is not None and await _is_of(tx, known, buyer):
        return version, known.kept
    return version, fix(shop.program(version), state, await _facts(tx, shop, version, buyer, state, now))


async def _is_of(tx: Connection, known: OrderRow, buyer: str) -> bool:
    """Whether an order that counts is the buyer's, under whichever of their ids."""
    if known.customer_id is None or known.customer_id == buyer:
        return known.customer_id == buyer
    ones = [await peek_member(tx, known.shop_id, name) for name in (known.customer_id, buyer)]
    return len({None if one is None else one.key for one in ones}) == 1


async def _facts(tx: Connection, shop: Shop, version: int, buyer: str | None, state: OrderView, now: datetime) -> Facts:
    """The member as the settlement of the order would find them: with what is due by then done."""
    program = shop.program(version)
    if not program.depends_on_member:
        return Facts()
    if buyer is None:
        return Facts(first_purchase=True, tier=tiers.level_id_of(shop.current, None))
    book = await _member(tx, shop, buyer, now)
    await read_tags(tx, [book])
    day = local_date(earned_at(program, state), program.zone)
    await read_usage(tx, {book.key: book}, [(*book.key, key) for key in usage_keys(program, day)])
    return facts_of(program, book)


async def _member(tx: Connection, shop: Shop, customer_id: str, now: datetime) -> Book:
    """The member with what is due done, or who the customer would be as a member; nothing is written."""
    seen = await member_read.see_in(tx, shop, customer_id, now)
    return seen.book or due_trial.newcomer(shop, customer_id, now)


def _parts(found: Explanation) -> dict[str, Any]:
    return {
        "rules": [
            RulePoints(rule_id=one.rule_id, kind=one.kind, points=one.points, reason=one.reason) for one in found.rules
        ],
        "lines": [
            LinePoints(
                line_id=one.line_id,
                eligible=one.eligible,
                eligible_before_refunds=one.eligible_before_refunds,
                points=one.points,
                reason=one.reason,
            )
            for one in found.lines
        ],
        "caps": [CapPoints(period=one.period, over=one.over, lowered_by=one.lowered_by) for one in found.caps],
    }
