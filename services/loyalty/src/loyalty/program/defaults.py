"""What a new shop starts with (CONTRACT §6)."""

from typing import Any

from loyalty.program.document import Program


def default_program() -> Program:
    """1 point per 100 minor units, nothing pending, no expiry, ``recompute``, ``clamp``."""
    return Program()


def default_reward(currency: str) -> dict[str, Any]:
    """The one reward of a new shop: 100 points for 500 minor units of its currency (5.00 where it has two decimals).

    Minor units on purpose: points are earned per minor unit too, so the reward is worth 5 % in every currency.
    """
    return {"kind": "amount_off", "points": 100, "value": 500, "currency": currency}
