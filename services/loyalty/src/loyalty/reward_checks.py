"""What makes a reward invalid between its fields; each finding says where it is and what to do."""

from collections.abc import Iterator
from decimal import Decimal

from comeback_kit.errors import FieldError, Unprocessable
from loyalty.schemas.rewards import RewardBody

_OF_MONEY = frozenset({"amount_off", "gift_card"})


def completed(body: RewardBody, currency: str) -> RewardBody:
    """The reward with the shop's currency where its value names none. Raises ``Unprocessable`` (422)."""
    found = list(_findings(body))
    if found:
        raise Unprocessable("; ".join(f"{one.pointer}: {one.detail}" for one in found[:3]), errors=found)
    if body.value is not None and body.currency is None:
        return body.model_copy(update={"currency": currency})
    return body


def _findings(body: RewardBody) -> Iterator[FieldError]:
    if body.kind in _OF_MONEY and body.value is None:
        yield FieldError("/value", f"{body.kind} needs a value in minor units")
    if body.kind == "percent_off" and body.percent is None:
        yield FieldError("/percent", 'percent_off needs a percentage, for example "10"')
    if body.percent is not None and Decimal(body.percent) > 100:
        yield FieldError("/percent", 'must be at most "100"')
    if body.kind == "free_product" and body.product_id is None:
        yield FieldError("/product_id", "free_product needs the product")
    if body.valid_from is not None and body.valid_until is not None and body.valid_until <= body.valid_from:
        yield FieldError("/valid_until", "must be later than valid_from")
