"""``X-Shopify-Hmac-Sha256``: base64 of HMAC-SHA256 over the body's raw bytes with the app's client secret."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable


def is_signed(body: bytes, signature: str | None, secrets: Iterable[bytes]) -> bool:
    """Whether one of the active secrets made the signature. Takes the same time whatever is wrong."""
    try:
        given = base64.b64decode((signature or "").encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        given = b""
    fits = False
    for secret in secrets:
        fits |= hmac.compare_digest(hmac.digest(secret, body, hashlib.sha256), given)
    return fits
