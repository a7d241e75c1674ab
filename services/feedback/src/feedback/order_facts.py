"""The few facts of a merged order (``comeback_contracts.order_merge``) that decide whether it is asked about. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from comeback_contracts.instants import parse_instant
from comeback_contracts.order_merge import OrderState, has_snapshot
from comeback_contracts.order_reading import view_of
from comeback_contracts.remaining import refunds_of, remaining

_PAID: Final = frozenset({"paid", "partially_refunded"})
_FULFILLED: Final = frozenset({"fulfilled", "delivered"})
_LONGEST_STEP: Final = timedelta(days=30)
"""A step that nobody dated is taken to have happened at most this long after the one before."""


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """An order as a survey sees it. ``moments``: when it reached what a survey can follow, as far as it has."""

    placed_at: datetime
    moments: Mapping[str, datetime]
    attributes: Mapping[str, int | float | str]
    channel: str | None
    country: str | None
    locale: str | None
    is_test: bool
    cancelled: bool
    refunded: bool

    @property
    def ordinary(self) -> bool:
        """Whether it is an order like any other: no test, not cancelled, not wholly refunded."""
        return not (self.is_test or self.cancelled or self.refunded)


def customer_of(state: OrderState) -> str | None:
    """The order's customer, as far as it is known."""
    customer: dict[str, Any] = state.get("customer") or {}
    found = customer.get("customer_id")
    return found if isinstance(found, str) else None


def facts_of(state: OrderState) -> OrderFacts | None:
    """The facts of an order; None while only refunds of it have come."""
    if not has_snapshot(state):
        return None
    customer: dict[str, Any] = state.get("customer") or {}
    placed_at = parse_instant(state["placed_at"])
    return OrderFacts(
        placed_at=placed_at,
        moments=_moments(state, placed_at),
        attributes=_attributes(state),
        channel=state.get("channel"),
        country=customer.get("country"),
        locale=customer.get("locale"),
        is_test=bool(state.get("is_test")),
        cancelled=state.get("state") == "cancelled",
        refunded=_wholly_refunded(state),
    )


def _moments(state: OrderState, placed_at: datetime) -> dict[str, datetime]:
    found = {"placed": placed_at}
    updated_at = parse_instant(state["updated_at"])
    before = placed_at
    reached = (
        ("paid", state.get("payment_state") in _PAID),
        ("fulfilled", state.get("fulfilment_state") in _FULFILLED),
        ("delivered", state.get("fulfilment_state") == "delivered"),
    )
    for name, is_reached in reached:
        at = state.get(f"{name}_at")
        if at is not None:
            found[name] = before = parse_instant(at)
        elif is_reached:
            # Nobody said when: not later than the snapshot, nor much later than the step before. So an old order that
            # comes with an import of today is old.
            found[name] = before = max(before, min(updated_at, before + _LONGEST_STEP))
    return found


def _attributes(state: OrderState) -> dict[str, int | float | str]:
    given = {
        key: value for key, value in (state.get("attributes") or {}).items() if isinstance(value, int | float | str)
    }
    for name in ("channel", "currency", "total", "number"):
        value = state.get(name)
        if isinstance(value, int | str):
            given[name] = value
    country = (state.get("customer") or {}).get("country")
    return given if country is None else {**given, "country": country}


def _wholly_refunded(state: OrderState) -> bool:
    if state.get("payment_state") in ("refunded", "voided"):
        return True
    if not state.get("refunds"):
        return False
    order = view_of(state)
    if 0 < (order.total or 0) <= sum(refund.amount or 0 for refund in refunds_of(order)):
        return True
    quantities = remaining(order).quantities
    return bool(quantities) and not any(quantities)
