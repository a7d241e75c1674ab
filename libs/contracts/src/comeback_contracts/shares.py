"""Sharing an integer amount by weights so that the shares add up to it: the largest remainder."""

from collections.abc import Sequence


def shares(amount: int, weights: Sequence[int]) -> list[int]:
    """``amount`` ≥ 0 shared by ``weights`` ≥ 0, ties to the earlier one.

    The shares add up to the amount; without any weight all are 0.
    """
    weight = sum(weights)
    if weight <= 0 or amount <= 0:
        return [0] * len(weights)
    if len(weights) == 1:
        return [amount]
    parts = [amount * one // weight for one in weights]
    missing = amount - sum(parts)
    if missing:
        by_remainder = sorted(range(len(weights)), key=lambda place: (-(amount * weights[place] % weight), place))
        for place in by_remainder[:missing]:
            parts[place] += 1
    return parts
