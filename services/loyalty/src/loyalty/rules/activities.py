"""What earns without an order: activities, birthdays and anniversaries of joining."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from loyalty.local_time import local_date
from loyalty.rules.case import Case
from loyalty.rules.compiled import CompiledProgram, CompiledRule
from loyalty.rules.evaluation import Evaluation
from loyalty.rules.facts import allowance
from loyalty.rules.kept import Allowance, Facts, Used
from loyalty.rules.periods import cap_key, rule_key

Occasion = Literal["birthday", "anniversary"]


def activity_usage_keys(
    program: CompiledProgram, activity: str, at: datetime, *, order_id: str | None = None
) -> tuple[str, ...]:
    """The member's counters that an activity of that kind looks at."""
    return _usage_keys(program, _rules_for(program, activity), at, order_id)


def occasion_usage_keys(program: CompiledProgram, occasion: Occasion, at: datetime) -> tuple[str, ...]:
    """The member's counters that a birthday or an anniversary looks at."""
    return _usage_keys(program, _rules_of(program, occasion), at, None)


def _usage_keys(
    program: CompiledProgram, rules: Sequence[CompiledRule], at: datetime, order_id: str | None
) -> tuple[str, ...]:
    day = local_date(at, program.zone)
    keys = [_key(rule, program, at, order_id) for rule in rules]
    return (*(key for key in keys if key), *(cap_key(cap.period, day) for cap in program.period_caps))


def evaluate_activity(
    program: CompiledProgram,
    activity: str,
    at: datetime,
    facts: Facts,
    *,
    order_id: str | None = None,
    channel: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Evaluation:
    """The points of one recorded activity. Activities do not change later, so nothing is kept.

    All rules for that activity pay and are added up, or with ``stacking: best`` the best-paying one; rules that do
    not stack stand alone as with orders. Multipliers and the cap per order are for orders only.
    """
    rules = _rules_for(program, activity)
    return _evaluate(program, rules, _case(program, at, facts, channel, attributes), facts, order_id)


def evaluate_occasion(program: CompiledProgram, occasion: Occasion, at: datetime, facts: Facts) -> Evaluation:
    """The points of a birthday or of an anniversary of joining, at that instant."""
    rules = _rules_of(program, occasion)
    return _evaluate(program, rules, _case(program, at, facts, None, None), facts, None)


def _evaluate(
    program: CompiledProgram, rules: Sequence[CompiledRule], case: Case, facts: Facts, order_id: str | None
) -> Evaluation:
    paying: list[tuple[CompiledRule, int, Allowance | None]] = []
    for rule in rules:
        if all(condition(case) is None for condition in rule.conditions):
            left = _allowance(rule, program, case.at, order_id, facts)
            points = _limited(rule.points, left)
            if points:
                paying.append((rule, points, left))
    paying = _stack(program, paying)
    total, caps = _capped(program, sum(points for _, points, _ in paying), case.at, facts)
    if total == 0:
        return Evaluation()
    usage: dict[str, Used] = {left.key: (1, points) for _, points, left in paying if left is not None}
    usage.update(dict.fromkeys(caps, (0, total)))
    return Evaluation(total, tuple(rule.id for rule, _, _ in paying), usage)


def _stack(
    program: CompiledProgram, paying: list[tuple[CompiledRule, int, Allowance | None]]
) -> list[tuple[CompiledRule, int, Allowance | None]]:
    alone = [one for one in paying if not one[0].stackable]
    if alone:
        return [min(alone, key=lambda one: (-one[0].priority, -one[1], one[0].id))]
    if program.best_only and paying:
        return [min(paying, key=lambda one: (-one[1], -one[0].priority, one[0].id))]
    return paying


def _rules_for(program: CompiledProgram, activity: str) -> list[CompiledRule]:
    return [rule for rule in program.orderless if rule.kind == "activity" and rule.activity == activity]


def _rules_of(program: CompiledProgram, occasion: Occasion) -> list[CompiledRule]:
    return [rule for rule in program.orderless if rule.kind == occasion]


def _allowance(
    rule: CompiledRule, program: CompiledProgram, at: datetime, order_id: str | None, facts: Facts
) -> Allowance | None:
    key = _key(rule, program, at, order_id)
    if key is None or rule.limit is None:
        return None
    return allowance(key, rule.limit.times, rule.limit.points, facts.used)


def _key(rule: CompiledRule, program: CompiledProgram, at: datetime, order_id: str | None) -> str | None:
    """The counter of a rule's limit; a limit per order counts the activities that belong to that order."""
    if rule.limit is None:
        return None
    if rule.limit.period == "order":
        return None if order_id is None else f"rule:{rule.id}:order:{order_id}"
    return rule_key(rule.id, rule.limit.period, local_date(at, program.zone))


def _limited(points: int, left: Allowance | None) -> int:
    if left is None:
        return points
    if left.times == 0:
        return 0
    return points if left.points is None else min(points, left.points)


def _capped(program: CompiledProgram, total: int, at: datetime, facts: Facts) -> tuple[int, list[str]]:
    day = local_date(at, program.zone)
    keys = []
    for cap in program.period_caps:
        key = cap_key(cap.period, day)
        keys.append(key)
        left = max(0, cap.points - facts.used.get(key, (0, 0))[1])
        if total > left:
            total = left if cap.over == "trim" else 0
    return total, keys


def _case(
    program: CompiledProgram,
    at: datetime,
    facts: Facts,
    channel: str | None,
    attributes: Mapping[str, Any] | None,
) -> Case:
    return Case(
        at,
        program.zone,
        channel=channel,
        attributes=attributes,
        tier=facts.tier,
        tags=facts.tags,
    )
