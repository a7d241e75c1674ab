"""What a customer's own app sees beside what a shop sees."""

from typing import Any

from comeback_kit.http import Answer
from loyalty.schemas.members import MemberAnswer


class MeAnswer(MemberAnswer):
    """The customer's own numbers, with the reward that comes next."""

    points_name: dict[str, str]
    next_reward: dict[str, Any] | None


class WayToEarn(Answer):
    """One rule of the program in plain fields."""

    rule_id: str
    kind: str
    points: int
    per: int | None
    factor: str | None
    activity: str | None
    currency: str | None
    when: dict[str, Any]
    limit: dict[str, Any] | None
    available: bool


class WaysToEarn(Answer):
    """Everything that earns points."""

    items: list[WayToEarn]
    next_cursor: str | None = None
