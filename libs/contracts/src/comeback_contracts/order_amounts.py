"""What the arithmetic of orders takes and gives: amounts in minor units of the order's currency."""

from typing import Final

import msgspec


class Includes(msgspec.Struct, frozen=True, gc=False):
    """What a program counts besides goods before tax."""

    tax: bool = False
    shipping: bool = False
    tip: bool = False
    gift_cards: bool = False


GOODS: Final = Includes()


class Eligible(msgspec.Struct, frozen=True, gc=False):
    """Eligible amounts in minor units of the order's currency.

    ``lines`` are in the order of the order's lines. ``beyond`` is what no line has: shipping, tip and tax, where they
    count. ``total`` = Σ ``lines`` + ``beyond`` − ``discount``, never below 0; ``discount`` is what the allocation
    ``order`` takes from the whole instead of from its lines, and 0 with ``per_line``.
    """

    lines: list[int]
    beyond: int
    discount: int
    total: int


class Remaining(msgspec.Struct, frozen=True, gc=False):
    """Per line, in the order of the lines: the money and the pieces that are left."""

    amounts: list[int]
    quantities: list[int]
