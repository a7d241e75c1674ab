"""Signed links to a customer's preferences. Pure: keys are arguments.

A link names the shop, the customer and the category of the mail that it stood in. It does not run out: RFC 8058 asks
that an unsubscribe link works as long as somebody has the mail.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from itsdangerous import Signer

_SALT: Final = "notifications/preferences/1"
_DECODER: Final = msgspec.json.Decoder(tuple[str, str, str])


@dataclass(frozen=True, slots=True)
class PreferenceLink:
    """What a preference link says."""

    shop_id: str
    customer_id: str
    category: str


def sign(link: PreferenceLink, keys: Sequence[bytes]) -> str:
    """The token of a link, signed with the last key."""
    payload = msgspec.json.encode((link.shop_id, link.customer_id, link.category))
    signer = Signer(list(keys), salt=_SALT, digest_method=hashlib.sha256, key_derivation="hmac")
    return signer.sign(base64.urlsafe_b64encode(payload).rstrip(b"=")).decode()


def shop_claimed(token: str) -> str | None:
    """The shop that a token says it belongs to, *not verified*: only to look up that shop's keys."""
    link = _read(token)
    return None if link is None else link.shop_id


def verify(token: str, keys: Sequence[bytes]) -> PreferenceLink | None:
    """The link behind a token that one of the keys signed, else None.

    The token must be the very one that was signed: base64 as such would read several spellings of the same bytes.
    """
    link = _read(token)
    if link is None:
        return None
    signed = any(hmac.compare_digest(sign(link, [key]).encode(), token.encode()) for key in keys)
    return link if signed else None


def _read(token: str) -> PreferenceLink | None:
    payload = token.partition(".")[0].encode()
    try:
        return PreferenceLink(*_DECODER.decode(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4))))
    except (binascii.Error, msgspec.DecodeError, ValueError):
        return None
