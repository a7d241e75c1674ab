"""The arithmetic of rules on the goods of one order: what each pays, stacking, multipliers, caps."""

from loyalty.program.fields import MAX_INTEGER
from loyalty.rules.case import Case, Goods
from loyalty.rules.compiled import CompiledProgram, CompiledRule, Ratio
from loyalty.rules.kept import Kept


class CapEffect:
    """A cap that lowered an order: by how many points."""

    __slots__ = ("lowered_by", "over", "period")

    def __init__(self, period: str, over: str, lowered_by: int) -> None:
        self.period = period
        self.over = over
        self.lowered_by = lowered_by


class Assessment:
    """What rules pay: ``points`` and ``reasons`` (why none) by place in ``program.rules``; ``total`` after caps."""

    __slots__ = ("caps", "points", "reasons", "tier_bonus", "total")

    def __init__(self, count: int) -> None:
        self.points = [0] * count
        self.reasons: list[str | None] = [None] * count
        self.tier_bonus = 0
        self.total = 0
        self.caps: list[CapEffect] = []


def assess(program: CompiledProgram, goods: Goods, case: Case, kept: Kept, rate: Ratio) -> Assessment:
    """Apply the program to the goods of an order, exactly."""
    found = Assessment(len(program.rules))
    for place, rule in program.base_rules:
        found.points[place], found.reasons[place] = _pays(program, rule, goods, case, kept, rate)
    if program.best_only:
        _keep_best(program, found)
    if not (program.exclusive and _stand_alone(program, found, goods, case, kept, rate)):
        found.total = _multiplied(program, found, goods, case, kept, rate)
    _cap(program, found, kept)
    return found


def places_of(rule: CompiledRule, goods: Goods) -> list[int]:
    """The lines that a rule is about and that are worth something."""
    if rule.places is not None:
        return rule.places(goods)
    return [place for place, amount in enumerate(goods.amounts) if amount > 0]


def _pays(
    program: CompiledProgram, rule: CompiledRule, goods: Goods, case: Case, kept: Kept, rate: Ratio
) -> tuple[int, str | None]:
    """A rule's points, or 0 and the reason."""
    places, why = _applies(rule, goods, case, kept, rate)
    if why is not None:
        return 0, why
    points = _worth(program, rule, goods, places, rate)
    if points == 0:
        return 0, "below_one_point"
    return _limited(rule, points, kept) if rule.limit is not None else (points, None)


def _applies(
    rule: CompiledRule, goods: Goods, case: Case, kept: Kept, rate: Ratio
) -> tuple[list[int] | None, str | None]:
    """The lines the rule is about (None: all), and why it does not apply."""
    for condition in rule.conditions:
        why = condition(case)
        if why is not None:
            return None, why
    if rule.kind == "first_purchase" and not kept.first_purchase:
        return None, "not_the_first_purchase"
    places = None
    if rule.places is not None:
        places = rule.places(goods)
        if not places:
            return None, "no_matching_line"
    if rule.min_amount:
        amount = goods.amount if places is None else goods.of(places)
        if amount * rate[0] < rule.min_amount * rate[1]:
            return None, "below_min_amount"
    return places, None


def _worth(program: CompiledProgram, rule: CompiledRule, goods: Goods, places: list[int] | None, rate: Ratio) -> int:
    if rule.kind == "per_amount":
        amount = goods.amount if places is None else goods.of(places)
        return program.round(amount * rate[0] * rule.points, rate[1] * rule.per)
    if rule.kind in ("per_item", "per_quantity"):
        places = places_of(rule, goods) if places is None else places
        count = len(places) if rule.kind == "per_item" else sum(goods.units[place] for place in places)
        if rule.limit is not None and rule.limit.period == "order" and rule.limit.times is not None:
            count = min(count, rule.limit.times)
        per = rule.per if rule.kind == "per_quantity" else 1
        return program.round(count * rule.points, per)
    return rule.points


def _limited(rule: CompiledRule, points: int, kept: Kept) -> tuple[int, str | None]:
    limit = rule.limit
    if limit is None:
        return points, None
    if limit.period == "order":
        left_times, left_points = None, limit.points
    else:
        allowance = kept.limits.get(rule.id)
        if allowance is None:
            return points, None
        left_times, left_points = allowance.times, allowance.points
    if left_times == 0 or left_points == 0:
        return 0, "limit_reached"
    return (points if left_points is None else min(points, left_points)), None


def _keep_best(program: CompiledProgram, found: Assessment) -> None:
    """``stacking: best``: of the stackable rules only the best-paying one counts; ties by priority, then id."""
    paying = [
        (-found.points[place], -rule.priority, rule.id, place)
        for place, rule in program.base_rules
        if rule.stackable and found.points[place]
    ]
    for _, _, _, place in sorted(paying)[1:]:
        found.points[place], found.reasons[place] = 0, "another_rule_pays_more"


def _stand_alone(
    program: CompiledProgram, found: Assessment, goods: Goods, case: Case, kept: Kept, rate: Ratio
) -> bool:
    """Let the first of the rules that do not stack count alone; whether there is one that pays."""
    base = _stackable_sum(program, found)
    for place, rule in enumerate(program.rules):
        if rule.is_multiplier and not rule.stackable:
            found.points[place], found.reasons[place] = _multiplies(program, rule, base, goods, case, kept, rate)
    alone = [
        (-rule.priority, -found.points[place], rule.id, place)
        for place, rule in enumerate(program.rules)
        if not rule.stackable and found.points[place]
    ]
    if not alone:
        return False
    winner = min(alone)[3]
    for place in range(len(program.rules)):
        if place != winner and found.reasons[place] is None:
            found.points[place], found.reasons[place] = 0, "another_rule_stands_alone"
    found.total = found.points[winner]
    return True


def _multiplies(
    program: CompiledProgram, rule: CompiledRule, base: int, goods: Goods, case: Case, kept: Kept, rate: Ratio
) -> tuple[int, str | None]:
    """What a sum becomes by a multiplier, or 0 and why it does not apply."""
    _, why = _applies(rule, goods, case, kept, rate)
    if why is None and base == 0:
        why = "nothing_to_multiply"
    if why is not None:
        return 0, why
    bonus = program.round(base * rule.factor[0], rule.factor[1]) - base
    if rule.limit is None:
        return base + bonus, None
    limited, why = _limited(rule, bonus, kept)
    return (base + limited, None) if why is None else (0, why)


def _multiplied(program: CompiledProgram, found: Assessment, goods: Goods, case: Case, kept: Kept, rate: Ratio) -> int:
    """The rounded sum after the multipliers, each applied to what the one before gave, and the tier's."""
    total = _stackable_sum(program, found)
    for place, rule in program.multipliers:
        after, why = _multiplies(program, rule, total, goods, case, kept, rate)
        if why is not None:
            found.reasons[place] = why
        elif program.best_only and any(found.points[other] for other, _ in program.multipliers):
            found.reasons[place] = "another_rule_pays_more"
        else:
            found.points[place] = after - total
            total = after
    factor = program.tier_factors.get(kept.tier) if kept.tier is not None else None
    if factor is not None:
        found.tier_bonus = program.round(total * factor[0], factor[1]) - total
        total += found.tier_bonus
    return total


def _stackable_sum(program: CompiledProgram, found: Assessment) -> int:
    total = 0
    for place, rule in program.base_rules:
        if rule.stackable:
            total += found.points[place]
    return total


def _cap(program: CompiledProgram, found: Assessment, kept: Kept) -> None:
    found.total = min(found.total, MAX_INTEGER)
    if program.order_cap is not None:
        _lower(found, "order", program.order_cap.over, program.order_cap.points)
    for cap in program.period_caps:
        allowance = kept.caps.get(cap.period)
        if allowance is not None and allowance.points is not None:
            _lower(found, cap.period, cap.over, allowance.points)


def _lower(found: Assessment, period: str, over: str, most: int) -> None:
    if found.total > most:
        lowered = most if over == "trim" else 0
        found.caps.append(CapEffect(period, over, found.total - lowered))
        found.total = lowered
