"""Tiers of a program: which value counts, in which window, and how a level is kept or lost."""

from typing import Any, Literal

from pydantic import Field, model_validator

from comeback_kit.bodies import Body, IdText
from loyalty.program.fields import Days, DurationText, Factor, Flag, Label, Minor, Points

Basis = Literal["points", "spend", "orders", "balance"]
Window = Literal["rolling_12m", "calendar_year", "anniversary", "month", "ever"]


class Benefits(Body):
    """What a level gives: ``multiplier`` works like a multiplier rule on every order."""

    multiplier: Factor = "1"
    reward_ids: tuple[IdText, ...] = Field(
        default=(), description="rewards for members of this level; others may take them only where they are named, too"
    )
    free_shipping: Flag = False


class Entry(Body):
    """What is given once when a level is entered, also for levels that are passed on the way up."""

    points: Points = 0
    reward_ids: tuple[IdText, ...] = ()


class Level(Body):
    """A level is reached when the basis reaches ``threshold`` (points, minor units, or orders).

    A lowest level with threshold 0 is everybody's from the start, their first order included.
    """

    id: IdText
    name: Label
    threshold: Minor = 0
    benefits: Benefits = Benefits()
    entry: Entry = Entry()

    @model_validator(mode="before")
    @classmethod
    def _name(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("id"), str) and "name" not in value:
            return {**value, "name": value["id"]}
        return value


class Tiers(Body):
    """Levels, lowest first, and the rules by which they are kept.

    Points count in the window in which they become spendable, spend and orders in that of the order's earning instant.
    ``until`` and ``extra_days`` say to which day a level is kept; ``downgrade`` how far it may fall then; ``grace``
    is counted from the day the level was entered, and no level is lost before it is over.
    """

    basis: Basis = "points"
    window: Window = "rolling_12m"
    until: Literal["end_of_window", "end_of_next"] = "end_of_window"
    extra_days: Days = 0
    downgrade: Literal["one", "none", "full"] = "one"
    grace: DurationText = "P0D"
    grace_round_to: Literal["none", "month_end"] = "none"
    levels: tuple[Level, ...] = Field(default=(), max_length=50)
