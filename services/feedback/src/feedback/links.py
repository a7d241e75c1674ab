"""Signed links to a survey. Pure: keys are arguments.

A link names the shop and the invitation; when it ends is the invitation's row to say. So it is the same text each time
it is made, no clock takes part in it, and what is forgotten in the database cannot be opened by any link.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from itsdangerous import Signer

_SALT: Final = "feedback/survey-link/1"
LONGEST: Final = 1024
_FORM: Final = re.compile(rf"(?=.{{1,{LONGEST}}}\Z)[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_PAYLOAD: Final = msgspec.json.Decoder(tuple[str, str])


@dataclass(frozen=True, slots=True)
class SurveyLink:
    """What a survey link says."""

    shop_id: str
    invitation_id: str


def sign(link: SurveyLink, keys: Sequence[bytes]) -> str:
    """The token of a link, signed with the last key."""
    payload = base64.urlsafe_b64encode(msgspec.json.encode((link.shop_id, link.invitation_id))).rstrip(b"=")
    return _signer(keys).sign(payload).decode()


def shop_claimed(token: str) -> str | None:
    """The shop that a token says it belongs to, *not verified*: only to look up that shop's keys."""
    if _FORM.fullmatch(token) is None:
        return None
    link = _link(token.split(".", 1)[0].encode())
    return None if link is None or not link.shop_id or "\x00" in link.shop_id else link.shop_id


def verify(token: str, keys: Sequence[bytes]) -> SurveyLink | None:
    """The link behind a token that one of the keys signed for this purpose, else None.

    The token must be the very one that was signed: the bits that base64's last character has to spare would let an
    altered one through.
    """
    if _FORM.fullmatch(token) is None:
        return None
    payload = token.partition(".")[0].encode()
    signed = any(hmac.compare_digest(_signer([key]).sign(payload), token.encode()) for key in keys)
    return _link(payload) if signed else None


def _signer(keys: Sequence[bytes]) -> Signer:
    return Signer(list(keys), salt=_SALT, key_derivation="hmac", digest_method=hashlib.sha256)


def _link(payload: bytes) -> SurveyLink | None:
    try:
        return SurveyLink(*_PAYLOAD.decode(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4))))
    except (ValueError, msgspec.DecodeError):
        return None
