"""Who may call what: every route of every service names a scope, takes only customers, or is listed here as open."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

import feedback.app
import feedback.settings
import gateway.app
import gateway.settings
import loyalty.app
import loyalty.settings
import notifications.app
import notifications.settings
import recommendations.app
import recommendations.settings
from comeback_kit import http
from comeback_kit.auth import generate_key_pair
from comeback_kit.http import Scoped

_KEYS = generate_key_pair()
_DATABASE: Any = {"database_url": "postgresql://nobody@localhost/nothing", "log_url": "kafka://localhost:1"}
_SERVICE: Any = {**_DATABASE, "internal_public_key": _KEYS.public}
_GATEWAY: Any = {**_DATABASE, "internal_private_key": _KEYS.private}

# Open to anybody: health, documents, pages behind a signed link, webhooks behind their signature.
_OPEN = {"/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/docs/oauth2-redirect"}
_OPEN_BEGINNINGS = ("/f/", "/p/", "/v1/webhooks/", "/mailbox", "/docs")


def _apps() -> dict[str, FastAPI]:
    return {
        "loyalty": loyalty.app.create_app(loyalty.settings.Settings(**_SERVICE)),
        "feedback": feedback.app.create_app(feedback.settings.Settings(**_SERVICE)),
        "notifications": notifications.app.create_app(notifications.settings.Settings(**_SERVICE)),
        "recommendations": recommendations.app.create_app(recommendations.settings.Settings(**_SERVICE)),
        "gateway": gateway.app.create_app(gateway.settings.Settings(**_GATEWAY)),
    }


def _checks(dependant: Any) -> Iterator[Any]:
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from _checks(dependency)


def _guard(route: APIRoute) -> str | None:
    """The scope of a route, ``customer``, or None."""
    for call in _checks(route.dependant):
        if isinstance(call, Scoped):
            return call.scope
        if call is http._customer:
            return "customer"
        if getattr(call, "__name__", "").startswith("_may_see"):  # either of two scopes, or the order's own customer
            return "post-purchase:read"
    return None


def _routes(routes: Sequence[Any]) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):  # FastAPI keeps included routers as they are
            yield from _routes(route.original_router.routes)


@pytest.fixture(scope="module")
def routes() -> list[tuple[str, APIRoute]]:
    found = [(name, route) for name, app in _apps().items() for route in _routes(app.routes)]
    assert {name for name, _ in found} == set(_apps())
    return found


def test_every_route_has_a_scope_or_is_open_on_purpose(routes: list[tuple[str, APIRoute]]) -> None:
    unguarded = {
        f"{name} {sorted(route.methods or ())} {route.path}"
        for name, route in routes
        if _guard(route) is None and route.path not in _OPEN and not route.path.startswith(_OPEN_BEGINNINGS)
    }
    assert not unguarded, unguarded


def test_scopes_are_those_of_the_service(routes: list[tuple[str, APIRoute]]) -> None:
    for name, route in routes:
        guard = _guard(route)
        if guard in (None, "customer"):
            continue
        known = {f"{name}:read", f"{name}:write", "admin", "post-purchase:read", "events:write"}
        assert guard in known, f"{name} {route.path}: {guard}"


def test_reading_needs_the_read_scope_and_changing_the_write_scope(routes: list[tuple[str, APIRoute]]) -> None:
    questions = ("/preview", "/basket")  # asked by POST because the question is long
    for name, route in routes:
        guard = _guard(route) or ""
        if name == "gateway" or not guard.startswith(f"{name}:"):
            continue
        changes = bool((route.methods or set()) - {"GET", "HEAD"}) and not route.path.endswith(questions)
        assert guard.endswith(":write" if changes else ":read"), f"{route.methods} {route.path}: {guard}"


def test_customers_own_paths_take_no_shop_key(routes: list[tuple[str, APIRoute]]) -> None:
    own = [
        (name, route) for name, route in routes if "/me" in route.path.split("{")[0] and route.path.startswith("/v1")
    ]
    mine = [(name, route) for name, route in own if route.path.split("/")[3] == "me"]
    assert mine
    for name, route in mine:
        assert _guard(route) == "customer", f"{name} {route.path}: {_guard(route)}"


def test_paths_begin_with_the_service(routes: list[tuple[str, APIRoute]]) -> None:
    for name, route in routes:
        if name == "gateway" or route.path in _OPEN or route.path.startswith(_OPEN_BEGINNINGS):
            continue
        assert route.path.startswith(f"/v1/{name}/"), f"{name}: {route.path}"


def test_every_operation_says_in_words_what_it_is_for(routes: list[tuple[str, APIRoute]]) -> None:
    nameless = [
        f"{name} {sorted(route.methods or ())} {route.path}"
        for name, route in routes
        if route.include_in_schema and route.path not in _OPEN and not (route.summary and route.description)
    ]
    assert not nameless, f"FastAPI would make a summary of the function's name: {nameless}"
