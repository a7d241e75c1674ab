"""Earning rules of a program: what pays points, under which conditions, and how often."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from comeback_kit.bodies import Body, IdText
from loyalty.program.fields import Factor, Flag, Hours, Integer, Label, Minor, Moment, Points, Positive, Scalar, Weekday

RuleKind = Literal[
    "per_amount",
    "per_item",
    "per_quantity",
    "fixed",
    "multiplier",
    "visit",
    "first_purchase",
    "activity",
    "birthday",
    "anniversary",
]
LimitPeriod = Literal["order", "day", "week", "month", "year", "ever"]
CapPeriod = Literal["order", "day", "month"]
Ids = Annotated[tuple[IdText, ...], Field(max_length=10_000)]
Labels = Annotated[tuple[Label, ...], Field(max_length=10_000)]


class When(Body):
    """Conditions; all that are given must hold, and one value of a list is enough.

    ``product_ids``, ``skus`` and ``category_ids`` choose lines: the rule then sees the amount and the quantity of
    those lines only, ``min_amount`` too (minor units of the shop's currency, of what is left after refunds).
    ``from``, ``until``, ``weekdays`` and ``hours`` look at ``placed_at`` in the shop's zone; ``until`` includes a
    day and excludes an instant. ``attributes`` must all be equal in the order.
    """

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    min_amount: Minor = 0
    product_ids: Ids = ()
    skus: Labels = ()
    category_ids: Ids = ()
    channels: Labels = ()
    customer_tags: Labels = ()
    tiers: Ids = ()
    from_: Moment | None = Field(default=None, alias="from")
    until: Moment | None = None
    weekdays: tuple[Weekday, ...] = Field(default=(), max_length=14)
    hours: tuple[Hours, ...] = Field(default=(), max_length=48)
    attributes: dict[Label, Scalar] = Field(default={}, max_length=50)


class Limit(Body):
    """How often a rule pays a member in a period of the shop's zone, and how many points it may pay there.

    A time is an order or an activity in which the rule paid; inside one order it is a line (``per_item``) or a unit
    (``per_quantity``). ``times`` is 1 unless given, or unless only ``points`` is given.
    """

    times: Positive | None = 1
    period: LimitPeriod = "order"
    points: Points | None = None

    @model_validator(mode="before")
    @classmethod
    def _only_points(cls, value: Any) -> Any:
        if isinstance(value, dict) and "times" not in value and value.get("points") is not None:
            return {**value, "times": None}
        return value


class Rule(Body):
    """One earning rule.

    ``per_amount`` pays ``points`` for every ``per`` minor units, ``per_item`` for every line, ``per_quantity`` for
    every ``per`` units; ``fixed``, ``visit`` and ``first_purchase`` once an order; ``multiplier`` multiplies what the
    stackable rules pay by ``factor``; ``activity``, ``birthday`` and ``anniversary`` pay without an order.
    """

    id: IdText
    kind: RuleKind = "per_amount"
    points: Points = 1
    per: Positive = 100
    factor: Factor | None = None
    activity: Label | None = None
    stackable: Flag = True
    priority: Annotated[Integer, Field(ge=-1_000_000, le=1_000_000)] = 0
    when: When = When()
    limit: Limit | None = None

    @model_validator(mode="before")
    @classmethod
    def _per_unit(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("kind") == "per_quantity" and "per" not in value:
            return {**value, "per": 1}
        return value


class Cap(Body):
    """The most points that a member earns by orders and activities in a period.

    ``trim`` lowers what goes above it; ``reject`` makes an order that goes above it worth nothing.
    """

    points: Points = 1000
    period: CapPeriod = "order"
    over: Literal["trim", "reject"] = "trim"
