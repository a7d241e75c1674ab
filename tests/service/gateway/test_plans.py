"""Among thousands of shops no call reads them all: a key and a shop are looked up where a request names them."""

from collections.abc import AsyncIterator

import pytest

from gateway import publishing, shops
from gateway.directory import Directory
from gateway.keys import parse
from gateway.parts import Parts
from tests.service.gateway.running import SHOP_KEY, Running, running_gateway
from tests.support.postgres import TestServer
from tests.support.reads import Reads

_MANY = 5000
_FILL = (
    f"""insert into shops select (jsonb_populate_record(s, jsonb_build_object('shop_id', 's' || n))).*
        from shops s, generate_series(1, {_MANY}) n""",
    f"""insert into shop_keys select (jsonb_populate_record(k, jsonb_build_object('key_id', 'k' || n, 'shop_id',
          's' || n))).* from shop_keys k, generate_series(1, {_MANY}) n""",
    f"""insert into webhook_secrets select 's' || n, w.platform, w.fingerprint, w.secret, w.created_at
        from webhook_secrets w, generate_series(1, {_MANY}) n""",
    "analyze",
)


@pytest.fixture
async def crowd(postgres: TestServer) -> AsyncIterator[Running]:
    """A gateway of many shops, each published."""
    async with running_gateway(postgres, pool_api=4) as running:
        await Reads(running.app.state.runtime.db, running.database_url).execute(*_FILL)
        yield running


async def test_no_call_reads_the_shops_and_keys_of_others(crowd: Running) -> None:
    db, key = crowd.app.state.runtime.db, parse(SHOP_KEY)
    parts = crowd.app.state.parts
    assert isinstance(parts, Parts)
    assert key is not None
    reads = Reads(db, crowd.database_url)
    admin = crowd.admin

    async def looked_up(_: int) -> None:
        fresh = Directory(db, parts.vault, parts.clock)
        assert await fresh.caller(key) is not None
        assert await fresh.shop("demo") is not None
        assert await fresh.shop("nobody") is None
        await fresh.write_used()

    await reads.judge("directory", looked_up)
    await reads.judge("save", lambda n: admin.save_shop("s7", name=f"Name {n}"))
    await reads.judge("publish", lambda _: publishing.publish_waiting(db, crowd.log))
    await reads.batch("waiting", lambda tx, _: publishing.waiting(tx))
    await reads.judge("secret", lambda n: admin.set_customer_secret("s8", f"{n}" * 40))
    await reads.judge("webhook secret", lambda n: admin.add_webhook_secret("s8", "shopify", f"{n}" * 40))
    await reads.judge("key", lambda _: admin.put_key("demo", key, frozenset({"events:write"})))
    await reads.batch("keys", lambda tx, _: shops.list_keys(tx, "s9"))
    await reads.judge("revoke", lambda n: admin.revoke_key(f"k{n + 1}"))
    assert reads.excess == {}
