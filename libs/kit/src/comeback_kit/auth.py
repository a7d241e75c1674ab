"""Who is calling: the gateway's internal token, an Ed25519-signed JWT that lives at most a minute.

The gateway mints it after it has checked the caller's own credentials; services verify it and trust no plain header.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

LIFETIME = 60
LEEWAY = 30
ISSUER = "comeback-gateway"
AUDIENCE = "comeback-services"
Kind = Literal["key", "customer"]


class InvalidToken(Exception):
    """The token is not one of ours, has been altered, or has run out."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller: a shop's key with scopes, or a customer of the shop."""

    shop_id: str
    subject: str
    kind: Kind
    scopes: frozenset[str] = frozenset()

    def may(self, scope: str) -> bool:
        """Whether a shop key holds the scope; ``admin`` holds them all, a customer none."""
        return self.kind == "key" and (scope in self.scopes or "admin" in self.scopes)


class KeyPair(msgspec.Struct, frozen=True):
    """The gateway's signing key and the services' verification key, as PEM texts."""

    private: str
    public: str


def generate_key_pair() -> KeyPair:
    """A new Ed25519 pair."""
    private = Ed25519PrivateKey.generate()
    return KeyPair(
        private=private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        public=private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    )


class Minter:
    """Mints internal tokens; one per caller is kept and given out again while it has half its life left."""

    def __init__(self, private_pem: str, *, most: int = 10_000) -> None:
        key = load_pem_private_key(_pem(private_pem, "PRIVATE KEY").encode(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError("the internal signing key must be Ed25519")
        self._key = OKPKey.import_key(_pem(private_pem, "PRIVATE KEY"))
        self._kept: OrderedDict[Principal, tuple[str, float]] = OrderedDict()
        self._most = most

    def token(self, principal: Principal, now: float | None = None) -> str:
        """A token for the caller, valid for between half a minute and a minute."""
        at = time.time() if now is None else now
        kept = self._kept.get(principal)
        if kept is not None and kept[1] > at + LIFETIME / 2:
            return kept[0]
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": principal.subject,
            "shop": principal.shop_id,
            "kind": principal.kind,
            "scopes": sorted(principal.scopes),
            "iat": int(at),
            "exp": int(at) + LIFETIME,
        }
        token = jwt.encode({"alg": "Ed25519"}, claims, self._key, algorithms=["Ed25519"])
        self._kept[principal] = (token, at + LIFETIME)
        self._kept.move_to_end(principal)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return token


class Verifier:
    """Verifies internal tokens; a token seen before is not verified again while it lives."""

    def __init__(self, public_pem: str, *, most: int = 10_000) -> None:
        pem = _pem(public_pem, "PUBLIC KEY")
        if not isinstance(load_pem_public_key(pem.encode()), Ed25519PublicKey):
            raise TypeError("the internal public key must be Ed25519")
        self._key = OKPKey.import_key(pem)
        self._kept: OrderedDict[str, tuple[Principal, float]] = OrderedDict()
        self._most = most

    def principal(self, token: str, now: float | None = None) -> Principal:
        """The caller that the token names. Raises ``InvalidToken``."""
        at = time.time() if now is None else now
        kept = self._kept.get(token)
        if kept is None:
            kept = self._verify(token)
            self._kept[token] = kept
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        if kept[1] + LEEWAY < at:
            self._kept.pop(token, None)
            raise InvalidToken("the token has run out")
        return kept[0]

    def _verify(self, token: str) -> tuple[Principal, float]:
        try:
            claims = jwt.decode(token, self._key, algorithms=["Ed25519"]).claims
        except (JoseError, ValueError, TypeError) as error:
            raise InvalidToken("the token is not one of ours") from error
        if (
            claims.get("iss") != ISSUER
            or claims.get("aud") != AUDIENCE
            or claims.get("kind") not in ("key", "customer")
        ):
            raise InvalidToken("the token is for something else")
        principal = Principal(
            shop_id=str(claims["shop"]),
            subject=str(claims["sub"]),
            kind=claims["kind"],
            scopes=frozenset(str(scope) for scope in claims.get("scopes", ())),
        )
        return principal, float(claims["exp"])


def _pem(text: str, label: str) -> str:
    """Accept a PEM, or its base64 body on one line (easier in an environment variable)."""
    if "-----BEGIN" in text:
        return text.replace("\\n", "\n")
    return f"-----BEGIN {label}-----\n{text.strip()}\n-----END {label}-----\n"
