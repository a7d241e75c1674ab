"""Signed links to a survey. Pure: keys are arguments.

A link names the shop and the invitation; when it ends is the invitation's row to say. So it is the same text each time
it is made, no clock takes part in it, and what is forgotten in the database cannot be opened by any link.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from itsdangerous import BadData, URLSafeSerializer

_SALT: Final = "feedback/survey-link/1"
LONGEST: Final = 1024


@dataclass(frozen=True, slots=True)
class SurveyLink:
    """What a survey link says."""

    shop_id: str
    invitation_id: str


def sign(link: SurveyLink, keys: Sequence[bytes]) -> str:
    """The token of a link, signed with the last key."""
    token = _serializer(keys).dumps([link.shop_id, link.invitation_id])
    return token if isinstance(token, str) else token.decode()


def shop_claimed(token: str) -> str | None:
    """The shop that a token says it belongs to, *not verified*: only to look up that shop's keys."""
    if len(token) > LONGEST:
        return None
    link = _link(_serializer([b"-"]).loads_unsafe(token)[1])
    return None if link is None or "\x00" in link.shop_id or not link.shop_id else link.shop_id


def verify(token: str, keys: Sequence[bytes]) -> SurveyLink | None:
    """The link behind a token that one of the keys signed for this purpose, else None."""
    if len(token) > LONGEST:
        return None
    try:
        return _link(_serializer(keys).loads(token))
    except BadData:
        return None


def _serializer(keys: Sequence[bytes]) -> URLSafeSerializer:
    return URLSafeSerializer(
        list(keys),
        salt=_SALT,
        serializer_kwargs={"ensure_ascii": False},
        signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
    )


def _link(payload: object) -> SurveyLink | None:
    match payload:
        case [str() as shop_id, str() as invitation_id]:
            return SurveyLink(shop_id, invitation_id)
        case _:
            return None
