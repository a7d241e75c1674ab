"""What stays of an order's attributes when they are forgotten: which rules' conditions on attributes they met."""

from typing import Any, Final

from comeback_contracts.order_view import OrderView
from loyalty.rules.compiled import CompiledProgram
from loyalty.rules.conditions import meets
from loyalty.rules.kept import Met

_SOMETHING: Final = object()
"""Equals no value that a rule may ask for, null neither."""


def met_by(program: CompiledProgram, order: OrderView) -> Met | None:
    """What to keep with an order whose attributes go; None where no rule asks for any."""
    asked = program.asked_attributes
    if not asked:
        return None
    given = order.attributes or {}
    return Met(order.updated_at, tuple(rule_id for rule_id, wanted in asked if meets(given, wanted)))


def stand_in(program: CompiledProgram, order: OrderView, met: Met) -> dict[str, Any] | None:
    """Attributes that meet the same rules' conditions as the forgotten ones; None for a snapshot that came later."""
    if met.updated_at != order.updated_at:
        return None
    found: dict[str, Any] = {}
    for rule_id, wanted in program.asked_attributes:
        if rule_id in met.rule_ids:
            found.update(wanted)
    for _, wanted in program.asked_attributes:  # of what no met rule asks for the others are to find something else
        for name in wanted:
            found.setdefault(name, _SOMETHING)
    return found
