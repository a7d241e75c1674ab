"""Where paths go, and which headers go along."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comeback_kit.auth import Principal
from comeback_kit.errors import Forbidden
from gateway import headers, routing
from gateway.credentials import check_customer_path
from gateway.routing import Access

KEY = Principal("demo", "k", "key", frozenset())
CUSTOMER = Principal("demo", "c", "customer")


@pytest.mark.parametrize(
    ("path", "service", "access"),
    [
        ("/v1/loyalty/members/1", "loyalty", Access.CALLER),
        ("/v1/feedback", "feedback", Access.CALLER),
        ("/v1/notifications/messages", "notifications", Access.CALLER),
        ("/v1/recommendations/me", "recommendations", Access.CALLER),
        ("/v1/events", None, Access.CALLER),
        ("/v1/post-purchase/1", None, Access.CALLER),
        ("/v1/webhooks/shopify/demo", None, Access.PUBLIC),
        ("/f/token", "feedback", Access.PUBLIC),
        ("/p/token", "notifications", Access.PUBLIC),
        ("/mailbox", "notifications", Access.MAILBOX),
        ("/mailbox/1", "notifications", Access.MAILBOX),
        ("/livez", None, Access.PUBLIC),
        ("/", None, Access.PUBLIC),
        ("", None, Access.PUBLIC),
        ("/f", None, Access.PUBLIC),
        ("/v1", None, Access.PUBLIC),
        ("/v1/unknown/x", None, Access.PUBLIC),
        ("/v2/loyalty/me", None, Access.PUBLIC),
        ("//v1/loyalty/me", None, Access.PUBLIC),
        ("/V1/loyalty", None, Access.PUBLIC),
    ],
)
def test_the_route_of_a_path(path: str, service: str | None, access: Access) -> None:
    route = routing.find(path)
    assert route is not None
    assert (route.service, route.access) == (service, access)


@pytest.mark.parametrize("path", ["/v1/loyalty/me/../members/1", "/v1/loyalty/./x", "/..", "/f/../v1/x", "/v1/./"])
def test_dot_segments_lead_nowhere(path: str) -> None:
    assert routing.find(path) is None


def test_dots_inside_of_names_are_names() -> None:
    assert routing.find("/v1/loyalty/members/a..b") is not None
    assert routing.find("/v1/loyalty/members/.hidden") is not None


@given(st.text(max_size=60))
def test_no_path_breaks_the_router(path: str) -> None:
    routing.find(path)


OPEN = ["/v1/loyalty/me", "/v1/loyalty/me/transactions", "/v1/recommendations/me", "/v1/post-purchase/1"]
CLOSED = ["members/c", "", "member/me", "mee", "Me", "/me"]


@pytest.mark.parametrize("path", OPEN)
def test_a_customer_opens(path: str) -> None:
    check_customer_path(CUSTOMER, path)


@pytest.mark.parametrize("path", ["/v1/events", "/v1/loyalty", *(f"/v1/loyalty/{rest}" for rest in CLOSED)])
def test_a_customer_does_not_open_and_a_key_may(path: str) -> None:
    with pytest.raises(Forbidden):
        check_customer_path(CUSTOMER, path)
    check_customer_path(KEY, path)


def test_hop_by_hop_internal_and_forwarded_headers_are_not_passed() -> None:
    incoming = headers.read(
        [
            (b"host", b"x"),
            (b"connection", b"keep-alive, X-Hop"),
            (b"x-hop", b"1"),
            (b"keep-alive", b"5"),
            (b"te", b"trailers"),
            (b"transfer-encoding", b"chunked"),
            (b"upgrade", b"websocket"),
            (b"proxy-authorization", b"x"),
            (b"expect", b"100-continue"),
            (b"authorization", b"Bearer t"),
            (b"x-forwarded-for", b"1.2.3.4"),
            (b"forwarded", b"for=1"),
            (b"x-comeback-shop", b"other"),
            (b"x-request-id", b"r"),
            (b"traceparent", b"t"),
            (b"accept", b"*/*"),
            (b"cookie", b"a=b"),
        ]
    )
    assert incoming.passed == [(b"accept", b"*/*"), (b"cookie", b"a=b")]
    assert (incoming.authorization, incoming.request_id, incoming.traceparent) == (b"Bearer t", b"r", b"t")
    assert incoming.has_body
    assert incoming.forwarded


def test_two_authorizations_are_none_that_opens() -> None:
    incoming = headers.read([(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")])
    assert incoming.authorization == b""


def test_a_length_of_zero_is_no_body_and_a_key_is_seen() -> None:
    incoming = headers.read([(b"content-length", b"0"), (b"idempotency-key", b"k")])
    assert (incoming.has_body, incoming.keyed, incoming.length) == (False, True, b"0")


def test_an_answer_loses_hop_by_hop_headers_and_gets_the_request_id() -> None:
    given_headers = [
        (b"Content-Type", b"text/plain"),
        (b"Connection", b"X-Hop"),
        (b"x-hop", b"1"),
        (b"transfer-encoding", b"chunked"),
        (b"date", b"now"),
        (b"server", b"uvicorn"),
        (b"x-request-id", b"theirs"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
    ]
    assert headers.answered(given_headers, b"ours") == [
        (b"content-type", b"text/plain"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"x-request-id", b"ours"),
    ]
