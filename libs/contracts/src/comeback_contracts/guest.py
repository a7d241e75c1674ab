"""Who a guest is: the same person in every order that names the same e-mail, else the same phone."""

import hashlib
import hmac
import re
from typing import Final

PREFIX: Final = "guest:"
_HEX_DIGITS: Final = 32  # 128 bits: no two guests of a shop meet by chance
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_PUNCTUATION: Final = re.compile(r"[\s().\-/]+")


def guest_id(secret: bytes, *, email: str | None = None, phone: str | None = None) -> str | None:
    """``guest:`` and an HMAC of the lower-cased e-mail, else of the E.164 phone; None where neither identifies anybody.

    ``secret`` is the shop's own and never changes: with it the same person would become another.
    """
    address = (email or "").strip().lower()
    if "@" in address:
        return _hashed(secret, address)
    number = e164(phone)
    return None if number is None else _hashed(secret, number)


def is_guest(customer_id: str) -> bool:
    """Whether the id was made for a guest."""
    return customer_id.startswith(PREFIX)


def e164(phone: str | None) -> str | None:
    """The phone number in E.164, or None where it has no country code: then it may be several people's."""
    number = _PUNCTUATION.sub("", phone or "")
    return number if _E164.fullmatch(number) else None


def _hashed(secret: bytes, value: str) -> str:
    if not secret:
        raise ValueError("a shop without a secret has no guest ids")
    return PREFIX + hmac.new(secret, value.encode(), hashlib.sha256).hexdigest()[:_HEX_DIGITS]
