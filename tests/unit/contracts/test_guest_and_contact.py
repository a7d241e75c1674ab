"""Guests get an id of their own, and contact data leaves orders and carts."""

import json
from typing import Any

import pytest

from comeback_contracts.contact_split import WHAT, split_cart, split_contact
from comeback_contracts.guest import e164, guest_id, is_guest
from comeback_contracts.ids import is_id

SECRET = b"s" * 32
TIME = "2026-01-01T00:00:00Z"


def test_a_guest_is_the_same_by_any_spelling_of_the_address() -> None:
    guest = guest_id(SECRET, email="Ada@Example.org")
    assert guest is not None
    assert guest == guest_id(SECRET, email="  ada@example.ORG ", phone="+491701234567")
    assert is_guest(guest)
    assert is_id(guest)
    assert len(guest) == len("guest:") + 32


def test_without_an_address_the_phone_tells() -> None:
    guest = guest_id(SECRET, phone="+49 (170) 123-45.67")
    assert guest == guest_id(SECRET, email="", phone="+491701234567")
    assert guest != guest_id(SECRET, email="ada@example.org")


@pytest.mark.parametrize(
    ("email", "phone"),
    [
        (None, None),
        ("", ""),
        ("  ", None),
        ("nobody", None),
        (None, "0170 1234567"),
        (None, "+0123456789"),
        (None, "+49"),
    ],
)
def test_who_cannot_be_told_apart_is_nobody(email: str | None, phone: str | None) -> None:
    assert guest_id(SECRET, email=email, phone=phone) is None


def test_each_shop_has_guests_of_its_own() -> None:
    assert guest_id(SECRET, email="a@b.c") != guest_id(b"t" * 32, email="a@b.c")
    with pytest.raises(ValueError, match="secret"):
        guest_id(b"", email="a@b.c")


@pytest.mark.parametrize(
    ("phone", "expected"),
    [("+49 170 1234567", "+491701234567"), ("+1 (555) 010-0000", "+15550100000"), ("0049170", None), ("+1a", None)],
)
def test_e164(phone: str, expected: str | None) -> None:
    assert e164(phone) == expected


CONTACT = {"email": "Ada@Example.org", "phone": "+491701234567", "first_name": "Ada", "last_name": "L"}


def order(**customer: Any) -> dict[str, Any]:
    return {"order_id": "1", "total": 5, "customer": customer, "updated_at": "2026-01-02T00:00:00Z"}


def test_contact_data_moves_into_customer_updated() -> None:
    given = order(customer_id="c", locale="de", country="DE", **CONTACT)
    split = split_contact(given, secret=SECRET, event_time=TIME)
    assert split.order == order(customer_id="c", locale="de", country="DE")
    assert split.customer == {
        "customer_id": "c",
        "locale": "de",
        "country": "DE",
        **CONTACT,
        "updated_at": "2026-01-02T00:00:00Z",
    }
    assert given["customer"]["email"] == "Ada@Example.org", "the order that was given is not changed"


def test_a_guest_becomes_a_customer() -> None:
    split = split_contact(order(**CONTACT), secret=SECRET, event_time=TIME)
    guest = guest_id(SECRET, email="ada@example.org")
    assert split.order["customer"] == {"customer_id": guest}
    assert split.customer is not None
    assert split.customer["customer_id"] == guest
    assert split.customer["email"] == "Ada@Example.org"


def test_nothing_of_a_person_stays_in_the_order() -> None:
    for customer in (
        {**CONTACT, "customer_id": "c"},
        CONTACT,
        {"first_name": "Ada", "locale": "de"},
        {"phone": "0170"},
    ):
        written = json.dumps(split_contact(order(**customer), secret=SECRET, event_time=TIME).order)
        assert not any(value in written for value in (*CONTACT.values(), "0170"))


def test_who_cannot_be_told_apart_is_no_customer() -> None:
    split = split_contact(order(first_name="Ada", locale="de"), secret=SECRET, event_time=TIME)
    assert split.order["customer"] == {"locale": "de"}
    assert split.customer is None


@pytest.mark.parametrize("customer", [{}, {"customer_id": "c"}, {"customer_id": "c", "locale": "de"}])
def test_without_contact_data_there_is_nothing_to_tell(customer: dict[str, Any]) -> None:
    split = split_contact(order(**customer), secret=SECRET, event_time=TIME)
    assert split.order["customer"] == customer
    assert split.customer is None


def test_refunds_alone_have_no_customer() -> None:
    refunds = {"order_id": "1", "refunds": [], "updated_at": TIME}
    assert split_contact(refunds, secret=SECRET, event_time=TIME).order == refunds


def test_the_time_of_the_event_stands_in_for_that_of_the_order() -> None:
    given = order(customer_id="c", **CONTACT) | {"updated_at": None}
    split = split_contact(given, secret=SECRET, event_time=TIME)
    assert split.customer is not None
    assert split.customer["updated_at"] == TIME
    assert WHAT == "customer"


def test_a_cart_loses_its_address_too() -> None:
    cart = {"cart_id": "k", "email": "Ada@Example.org", "lines": [], "total": 0, "currency": "EUR", "updated_at": TIME}
    split = split_cart(cart, secret=SECRET)
    guest = guest_id(SECRET, email="ada@example.org")
    assert "email" not in split.cart
    assert split.cart["customer_id"] == guest
    assert split.customer == {"customer_id": guest, "email": "Ada@Example.org", "updated_at": TIME}
    assert split_cart(split.cart, secret=SECRET).customer is None
    assert split_cart({**cart, "customer_id": "c"}, secret=SECRET).cart["customer_id"] == "c"
