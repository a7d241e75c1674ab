"""From a question to the body of an answer."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from comeback_kit.runtime import Runtime
from recommendations import people, wording
from recommendations.engine.suggest import Question, Suggestion, suggest
from recommendations.schemas import ItemAnswer, ReasonAnswer, RecommendationsAnswer
from recommendations.service_state import state_of


async def answer(runtime: Runtime, shop_id: str, question: Question, now: datetime) -> RecommendationsAnswer:
    """Ask the shop's engine. The reading itself is one uninterrupted step, so it sees whole orders only."""
    shop = await state_of(runtime).shops.get(shop_id)
    customer_id = question.customer_id
    if customer_id is not None and customer_id not in shop.engine.customers.names.numbers:
        question = replace(question, customer_id=await _account(runtime, shop_id, customer_id))
    found = suggest(shop.engine, question)
    return RecommendationsAnswer(rec_id=new_rec_id(), as_of=shop.as_of(now), items=[_item(one) for one in found])


def new_rec_id() -> str:
    """An id that nobody can guess: clicks that cite it are counted."""
    return f"rec_{secrets.token_urlsafe(15)}"


def fallback_of(items: Sequence[ItemAnswer]) -> str | None:
    """`trending` where an answer has nothing better."""
    return "trending" if all(item.source == "trending" for item in items) else None


async def _account(runtime: Runtime, shop_id: str, customer_id: str) -> str:
    async with runtime.db.request(shop_id) as tx:
        return (await people.accounts(tx, [(shop_id, customer_id)])).get((shop_id, customer_id), customer_id)


def _item(one: Suggestion) -> ItemAnswer:
    reason = ReasonAnswer(
        seeds=list(one.reason.seeds),
        support=one.reason.support,
        confidence=one.reason.confidence,
        lift=one.reason.lift,
        text=wording.text_of(one.source, one.product_id, one.reason),
    )
    return ItemAnswer(product_id=one.product_id, score=one.score, source=one.source, reason=reason)
