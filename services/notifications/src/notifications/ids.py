"""Names of messages: ids that sort by time, and the key that makes a mail the same mail when it is sent again. Pure."""

import hashlib
from datetime import datetime
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def key_hash(shop_id: str, workflow: str, recipient: str, order_id: str, occasion: str) -> bytes:
    """20 bytes that name the message's key. Each part is length-prefixed, so that no two keys read alike."""
    digest = hashlib.blake2b(digest_size=20)
    for part in (shop_id, workflow, recipient, order_id, occasion):
        raw = part.encode()
        digest.update(len(raw).to_bytes(4, "big") + raw)
    return digest.digest()


def message_id(key: bytes, now: datetime, position: int) -> str:
    """``msg_`` and 26 characters: milliseconds, place in its batch, and 64 bits of its key.

    Ids of a shop sort as their messages were made, which is the order of every list.
    """
    milliseconds = int(now.timestamp() * 1000)
    number = (milliseconds << 80) | ((position & 0xFFFF) << 64) | int.from_bytes(key[:8], "big")
    return "msg_" + _base32(number, 26)


def first_id_at(at: datetime) -> str:
    """The id that sorts before every message made at that millisecond or later, and after all earlier ones."""
    return message_id(bytes(8), at, 0)


def mail_id(key: bytes, domain: str) -> str:
    """The ``Message-ID`` header: the same for the same key, so that a mail sent twice is one mail to the reader."""
    return f"<{_base32(int.from_bytes(key, 'big'), 32).lower()}@{domain}>"


def _base32(number: int, length: int) -> str:
    return "".join(_ALPHABET[(number >> (5 * place)) & 31] for place in range(length - 1, -1, -1))
