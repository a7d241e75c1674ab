"""What is known of one customer, from its events in any order: fields, consents, and whether it was erased. Pure."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from comeback_contracts.field_merge import Fields, merge_fields, stated, values
from comeback_contracts.instants import canonical

CustomerState: TypeAlias = dict[str, Any]
"""``customer_id``, ``fields``, ``consents`` (by ``channel:purpose``), ``erased_at`` where it was erased; plain JSON."""


def from_data(data: Mapping[str, Any], event_time: str) -> CustomerState:
    """What one ``customer.registered`` or ``customer.updated`` states."""
    fields = stated(data, event_time, without=("customer_id",))
    return {"customer_id": data["customer_id"], "fields": fields, "consents": {}}


def from_consent(data: Mapping[str, Any], event_time: str) -> CustomerState:
    """What one ``customer.consent_changed`` states."""
    at = canonical(data.get("at") or event_time)
    consents = {f"{data['channel']}:{data['purpose']}": [data["state"], at]}
    return {"customer_id": data["customer_id"], "fields": {}, "consents": consents}


def from_erasure(data: Mapping[str, Any], event_time: str) -> CustomerState:
    """What one ``customer.erased`` leaves: that nothing said up to then may be known again."""
    erased_at = canonical(data.get("at") or event_time)
    return {"customer_id": data["customer_id"], "fields": {}, "consents": {}, "erased_at": erased_at}


def merge_customers(a: CustomerState, b: CustomerState) -> CustomerState:
    """What both say together, whatever way they came. Raises ``ValueError`` for two customers."""
    if a["customer_id"] != b["customer_id"]:
        raise ValueError("cannot merge two customers")
    merged: CustomerState = {
        "customer_id": a["customer_id"],
        "fields": merge_fields(a["fields"], b["fields"]),
        "consents": merge_fields(a["consents"], b["consents"]),
    }
    erased = [at for at in (a.get("erased_at"), b.get("erased_at")) if at is not None]
    if not erased:
        return merged
    erased_at: str = max(erased, key=lambda at: at[:-1])
    return {
        **merged,
        "fields": _after(merged["fields"], erased_at),
        "consents": _after(merged["consents"], erased_at),
        "erased_at": erased_at,
    }


def known(state: CustomerState) -> dict[str, Any]:
    """The customer's present fields."""
    return values(state["fields"])


def consent(state: CustomerState, channel: str, purpose: str) -> str | None:
    """The state of a consent, or None where nothing was said."""
    said = state["consents"].get(f"{channel}:{purpose}")
    return None if said is None else said[0]


def _after(fields: Fields, erased_at: str) -> Fields:
    return {name: said for name, said in fields.items() if said[1][:-1] > erased_at[:-1]}
