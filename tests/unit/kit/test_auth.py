"""The internal token: whose it is, for how long, and what else signed with the same key does not open."""

from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from comeback_kit.auth import (
    AUDIENCE,
    ISSUER,
    LEEWAY,
    LIFETIME,
    InvalidToken,
    Minter,
    Principal,
    Verifier,
    generate_key_pair,
)

KEYS = generate_key_pair()
CALLER = Principal(shop_id="demo", subject="cbk_a", kind="key", scopes=frozenset({"loyalty:read"}))
AT = 1_800_000_000.0
CLAIMS: dict[str, Any] = {
    "iss": ISSUER, "aud": AUDIENCE, "sub": "cbk_a", "shop": "demo", "kind": "key", "scopes": [], "exp": int(AT) + 60,
}  # fmt: skip


def signed(**changed: Any) -> str:
    key = OKPKey.import_key(KEYS.private)
    return jwt.encode({"alg": "Ed25519"}, {**CLAIMS, **changed}, key, algorithms=["Ed25519"])


def test_a_token_names_its_caller_until_it_has_run_out() -> None:
    verifier, token = Verifier(KEYS.public), Minter(KEYS.private).token(CALLER, AT)
    last = AT + LIFETIME + LEEWAY
    assert verifier.principal(token, AT) == verifier.principal(token, last) == CALLER
    with pytest.raises(InvalidToken):
        verifier.principal(token, last + 1)
    with pytest.raises(InvalidToken):
        Verifier(KEYS.public).principal(token, last + 1)  # also the first time it is seen


@pytest.mark.parametrize("changed", [{"aud": "another"}, {"iss": "another"}, {"kind": "service"}, {"aud": None}])
def test_what_is_signed_for_something_else_opens_nothing(changed: dict[str, Any]) -> None:
    assert Verifier(KEYS.public).principal(signed(), AT).subject == "cbk_a"
    with pytest.raises(InvalidToken):
        Verifier(KEYS.public).principal(signed(**changed), AT)


def test_another_key_signs_nothing_for_us() -> None:
    with pytest.raises(InvalidToken):
        Verifier(generate_key_pair().public).principal(Minter(KEYS.private).token(CALLER, AT), AT)
