"""From what a caller sent to what stands on the log: one event's data, checked and completed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from comeback_contracts.instants import format_instant
from comeback_contracts.model import Contract
from comeback_contracts.orders import OrderData, OrderRefundsData
from comeback_contracts.problems import INVALID, FieldProblem, InvalidData, invalid
from comeback_contracts.registry import carries_order, event_type

_REFUND_ONLY: Final = frozenset({"order_id", "refunds", "updated_at"})

# What the type of an event says where its order does not: an order.paid is paid. Only for the way in; on the log the
# order says it itself, and the type never matters.
_IMPLIED: Final[dict[str, tuple[str, str]]] = {
    "order.paid": ("payment_state", "paid"),
    "order.fulfilled": ("fulfilment_state", "fulfilled"),
    "order.delivered": ("fulfilment_state", "delivered"),
    "order.cancelled": ("state", "cancelled"),
}


def validate(
    type: str,  # noqa: A002  # the attribute's name in CloudEvents
    data: Any,
    *,
    time: datetime,
    now: datetime | None = None,
) -> dict[str, Any]:
    """The data of an event as it goes on the log: defaults said, instants in UTC, the event's time where it stands in.

    With ``now`` what says that it happened must not be more than 10 minutes later. Raises ``topics.UnknownType`` and
    ``InvalidData`` (pointers from the data).
    """
    return read(type, data, time=time, now=now).as_data()


def read(
    type: str,  # noqa: A002
    data: Any,
    *,
    time: datetime,
    now: datetime | None = None,
) -> Contract:
    """As ``validate``, but the model itself."""
    kind = event_type(type)
    if not isinstance(data, Mapping):
        raise InvalidData(INVALID, [FieldProblem("", "must be an object")])
    completed: Mapping[str, Any] = data
    model = kind.model
    if carries_order(type):
        completed, model = _order(type, data, time)
    elif kind.time_field is not None:
        completed = _timed(data, kind.time_field, time)
    try:
        return model.model_validate(completed, context={"now": now})
    except ValidationError as error:
        raise invalid(error) from None


def _order(kind: str, data: Mapping[str, Any], time: datetime) -> tuple[Mapping[str, Any], type[Contract]]:
    order = data.get("order")
    if not isinstance(order, Mapping):
        return data, OrderData
    completed = {**data, "order": _timed(order, "updated_at", time)}
    if kind == "order.refunded" and _REFUND_ONLY.issuperset(order):
        return completed, OrderRefundsData
    name, state = _IMPLIED.get(kind, (None, None))
    if name is not None and order.get(name) is None:
        completed["order"][name] = state
    return completed, OrderData


def _timed(data: Mapping[str, Any], name: str, time: datetime) -> dict[str, Any]:
    if data.get(name) is not None:
        return dict(data)
    return {**data, name: format_instant(time)}
