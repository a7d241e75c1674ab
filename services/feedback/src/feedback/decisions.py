"""Whether one customer is asked one survey about one order: the whole rule book on one page. Pure.

The order in which reasons are looked at: the order itself, the audience, the moment, then what the customer has been
asked before. What the order or the shop may still change is decided anew whenever it changes; what has been asked,
answered, dropped for fatigue or was too old stays so.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from feedback.order_facts import OrderFacts
from feedback.survey.document import Survey
from feedback.survey.durations import parse_duration

State = Literal["planned", "waiting", "asked", "answered", "skipped"]
Reason = Literal[
    "cancelled",
    "test",
    "refunded",
    "disabled",
    "audience",
    "customer_changed",
    "full",
    "throttled",
    "repeat",
    "too_old",
]
FINAL_STATES: Final = frozenset({"asked", "answered", "superseded"})
FINAL_REASONS: Final = frozenset({"throttled", "repeat", "too_old"})


@dataclass(frozen=True, slots=True)
class History:
    """What a customer has been asked. ``asked`` and ``answered``: how often this survey, about other orders.

    ``contacted_at``: when they were last asked any survey, or answered one unasked.
    """

    contacted_at: datetime | None = None
    asked: int = 0
    answered: int = 0


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else counts: whether it is the customer's first order, whether the survey has all the answers it wants."""

    first_order: bool = True
    full: bool = False
    already_waiting: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of an invitation. ``due_at``: when it is asked, for ``waiting`` and ``asked``."""

    state: State
    reason: Reason | None = None
    due_at: datetime | None = None


PLANNED: Final = Decision("planned")


def is_final(state: str, reason: str | None) -> bool:
    """Whether nothing that happens to the order changes this invitation any more."""
    return state in FINAL_STATES or (state == "skipped" and reason in FINAL_REASONS)


def decide(
    order: OrderFacts,
    survey: Survey,
    history: History,
    circumstances: Circumstances,
    *,
    now: datetime,
    within: timedelta,
) -> Decision:
    """What becomes of the invitation now. ``within``: how long after its moment an order may still be asked about."""
    refusal = _refusal(order, survey, circumstances)
    if refusal is not None:
        return Decision("skipped", refusal)
    moment = order.moments.get(survey.trigger.on)
    if moment is None:
        return PLANNED
    due_at = moment + parse_duration(survey.waiting_period)
    # Heard of too late, or (after an outage) come to too late. While it waits only its own hour counts.
    since = due_at if circumstances.already_waiting else moment
    if now - since > within:
        return Decision("skipped", "too_old", due_at)
    if now < due_at:
        return Decision("waiting", due_at=due_at)
    fatigue = fatigued(survey, history, now=now)
    return Decision("skipped", fatigue, due_at) if fatigue is not None else Decision("asked", due_at=due_at)


def _refusal(order: OrderFacts, survey: Survey, circumstances: Circumstances) -> Reason | None:
    checks: tuple[tuple[bool, Reason], ...] = (
        (order.is_test, "test"),
        (order.cancelled, "cancelled"),
        (order.refunded, "refunded"),
        (not survey.enabled, "disabled"),
        (not _in_audience(order, survey, circumstances), "audience"),
        (circumstances.full, "full"),
    )
    return next((reason for holds, reason in checks if holds), None)


def _in_audience(order: OrderFacts, survey: Survey, circumstances: Circumstances) -> bool:
    audience = survey.audience
    if audience.channels and order.channel not in audience.channels:
        return False
    if audience.countries and order.country not in audience.countries:
        return False
    if audience.customers == "all":
        return True
    return circumstances.first_order == (audience.customers == "new")


def fatigued(survey: Survey, history: History, *, now: datetime) -> Reason | None:
    """Why somebody has been asked enough for now, or None. A gap that has just ended has ended."""
    repeat = survey.repeat
    if repeat.kind == "once" and history.asked + history.answered > 0:
        return "repeat"
    if repeat.kind in ("until_answered", "times") and history.answered > 0:
        return "repeat"
    if repeat.kind == "times" and history.asked >= repeat.times:
        return "repeat"
    gap = parse_duration(survey.recontact_period)
    if history.contacted_at is not None and now - history.contacted_at < gap:
        return "throttled"
    return None


def expiry(survey: Survey, start: datetime) -> datetime:
    """When a link given at ``start`` ends: at the end of the UTC day that its lifetime reaches into."""
    last = start + parse_duration(survey.link_lifetime)
    return last.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
