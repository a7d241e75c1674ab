"""Cursors and instants that a caller made up: never a failure of ours, whatever the list or report."""

import base64
import json
from itertools import product

import httpx
import pytest

from tests.support.comeback import ComebackProcess
from tests.support.shop import Shop, customer_token, shop_of

_LISTS = (
    "/v1/feedback/responses",
    "/v1/feedback/surveys",
    "/v1/loyalty/audit",
    "/v1/loyalty/members",
    "/v1/loyalty/members/forger/lots",
    "/v1/loyalty/members/forger/redemptions",
    "/v1/loyalty/members/forger/transactions",
    "/v1/loyalty/program/versions",
    "/v1/loyalty/rewards",
    "/v1/notifications/messages",
    "/v1/recommendations/backtests",
)
_MY_LISTS = ("/v1/loyalty/me/redemptions", "/v1/loyalty/me/rewards", "/v1/loyalty/me/transactions")
_EARLY, _LATE = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"  # years 0 and 10000 in UTC
_KEYS = (
    ("a\x00",),
    (1, 2),
    ("x", "y"),
    ("2026-01-01", "y"),
    ("2026-01-01T00:00:00Z", 7),
    ("2026-01-01T00:00:00Z", "a\x00"),
    (_EARLY, "y"),
    (_LATE, "y"),
    (_LATE, "forger", 1, 1),
)


def _cursor(*keys: str | int) -> str:
    return base64.urlsafe_b64encode(json.dumps(keys).encode()).rstrip(b"=").decode()


def _check_refused(answer: httpx.Response, name: str) -> None:
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/query/{name}"]


async def _make_member(shop: Shop) -> None:
    answer = await shop.http.post("/v1/loyalty/members/forger/adjustments", json={"points": 5, "reason": "gift"})
    assert answer.status_code == 201


@pytest.mark.parametrize("path", _LISTS)
async def test_a_forged_cursor_is_refused(shop: Shop, path: str) -> None:
    await _make_member(shop)
    for keys in _KEYS:
        _check_refused(await shop.http.get(path, params={"cursor": _cursor(*keys)}), "cursor")


@pytest.mark.parametrize("path", _MY_LISTS)
async def test_a_customers_forged_cursor_is_refused(comeback: ComebackProcess, shop: Shop, path: str) -> None:
    await _make_member(shop)
    async with shop_of(comeback.base_url, customer_token("forger")) as customer:
        for keys in _KEYS:
            _check_refused(await customer.http.get(path, params={"cursor": _cursor(*keys)}), "cursor")


_INSTANTS = (
    ("/v1/feedback/scores?metric=nps", "from to compare_from compare_to"),
    ("/v1/loyalty/members", "updated_since"),
    ("/v1/loyalty/reports/liability", "at"),
    ("/v1/loyalty/reports/months", "since until"),
    ("/v1/recommendations/reports/attribution", "since until"),
)


@pytest.mark.parametrize(("path", "names"), _INSTANTS)
async def test_an_instant_of_a_query_is_rfc_3339_and_of_the_calendar(shop: Shop, path: str, names: str) -> None:
    wrong = ("1700000000", "2026-01-01", "2026-01-01T00:00Z", "2026-01-01T00:00:00+0100", _EARLY, _LATE)
    for name, text in product(names.split(), wrong):
        url = httpx.URL(path).copy_merge_params({name: text})
        _check_refused(await shop.http.get(url), name)
