"""Every route of the gateway's own with what opens it. A route that is not in this table fails the test."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute

from comeback_kit.http import Scoped
from tests.service.gateway.running import SHOP_KEY, Running, customer_token

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPEN = "open"
SIGNED = "signed"
TABLE: dict[tuple[str, str], str] = {
    ("GET", "/livez"): OPEN,
    ("GET", "/readyz"): OPEN,
    ("GET", "/metrics"): OPEN,
    ("GET", "/openapi.json"): OPEN,
    ("GET", "/docs"): OPEN,
    ("POST", "/v1/events"): "events:write",
    ("POST", "/v1/webhooks/{platform}/{shop_id}"): SIGNED,
    ("GET", "/v1/post-purchase/{order_id}"): "post-purchase:read",
}
CUSTOMERS_TOO = {"/v1/post-purchase/{order_id}"}


def scoped(route: APIRoute) -> Scoped | None:
    found = [one.call for one in route.dependant.dependencies if isinstance(one.call, Scoped)]
    return found[0] if found else None


def routes_of(holder: Any) -> Iterator[APIRoute]:
    """Every route, also those of included routers, which FastAPI keeps as they are."""
    for route in holder.routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from routes_of(inner)
        else:
            assert isinstance(route, APIRoute), route
            yield route


async def test_every_route_is_in_the_table_with_its_scope(gateway: Running) -> None:
    found: dict[tuple[str, str], str] = {}
    for route in routes_of(gateway.app):
        guard = scoped(route)
        for method in route.methods or ():
            needed = SIGNED if "webhooks" in route.path else OPEN
            found[method, route.path] = needed if guard is None else guard.scope
            assert guard is None or guard.or_customer == (route.path in CUSTOMERS_TOO)
    assert found == TABLE


@pytest.mark.parametrize(("method", "path"), [key for key, scope in TABLE.items() if ":" in scope])
async def test_who_is_let_in(gateway: Running, method: str, path: str) -> None:
    scope = TABLE[method, path]
    url = path.replace("{order_id}", "o-1")
    others = sorted({"events:write", "post-purchase:read", "loyalty:read", "loyalty:write"} - {scope})
    tokens = {
        None: 401,
        SHOP_KEY[:-1] + "z": 401,
        await gateway.new_key(*others): 403,
        customer_token("c-1"): None if path in CUSTOMERS_TOO else 403,
        await gateway.new_key(scope): None,
        await gateway.new_key("admin"): None,
    }
    for token, refusal in tokens.items():
        async with gateway.client(token) as client:
            status = (await client.request(method, url)).status_code
        assert status == refusal if refusal else status not in (401, 403), (token, status)
