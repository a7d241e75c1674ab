"""Contact data out of orders and carts: it travels only on the customers topic (DESIGN §2, 14). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from comeback_contracts.guest import guest_id

CONTACT: Final = ("email", "phone", "first_name", "last_name")
_KEPT: Final = ("customer_id", "locale", "country")
WHAT: Final = "customer"
"""What the split-off event is called after its origin: ``derive(order_event, what=WHAT, …)``."""


@dataclass(frozen=True, slots=True)
class Split:
    """An order without contact data, and the data of the ``customer.updated`` that carries it (None: there is none)."""

    order: dict[str, Any]
    customer: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class CartSplit:
    """A cart without contact data, and the data of the ``customer.updated`` that carries it (None: there is none)."""

    cart: dict[str, Any]
    customer: dict[str, Any] | None


def split_contact(order: Mapping[str, Any], *, secret: bytes, event_time: str) -> Split:
    """Move contact data out of a validated ``data.order``; a guest becomes a customer with an id of its own.

    ``secret`` is the shop's guest secret, ``event_time`` stands in for a missing ``updated_at``. Without a customer id,
    an e-mail and an E.164 phone there is no customer, and nothing of the contact data is kept.
    """
    given: Mapping[str, Any] | None = order.get("customer")
    if not given:
        return Split(dict(order), None)
    customer_id = given.get("customer_id") or guest_id(secret, email=given.get("email"), phone=given.get("phone"))
    kept = {name: given[name] for name in _KEPT if given.get(name) is not None}
    if customer_id is not None:
        kept["customer_id"] = customer_id
    bare = {**order, "customer": kept}
    contact = {name: given[name] for name in CONTACT if given.get(name) is not None}
    if customer_id is None or not contact:
        return Split(bare, None)
    updated_at = order.get("updated_at") or event_time
    return Split(bare, {**kept, **contact, "updated_at": updated_at})


def split_cart(cart: Mapping[str, Any], *, secret: bytes) -> CartSplit:
    """Move the e-mail out of a validated cart, as ``split_contact`` does for orders."""
    email: str | None = cart.get("email")
    bare = {name: value for name, value in cart.items() if name != "email"}
    if email is None:
        return CartSplit(bare, None)
    customer_id = cart.get("customer_id") or guest_id(secret, email=email)
    if customer_id is None:
        return CartSplit(bare, None)
    bare["customer_id"] = customer_id
    return CartSplit(bare, {"customer_id": customer_id, "email": email, "updated_at": cart["updated_at"]})
