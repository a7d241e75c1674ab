"""Conditions of a rule as closures: each gives None where it holds, else a stable reason why the rule pays nothing."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from comeback_contracts.order_view import LineView
from loyalty.local_time import moment, moment_end
from loyalty.program.fields import weekday_number
from loyalty.program.rule import When
from loyalty.rules.case import Case, Condition, LineFilter

_MISSING: Final = object()


def compile_conditions(when: When, zone: ZoneInfo) -> tuple[Condition, ...]:
    """The conditions that look at the order and the member; lines and amounts are ``compile_filter``'s."""
    found = []
    if when.channels:
        found.append(_channel(frozenset(when.channels)))
    if when.tiers:
        found.append(_tier(frozenset(when.tiers)))
    if when.customer_tags:
        found.append(_tags(frozenset(when.customer_tags)))
    if when.attributes:
        found.append(_attributes(dict(when.attributes)))
    if when.from_ is not None:
        found.append(_from(moment(when.from_, zone)))
    if when.until is not None:
        found.append(_until(moment_end(when.until, zone)))
    if when.weekdays:
        found.append(_weekday(frozenset(weekday_number(day) for day in when.weekdays)))
    if when.hours:
        found.append(_hour(tuple(_span(hours) for hours in when.hours)))
    return tuple(found)


def compile_filter(when: When) -> LineFilter | None:
    """Which lines a rule is about; None: all of them."""
    products, skus = frozenset(when.product_ids), frozenset(when.skus)
    categories = frozenset(when.category_ids)
    if not (products or skus or categories):
        return None

    if not (products or skus):
        return _of_categories(categories)

    def matches(line: LineView) -> bool:
        if products and line.product_id not in products:
            return False
        if skus and line.sku not in skus:
            return False
        return not categories or not categories.isdisjoint(line.category_ids or ())

    return lambda goods: [place for place, line in enumerate(goods.lines) if goods.amounts[place] > 0 and matches(line)]


def _of_categories(categories: frozenset[str]) -> LineFilter:
    """Most rules that are about lines are about categories, and about one: no call for each line."""
    if len(categories) == 1:
        (only,) = categories
        return lambda goods: [
            place
            for place, (line, amount) in enumerate(zip(goods.lines, goods.amounts, strict=True))
            if amount > 0 and line.category_ids and only in line.category_ids
        ]
    return lambda goods: [
        place
        for place, (line, amount) in enumerate(zip(goods.lines, goods.amounts, strict=True))
        if amount > 0 and line.category_ids and not categories.isdisjoint(line.category_ids)
    ]


def _channel(channels: frozenset[str]) -> Condition:
    return lambda case: None if case.channel in channels else "other_channel"


def _tier(tiers: frozenset[str]) -> Condition:
    return lambda case: None if case.tier in tiers else "other_tier"


def _tags(tags: frozenset[str]) -> Condition:
    return lambda case: "no_customer_tag" if tags.isdisjoint(case.tags) else None


def _attributes(wanted: dict[str, Any]) -> Condition:
    return lambda case: None if meets(case.attributes or {}, wanted) else "other_attributes"


def meets(given: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether attributes are all that a rule asks for."""
    return all(_equal(given.get(name, _MISSING), value) for name, value in wanted.items())


def _equal(given: Any, wanted: Any) -> bool:
    """Equality as in JSON: ``1`` is not ``true``; an absent attribute is null."""
    if given is _MISSING:
        return wanted is None
    return isinstance(given, bool) == isinstance(wanted, bool) and bool(given == wanted)


def _from(start: datetime) -> Condition:
    return lambda case: None if case.at >= start else "too_early"


def _until(end: datetime) -> Condition:
    return lambda case: None if case.at < end else "too_late"


def _weekday(days: frozenset[int]) -> Condition:
    return lambda case: None if case.local.isoweekday() in days else "other_weekday"


def _hour(spans: tuple[tuple[int, int], ...]) -> Condition:
    def holds(case: Case) -> str | None:
        minute = 60 * case.local.hour + case.local.minute
        return None if any(start <= minute < end for start, end in spans) else "other_hour"

    return holds


def _span(hours: int | str) -> tuple[int, int]:
    """Minutes of the day, the end exclusive."""
    if isinstance(hours, int):
        return 60 * hours, 60 * hours + 60
    return 60 * int(hours[:2]) + int(hours[3:5]), 60 * int(hours[6:8]) + int(hours[9:])
