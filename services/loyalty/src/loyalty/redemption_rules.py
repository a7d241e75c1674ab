"""The arithmetic of paying with points: rate, step, minimum, maximum share; and what a return gives back."""

import math
from fractions import Fraction

import msgspec

from loyalty.program.document import Program, SpentPoints


class Quote(msgspec.Struct, frozen=True):
    """Points to take and their worth in minor units of the order's currency."""

    points: int
    value: int


class Refusal(msgspec.Struct, frozen=True):
    """Why points cannot be used: a stable code and what to do."""

    code: str
    detail: str


def quote(
    program: Program, points: int, *, balance: int, order_total: int, rate: tuple[int, int] | None, used: int = 0
) -> Quote | Refusal:
    """How many of the asked points an order takes.

    Args:
        program: whose ``redemption`` and ``on_insufficient`` count.
        points: asked for.
        balance: what the member can spend.
        order_total: minor units of the order's currency.
        rate: ``CompiledProgram.rate`` of the order's currency: what one minor unit of it is worth in the shop's, as
            numerator and denominator; None where the program has no rate for it.
        used: what other redemptions take of the order's share.

    """
    if rate is None:
        return Refusal("currency_without_rate", "the program has no rate for this currency; add it to currency_rates")
    rules = program.redemption
    asked = points
    limit = max(0, most_points(program, order_total, rate) - used)
    if used and limit < rules.step:
        return _above_share(limit, rules.step, used)
    if program.on_insufficient == "trim" and balance > 0:  # of nothing there is no part to take
        points = min(points, balance, limit)
    points -= points % rules.step
    if points > balance:
        return Refusal("not_enough_points", f"{points} points are needed and {max(balance, 0)} can be spent")
    if points > limit:
        return _above_share(limit, rules.step, used)
    value = value_of(program, points, rate)
    if points < rules.min_points or value < 1:
        needed = max(rules.min_points, least_points(program, rate))
        needed += -needed % rules.step
        return Refusal("below_min_points", f"at least {needed} points must be used; of {asked} {points} could be")
    return Quote(points, value)


def _above_share(limit: int, step: int, used: int) -> Refusal:
    beside = f" beside the {used} that pay for it already: cancel or return those to use others" if used else ""
    return Refusal("above_max_share", f"this order takes at most {limit - limit % step} points{beside}")


def most_points(program: Program, order_total: int, rate: tuple[int, int]) -> int:
    """The most points whose worth is at most ``max_share`` of the order."""
    rules = program.redemption
    share = order_total * Fraction(*rate) * Fraction(rules.max_share)
    return int(share * rules.points / rules.value)


def least_points(program: Program, rate: tuple[int, int]) -> int:
    """The fewest points that are worth one minor unit of the order's currency."""
    return math.ceil(Fraction(*rate) * program.redemption.points / program.redemption.value)


def value_of(program: Program, points: int, rate: tuple[int, int]) -> int:
    """What points are worth in minor units of the order's currency, rounded down."""
    return int(points * program.redemption.value / (program.redemption.points * Fraction(*rate)))


def points_to_return(mode: SpentPoints, spent: int, *, left: int, full: int) -> int:
    """How many of the points spent on an order have come back in all, once ``left`` of ``full`` is left of it.

    ``left`` and ``full`` are what ``goods_left`` gives; ``left`` 0 means cancelled or wholly refunded.
    """
    if mode == "never" or left >= full > 0:
        return 0
    if left <= 0:
        return spent
    return spent * (full - left) // full if mode == "proportional" else 0
