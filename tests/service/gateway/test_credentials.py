"""Keys and tokens at the door: who comes in, who does not, and how soon a revocation works."""

import asyncio
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from gateway.bootstrap import ensure_shop
from gateway.directory import FRESH
from gateway.errors import KeyTaken
from gateway.keys import generate
from tests.service.gateway.running import (
    CUSTOMER_SECRET,
    MASTER_KEY,
    SHOP_KEY,
    Running,
    customer_token,
    first_shop,
    running_gateway,
)
from tests.support.postgres import TestServer

pytestmark = pytest.mark.asyncio(loop_scope="module")
OTHER_SECRET = "the other shop's customer-token secret"


async def status(gateway: Running, token: str | None, path: str = "/v1/loyalty/me") -> int:
    async with gateway.client(token) as client:
        answer = await client.get(path)
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["code"] == "unauthorized"
    return answer.status_code


async def test_a_right_key_opens_and_a_wrong_one_does_not(gateway: Running) -> None:
    assert await status(gateway, SHOP_KEY, "/v1/loyalty/echo/x") == 200
    for wrong in (
        SHOP_KEY[:-1],
        SHOP_KEY[:-1] + "x",
        SHOP_KEY.replace("demo0001", "demo0002"),
        "cbk_" + "a" * 40,
        "cbk_demo0001_",
        str(generate()),
        "",
        None,
    ):
        assert await status(gateway, wrong, "/v1/loyalty/echo/x") == 401, wrong


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic abc", SHOP_KEY, f"Bearer{SHOP_KEY}", "\xff\xfe"])
async def test_other_authorizations_are_none(gateway: Running, value: str) -> None:
    async with gateway.client(None) as client:
        answer = await client.get("/v1/loyalty/me", headers={b"Authorization": value.encode("latin-1")})
    assert answer.status_code == 401


async def test_the_scheme_may_be_in_any_case_and_two_headers_are_refused(gateway: Running) -> None:
    async with gateway.client(None) as client:
        assert (
            await client.get("/v1/loyalty/echo/x", headers={"Authorization": f"bearer {SHOP_KEY}"})
        ).status_code == 200
        twice = [("Authorization", f"Bearer {SHOP_KEY}")] * 2
        assert (await client.get("/v1/loyalty/echo/x", headers=twice)).status_code == 401


async def test_a_revoked_key_is_refused_at_once_here_and_within_a_minute_elsewhere(gateway: Running) -> None:
    key = await gateway.new_key("loyalty:read")
    assert await status(gateway, key, "/v1/loyalty/echo/x") == 200
    assert await gateway.admin.revoke_key(key.split("_")[1])
    assert await status(gateway, key, "/v1/loyalty/echo/x") == 401
    assert not await gateway.admin.revoke_key(key.split("_")[1])
    assert FRESH <= 60


async def test_another_gateway_learns_of_a_revocation(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.directory.FRESH", 0.2)
    key = await gateway.new_key("loyalty:read")
    assert await status(gateway, key, "/v1/loyalty/echo/x") == 200
    async with gateway.app.state.runtime.db.work() as tx:  # as another process does
        await tx.execute("update shop_keys set revoked_at = now() where key_id = $1", key.split("_")[1])
    assert await status(gateway, key, "/v1/loyalty/echo/x") == 200
    await asyncio.sleep(0.25)
    assert await status(gateway, key, "/v1/loyalty/echo/x") == 401


async def test_customers_of_two_shops_are_kept_apart(gateway: Running) -> None:
    await ensure_shop(gateway.app, first_shop("other", key=str(generate()), customer_secret=OTHER_SECRET))
    async with gateway.client(customer_token("c-1", "other", OTHER_SECRET)) as client:
        assert (await client.get("/v1/loyalty/me")).json()["caller"][:2] == ["other", "c-1"]
    assert await status(gateway, customer_token("c-1", "other")) == 401
    assert await status(gateway, customer_token("c-1", "demo", OTHER_SECRET)) == 401
    assert await status(gateway, customer_token("c-1", "nowhere")) == 401


async def test_a_tokens_time_is_the_servers(gateway: Running) -> None:
    now = int(time.time())
    assert await status(gateway, customer_token("c-1", exp=now + 899)) == 200
    assert await status(gateway, customer_token("c-1", iat=now - 1000, exp=now - 200)) == 401
    assert await status(gateway, customer_token("c-1", iat=now - 600, exp=now - 10)) == 200  # leeway
    assert await status(gateway, customer_token("c-1", iat=now, exp=now + 901)) == 401
    assert await status(gateway, customer_token("c-1", iat=now + 60, exp=now + 200)) == 401


async def test_a_token_that_was_good_runs_out_and_follows_its_secret(gateway: Running) -> None:
    await ensure_shop(gateway.app, first_shop("rotating", key=str(generate())))
    now = int(time.time())
    token = customer_token("c-1", "rotating", iat=now - 600, exp=now - 28)
    assert await status(gateway, token) == 200
    await asyncio.sleep(2.1)
    assert await status(gateway, token) == 401
    token = customer_token("c-1", "rotating")
    assert await status(gateway, token) == 200
    await gateway.admin.set_customer_secret("rotating", OTHER_SECRET)
    assert await status(gateway, token) == 401
    assert await status(gateway, customer_token("c-1", "rotating", OTHER_SECRET)) == 200


async def test_a_shop_may_sign_with_its_own_key_pair(gateway: Running) -> None:
    pair = ECKey.generate_key("P-256", {"kid": "one"})
    await gateway.admin.set_jwks("demo", dict(KeySet([pair]).as_dict(private=False)))
    now = int(time.time())
    claims: dict[str, Any] = {"sub": "c-9", "aud": "demo", "iat": now, "exp": now + 60}
    assert await status(gateway, jwt.encode({"alg": "ES256", "kid": "one"}, claims, pair)) == 200
    stranger = ECKey.generate_key("P-256", {"kid": "one"})
    assert await status(gateway, jwt.encode({"alg": "ES256", "kid": "one"}, claims, stranger)) == 401
    assert await status(gateway, customer_token("c-9")) == 200


def odd_tokens(good: str) -> st.SearchStrategy[str]:
    """Texts, and good tokens with a character changed or an end cut off."""
    printable = st.characters(min_codepoint=33, max_codepoint=126)
    changed = st.tuples(st.integers(0, len(good) - 1), printable)
    return st.one_of(
        st.text(st.characters(min_codepoint=33, max_codepoint=255), min_size=1, max_size=80),
        st.text(printable, max_size=60).map(lambda end: "cbk_" + end),
        st.integers(0, len(good) - 1).map(lambda cut: good[:cut]),
        changed.map(lambda change: good[: change[0]] + change[1] + good[change[0] + 1 :]),
    ).filter(lambda token: token != good and same_bytes(token) != same_bytes(good))


def same_bytes(token: str) -> tuple[str, ...]:
    """The last character of a part of a JWT has spare bits: texts that decode alike are the same token."""
    return tuple(part[:-1] for part in token.split("."))


async def test_no_malformed_token_is_anything_but_401(gateway: Running) -> None:
    good = customer_token("c-1")
    loop = asyncio.get_running_loop()

    async def answer(token: str) -> int:
        async with gateway.client(None) as client:
            sent = {b"Authorization": b"Bearer " + token.encode("latin-1")}
            return (await client.get("/v1/loyalty/me", headers=sent)).status_code

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(odd_tokens(good))
    def every(token: str) -> None:
        assert asyncio.run_coroutine_threadsafe(answer(token), loop).result(10) == 401

    await asyncio.to_thread(every)


async def test_the_last_use_of_a_key_is_written_down(gateway: Running) -> None:
    key = await gateway.new_key("loyalty:read")
    await status(gateway, key, "/v1/loyalty/echo/x")
    parts = gateway.app.state.parts
    await parts.directory.write_used()
    async with gateway.app.state.runtime.db.work() as tx:
        used = await tx.fetch("select key_id from shop_keys where last_used_at is not null")
    assert key.split("_")[1] in {row["key_id"] for row in used}
    assert "demo0002" not in {row["key_id"] for row in used}


async def test_secrets_are_not_in_the_database_in_the_clear(gateway: Running) -> None:
    async with gateway.app.state.runtime.db.work() as tx:
        rows = [*await tx.fetch("select * from shops"), *await tx.fetch("select * from shop_keys")]
        rows += await tx.fetch("select * from webhook_secrets")
    dump = repr([dict(row) for row in rows])
    for secret in (SHOP_KEY.split("_")[2], CUSTOMER_SECRET, "shopify-secret", MASTER_KEY):
        assert secret not in dump


async def test_a_key_id_belongs_to_one_shop(gateway: Running) -> None:
    with pytest.raises(KeyTaken):
        await ensure_shop(gateway.app, first_shop("other"))
    assert await status(gateway, SHOP_KEY, "/v1/loyalty/echo/x") == 200


async def test_with_the_database_away_a_new_caller_gets_503_and_a_known_one_goes_on(postgres: TestServer) -> None:
    async with running_gateway(postgres) as gateway:
        assert await status(gateway, SHOP_KEY, "/v1/loyalty/echo/x") == 200
        await postgres.drop(gateway.database_url)
        assert await status(gateway, SHOP_KEY, "/v1/loyalty/echo/x") == 200
        async with gateway.client(str(generate())) as client:
            answer = await client.get("/v1/loyalty/echo/x")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert int(answer.headers["retry-after"]) >= 1
