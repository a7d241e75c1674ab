"""Ids that sort by time: ``inv_…`` for invitations, ``rsp_…`` for responses."""

import secrets
from datetime import datetime
from typing import Final, Literal

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(kind: Literal["inv", "rsp"], now: datetime) -> str:
    """A new id: 48 bits of milliseconds, 80 random ones. Nobody can guess one from another."""
    number = (int(now.timestamp() * 1000) << 80) | secrets.randbits(80)
    return f"{kind}_" + "".join(_ALPHABET[(number >> (5 * place)) & 31] for place in range(25, -1, -1))
