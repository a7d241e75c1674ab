"""What became of answers: the storefront tells, the report sums up."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from comeback_contracts.instants import Instant
from comeback_kit.bodies import Answer, Body, IdText
from comeback_kit.db import Connection
from comeback_kit.http import Caller, CustomerId, Now, RuntimeDep, TransactionRoute, Tx, requires
from recommendations import interactions, reports
from recommendations.placement_document import PlacementId
from recommendations.reports import Share
from recommendations.service_state import state_of

router = APIRouter(prefix="/v1/recommendations", tags=["Attribution"], route_class=TransactionRoute)
_FIRST = datetime.min.replace(tzinfo=UTC)


class InteractionBody(Body):
    """Items of an answer that were shown to somebody, or clicked."""

    rec_id: IdText
    kind: Literal["shown", "clicked"]
    product_ids: list[IdText] = Field(min_length=1, max_length=50)


class InteractionAnswer(Answer):
    """How many of the items were news."""

    recorded: int


class ShareAnswer(Answer):
    """`count` of `of`; `value` is null where there is nothing to count, `interval` holds with 95 %."""

    count: int
    of: int
    value: float | None
    interval: tuple[float, float] | None


class Revenue(Answer):
    """Money of attributed items in minor units; `taken_back` is what refunds and cancellations took of it."""

    currency: str
    orders: int
    revenue: int
    taken_back: int
    net: int
    items_taken_back: int


class ReportRow(Answer):
    """One placement (null: calls without one) and arm."""

    placement: str | None
    experiment_id: str | None
    variant: str | None
    answers: int
    items_offered: int
    items_shown: int
    items_clicked: int
    items_bought: int
    click_rate: ShareAnswer
    conversion: ShareAnswer
    customer_conversion: ShareAnswer
    revenue: list[Revenue]


class Comparison(Answer):
    """Arm `b` against arm `a`, by the share of customers who bought something that was offered to them."""

    placement: str | None
    experiment_id: str
    difference: float
    interval: tuple[float, float]


class AttributionReport(Answer):
    """Answers given from `since` until `until`, and what was bought of them within seven days."""

    since: datetime
    until: datetime
    items: list[ReportRow]
    comparisons: list[Comparison]


@router.post(
    "/events",
    summary="Tell what was shown or clicked",
    status_code=202,
    dependencies=[requires("recommendations:write")],
)
async def record(body: InteractionBody, tx: Tx, caller: Caller, now: Now, runtime: RuntimeDep) -> InteractionAnswer:
    """Tell that items of an answer were shown or clicked. Telling it again changes nothing."""
    await state_of(runtime).journal.flush()
    return await _record(tx, caller.shop_id, body, None, now)


@router.post("/me/events", summary="Tell what I was shown or clicked", status_code=202)
async def record_mine(
    body: InteractionBody, customer_id: CustomerId, tx: Tx, caller: Caller, now: Now, runtime: RuntimeDep
) -> InteractionAnswer:
    """The same with the customer's own token, for answers that were given to that customer."""
    await state_of(runtime).journal.flush()
    return await _record(tx, caller.shop_id, body, customer_id, now)


async def _record(
    tx: Connection, shop_id: str, body: InteractionBody, customer_id: str | None, now: datetime
) -> InteractionAnswer:
    count = await interactions.record(tx, shop_id, body.rec_id, body.kind, body.product_ids, customer_id, now)
    return InteractionAnswer(recorded=count)


@router.get(
    "/reports/attribution", summary="What recommendations brought in", dependencies=[requires("recommendations:read")]
)
async def report(
    tx: Tx,
    caller: Caller,
    now: Now,
    runtime: RuntimeDep,
    since: Annotated[Instant | None, Query(description="default: 30 days before `until`")] = None,
    until: Annotated[Instant | None, Query(description="default: now")] = None,
    placement: Annotated[PlacementId | None, Query()] = None,
) -> AttributionReport:
    """Per placement and arm: answers, clicks, purchases, conversion with its interval, revenue, what was taken back."""
    await state_of(runtime).journal.flush()
    end = until or now + timedelta(seconds=1)
    start = since or end - min(timedelta(days=30), end - _FIRST)
    counts, money = await reports.totals(tx, caller.shop_id, start, end, placement)
    rows = [_row(one, money) for one in counts]
    return AttributionReport(since=start, until=end, items=rows, comparisons=_comparisons(counts))


def _row(one: Any, money: Sequence[Any]) -> ReportRow:
    mine = [row for row in money if _arm(row) == _arm(one)]
    return ReportRow(
        placement=one["placement_id"],
        experiment_id=one["experiment_id"],
        variant=one["variant"],
        answers=one["answers"],
        items_offered=one["items_offered"],
        items_shown=one["items_shown"],
        items_clicked=one["items_clicked"],
        items_bought=one["items_bought"],
        click_rate=_share(Share(one["answers_clicked"], one["answers"])),
        conversion=_share(Share(one["answers_bought"], one["answers"])),
        customer_conversion=_share(Share(one["customers_bought"], one["customers"])),
        revenue=[
            Revenue(
                currency=row["currency"],
                orders=row["orders"],
                revenue=row["revenue"],
                taken_back=row["taken_back"],
                net=row["revenue"] - row["taken_back"],
                items_taken_back=row["items_taken_back"],
            )
            for row in mine
        ],
    )


def _arm(row: Any) -> tuple[str | None, str | None, str | None]:
    return row["placement_id"], row["experiment_id"], row["variant"]


def _share(share: Share) -> ShareAnswer:
    return ShareAnswer(count=share.count, of=share.of, value=share.value, interval=share.interval)


def _comparisons(counts: Sequence[Any]) -> list[Comparison]:
    arms = {_arm(row): Share(row["customers_bought"], row["customers"]) for row in counts}
    found = []
    for (placement, experiment, variant), a in arms.items():
        b = arms.get((placement, experiment, "b"))
        if experiment is None or variant != "a" or b is None:
            continue
        change = reports.difference(a, b)
        if change is not None:
            found.append(
                Comparison(
                    placement=placement, experiment_id=experiment, difference=change[0], interval=(change[1], change[2])
                )
            )
    return found
