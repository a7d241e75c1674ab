"""Exact rounding of ratios to whole points, and fair shares of whole points."""

from collections.abc import Callable, Mapping, Sequence
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


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """``total`` (≥ 0) in parts by weight with the largest remainder, ties to the earlier; zeros without any weight."""
    whole = sum(weights)
    if whole <= 0 or total == 0:
        return [0] * len(weights)
    parts = [total * weight // whole for weight in weights]
    missing = total - sum(parts)
    if missing:
        by_remainder = sorted(range(len(weights)), key=lambda place: -(total * weights[place] % whole))
        for place in by_remainder[:missing]:
            parts[place] += 1
    return parts
