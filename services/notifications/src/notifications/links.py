"""Signed links to a customer's preferences. Pure: keys are arguments.

A link names the shop, the customer and the category of the mail that it stood in. It does not run out: RFC 8058 asks
that an unsubscribe link works as long as somebody has the mail.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from itsdangerous import URLSafeSerializer

_SALT: Final = "notifications/preferences/1"


@dataclass(frozen=True, slots=True)
class PreferenceLink:
    """What a preference link says."""

    shop_id: str
    customer_id: str
    category: str


def sign(link: PreferenceLink, keys: Sequence[bytes]) -> str:
    """The token of a link, signed with the last key."""
    token = _serializer(keys).dumps([link.shop_id, link.customer_id, link.category])
    return token if isinstance(token, str) else token.decode()


def shop_claimed(token: str) -> str | None:
    """The shop that a token says it belongs to, *not verified*: only to look up that shop's keys."""
    link = _link(_serializer([b"-"]).loads_unsafe(token)[1])
    return None if link is None else link.shop_id


def verify(token: str, keys: Sequence[bytes]) -> PreferenceLink | None:
    """The link behind a token that one of the keys signed, else None.

    The token must be the very one that was signed: base64 as such would read several spellings of the same bytes.
    """
    link = _link(_serializer(keys).loads_unsafe(token)[1])
    if link is None:
        return None
    signed = any(hmac.compare_digest(sign(link, [key]).encode(), token.encode()) for key in keys)
    return link if signed else None


def _serializer(keys: Sequence[bytes]) -> URLSafeSerializer:
    return URLSafeSerializer(
        list(keys),
        salt=_SALT,
        serializer_kwargs={"ensure_ascii": False},
        signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
    )


def _link(payload: object) -> PreferenceLink | None:
    match payload:
        case [str() as shop_id, str() as customer_id, str() as category]:
            return PreferenceLink(shop_id, customer_id, category)
        case _:
            return None
