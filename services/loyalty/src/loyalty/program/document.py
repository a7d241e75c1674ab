"""The program document of CONTRACT §4: every field with its default.

Field errors come from pydantic; what only shows between fields is in ``checks.py``.
"""

from typing import Annotated, Literal

from pydantic import Field

from comeback_contracts.money import Currency
from comeback_kit.bodies import Body
from loyalty.program.fields import Days, Flag, Integer, Label, Moment, Points, Positive, Rate, Share
from loyalty.program.rule import Cap, Rule
from loyalty.program.tiers import Tiers

EarnOn = Literal["paid", "placed", "fulfilled", "delivered"]
Rounding = Literal["floor", "half_up", "ceil"]
ClawbackMode = Literal["recompute", "proportional"]
Negative = Literal["clamp", "allow", "pending_only"]
SpentPoints = Literal["full_return_only", "proportional", "never"]
BASE_RULE = Rule(id="base")


class PointsName(Body):
    """What a point is called in messages and pages."""

    one: Label = "point"
    other: Label = "points"


class Eligible(Body):
    """What of an order earns besides the goods before tax."""

    tax: Flag = False
    shipping: Flag = False
    tip: Flag = False
    gift_cards: Flag = False


class Pending(Body):
    """When earned points can be spent: at once, ``days`` later, on a day, or ``days`` after the delivery."""

    kind: Literal["none", "days", "until", "delivered"] = "none"
    days: Days = 14
    until: Moment | None = None


class Expiry(Body):
    """Until when points can be spent.

    ``rolling`` counts ``days``, else ``months``, from the day they were earned, to the end of the month or year where
    ``round_to`` says so; ``calendar`` ends with the month or year they were earned in; ``sliding`` counts like
    ``rolling`` from the member's last activity.
    """

    kind: Literal["none", "rolling", "calendar", "sliding"] = "none"
    months: Annotated[Integer, Field(ge=0, le=1200)] = 12
    days: Days | None = None
    round_to: Literal["none", "month_end", "year_end"] = "none"
    warn_days: tuple[Annotated[Integer, Field(ge=1, le=3660)], ...] = Field(default=(30, 7), max_length=10)


class Redemption(Body):
    """The rate of paying with points: ``points`` are worth ``value`` minor units of the shop's currency."""

    points: Positive = 100
    value: Positive = 500
    min_points: Points = 0
    step: Positive = 1
    max_share: Share = "1.0"


class Program(Body):
    """A points program."""

    points_name: PointsName = PointsName()
    earn_on: EarnOn = "paid"
    rounding: Rounding = "floor"
    stacking: Literal["sum", "best"] = "sum"
    discount_allocation: Literal["per_line", "order"] = "per_line"
    eligible: Eligible = Eligible()
    currency_rates: dict[Currency, Rate] = Field(default={}, max_length=200)
    rules: tuple[Rule, ...] = Field(default=(BASE_RULE,), max_length=200)
    caps: tuple[Cap, ...] = Field(default=(), max_length=3)
    pending: Pending = Pending()
    expiry: Expiry = Expiry()
    clawback_mode: ClawbackMode = "recompute"
    negative: Negative = "clamp"
    spent_points: SpentPoints = "full_return_only"
    on_insufficient: Literal["reject", "trim"] = "reject"
    redemption: Redemption = Redemption()
    tiers: Tiers = Tiers()
