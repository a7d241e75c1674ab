"""Why an order earned what it earned: per rule and per line, by the same arithmetic as the target."""

import msgspec

from comeback_contracts.order_reading import view_of
from comeback_contracts.order_view import Order
from comeback_contracts.shares import shares
from loyalty.rules.assessment import places_of
from loyalty.rules.case import Goods
from loyalty.rules.compiled import CompiledProgram
from loyalty.rules.counting import why_it_does_not_count
from loyalty.rules.evaluation import Weighing, weigh_order
from loyalty.rules.kept import Kept


class RulePoints(msgspec.Struct, frozen=True):
    """What a rule paid before caps and refunds in proportion, or the reason why nothing.

    ``rule_id`` is ``tier:<level>`` for the multiplier that a tier gives.
    """

    rule_id: str
    kind: str
    points: int
    reason: str | None = None


class LinePoints(msgspec.Struct, frozen=True):
    """A line's part of the points; amounts in minor units of the order's currency, ``reason`` why none."""

    line_id: str
    eligible: int
    eligible_before_refunds: int
    points: int
    reason: str | None = None


class CapPoints(msgspec.Struct, frozen=True):
    """A cap that lowered the order."""

    period: str
    over: str
    lowered_by: int


class Explanation(msgspec.Struct, frozen=True):
    """``note`` says why the whole order earns nothing, or None."""

    points: int
    rules: tuple[RulePoints, ...] = ()
    lines: tuple[LinePoints, ...] = ()
    caps: tuple[CapPoints, ...] = ()
    note: str | None = None


def explain(program: CompiledProgram, order: Order, kept: Kept, *, assume_counts: bool = False) -> Explanation:
    """The explanation of ``evaluate`` with the same arguments; its points are the same."""
    order = view_of(order)
    why = why_it_does_not_count(order, program.earn_on, assume=assume_counts)
    weighing = weigh_order(program, order, kept) if why is None else None
    if weighing is None:
        note = why or "currency_without_rate"
        rules = tuple(RulePoints(rule.id, rule.kind, 0, note) for rule in program.rules)
        lines = tuple(LinePoints(line.line_id, 0, 0, 0, note) for line in order.lines or ())
        return Explanation(0, rules, lines, note=note)
    found = weighing.assessment
    return Explanation(
        weighing.points,
        tuple(_rules(program, weighing, kept)),
        tuple(_lines(program, weighing)),
        tuple(CapPoints(cap.period, cap.over, cap.lowered_by) for cap in found.caps),
    )


def _rules(program: CompiledProgram, weighing: Weighing, kept: Kept) -> list[RulePoints]:
    found = weighing.assessment
    rules = [
        RulePoints(rule.id, rule.kind, points, None if points else reason)
        for rule, points, reason in zip(program.rules, found.points, found.reasons, strict=True)
    ]
    if found.tier_bonus:
        rules.append(RulePoints(f"tier:{kept.tier}", "multiplier", found.tier_bonus))
    return rules


def _lines(program: CompiledProgram, weighing: Weighing) -> list[LinePoints]:
    goods, left = weighing.basket.full, weighing.basket.left
    points = shares(weighing.points, _weights(program, weighing))
    return [
        LinePoints(
            line.line_id,
            left.amounts[place],
            goods.amounts[place],
            points[place],
            None if points[place] else _reason(goods, left, place),
        )
        for place, line in enumerate(goods.lines)
    ]


def _reason(full: Goods, left: Goods, place: int) -> str:
    if full.lines[place].is_gift_card and full.amounts[place] == 0:
        return "gift_card"
    if full.amounts[place] == 0:
        return "no_eligible_amount"
    return "refunded" if left.amounts[place] == 0 else "no_rule_paid"


def _weights(program: CompiledProgram, weighing: Weighing) -> list[int]:
    """How much of the points each line brought: every paying rule by what it looks at, in a common unit."""
    goods = weighing.basket.left
    weights = [0] * len(goods.lines)
    for rule, points in zip(program.rules, weighing.assessment.points, strict=True):
        if rule.is_multiplier or points == 0:
            continue
        places = places_of(rule, goods)
        looks_at = [
            1
            if rule.kind == "per_item"
            else goods.units[place]
            if rule.kind == "per_quantity"
            else goods.amounts[place]
            for place in places
        ]
        for place, part in zip(places, shares(points * _UNIT, looks_at), strict=True):
            weights[place] += part
    return weights if any(weights) else [max(0, amount) for amount in goods.amounts]


_UNIT = 1_000_000
