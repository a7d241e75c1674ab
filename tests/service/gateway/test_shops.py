"""Shops: the first one, the command line, and how the services hear of them."""

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, KeySet

from comeback_kit.auth import generate_key_pair
from comeback_kit.command import main
from comeback_kit.log.postgres import PostgresLog
from gateway import publishing
from gateway.__main__ import commands
from gateway.app import NAME, create_app
from gateway.bootstrap import ensure_shop
from gateway.errors import ShopUnknown, WrongMasterKey
from gateway.keys import generate
from gateway.settings import Settings
from tests.service.gateway.running import MASTER_KEY, SHOP_KEY, Running, data_of, first_shop, running_gateway
from tests.support.apps import KEYS
from tests.support.postgres import TestServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
SHOPS = "comeback.shops.v1"


async def shop_events(gateway: Running, shop_id: str) -> list[Any]:
    return [event for event in await gateway.events(SHOPS) if event.subject == shop_id]


async def test_the_first_shop_is_told_to_the_services_once(gateway: Running) -> None:
    key = str(generate())
    for _ in range(3):
        await ensure_shop(gateway.app, first_shop("told-once", key=key, currency="JPY", time_zone="Asia/Tokyo"))
    (event,) = await shop_events(gateway, "told-once")
    data = data_of(event)
    assert data.pop("updated_at")
    assert data == {
        "shop_id": "told-once",
        "name": "told-once",
        "currency": "JPY",
        "time_zone": "Asia/Tokyo",
        "locale": "en",
        "country": None,
        "url": None,
    }
    assert (event.source, event.type) == ("comeback/gateway", "shop.upserted")


async def test_a_changed_shop_is_told_again_and_what_is_not_given_stays(gateway: Running) -> None:
    key = str(generate())
    await ensure_shop(gateway.app, first_shop("changing", key=key, currency="JPY"))
    await gateway.admin.save_shop("changing", name="Changed", country="JP")
    await ensure_shop(gateway.app, first_shop("changing", key=key))
    await gateway.admin.save_shop("changing", name="changing")
    await gateway.admin.publish(gateway.log)
    events = [data_of(event) for event in await shop_events(gateway, "changing")]
    assert [(one["name"], one["currency"]) for one in events] == [
        ("changing", "JPY"),
        ("Changed", "JPY"),
        ("changing", "JPY"),
    ]
    assert len({event.id for event in await shop_events(gateway, "changing")}) == 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"key": "cbk_x"}, "form"),
        ({"key": SHOP_KEY.upper()}, "form"),
        ({"customer_secret": "short"}, "32 bytes"),
        ({"shopify_secret": ""}, "empty"),
        ({"currency": "EURO"}, "currency"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"locale": "?"}, "locale"),
    ],
)
async def test_what_is_given_in_the_wrong_form_is_refused(
    gateway: Running, change: dict[str, str], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        await ensure_shop(gateway.app, first_shop("refused", **{"key": str(generate()), **change}))


async def test_a_shop_that_is_not_there_has_no_keys(gateway: Running) -> None:
    with pytest.raises(ShopUnknown):
        await gateway.admin.put_key("nobody", generate(), frozenset({"admin"}))
    with pytest.raises(ShopUnknown):
        await gateway.admin.set_customer_secret("nobody", "s" * 32)


async def test_a_shop_changed_while_the_log_is_away_is_told_when_it_is_back(
    postgres: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("comeback_kit.log.postgres.APPEND_TIMEOUT", 0.2)
    async with running_gateway(postgres) as gateway, gateway.client(None) as client:
        await postgres.drop(gateway.log_url)
        await gateway.admin.save_shop("demo", name="Changed")
        assert not await gateway.admin.publish(gateway.log)
        answer = await client.get("/readyz?caught_up=true")
        assert answer.json()["lags"]["gateway"] == {"shops": 1}
        back_url = await postgres.empty()
        back = PostgresLog(back_url)
        await back.start()
        settings = Settings(database_url=gateway.database_url, internal_private_key=KEYS.private, master_key=MASTER_KEY)
        second = create_app(settings, log=back)
        async with second.router.lifespan_context(second):
            await eventually(lambda: back.end_offsets([SHOPS]), that=lambda ends: sum(ends.values()) == 1)
            await eventually(lambda: client.get("/readyz?caught_up=true"), that=lambda found: found.status_code == 200)
        await back.stop()
        await postgres.drop(back_url)


async def test_two_gateways_publish_one_shop_once_and_the_latest_last(gateway: Running) -> None:
    await ensure_shop(gateway.app, first_shop("raced", key=str(generate())))
    runtime = gateway.app.state.runtime

    async def change(number: int) -> None:
        await gateway.admin.save_shop("raced", name=f"name {number}")
        await publishing.publish_waiting(runtime.db, gateway.log)

    await asyncio.gather(*(change(number) for number in range(10)))
    await publishing.publish_waiting(runtime.db, gateway.log)
    async with runtime.db.work() as tx:
        name = await tx.fetchval("select name from shops where shop_id = 'raced'")
    assert data_of((await shop_events(gateway, "raced"))[-1])["name"] == name


async def test_another_master_key_refuses_to_start(gateway: Running) -> None:
    settings = Settings(database_url=gateway.database_url, internal_private_key=KEYS.private, master_key="x" * 32)
    app = create_app(settings, log=gateway.log)
    with pytest.raises(WrongMasterKey):
        async with app.router.lifespan_context(app):
            pass


async def test_without_a_master_key_it_follows_from_the_private_key_however_that_is_written(
    postgres: TestServer,
) -> None:
    database_url = await postgres.fresh("gateway")
    one_line = "".join(line for line in KEYS.private.splitlines() if "-----" not in line)
    log = PostgresLog(await postgres.empty())
    await log.start()
    try:
        for private in (KEYS.private, one_line, KEYS.private.replace("\n", "\\n")):
            app = create_app(Settings(database_url=database_url, internal_private_key=private), log=log)
            async with app.router.lifespan_context(app):  # refuses a master key that is not the first one's
                assert app.state.runtime.db is not None
        other = Settings(database_url=database_url, internal_private_key=generate_key_pair().private)
        app = create_app(other, log=log)
        with pytest.raises(WrongMasterKey):
            async with app.router.lifespan_context(app):
                pass
    finally:
        await log.stop()


@dataclass
class Command:
    """What a command of ``python -m gateway`` answered."""

    code: int
    out: str
    err: str


async def test_the_command_line_makes_a_shop_that_a_gateway_serves(
    gateway: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {
        "GATEWAY_DATABASE_URL": gateway.database_url,
        "GATEWAY_LOG_URL": gateway.log_url,
        "GATEWAY_INTERNAL_PRIVATE_KEY": KEYS.private,
        "GATEWAY_MASTER_KEY": MASTER_KEY,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps(KeySet([ECKey.generate_key("P-256")]).as_dict(private=False)))

    async def run(*arguments: str) -> Command:
        monkeypatch.setattr(sys, "argv", ["gateway", *arguments])
        code = await asyncio.to_thread(main, NAME, Settings, create_app, commands)
        captured = capsys.readouterr()
        return Command(code, captured.out, captured.err)

    secret, hook = "c" * 32, "w" * 16
    made = await run(
        *("shops", "create", "cli", "--name", "By hand", "--currency", "USD", "--time-zone", "America/New_York"),
        *("--customer-secret", secret, "--shopify-secret", hook, "--jwks-file", str(jwks)),
    )
    assert (made.code, made.out) == (0, "cli: saved\n"), made.err
    assert [data_of(event)["name"] for event in await shop_events(gateway, "cli")] == ["By hand"]
    again = await run("shops", "create", "cli")
    assert (again.code, "already" in again.err) == (1, True)
    assert (await run("shops", "update", "nobody")).code == 1
    bad = await run("shops", "update", "cli", "--currency", "gold")
    assert (bad.code, "currency" in bad.err) == (1, True)
    listed = await run("shops", "list")
    assert "cli\tBy hand\tUSD\tAmerica/New_York\ten" in listed.out

    created = await run("keys", "create", "cli", "--scope", "loyalty:read")
    key = created.out.strip()
    async with gateway.client(key) as client:
        assert (await client.get("/v1/loyalty/echo/x")).json()["caller"][3] == ["loyalty:read"]
    keys = await run("keys", "list", "cli")
    assert f"{key.split('_')[1]}\tlive\tloyalty:read" in keys.out
    assert key.split("_")[2] not in keys.out
    assert (await run("keys", "create", "cli", "--scope", "loyalty:destroy")).code == 1
    assert (await run("keys", "revoke", key.split("_")[1])).code == 0
    assert (await run("keys", "revoke", key.split("_")[1])).code == 1
    monkeypatch.setenv("GATEWAY_MASTER_KEY", "another master key of 32 bytes!!")
    wrong = await run("shops", "list")
    assert (wrong.code, "GATEWAY_MASTER_KEY" in wrong.err) == (1, True)
