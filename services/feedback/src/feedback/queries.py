"""Read models: responses as a list, the survey of an order."""

from datetime import datetime
from typing import Any, Final

from comeback_contracts.instants import format_instant
from comeback_kit.db import Connection
from comeback_kit.paging import Page, decode_instant_cursor, encode_cursor
from feedback import decisions, invitations, order_store, people, shop_secrets, shops, surveys
from feedback.decisions import History
from feedback.errors import OrderUnknown
from feedback.invitations import Invitation
from feedback.links import SurveyLink, sign
from feedback.page.language import language_for
from feedback.page.questions import asked_in
from feedback.people import Person
from feedback.schemas import AskedSurvey, PostPurchase, ResponseItem
from feedback.service_state import ServiceState
from feedback.surveys import Version

_OPEN: Final = ("asked", "waiting", "planned")


async def responses_page(
    tx: Connection,
    shop_id: str,
    *,
    survey_id: str | None,
    customer_id: str | None,
    order_id: str | None,
    finished: bool | None,
    limit: int,
    cursor: str | None,
) -> Page[ResponseItem]:
    """Responses, newest first. A customer who was merged is found under every id they had."""
    if customer_id is not None:
        key = (shop_id, customer_id)
        customer_id = people.root(await people.read(tx, [key]), key)[1]
    conditions = ["shop_id = $1"]
    values: list[Any] = [shop_id]
    # Only what is asked for stands in the query: a condition that might be null hides the indexes from kept plans.
    for name, value in (("survey_id", survey_id), ("customer_id", customer_id), ("order_id", order_id)):
        if value is not None:
            values.append(value)
            conditions.append(f"{name} = ${len(values)}")
    if finished is not None:
        conditions.append("finished" if finished else "not finished")
    if cursor is not None:
        values += decode_instant_cursor(cursor)
        conditions.append(f"(answered_at, response_id) < (${len(values) - 1}, ${len(values)})")
    rows = await tx.fetch(
        f"""select response_id, survey_id, survey_version, customer_id, order_id, finished, metric, score,
              answers || texts as answers, language, started_at, answered_at
            from responses where {" and ".join(conditions)}
            order by answered_at desc, response_id desc limit {limit + 1}""",
        *values,
    )
    items = [ResponseItem(**dict(row.items())) for row in rows[:limit]]
    last = items[-1] if len(rows) > limit else None
    following = None if last is None else encode_cursor(format_instant(last.answered_at), last.response_id)
    return Page(items=items, next_cursor=following)


async def post_purchase(
    tx: Connection,
    shop_id: str,
    order_id: str,
    *,
    customer_id: str | None,
    browser: list[str],
    state: ServiceState,
    now: datetime,
) -> PostPurchase:
    """The survey that an order has or will have. ``customer_id``: who asks, where that is the customer.

    Raises ``OrderUnknown``, also for somebody else's order.
    """
    order = await order_store.read(tx, shop_id, order_id)
    if order is None or order.facts is None:
        raise OrderUnknown
    ids = [name for name in (order.customer_id, customer_id) if name is not None]
    known = await people.read(tx, [(shop_id, name) for name in ids])
    owner = None if order.customer_id is None else people.root(known, (shop_id, order.customer_id))[1]
    if customer_id is not None and people.root(known, (shop_id, customer_id))[1] != owner:
        raise OrderUnknown
    if owner is None:
        return PostPurchase(survey=None)
    found = await _askable(tx, shop_id, order_id, owner, known[shop_id, owner], state, now)
    if found is None:
        return PostPurchase(survey=None)
    invitation, version = found
    shop = (await shops.read(tx, [shop_id]))[shop_id]
    language = language_for([known[shop_id, owner].locale, order.facts.locale, *browser, shop.locale])
    secrets = (await shop_secrets.existing(tx, [shop_id]))[shop_id]
    token = sign(SurveyLink(shop_id, invitation.invitation_id), secrets.link_keys)
    asked: dict[str, Any] = {
        "survey_id": version.survey_id,
        "url": f"{state.settings.public_url}/f/{token}",
        "question": asked_in(version.survey.questions[0], language, shop.name),
        "state": invitation.state,
        "expires_at": invitation.expires_at,
    }
    return PostPurchase(survey=AskedSurvey(**asked))


async def _askable(
    tx: Connection, shop_id: str, order_id: str, owner: str, person: Person, state: ServiceState, now: datetime
) -> tuple[Invitation, Version] | None:
    """What is asked already, else what would be asked if it were due now."""
    known = (await surveys.current(tx, [shop_id], state.surveys))[shop_id]
    theirs = await invitations.read_of_order(tx, shop_id, order_id, owner)
    open_ones = [one for one in theirs if one.state in _OPEN and now < one.expires_at and one.survey_id in known]
    counts = await invitations.counts(tx, {(shop_id, owner, one.survey_id) for one in open_ones})
    for one in sorted(open_ones, key=lambda one: (_OPEN.index(one.state), one.survey_id)):
        version = known[one.survey_id]
        asked, answered = counts.get((shop_id, owner, one.survey_id), (0, 0))
        history = History(person.contacted_at, asked, answered)
        if one.state == "asked" or decisions.fatigued(version.survey, history, now=now) is None:
            return one, version
    return None
