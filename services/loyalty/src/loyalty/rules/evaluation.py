"""The target of an order: what the rules give on what is left of it. The hot path of settlement and of previews."""

from collections.abc import Mapping
from itertools import compress
from types import MappingProxyType
from typing import Any, Final

from comeback_contracts.order_reading import view_of
from comeback_contracts.order_view import Order, OrderView
from loyalty.program.fields import MAX_INTEGER
from loyalty.rules.assessment import Assessment, assess
from loyalty.rules.basket import Basket
from loyalty.rules.case import Case
from loyalty.rules.compiled import CompiledProgram, Ratio
from loyalty.rules.counting import why_it_does_not_count
from loyalty.rules.instants import placed_at
from loyalty.rules.kept import Kept, Used
from loyalty.rules.met import stand_in

_NO_USAGE: Final[Mapping[str, Used]] = MappingProxyType({})


class Evaluation:
    """What an order is worth; never changed.

    ``points`` is the target (≥ 0), ``rule_ids`` the rules that paid, in document order; ``usage`` what the order
    takes of the member's counters; ``note`` why the order as a whole earns nothing, None where it may. ``amount`` is
    the eligible amount that is left, in minor units of the shop's currency, rounded down: what tiers by spend count.
    """

    __slots__ = ("amount", "note", "points", "rule_ids", "usage")

    def __init__(
        self,
        points: int = 0,
        rule_ids: tuple[str, ...] = (),
        usage: Mapping[str, Used] = _NO_USAGE,
        note: str | None = None,
        amount: int = 0,
    ) -> None:
        self.points = points
        self.rule_ids = rule_ids
        self.usage = usage
        self.note = note
        self.amount = amount

    @property
    def counts(self) -> bool:
        """Whether the order counts (CONTRACT §2), whatever it earns."""
        return self.note is None or self.note == "currency_without_rate"


class Weighing:
    """What evaluation and explanation share: the goods, what the rules pay on them, and the target."""

    __slots__ = ("assessment", "basket", "points", "rate")

    def __init__(self, basket: Basket, assessment: Assessment, rate: Ratio, points: int) -> None:
        self.basket = basket
        self.assessment = assessment
        self.rate = rate
        self.points = points


def evaluate(
    program: CompiledProgram, order: Order, kept: Kept, *, assume_counts: bool = False, basket: Basket | None = None
) -> Evaluation:
    """The target of an order for the member whose values are kept.

    ``assume_counts`` is for previews of orders that are not paid yet: cancelled ones and tests stay worth 0.
    ``basket`` is that of an order of which the caller has just found that it counts.
    """
    order = view_of(order)
    why = None if basket is not None else why_it_does_not_count(order, program.earn_on, assume=assume_counts)
    if why is not None:
        return Evaluation(note=why)
    weighing = weigh_order(program, order, kept, basket)
    if weighing is None:
        return Evaluation(note="currency_without_rate")
    found, rate = weighing.assessment, weighing.rate
    amount = min(weighing.basket.left.amount * rate[0] // rate[1], MAX_INTEGER)
    if weighing.points == 0:
        return Evaluation(amount=amount)
    rule_ids = tuple(compress(program.rule_ids, found.points))
    usage = _usage(program, weighing, kept) if program.needs_usage else _NO_USAGE
    return Evaluation(weighing.points, rule_ids, usage, None, amount)


def basket_of(program: CompiledProgram, order: OrderView) -> Basket:
    """The goods of an order, as the program counts them."""
    return Basket(order, program.includes, program.allocation)


def weigh_order(
    program: CompiledProgram, order: OrderView, kept: Kept, basket: Basket | None = None
) -> Weighing | None:
    """Everything about an order that counts; None where the program has no rate for its currency."""
    rate = program.rate(order.currency or "")
    if rate is None:
        return None
    basket = basket_of(program, order) if basket is None else basket
    goods = basket.full if program.proportional else basket.left
    case = case_of(program, order, kept)
    found = assess(program, goods, case, kept, rate)
    points = found.total
    if program.proportional:
        points = _share(points, basket.left.amount, basket.full.amount)
    return Weighing(basket, found, rate, points)


def case_of(program: CompiledProgram, order: OrderView, kept: Kept) -> Case:
    """What the conditions of a program look at in an order."""
    attributes: Mapping[str, Any] | None = order.attributes
    if kept.met is not None and attributes is None:
        attributes = stand_in(program, order, kept.met)
    return Case(
        placed_at(order),
        program.zone,
        channel=order.channel,
        attributes=attributes,
        tier=kept.tier,
        tags=kept.tags,
    )


def _share(points: int, left: int, full: int) -> int:
    """The part of the points that belongs to what is left; all of them where nothing of the order has an amount."""
    return points * left // full if full else points


def _usage(program: CompiledProgram, weighing: Weighing, kept: Kept) -> dict[str, Used]:
    usage = {}
    for place, rule_id in program.counted_places:
        points = weighing.assessment.points[place]
        allowance = kept.limits.get(rule_id) if points else None
        if allowance is not None:
            if program.proportional:
                points = _share(points, weighing.basket.left.amount, weighing.basket.full.amount)
            usage[allowance.key] = (1, points)
    for allowance in kept.caps.values():
        usage[allowance.key] = (0, weighing.points)
    return usage
