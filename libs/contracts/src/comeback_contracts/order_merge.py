"""How what is known of an order grows: a merge that is commutative, associative and idempotent (CONTRACT §2, "Merge").

Whatever way the events of an order take, repeated and in any order, every reader ends in the same state. The type of an
event never matters.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import rfc8785

from comeback_contracts.order_wire import INSTANTS, OrderState, is_refund_only, read_order

__all__ = ["OrderState", "from_event", "has_snapshot", "merge"]

MONEY: Final = ("currency", "tax_included", "lines", "discounts", "shipping", "tax", "tip", "total")
_RANKS: Final[dict[str, tuple[str, ...]]] = {
    "state": ("open", "closed", "cancelled"),
    "payment_state": ("pending", "paid", "partially_refunded", "refunded", "voided"),
    "fulfilment_state": ("unfulfilled", "partial", "fulfilled", "delivered"),
}
_APART: Final = frozenset({*MONEY, "customer", "refunds"})
_encode: Final = msgspec.json.Encoder().encode


def from_event(data: bytes | msgspec.Raw | Mapping[str, Any], event_time: str) -> OrderState:
    """The state that one ``order.*`` event brings. ``event_time`` stands in for a missing ``updated_at``.

    Raises ``ValueError`` when ``data`` holds no order.
    """
    state = read_order(data, event_time)
    refund_only = is_refund_only(state)
    updated_at = state["updated_at"]
    refunds: dict[str, Any] = {}
    for refund in state.get("refunds") or ():
        brought = _refund(refund, updated_at)
        refunds = _join(refunds, {brought["refund_id"]: brought})
    if refund_only:
        return {"order_id": state["order_id"], "refunds": refunds}
    state["refunds"] = refunds
    return state


def has_snapshot(state: OrderState) -> bool:
    """Whether the order itself has come, not only refunds of it."""
    return "updated_at" in state


def merge(a: OrderState, b: OrderState) -> OrderState:
    """What both states of one order say together. Neither is changed; the result may share parts with them.

    Raises ``ValueError`` for states of two orders.
    """
    if a["order_id"] != b["order_id"]:
        raise ValueError("cannot merge two orders")
    base = _snapshot(a, b)
    refunds = _join(base["refunds"], (a if base is b else b)["refunds"])
    return base if base["refunds"] is refunds else {**base, "refunds": refunds}


def _snapshot(a: OrderState, b: OrderState) -> OrderState:
    """The state whose snapshot is later; at equal times field by field. Its refunds are not merged yet."""
    at, bt = a.get("updated_at"), b.get("updated_at")
    if bt is None:
        return a
    if at is None:
        return b
    if at == bt:
        return _tie(a, b)
    return a if _later(at, bt) else b


def _later(a: str, b: str) -> bool:
    """Whether a canonical instant is later than another."""
    return a[:-1] > b[:-1]


def _tie(a: OrderState, b: OrderState) -> OrderState:
    if a is b or _encode(a) == _encode(b):
        return a
    merged = {name: _field(name, a, b) for name in {*a, *b} - _APART}
    merged["refunds"] = a["refunds"]
    customer = _customer(a.get("customer"), b.get("customer"))
    if customer is not None:
        merged["customer"] = customer
    money_a, money_b = ({name: side[name] for name in MONEY if name in side} for side in (a, b))
    merged.update(_greater(money_a, money_b))
    return merged


def _field(name: str, a: OrderState, b: OrderState) -> Any:
    if name not in a:
        return b[name]
    if name not in b:
        return a[name]
    if name in _RANKS:
        return max(a[name], b[name], key=_rank_in(_RANKS[name]))
    if name in INSTANTS:
        return a[name] if _later(a[name], b[name]) else b[name]
    return _greater(a[name], b[name])


def _rank_in(order: tuple[str, ...]) -> Callable[[str], tuple[int, bytes]]:
    """States in their order; one that this version does not know comes before all that it does."""
    return lambda state: (order.index(state) if state in order else -1, rfc8785.dumps(state))


def _customer(a: dict[str, Any] | None, b: dict[str, Any] | None) -> dict[str, Any] | None:
    if a is None or b is None:
        return b if a is None else a
    return {
        name: _greater(a[name], b[name]) if name in a and name in b else a.get(name, b.get(name)) for name in {*a, *b}
    }


def _greater(a: Any, b: Any) -> Any:
    """Of two values the one whose RFC 8785 text is greater by bytes."""
    if _encode(a) == _encode(b):
        return a
    return a if rfc8785.dumps(a) >= rfc8785.dumps(b) else b


def _join(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """The refunds of both; ``a`` itself where ``b`` adds nothing, so that the merge copies only what changed."""
    if not b or a is b:
        return a
    if not a:
        return b
    news = {key: refund for key, refund in b.items() if key not in a or _beats(refund, a[key])}
    return {**a, **news} if news else a


def _beats(new: dict[str, Any], old: dict[str, Any]) -> bool:
    if new["updated_at"] != old["updated_at"]:
        return _later(new["updated_at"], old["updated_at"])
    return new is not old and _content(new) > _content(old)


def _content(refund: dict[str, Any]) -> bytes:
    return rfc8785.dumps({name: value for name, value in refund.items() if name != "updated_at"})


def _refund(refund: dict[str, Any], updated_at: str) -> dict[str, Any]:
    """A refund as it is kept. Its time is that of the event that brought it, not its ``at``."""
    return {**refund, "updated_at": updated_at}
