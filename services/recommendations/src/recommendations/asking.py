"""From a call to an answer: who asks, what the placement says, what the engine finds, why."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from comeback_kit.runtime import Runtime
from recommendations import people, placing, wording
from recommendations.engine.cycles import DAY, Cycle
from recommendations.engine.question import Kind, Question, Suggestion
from recommendations.engine.suggest import suggest
from recommendations.errors import PlacementUnknown
from recommendations.journal import Given
from recommendations.memory.shop import ShopMemory
from recommendations.placement_document import Settings
from recommendations.placing import Chosen
from recommendations.replenishment import cycles_of
from recommendations.schemas import CycleAnswer, CycleList, ItemAnswer, ReasonAnswer, RecommendationsAnswer
from recommendations.service_state import state_of

PLAIN = Settings()


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it came in. What it leaves open (None) is the placement's affair."""

    usual_kind: Kind
    kind: Kind | None = None
    seeds: Sequence[str] = ()
    customer_id: str | None = None
    order_id: str | None = None
    placement_id: str | None = None
    limit: int | None = None
    exclude: Sequence[str] = ()
    exclude_owned: bool | None = None
    min_support: int | None = None
    backfill: bool | None = None


async def answer(runtime: Runtime, shop_id: str, call: Call, now: datetime) -> RecommendationsAnswer:
    """Ask the shop's engine. The reading itself is one uninterrupted step, so it sees whole orders only."""
    shop = await state_of(runtime).shops.get(shop_id)
    disliked: Sequence[str] = ()
    if call.customer_id is not None:
        async with runtime.db.request(shop_id) as tx:
            account, disliked = await people.tastes(tx, shop_id, call.customer_id)
        call = replace(call, customer_id=account)
    chosen = _chosen(shop, call)
    question = _question(shop, call, chosen.settings, disliked, now)
    found = suggest(shop.engine, question)
    rec_id = f"rec_{secrets.token_urlsafe(15)}"
    state_of(runtime).journal.add(
        Given(
            shop_id=shop_id,
            rec_id=rec_id,
            kind=question.kind,
            placement_id=call.placement_id,
            experiment_id=chosen.experiment_id,
            variant=chosen.variant,
            customer_id=call.customer_id,
            product_ids=[one.product_id for one in found],
            sources=[one.source for one in found],
            at=now,
        )
    )
    return RecommendationsAnswer(
        rec_id=rec_id,
        as_of=shop.as_of(now),
        items=_items(shop, question, found),
        placement=call.placement_id,
        variant=chosen.variant,
        fallback=_fallback(question, found),
    )


async def cycles(runtime: Runtime, shop_id: str, customer_id: str, now: datetime) -> CycleList:
    """Every product that comes back to a customer, but for those that were dropped long ago."""
    shop = await state_of(runtime).shops.get(shop_id)
    async with runtime.db.request(shop_id) as tx:
        account, disliked = await people.tastes(tx, shop_id, customer_id)
    found = [
        cycle_answer(product_id, cycle, now.timestamp())
        for product_id, cycle in cycles_of(shop, account).items()
        if cycle.state(now.timestamp()) != "dropped" and product_id not in disliked
    ]
    return CycleList(items=sorted(found, key=lambda one: (one.due_at, one.product_id)))


def _chosen(shop: ShopMemory, call: Call) -> Chosen:
    if call.placement_id is None:
        return Chosen(PLAIN)
    placement = shop.placements.get(call.placement_id)
    if placement is None:
        raise PlacementUnknown(f"no placement {call.placement_id!r}; PUT it first")
    return placing.choose(placement, shop.shop_id, call.customer_id)


def _question(shop: ShopMemory, call: Call, settings: Settings, disliked: Sequence[str], now: datetime) -> Question:
    usual = settings.kind if call.placement_id is not None else call.usual_kind
    question = Question(
        kind=call.kind or usual,
        now=now.timestamp(),
        seeds=call.seeds,
        customer_id=call.customer_id,
        order_id=call.order_id,
        limit=settings.limit if call.limit is None else call.limit,
        exclude=[*call.exclude, *disliked],
        exclude_owned=settings.exclude_owned if call.exclude_owned is None else call.exclude_owned,
        min_support=settings.min_support if call.min_support is None else call.min_support,
        backfill=settings.backfill if call.backfill is None else call.backfill,
        product_gaps=shop.product_gaps,
    )
    return placing.shaped(question, settings, shop.engine, shop.catalog, shop.rules)


def _fallback(question: Question, found: Sequence[Suggestion]) -> str | None:
    """What an answer is made of that has nothing better; None where it has."""
    if question.kind in question.fallbacks or any(one.source not in question.fallbacks for one in found):
        return None
    return found[0].source if found else next(iter(question.fallbacks), None)


def _items(shop: ShopMemory, question: Question, found: Sequence[Suggestion]) -> list[ItemAnswer]:
    known: dict[str, Cycle] = {}
    if question.customer_id is not None and any(one.source == "replenishment" for one in found):
        known = cycles_of(shop, question.customer_id)
    return [_item(shop, one, known.get(one.product_id), question) for one in found]


def _item(shop: ShopMemory, one: Suggestion, cycle: Cycle | None, question: Question) -> ItemAnswer:
    reason = ReasonAnswer(
        seeds=list(one.reason.seeds),
        support=one.reason.support,
        confidence=one.reason.confidence,
        lift=one.reason.lift,
        text=wording.text_of(one.source, one.product_id, one.reason, shop.title_of),
    )
    due = None if cycle is None or one.source != "replenishment" else cycle_answer(one.product_id, cycle, question.now)
    return ItemAnswer(product_id=one.product_id, score=one.score, source=one.source, reason=reason, cycle=due)


def cycle_answer(product_id: str, cycle: Cycle, now: float) -> CycleAnswer:
    """When a product is needed again, as it is told."""
    start, end = cycle.window
    return CycleAnswer(
        product_id=product_id,
        state=cycle.state(now),
        ratio=cycle.ratio(now),
        gap_days=cycle.gap / DAY,
        purchases=cycle.purchases,
        personal=cycle.personal,
        last_at=datetime.fromtimestamp(cycle.last, UTC),
        due_at=datetime.fromtimestamp(cycle.due, UTC),
        window_from=datetime.fromtimestamp(start, UTC),
        window_until=datetime.fromtimestamp(end, UTC),
    )
