"""Who is asked when: fatigue of cases/feedback.md section C, and what an order decides."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.decisions import Circumstances, Decision, History, decide, expiry, fatigued, is_final
from feedback.order_facts import OrderFacts
from feedback.survey.document import Survey
from tests.unit.feedback.surveys import nps, survey

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
WITHIN = timedelta(hours=48)
ORDER = OrderFacts(
    placed_at=NOW - timedelta(days=3),
    moments={"placed": NOW - timedelta(days=3), "delivered": NOW},
    attributes={},
    channel="web",
    country="DE",
    locale=None,
    is_test=False,
    cancelled=False,
    refunded=False,
)


def decided(
    order: OrderFacts = ORDER,
    history: History | None = None,
    circumstances: Circumstances | None = None,
    *,
    now: datetime = NOW,
    **document: Any,
) -> Decision:
    return decide(
        order, survey(nps(), **document), history or History(), circumstances or Circumstances(), now=now, within=WITHIN
    )


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("check", "reason"), [("2026-03-08 11:59:59", "throttled"), ("2026-03-08 12:00:00", None)], ids=["before", "at"]
)
def test_c1_a_gap_ends_at_its_very_instant(check: str, reason: str | None) -> None:
    history = History(contacted_at=at("2026-03-01 12:00:00"))
    assert fatigued(survey(nps(), recontact_period="P7D"), history, now=at(check)) == reason


def test_c4_a_throttled_invitation_is_dropped_for_good() -> None:
    found = decided(history=History(contacted_at=NOW - timedelta(days=10)), recontact_period="P30D")
    assert (found.state, found.reason) == ("skipped", "throttled")
    assert is_final("skipped", "throttled")


REPEATS: dict[str, tuple[dict[str, Any], History, str | None]] = {
    "C6 shown 3 of 3": ({"kind": "times", "times": 3}, History(asked=3), "repeat"),
    "C6 shown 2 of 3": ({"kind": "times", "times": 3}, History(asked=2), None),
    "C6 answered after 1": ({"kind": "times", "times": 3}, History(asked=1, answered=1), "repeat"),
    "until answered, asked twice": ({"kind": "until_answered"}, History(asked=2), None),
    "until answered, answered": ({"kind": "until_answered"}, History(asked=2, answered=1), "repeat"),
    "once, asked": ({"kind": "once"}, History(asked=1), "repeat"),
    "once, answered unasked": ({"kind": "once"}, History(answered=1), "repeat"),
    "always": ({"kind": "always"}, History(asked=9, answered=9), None),
}


@pytest.mark.parametrize(("repeat", "history", "reason"), REPEATS.values(), ids=REPEATS)
def test_a_survey_says_how_often_it_is_asked(repeat: dict[str, Any], history: History, reason: str | None) -> None:
    assert fatigued(survey(nps(), repeat=repeat, recontact_period="P0D"), history, now=NOW) == reason


@pytest.mark.parametrize(
    ("audience", "first", "state"),
    [("new", True, "asked"), ("new", False, "skipped"), ("returning", False, "asked"), ("returning", True, "skipped")],
)
def test_c7_new_customers_are_those_at_their_first_order(audience: str, first: bool, state: str) -> None:
    found = decided(circumstances=Circumstances(first_order=first), audience={"customers": audience})
    assert found.state == state


def test_c10_a_link_is_good_through_its_last_day() -> None:
    ends = expiry(survey(nps(), link_lifetime="P7D"), at("2026-03-03 08:30:00"))
    assert ends == at("2026-03-11 00:00:00")


ORDERS: dict[str, tuple[dict[str, Any], tuple[str, str | None]]] = {
    "delivered now": ({}, ("asked", None)),
    "not delivered": ({"moments": {"placed": NOW}}, ("planned", None)),
    "cancelled": ({"cancelled": True}, ("skipped", "cancelled")),
    "a test": ({"is_test": True}, ("skipped", "test")),
    "refunded": ({"refunded": True}, ("skipped", "refunded")),
    "delivered 48 hours ago": ({"moments": {"delivered": NOW - WITHIN}}, ("asked", None)),
    "delivered longer ago": ({"moments": {"delivered": NOW - WITHIN - timedelta(seconds=1)}}, ("skipped", "too_old")),
    "delivered a year ago": ({"moments": {"delivered": NOW - timedelta(days=365)}}, ("skipped", "too_old")),
    "delivered in a minute": ({"moments": {"delivered": NOW + timedelta(minutes=1)}}, ("waiting", None)),
    "cancelled long ago": ({"cancelled": True, "moments": {"placed": NOW}}, ("skipped", "cancelled")),
}


@pytest.mark.parametrize(("changes", "expected"), ORDERS.values(), ids=ORDERS)
def test_what_an_order_decides(changes: dict[str, Any], expected: tuple[str, str | None]) -> None:
    found = decided(replace(ORDER, **changes))
    assert (found.state, found.reason) == expected


SURVEYS: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "waits": ({"waiting_period": "P3D"}, "waiting", None),
    "disabled": ({"enabled": False}, "skipped", "disabled"),
    "another channel": ({"audience": {"channels": ["pos"]}}, "skipped", "audience"),
    "its channel": ({"audience": {"channels": ["pos", "web"]}}, "asked", None),
    "another country": ({"audience": {"countries": ["FR"]}}, "skipped", "audience"),
    "after payment": ({"trigger": {"on": "paid"}}, "planned", None),
    "never": ({"trigger": {"on": "never"}}, "planned", None),
    "after placing, long ago": ({"trigger": {"on": "placed"}}, "skipped", "too_old"),
}


@pytest.mark.parametrize(("document", "state", "reason"), SURVEYS.values(), ids=SURVEYS)
def test_what_a_survey_decides(document: dict[str, Any], state: str, reason: str | None) -> None:
    found = decided(**document)
    assert (found.state, found.reason) == (state, reason)


def test_a_full_survey_asks_nobody() -> None:
    assert decided(circumstances=Circumstances(full=True)).reason == "full"


def test_while_it_waits_only_its_own_hour_makes_it_too_old() -> None:
    waiting = Circumstances(already_waiting=True)
    assert decided(circumstances=waiting, now=NOW + timedelta(days=5), waiting_period="P5D").state == "asked"
    late = decided(circumstances=waiting, now=NOW + timedelta(days=8), waiting_period="P5D")
    assert (late.state, late.reason) == ("skipped", "too_old")


@given(
    contacted=st.one_of(st.none(), st.integers(0, 200 * 24 * 60)),
    days=st.integers(0, 120),
    delivered=st.integers(-3 * 24 * 60, 5 * 24 * 60),
    wait=st.integers(0, 4),
)
def test_nobody_is_asked_inside_the_gap_before_the_hour_or_too_late(
    contacted: int | None, days: int, delivered: int, wait: int
) -> None:
    last = None if contacted is None else NOW - timedelta(minutes=contacted)
    moment = NOW - timedelta(minutes=delivered)
    document: Survey = survey(nps(), recontact_period=f"P{days}D", waiting_period=f"P{wait}D")
    order = replace(ORDER, moments={"delivered": moment})
    found = decide(order, document, History(last), Circumstances(), now=NOW, within=WITHIN)
    if found.state != "asked":
        return
    assert last is None or NOW - last >= timedelta(days=days)
    assert moment + timedelta(days=wait) <= NOW <= moment + WITHIN
