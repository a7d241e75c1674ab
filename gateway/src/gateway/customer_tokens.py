"""Customers' own tokens: JWTs that the shop signs, with HS256 and its secret or asymmetrically under its JWKS."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet, OctKey

from comeback_kit.bodies import check_id

MAX_LIFETIME: Final = 15 * 60
LEEWAY: Final = 30
MAX_TOKEN: Final = 8192
MIN_SECRET: Final = 32
_ASYMMETRIC: Final = frozenset({"RS256", "ES256", "EdDSA", "Ed25519"})


class InvalidCustomerToken(Exception):
    """The token is malformed, not signed by the shop, out of time, or for something else. The text says which."""


@dataclass(frozen=True, slots=True)
class CustomerKeys:
    """What a shop's customer tokens are verified with."""

    secret: OctKey | None = None
    key_set: KeySet | None = None


def keys_from(secret: bytes | None, jwks: Any) -> CustomerKeys:
    """The verification keys. Raises ``ValueError`` for a secret under 32 bytes or a JWKS that is none."""
    if secret is not None and len(secret) < MIN_SECRET:
        raise ValueError(f"the customer-token secret must have at least {MIN_SECRET} bytes")
    key_set = None if jwks is None else _key_set(jwks)
    return CustomerKeys(None if secret is None else OctKey.import_key(secret), key_set)


def _key_set(jwks: Any) -> KeySet:
    listed = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(listed, list) or not all(isinstance(key, dict) for key in listed):
        raise ValueError("not a JWKS: it needs a list `keys`")
    if any(key.get("kty") == "oct" or "d" in key for key in listed):
        raise ValueError("a JWKS may hold only public RSA, EC and OKP keys")
    try:
        return KeySet.import_key_set({"keys": listed})
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not a JWKS: {error}") from error


@dataclass(frozen=True, slots=True)
class Unverified:
    """What an unverified token says of itself: only good for finding the shop that must have signed it."""

    algorithm: str
    shop_id: str
    key_id: str | None = None


def peek(token: str) -> Unverified:
    """The algorithm and the shop that a token names. Raises ``InvalidCustomerToken``."""
    parts = token.split(".")
    if len(token) > MAX_TOKEN or len(parts) != 3:
        raise InvalidCustomerToken("neither a shop key nor a JWT")
    header, claims = _json(parts[0]), _json(parts[1])
    algorithm, audience = header.get("alg"), claims.get("aud")
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    if not isinstance(algorithm, str) or not isinstance(audience, str):
        raise InvalidCustomerToken("the JWT needs `alg`, and `aud` must be the shop's id")
    key_id = header.get("kid")
    if not isinstance(key_id, str | None):
        raise InvalidCustomerToken("the JWT's `kid` must be text")
    return Unverified(algorithm, audience, key_id)


def verify(token: str, seen: Unverified, keys: CustomerKeys, now: float) -> tuple[str, float]:
    """The customer id and the instant (seconds since 1970) the token runs out. Raises ``InvalidCustomerToken``."""
    claims = _claims(token, seen, _candidates(seen, keys))
    if claims.get("aud") not in (seen.shop_id, [seen.shop_id]):
        raise InvalidCustomerToken("the JWT is for another shop")
    return _subject(claims), _check_times(claims, now)


def _candidates(seen: Unverified, keys: CustomerKeys) -> Sequence[Key]:
    """The shop's keys that may have signed: the one that the token names, and those without a name; or all."""
    if seen.algorithm == "HS256" and keys.secret is not None:
        return [keys.secret]
    if seen.algorithm not in _ASYMMETRIC or keys.key_set is None:
        raise InvalidCustomerToken("the shop does not take tokens of this algorithm")
    # A key without a name was given its thumbprint for one.
    return [
        key for key in keys.key_set.keys if seen.key_id is None or key.kid == seen.key_id or key.kid == key.thumbprint()
    ]


def _claims(token: str, seen: Unverified, candidates: Sequence[Key]) -> dict[str, Any]:
    for key in candidates:
        try:
            return jwt.decode(token, key, algorithms=[seen.algorithm]).claims
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue  # of another kind, or another's signature
    raise InvalidCustomerToken("the JWT's signature is not valid")


def _check_times(claims: dict[str, Any], now: float) -> float:
    issued, expires = _seconds(claims.get("iat")), _seconds(claims.get("exp"))
    not_before = _seconds(claims.get("nbf", now))
    if expires + LEEWAY <= now:
        raise InvalidCustomerToken("the JWT has run out")
    if max(issued, not_before) - LEEWAY > now:
        raise InvalidCustomerToken("the JWT is not valid yet")
    if not 0 < expires - issued <= MAX_LIFETIME:
        raise InvalidCustomerToken("the JWT's `exp` must be at most 15 minutes after its `iat`")
    return expires


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 2**53:
        raise InvalidCustomerToken("the JWT needs `iat` and `exp` in seconds since 1970")
    return float(value)


def _subject(claims: dict[str, Any]) -> str:
    subject = claims.get("sub")
    try:
        return check_id(subject if isinstance(subject, str) else "")
    except ValueError as error:
        raise InvalidCustomerToken("the JWT's `sub` must be a customer id") from error


def _json(part: str) -> dict[str, Any]:
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (binascii.Error, msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InvalidCustomerToken("the JWT is malformed") from error
