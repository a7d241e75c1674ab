"""Customers' tokens: what is accepted, and that nothing else is."""

import base64
import hmac
import json
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from gateway.customer_tokens import CustomerKeys, InvalidCustomerToken, keys_from, peek, verify

NOW = 1_800_000_000
SECRET = b"a customer-token secret of 32 bytes"
KEYS = keys_from(SECRET, None)
RSA = RSAKey.generate_key(2048, {"kid": "r"})
EC = ECKey.generate_key("P-256", {"kid": "e"})
ED = OKPKey.generate_key("Ed25519", {"kid": "d"})
CLAIMS = {"sub": "c-1", "aud": "demo", "iat": NOW, "exp": NOW + 600}
JWKS = KeySet([RSA, EC, ED]).as_dict(private=False)


def token(key: Any = None, alg: str = "HS256", header: dict[str, Any] | None = None, **claims: Any) -> str:
    payload = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not ...}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signing = OctKey.import_key(SECRET) if key is None else key
        return jwt.encode({"alg": alg, **(header or {})}, payload, signing, algorithms=[alg])


def jws(header: Any, claims: Any, signature: str) -> str:
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims))
    return ".".join((*encoded, signature))


def subject(text: str, keys: CustomerKeys = KEYS, now: float = NOW) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return verify(text, peek(text), keys, now)[0]


def test_the_customer_of_a_good_token() -> None:
    assert subject(token()) == "c-1"
    assert verify(token(), peek(token()), KEYS, NOW) == ("c-1", NOW + 600)
    assert subject(token(aud=["demo"])) == "c-1"
    assert subject(token(iss="anybody", jti="x", extra={"a": [1]})) == "c-1"


@pytest.mark.parametrize(
    ("claims", "now"),
    [
        ({"exp": NOW + 900}, NOW),
        ({"exp": NOW + 1}, NOW + 30),
        ({"iat": NOW + 30, "exp": NOW + 600}, NOW),
        ({"nbf": NOW + 30}, NOW),
        ({"iat": NOW + 0.5}, NOW),
    ],
)
def test_times_within_the_limits_and_the_leeway(claims: dict[str, Any], now: int) -> None:
    assert subject(token(**claims), now=now) == "c-1"


@pytest.mark.parametrize(
    ("claims", "now"),
    [
        ({"exp": NOW + 901}, NOW),
        ({"exp": NOW}, NOW),
        ({"exp": NOW - 1}, NOW),
        ({}, NOW + 630),
        ({"iat": NOW + 31}, NOW),
        ({"nbf": NOW + 31}, NOW),
        ({"iat": ...}, NOW),
        ({"exp": ...}, NOW),
        ({"exp": str(NOW + 600)}, NOW),
        ({"iat": True}, NOW),
        ({"exp": float("nan")}, NOW),
        ({"exp": float("inf")}, NOW),
        ({"exp": 10**400}, NOW),
        ({"nbf": "soon"}, NOW),
        ({"sub": ...}, NOW),
        ({"sub": ""}, NOW),
        ({"sub": 7}, NOW),
        ({"sub": "a/b"}, NOW),
        ({"sub": "a\x00b"}, NOW),
        ({"sub": "a" * 129}, NOW),
        ({"aud": ...}, NOW),
        ({"aud": 7}, NOW),
        ({"aud": []}, NOW),
        ({"aud": ["demo", "other"]}, NOW),
    ],
)
def test_claims_that_are_refused(claims: dict[str, Any], now: int) -> None:
    with pytest.raises(InvalidCustomerToken):
        subject(token(**claims), now=now)


@pytest.mark.parametrize(
    ("alg", "key", "stranger"),
    [
        ("RS256", RSA, RSAKey.generate_key(2048, {"kid": "r"})),
        ("ES256", EC, ECKey.generate_key("P-256", {"kid": "e"})),
        ("EdDSA", ED, OKPKey.generate_key("Ed25519", {"kid": "d"})),
        ("Ed25519", ED, OKPKey.generate_key("Ed25519", {"kid": "d"})),
    ],
)
def test_a_shops_jwks_verifies_asymmetric_tokens_by_key_id(alg: str, key: Any, stranger: Any) -> None:
    keys = keys_from(None, JWKS)
    assert subject(token(key, alg, {"kid": key.kid}), keys) == "c-1"
    for signer, kid in ((key, "unknown"), (stranger, key.kid)):
        with pytest.raises(InvalidCustomerToken):
            subject(token(signer, alg, {"kid": kid}), keys)


@pytest.mark.parametrize(("alg", "key"), [("RS256", RSA), ("ES256", EC), ("EdDSA", ED)])
def test_a_token_needs_no_key_id_and_a_jwks_no_names(alg: str, key: Any) -> None:
    others: list[Any] = [RSAKey.generate_key(2048), ECKey.generate_key("P-256"), OKPKey.generate_key("Ed25519")]
    several: Any = KeySet([*others, RSA, EC, ED]).as_dict(private=False)
    unnamed = {"keys": [{name: part for name, part in one.items() if name != "kid"} for one in several["keys"]]}
    assert subject(token(key, alg), keys_from(None, several)) == "c-1"
    assert subject(token(key, alg), keys_from(None, unnamed)) == "c-1"
    assert subject(token(key, alg, {"kid": "today's"}), keys_from(None, unnamed)) == "c-1"
    stranger = {
        "RS256": RSAKey.generate_key(2048),
        "ES256": ECKey.generate_key("P-256"),
        "EdDSA": OKPKey.generate_key("Ed25519"),
    }[alg]
    for jwks in (several, unnamed):
        with pytest.raises(InvalidCustomerToken):
            subject(token(stranger, alg), keys_from(None, jwks))


def test_another_secret_and_a_changed_payload_are_refused() -> None:
    with pytest.raises(InvalidCustomerToken):
        subject(token(OctKey.import_key(b"another secret of at least 32 bytes")))
    head, body, tail = token().split(".")
    changed = base64.urlsafe_b64encode(base64.urlsafe_b64decode(body + "==").replace(b"c-1", b"c-2")).rstrip(b"=")
    with pytest.raises(InvalidCustomerToken):
        subject(f"{head}.{changed.decode()}.{tail}")


def test_no_algorithm_but_the_allowed_ones() -> None:
    both = keys_from(SECRET, JWKS)
    unsigned = jws({"alg": "none"}, CLAIMS, "")
    wrong_key_type = token(EC, "ES256", {"kid": "r"})
    for text in (unsigned, token(alg="HS512"), token(RSA, "PS256", {"kid": "r"}), wrong_key_type):
        with pytest.raises(InvalidCustomerToken):
            subject(text, both)


def test_a_public_key_is_no_hmac_secret() -> None:
    signed, _, _ = jws({"alg": "HS256", "kid": "r"}, CLAIMS, "").rpartition(".")
    mac = hmac.digest(RSA.as_pem(private=False), signed.encode(), "sha256")
    forged = f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    for keys in (keys_from(None, JWKS), keys_from(SECRET, JWKS)):
        with pytest.raises(InvalidCustomerToken):
            subject(forged, keys)


def test_a_short_secret_and_a_private_jwks_are_refused_when_set() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        keys_from(b"x" * 31, None)
    with pytest.raises(ValueError, match="public"):
        keys_from(None, KeySet([RSA]).as_dict(private=True))
    refused: list[Any] = [{}, {"keys": "x"}, {"keys": [{"kty": "what"}]}, [], {"keys": [{"kty": "oct", "k": "AAAA"}]}]
    for jwks in refused:
        with pytest.raises(ValueError, match="JWKS"):
            keys_from(None, jwks)


ODD = st.one_of(st.text(max_size=9), st.integers(), st.none(), st.lists(st.text(max_size=3)))
ODD_HEADERS = st.dictionaries(st.sampled_from(["alg", "kid", "crit", "b64", "jwk"]), ODD)
ODD_CLAIMS = st.dictionaries(st.sampled_from(["aud", "sub", "exp", "iat"]), ODD)
ODD_PARTS = st.text(alphabet='ABCabc019-_={}"', max_size=60)


@given(
    st.one_of(
        st.text(max_size=300),
        st.lists(ODD_PARTS, min_size=3, max_size=3).map(".".join),
        st.tuples(ODD_HEADERS, ODD_CLAIMS).map(lambda parts: jws(*parts, "AAAA")),
    )
)
def test_whatever_a_token_is_it_is_refused_and_never_breaks(text: str) -> None:
    for keys in (KEYS, keys_from(SECRET, JWKS)):
        with pytest.raises(InvalidCustomerToken):
            subject(text, keys)
