"""What a customer is not to be offered again: rated badly, or given back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.events import Event
from recommendations import order_lines, order_store, people
from recommendations.order_store import OrderRow

RATED, REFUNDED, RETURNED = "rated", "refunded", "returned"
BAD_UPTO = 2.0  # of 5
_RATING_KINDS = ("review", "rating", "product_rating", "product_review")


@dataclass(frozen=True, slots=True)
class Rating:
    """A customer's say on a product, 1 to 5."""

    shop_id: str
    customer_id: str
    product_id: str
    stars: float
    at: datetime


class ReviewData(msgspec.Struct, frozen=True):
    """``review.published``."""

    product_id: str
    customer_id: str
    rating: float


class AnswerData(msgspec.Struct, frozen=True):
    """``survey.answered``: an answer that names a product and rates it."""

    customer_id: str
    answers: dict[str, Any] | None = None


class ActivityData(msgspec.Struct, frozen=True):
    """``activity.recorded`` of a shop's own review system."""

    customer_id: str
    kind: str
    product_id: str | None = None
    attributes: dict[str, Any] | None = None


class ReturnLine(msgspec.Struct, frozen=True):
    """What comes back of a line."""

    line_id: str
    quantity: int = 1


class ReturnData(msgspec.Struct, frozen=True):
    """``return.received``."""

    order_id: str
    lines: list[ReturnLine] = []


async def take_ratings(tx: Connection, events: Sequence[Event], context: Context) -> None:
    """Apply what a batch of feedback or activity says of products; a customer's latest rating of a product holds."""
    del context
    latest: dict[tuple[str, str, str], Rating] = {}
    for event in events:
        for rating in ratings_of(event):
            key = (rating.shop_id, rating.customer_id, rating.product_id)
            if key not in latest or latest[key].at <= rating.at:
                latest[key] = rating
    if not latest:
        return
    known = await people.look_up(tx, {(rating.shop_id, rating.customer_id) for rating in latest.values()})
    said = {
        (one.shop_id, known.account(one.shop_id, one.customer_id), one.product_id): one
        for one in latest.values()
        if not known.is_erased(one.shop_id, one.customer_id, one.at)
    }
    await _store(tx, {key: one.at for key, one in said.items() if one.stars <= BAD_UPTO}, RATED)
    await _forgive(tx, {key: one.at for key, one in said.items() if one.stars > BAD_UPTO}, RATED)


def ratings_of(event: Event) -> list[Rating]:
    """What one event says of products; most say nothing."""
    if event.type == "review.published":
        review = event.view(ReviewData)
        return _rating(event, review.customer_id, review.product_id, review.rating)
    if event.type == "survey.answered":
        answer = event.view(AnswerData)
        said = answer.answers or {}
        found = _rating(event, answer.customer_id, said.get("product_id"), said.get("rating"))
        for name, value in said.items():
            if name.startswith("product:"):
                found += _rating(event, answer.customer_id, name.removeprefix("product:"), value)
        return found
    if event.type == "activity.recorded":
        activity = event.view(ActivityData)
        if activity.kind in _RATING_KINDS:
            return _rating(event, activity.customer_id, activity.product_id, (activity.attributes or {}).get("rating"))
    return []


async def from_refunds(tx: Connection, shop_id: str, orders: Mapping[str, OrderRow]) -> None:
    """A product that came back is not offered to that customer, until it is bought once more and kept.

    An order that was refunded and then cancelled says no more than one that was cancelled at once.
    """
    back: dict[tuple[str, str, str], datetime] = {}
    kept: dict[tuple[str, str, str], datetime] = {}
    void: dict[tuple[str, str, str], datetime] = {}
    for row in orders.values():
        if row.customer_id is None or row.placed_at is None:
            continue
        given_back = order_lines.given_back(row.state)
        silent = () if given_back or row.left else order_lines.all_products(row.state)
        for found, product_ids in ((back, given_back), (kept, row.left), (void, silent)):
            for product_id in product_ids:
                key = (shop_id, row.customer_id, product_id)
                found[key] = max(row.placed_at, found.get(key, row.placed_at))
    await _forgive(tx, void, REFUNDED, only_then=True)
    await _store(tx, back, REFUNDED)
    await _forgive(tx, kept, REFUNDED)
    await _forgive(tx, kept, RETURNED)


async def from_returns(tx: Connection, events: Sequence[Event]) -> None:
    """Goods that came back wholly say the same, before their money does. The orders are stored already."""
    returns = [(event, event.view(ReturnData)) for event in events if event.type == "return.received"]
    orders = await order_store.read(tx, {(event.shopid, data.order_id) for event, data in returns}) if returns else {}
    back: dict[tuple[str, str, str], datetime] = {}
    for event, data in returns:
        row = orders.get((event.shopid, data.order_id))
        if row is None or row.customer_id is None:
            continue
        pieces = {line.line_id: line.quantity for line in data.lines}
        lines = row.state.get("lines") or ()
        kept = {line.get("product_id") for line in lines if pieces.get(line["line_id"], 0) < line["quantity"]}
        for product_id in row.left:
            if product_id not in kept:
                back[event.shopid, row.customer_id, product_id] = event.at
    await _store(tx, back, RETURNED)


def _rating(event: Event, customer_id: str, product_id: object, stars: object) -> list[Rating]:
    if not isinstance(product_id, str) or isinstance(stars, bool) or not isinstance(stars, int | float):
        return []
    return [Rating(event.shopid, customer_id, product_id, float(stars), event.at)]


async def _store(tx: Connection, dislikes: Mapping[tuple[str, str, str], datetime], reason: str) -> None:
    """Keep dislikes; of what came back, only what was not bought once more since and kept."""
    keys = sorted(dislikes)
    if keys:
        await tx.execute(
            """insert into dislikes (shop_id, customer_id, product_id, reason, at)
               select w.shop_id, w.customer_id, w.product_id, $5, w.at
               from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
                 as w(shop_id, customer_id, product_id, at)
               where $5 = $6 or not exists (
                 select from orders o where o.shop_id = w.shop_id and o.customer_id = w.customer_id
                 and o.placed_at > w.at and w.product_id = any(o.product_ids)
               )
               on conflict (shop_id, customer_id, product_id, reason)
               do update set at = greatest(dislikes.at, excluded.at)""",
            [key[0] for key in keys],
            [key[1] for key in keys],
            [key[2] for key in keys],
            [dislikes[key] for key in keys],
            reason,
            RATED,
        )


async def _forgive(
    tx: Connection, since: Mapping[tuple[str, str, str], datetime], reason: str, *, only_then: bool = False
) -> None:
    """Drop dislikes that are not newer than what was said or bought since: the order of a refund that was taken back
    stands at the instant of the dislike itself. ``only_then``: none but those of that very instant.
    """
    if since:
        await tx.execute(
            """delete from dislikes d
               using unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
                 as w(shop_id, customer_id, product_id, at)
               where d.shop_id = w.shop_id and d.customer_id = w.customer_id and d.product_id = w.product_id
                 and d.reason = $5 and (d.at = w.at or (d.at < w.at and not $6))""",
            [key[0] for key in since],
            [key[1] for key in since],
            [key[2] for key in since],
            list(since.values()),
            reason,
            only_then,
        )


async def among(tx: Connection, pairs: Sequence[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """Those of these (shop, customer, product) that the customer is not to be offered."""
    rows = await tx.fetch(
        """select d.shop_id, d.customer_id, d.product_id
           from dislikes d join unnest($1::text[], $2::text[], $3::text[]) as w(shop_id, customer_id, product_id)
             on d.shop_id = w.shop_id and d.customer_id = w.customer_id and d.product_id = w.product_id""",
        [pair[0] for pair in pairs],
        [pair[1] for pair in pairs],
        [pair[2] for pair in pairs],
    )
    return {(row["shop_id"], row["customer_id"], row["product_id"]) for row in rows}
