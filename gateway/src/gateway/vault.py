"""Secrets at rest: shop keys as HMAC-SHA256 under a pepper, shop secrets as AES-256-GCM; both keys from one master key.

A leaked copy of the database opens nothing without the master key, which lives only in the environment.
"""

import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import WrongMasterKey
from gateway.keys import ShopKeyText

_NONCE = 12


class Vault:
    """Hashes keys, seals and opens secrets."""

    def __init__(self, master_key: str) -> None:
        self._pepper = _derive(master_key, b"comeback/gateway/pepper")
        self._cipher = AESGCM(_derive(master_key, b"comeback/gateway/secrets"))

    def key_hash(self, key: ShopKeyText) -> bytes:
        """What is stored of a shop key; bound to its id."""
        return hmac.digest(self._pepper, f"{key.key_id}\x1f{key.secret}".encode(), hashlib.sha256)

    def fingerprint(self, purpose: str, secret: bytes) -> bytes:
        """The same for the same secret, and useless to anybody without the master key."""
        return hmac.digest(self._pepper, purpose.encode() + b"\x1f" + secret, hashlib.sha256)

    def seal(self, secret: bytes, place: str) -> bytes:
        """Encrypt a secret; ``place`` (shop and purpose) is needed again to open it, so that rows cannot be swapped."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """The secret. Raises ``WrongMasterKey`` when it was sealed under another key or for another place."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode())
        except InvalidTag as error:
            raise WrongMasterKey(f"the secret of {place} cannot be opened with this master key") from error


def _derive(master_key: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose).derive(master_key.encode())
