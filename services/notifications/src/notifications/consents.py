"""What a customer agreed to: the latest statement per channel and purpose, and what follows for a category. Pure."""

from collections.abc import Mapping
from typing import Final

from notifications.workflows import CATEGORIES

GRANTED: Final = "subscribed"
WITHDRAWN: Final = "unsubscribed"

# Shops name these in their own words; a word that is not here counts as "not granted", and withdraws nothing.
_GRANTING: Final = frozenset({"subscribed", "granted", "given", "opted_in", "confirmed", "yes", "true", "accepted"})
_WITHDRAWING: Final = frozenset(
    {"unsubscribed", "withdrawn", "revoked", "denied", "opted_out", "rejected", "no", "false", "redacted", "cleaned"}
)
_PURPOSES: Final = {
    "newsletter": "marketing",
    "advertising": "marketing",
    "promotional": "marketing",
    "survey": "surveys",
    "feedback": "surveys",
    "review": "surveys",
    "reviews": "surveys",
    "loyalty": "points",
    "rewards": "points",
    "order": "orders",
    "transactional": "orders",
}
_EVERY: Final = frozenset({"all", "any", "*"})


def purposes_of(purpose: str) -> tuple[str, ...]:
    """The categories that a purpose speaks of; one that we do not know is kept under its own name."""
    word = purpose.strip().lower()
    if word in _EVERY:
        return tuple(one.id for one in CATEGORIES.values() if not one.required)
    return (_PURPOSES.get(word, word),)


def state_of(state: str) -> str:
    """``subscribed``, ``unsubscribed``, or the word itself (``pending``, ``not_subscribed``: nothing was decided)."""
    word = state.strip().lower()
    if word in _GRANTING:
        return GRANTED
    return WITHDRAWN if word in _WITHDRAWING else word


def subscribed(category: str, stated: Mapping[str, str]) -> bool:
    """Whether mails of a category may be sent, given the state of each purpose of the e-mail channel.

    Required ones always; others as the customer said. Who left marketing and said nothing about surveys gets no survey
    either; who never was in marketing (``not_subscribed``) still does.
    """
    found = CATEGORIES[category]
    if found.required:
        return True
    own = stated.get(category)
    if own in (GRANTED, WITHDRAWN):
        return own == GRANTED
    if category == "surveys" and stated.get("marketing") == WITHDRAWN:
        return False
    return found.default


def preferences(stated: Mapping[str, str]) -> dict[str, bool]:
    """Every category with its answer."""
    return {category: subscribed(category, stated) for category in CATEGORIES}
