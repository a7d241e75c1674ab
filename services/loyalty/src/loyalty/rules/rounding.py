"""Exact rounding of ratios to whole points."""

from collections.abc import Callable, Mapping
from typing import Final

Round = Callable[[int, int], int]


def floor(numerator: int, denominator: int) -> int:
    """The ratio rounded down."""
    return numerator // denominator


def half_up(numerator: int, denominator: int) -> int:
    """The ratio rounded to the nearest integer, halves up."""
    return (2 * numerator + denominator) // (2 * denominator)


def ceil(numerator: int, denominator: int) -> int:
    """The ratio rounded up."""
    return -(-numerator // denominator)


ROUNDINGS: Final[Mapping[str, Round]] = {"floor": floor, "half_up": half_up, "ceil": ceil}
