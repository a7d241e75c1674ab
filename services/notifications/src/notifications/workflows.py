"""The messages that every shop has, and the categories in which a customer can turn them off. Pure data."""

from dataclasses import dataclass
from typing import Final, Literal

Reason = Literal[
    "too_old",
    "no_contact",
    "suppressed",
    "unsubscribed",
    "erased",
    "duplicate",
    "invalid_address",
    "refused",
    "not_renderable",
    "undeliverable",
]


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of mail that a customer knows by name. ``required`` ones belong to an order and cannot be turned off."""

    id: str
    required: bool
    promotional: bool
    default: bool


@dataclass(frozen=True, slots=True)
class Workflow:
    """One message that a shop sends. ``by_occasion``: several an order, told apart by what caused them."""

    id: str
    category: str
    by_occasion: bool = False


CATEGORIES: Final[dict[str, Category]] = {
    category.id: category
    for category in (
        Category("orders", required=True, promotional=False, default=True),
        Category("points", required=False, promotional=False, default=True),
        Category("surveys", required=False, promotional=True, default=True),
        Category("marketing", required=False, promotional=True, default=False),
    )
}

ORDER_CONFIRMATION: Final = "order_confirmation"
POINTS_EARNED: Final = "points_earned"
POINTS_CLAWED_BACK: Final = "points_clawed_back"
SURVEY_INVITATION: Final = "survey_invitation"

WORKFLOWS: Final[dict[str, Workflow]] = {
    workflow.id: workflow
    for workflow in (
        Workflow(ORDER_CONFIRMATION, "orders"),
        Workflow(POINTS_EARNED, "points"),
        Workflow(POINTS_CLAWED_BACK, "points", by_occasion=True),
        Workflow(SURVEY_INVITATION, "surveys"),
    )
}


def turned_off_by_one_click(category: str) -> tuple[str, ...]:
    """The categories that one click in a mail of ``category`` turns off: its own, and every promotional one.

    So the link in any mail ends what a customer would call advertising, and mails about orders always come.
    """
    return tuple(one.id for one in CATEGORIES.values() if not one.required and (one.promotional or one.id == category))
