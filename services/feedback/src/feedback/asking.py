"""From orders to invitations: who is asked what about which order, planned, postponed, dropped or asked now.

Orders and their customers are locked when this runs, in that order, so whatever happens at the same moment (another
order of the same customer, an answer, a repeated event) is decided before or after, never at once.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from comeback_kit import timers
from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.timers import Timer
from feedback import decisions, events_out, ids, invitations, people, shops, surveys
from feedback.decisions import Circumstances, Decision, History
from feedback.events_out import Requested
from feedback.invitations import HistoryKey, Invitation
from feedback.links import SurveyLink, sign
from feedback.order_facts import OrderFacts
from feedback.order_store import Order, OrderKey, first_orders
from feedback.people import People, PersonKey
from feedback.responses import finished_counts
from feedback.service_state import ServiceState, state_of
from feedback.shop_secrets import ShopSecrets
from feedback.survey.localized import say
from feedback.surveys import Version

ASK: str = "survey.ask"
"""The kind of the timers that wait for an invitation to become due; their ref is the invitation."""

SurveyRef: TypeAlias = tuple[str, str]  # shop, survey


@dataclass(slots=True)
class Settlement:
    """What one transaction settles: its orders and what else decides about them.

    ``fired``: the invitations (shop, id) whose timers have just been used up.
    """

    orders: Mapping[OrderKey, Order]
    people: People
    secrets: Mapping[str, ShopSecrets]
    traces: Mapping[OrderKey, str | None]
    now: datetime
    fired: frozenset[tuple[str, str]] = frozenset()
    surveys: dict[str, dict[str, Version]] = field(default_factory=dict)
    first: dict[PersonKey, tuple[datetime, str]] = field(default_factory=dict)
    counts: dict[HistoryKey, tuple[int, int]] = field(default_factory=dict)
    finished: Mapping[SurveyRef, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Candidate:
    invitation: Invitation
    version: Version
    facts: OrderFacts
    is_new: bool


async def settle(tx: Connection, settlement: Settlement, context: Context) -> None:
    """Decide about every survey of every order that is given, and write down what follows."""
    state = state_of(context.runtime)
    settlement.surveys = await surveys.current(tx, {key[0] for key in settlement.orders}, state.surveys)
    existing = await invitations.lock_of_orders(tx, settlement.orders)
    candidates, changed = _candidates(settlement, existing)
    await _read_history(tx, settlement, candidates)
    asked: list[_Candidate] = []
    new: list[Invitation] = []
    later: list[Timer] = []
    for candidate in sorted(candidates, key=_sequence):
        before = candidate.invitation
        decision = _decide(settlement, candidate, state)
        after = _after(before, decision, candidate.version, settlement.now)
        if decision.state == "asked":
            _remember(settlement, after)
            asked.append(replace(candidate, invitation=after))
        if candidate.is_new:
            if decision.reason != "disabled":
                new.append(after)
        elif after != before:
            changed.append(after)
        later += _timer(settlement, before, decision)
    await _write(tx, settlement, new, changed, later)
    await _ask(tx, settlement, asked, state)


def _candidates(settlement: Settlement, existing: Sequence[Invitation]) -> tuple[list[_Candidate], list[Invitation]]:
    """What is still open for these orders, and what is closed because an order has another customer now."""
    known: dict[OrderKey, dict[SurveyRef, Invitation]] = defaultdict(dict)
    for one in existing:
        known[one.order][one.survey_id, one.customer_id] = one
    candidates: list[_Candidate] = []
    closed: list[Invitation] = []
    for key, order in settlement.orders.items():
        account = _account(settlement, key, order)
        closed += [
            one.decided(Decision("skipped", "customer_changed"))
            for one in known[key].values()
            if one.customer_id != account and not decisions.is_final(one.state, one.reason)
        ]
        if order.facts is None or account is None:
            continue
        for version in settlement.surveys[key[0]].values():
            found = known[key].get((version.survey_id, account))
            if found is None or not decisions.is_final(found.state, found.reason):
                invitation = found or _new(key, account, version, settlement.now)
                candidates.append(_Candidate(invitation, version, order.facts, found is None))
    return candidates, closed


def _account(settlement: Settlement, key: OrderKey, order: Order) -> str | None:
    if order.customer_id is None:
        return None
    return people.root(settlement.people, (key[0], order.customer_id))[1]


def _new(key: OrderKey, account: str, version: Version, now: datetime) -> Invitation:
    return Invitation(
        shop_id=key[0],
        invitation_id=ids.new_id("inv", now),
        survey_id=version.survey_id,
        order_id=key[1],
        customer_id=account,
        state="planned",
        reason=None,
        due_at=None,
        asked_at=None,
        expires_at=decisions.expiry(version.survey, now),
        superseded_by=None,
        created_at=now,
    )


async def _read_history(tx: Connection, settlement: Settlement, candidates: Sequence[_Candidate]) -> None:
    """What only some surveys ask for, and then in one query for all."""
    choosy = {one.invitation.person for one in candidates if one.version.survey.audience.customers != "all"}
    if choosy:
        settlement.first = await first_orders(tx, await people.everybody(tx, choosy))
    counted = {
        (*one.invitation.person, one.version.survey_id)
        for one in candidates
        if one.version.survey.repeat.kind != "always"
    }
    if counted:
        settlement.counts = dict(await invitations.counts(tx, counted))
    limited = {
        (one.invitation.shop_id, one.version.survey_id)
        for one in candidates
        if one.version.survey.max_responses is not None
    }
    if limited:
        settlement.finished = await finished_counts(tx, limited)


def _sequence(candidate: _Candidate) -> tuple[str, str, datetime, str, str]:
    """One customer's orders are decided in the order in which they reached the moment that the survey follows."""
    moment = candidate.facts.moments.get(candidate.version.survey.trigger.on, candidate.facts.placed_at)
    invitation = candidate.invitation
    return invitation.shop_id, invitation.customer_id, moment, invitation.order_id, invitation.survey_id


def _decide(settlement: Settlement, candidate: _Candidate, state: ServiceState) -> Decision:
    invitation, survey = candidate.invitation, candidate.version.survey
    person = settlement.people.get(invitation.person)
    asked, answered = settlement.counts.get((*invitation.person, invitation.survey_id), (0, 0))
    first = settlement.first.get(invitation.person)
    finished = settlement.finished.get((invitation.shop_id, invitation.survey_id), 0)
    return decisions.decide(
        candidate.facts,
        survey,
        History(None if person is None else person.contacted_at, asked, answered),
        Circumstances(
            first_order=first is None or first >= (candidate.facts.placed_at, invitation.order_id),
            full=survey.max_responses is not None and finished >= survey.max_responses,
            already_waiting=invitation.state == "waiting",
        ),
        now=settlement.now,
        within=state.settings.ask_within,
    )


def _after(before: Invitation, decision: Decision, version: Version, now: datetime) -> Invitation:
    after = before.decided(decision)
    if decision.state != "asked":
        return after
    return replace(after, asked_at=now, expires_at=decisions.expiry(version.survey, now))


def _timer(settlement: Settlement, before: Invitation, decision: Decision) -> list[Timer]:
    """The timer that is to be set, if one is: it is not there yet, or not at that hour."""
    if decision.state != "waiting" or decision.due_at is None:
        return []
    ref = (before.shop_id, before.invitation_id)
    if decision.due_at == before.due_at and ref not in settlement.fired:
        return []
    return [Timer(before.shop_id, ASK, before.invitation_id, decision.due_at)]


def _remember(settlement: Settlement, asked: Invitation) -> None:
    settlement.people[asked.person].contacted_at = settlement.now
    key = (*asked.person, asked.survey_id)
    times, answered = settlement.counts.get(key, (0, 0))
    settlement.counts[key] = (times + 1, answered)


async def _write(
    tx: Connection,
    settlement: Settlement,
    new: Sequence[Invitation],
    changed: Sequence[Invitation],
    later: Sequence[Timer],
) -> None:
    contacted = {one.person for one in (*new, *changed) if one.asked_at == settlement.now}
    if contacted:
        await people.write(tx, {key: settlement.people[key] for key in contacted})
    if new:
        await invitations.insert(tx, new)
    if changed:
        await invitations.update(tx, changed)
    if later:
        await timers.schedule(tx, sorted(later, key=lambda timer: (timer.shop_id, timer.ref)))


async def _ask(tx: Connection, settlement: Settlement, asked: Sequence[_Candidate], state: ServiceState) -> None:
    if not asked:
        return
    known = await shops.read(tx, {one.invitation.shop_id for one in asked})
    requests = []
    for one in asked:
        invitation, shop = one.invitation, known[one.invitation.shop_id]
        wanted = _languages(settlement.people[invitation.person].locale, one.facts.locale, shop.locale)
        link = SurveyLink(invitation.shop_id, invitation.invitation_id)
        token = sign(link, settlement.secrets[invitation.shop_id].link_keys)
        requests.append(
            Requested(
                invitation,
                url=f"{state.settings.public_url}/f/{token}",
                question=say(one.version.survey.questions[0].text, wanted, shop.name).text,
                traceparent=settlement.traces.get(invitation.order),
            )
        )
    await events_out.requested(tx, requests, settlement.now)


def _languages(*tags: str | None) -> Iterator[str]:
    return (tag for tag in tags if tag)
