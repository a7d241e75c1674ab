"""Shop keys: their form, how they are made, and the hash that is stored in their place."""

import re
import secrets
import string
from dataclasses import dataclass
from typing import Final

from gateway.settings import SERVICES

_FORM = re.compile(r"cbk_([a-z0-9]{4,32})_([A-Za-z0-9]{24,128})\Z")
_ID_LETTERS = string.ascii_lowercase + string.digits
_SECRET_LETTERS = string.ascii_letters + string.digits

PREFIX: Final = "cbk_"
_OF_SERVICES: Final = {f"{name}:{verb}" for name in SERVICES for verb in ("read", "write")}
SCOPES: Final = frozenset({"events:write", "post-purchase:read", "admin"} | _OF_SERVICES)


@dataclass(frozen=True, slots=True)
class ShopKeyText:
    """A key as its owner holds it. Never stored, never logged."""

    key_id: str
    secret: str

    def __str__(self) -> str:
        return f"{PREFIX}{self.key_id}_{self.secret}"

    def __repr__(self) -> str:
        return f"{PREFIX}{self.key_id}_…"


def parse(text: str) -> ShopKeyText | None:
    """The parts of a key, or None when the text has not the form of one."""
    match = _FORM.match(text)
    return None if match is None else ShopKeyText(match[1], match[2])


def generate() -> ShopKeyText:
    """A new random key: 238 bits in the secret."""
    key_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(12))
    return ShopKeyText(key_id, "".join(secrets.choice(_SECRET_LETTERS) for _ in range(40)))


def check_scopes(scopes: frozenset[str]) -> frozenset[str]:
    """The same scopes. Raises ``ValueError`` that names the unknown ones."""
    unknown = scopes - SCOPES
    if unknown or not scopes:
        raise ValueError(f"unknown scopes {sorted(unknown)}; known are {', '.join(sorted(SCOPES))}")
    return scopes


def random_secret() -> bytes:
    """32 random bytes: a shop's guest secret."""
    return secrets.token_bytes(32)
