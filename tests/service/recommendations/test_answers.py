"""The calls of CONTRACT §5 over HTTP, from orders in PostgreSQL to answers out of memory."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.service.recommendations.feeding import Shop, ids, sources
from tests.support.apps import Clock


async def test_case_01_product_over_http(shop: Shop) -> None:
    await shop.base()
    answer = await shop.get("products/A")
    assert sources(answer) == [("B", "bought_together"), ("C", "bought_together"), ("D", "trending")]
    b, c, _ = answer["items"]
    assert b["reason"] == {
        "seeds": ["A"],
        "support": 3,
        "confidence": 0.75,
        "lift": pytest.approx(0.9375),
        "text": "3 of 4 who bought A also bought B",
    }
    assert (c["reason"]["support"], c["reason"]["confidence"]) == (2, 0.5)
    assert b["score"] == pytest.approx(0.116996, abs=1e-6)
    assert c["score"] == pytest.approx(0.078582, abs=1e-6)
    assert answer["rec_id"].startswith("rec_")


async def test_case_01_the_same_for_a_basket_of_one(shop: Shop) -> None:
    await shop.base()
    answer = await shop.basket(product_ids=["A"], backfill=False)
    assert sources(answer) == [("B", "bought_together"), ("C", "bought_together")]
    strict = await shop.basket(product_ids=["A"], min_support=3)
    assert sources(strict)[0] == ("B", "bought_together")
    assert all(source == "trending" for _, source in sources(strict)[1:])


async def test_case_02_an_event_delivered_again_changes_nothing(shop: Shop) -> None:
    await shop.base()
    before = await shop.get("products/A")
    await shop.orders(shop.order("O5", "AB", customer_id="c5"))
    assert (await shop.get("products/A"))["items"] == before["items"]


async def test_case_03_cancelling_flips_the_list_once(shop: Shop) -> None:
    await shop.base()
    cancelled = shop.order(
        "O5", "AB", customer_id="c5", state="cancelled", updated_at=shop.later(minutes=1).isoformat()
    )
    for _ in range(2):
        await shop.orders(cancelled, type_="order.cancelled")
        answer = await shop.get("products/A", backfill=False)
        assert [(item["product_id"], round(item["score"], 6)) for item in answer["items"]] == [
            ("C", 0.083492),
            ("B", 0.080799),
        ]


async def test_case_05_new_orders_lead_and_as_of_says_so(shop: Shop, clock: Clock) -> None:
    await shop.base()
    at = clock.now = shop.later(seconds=60)
    await shop.orders(*[shop.order(f"N{number}", "AE", at=at) for number in range(3)])
    answer = await shop.get("products/A", backfill=False)
    assert [(item["product_id"], round(item["score"], 6)) for item in answer["items"]] == [
        ("E", 0.113038),
        ("B", 0.099863),
        ("C", 0.067075),
    ]
    assert datetime.fromisoformat(answer["as_of"]) >= at


async def test_case_07_half_a_year_later_the_weights_are_halved(shop: Shop, clock: Clock) -> None:
    await shop.base()
    clock.now = shop.later(days=180)
    items = (await shop.get("products/A", backfill=False))["items"]
    assert [(item["product_id"], round(item["score"], 6)) for item in items] == [("B", 0.06964), ("C", 0.045491)]
    assert [item["reason"]["support"] for item in items] == [3, 2]


async def test_case_09_excluded_products_are_absent_and_the_list_is_filled_up(shop: Shop) -> None:
    await shop.base()
    assert ids(await shop.get("products/A", exclude=["B"], limit=2)) == ["C", "D"]
    assert ids(await shop.basket(product_ids=["A"], exclude=["B"], limit=2)) == ["C", "D"]
    assert ids(await shop.basket(product_ids=["A", "B"], limit=2)) == ["C", "D"]


@pytest.mark.parametrize("exclude", [["B", "C"], ["B,C"]])
async def test_case_09_several_products_are_excluded_by_repeating_or_with_commas(
    shop: Shop, exclude: list[str]
) -> None:
    await shop.base()
    assert sources(await shop.get("products/A", exclude=exclude)) == [("D", "trending")]


async def test_case_01_a_product_that_is_in_the_basket_twice_is_one(shop: Shop) -> None:
    await shop.base()
    once, twice = [await shop.basket(product_ids=basket) for basket in (["A"], ["A", "A"])]
    assert once["items"] == twice["items"]


async def test_case_10_owned_products_stay_unless_excluded(shop: Shop) -> None:
    await shop.base()
    assert "B" in ids(await shop.get("customers/c4"))
    assert "B" not in ids(await shop.get("customers/c4", exclude_owned=True))


async def test_case_10_the_order_just_placed_never_recommends_itself(shop: Shop) -> None:
    await shop.base()
    for path in ("orders/O1", "orders/O1/post-purchase"):
        answer = await shop.get(path)
        assert set(ids(answer)) == {"D"}


async def test_case_11_unknown_things_get_trending_and_an_empty_shop_nothing(shop: Shop) -> None:
    paths = ("products/x", "customers/x", "orders/x", "customers/x?kind=buy_again", "products/x?kind=upsell")
    for path in paths:
        assert (await shop.get(path))["items"] == []
    await shop.base()
    for path in paths:
        answer = await shop.get(path)
        assert ids(answer) == ["A", "B", "C", "D"]
        assert {source for _, source in sources(answer)} == {"trending"}
        assert (await shop.ask("GET", path, params={"backfill": False})).json()["items"] == []


@pytest.mark.parametrize(
    ("refund", "left"),
    [
        ({"lines": [{"line_id": "L2", "quantity": 1, "amount": 1000}], "amount": 1000}, ["C"]),
        ({"lines": [], "amount": 3000}, []),
        ({"lines": [{"line_id": "L2", "quantity": 0, "amount": 400}], "amount": 400}, ["B", "C"]),
    ],
    ids=["line", "whole order", "a part of a line"],
)
async def test_a_refund_takes_back_what_was_returned(shop: Shop, refund: dict[str, Any], left: list[str]) -> None:
    await shop.orders(shop.order("O1", "ABC"))
    at = shop.later(minutes=5).isoformat()
    refunds = [{"refund_id": "r1", "at": at, **refund}]
    data = {"order_id": "O1", "refunds": refunds, "updated_at": at}
    for _ in range(2):
        await shop.orders(data, type_="order.refunded")
        assert ids(await shop.get("products/A", backfill=False)) == left


async def test_a_refund_that_comes_before_its_order_waits_for_it(shop: Shop) -> None:
    at = shop.later(minutes=5).isoformat()
    line = {"line_id": "L2", "quantity": 1, "amount": 1000}
    refund = {"refund_id": "r1", "at": at, "lines": [line], "amount": 1000}
    await shop.orders({"order_id": "O1", "refunds": [refund], "updated_at": at}, type_="order.refunded")
    assert (await shop.ask("GET", "orders/O1/post-purchase")).status_code == 404
    await shop.orders(shop.order("O1", "ABC"))
    assert ids(await shop.get("products/A", backfill=False)) == ["C"]


async def test_test_orders_and_voided_payments_count_nothing(shop: Shop) -> None:
    await shop.orders(shop.order("O1", "AB", is_test=True), shop.order("O2", "AC", payment_state="voided"))
    assert (await shop.get("products/A"))["items"] == []


async def test_post_purchase_knows_its_orders_and_their_customers(shop: Shop) -> None:
    await shop.base()
    unknown = await shop.ask("GET", "orders/nope/post-purchase")
    assert (unknown.status_code, unknown.json()["code"], unknown.headers["Retry-After"]) == (404, "order_unknown", "1")
    assert unknown.json()["retryable"] is True
    async with shop.service.customer("c2") as mine, shop.service.customer("c3") as other:
        assert (await mine.get("/v1/recommendations/orders/O2/post-purchase")).status_code == 200
        assert (await other.get("/v1/recommendations/orders/O2/post-purchase")).status_code == 404
        assert (await mine.get("/v1/recommendations/orders/O2")).status_code == 403


async def test_post_purchase_marks_the_fallback(shop: Shop) -> None:
    await shop.base()
    await shop.orders(shop.order("lonely", ["Z"]))
    assert (await shop.get("orders/lonely/post-purchase"))["fallback"] == "trending"
    assert (await shop.get("orders/O2/post-purchase"))["fallback"] is None


async def test_me_is_the_customer_and_nobody_else(shop: Shop) -> None:
    await shop.base()
    async with shop.service.customer("c4") as customer:
        answer = await customer.get("/v1/recommendations/me", params={"kind": "buy_again"})
        assert answer.json()["items"][0]["source"] == "buy_again"
        assert {item["product_id"] for item in answer.json()["items"][:2]} == {"B", "D"}
        assert (await customer.get("/v1/recommendations/customers/c4")).status_code == 403
        assert (await customer.post("/v1/recommendations/basket", json={"product_ids": ["A"]})).status_code == 403
    assert (await shop.ask("GET", "me")).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("GET", "products/A?limit=0", {}),
        ("GET", "products/A?limit=51", {}),
        ("GET", "products/A?kind=magic", {}),
        ("GET", "customers/A?kind=bought_together", {}),
        ("GET", "products/" + "x" * 129, {}),
        ("GET", "products/A?min_support=0", {}),
        ("POST", "basket", {"json": {}}),
        ("POST", "basket", {"json": {"product_ids": "A"}}),
        ("POST", "basket", {"json": {"product_ids": [""]}}),
        ("POST", "basket", {"json": {"product_ids": ["a/b"]}}),
        ("POST", "basket", {"json": {"product_ids": ["A"], "limit": 51}}),
        ("POST", "basket", {"json": {"product_ids": ["A"], "limit": "5"}}),
        ("POST", "basket", {"json": {"product_ids": ["A"], "exclude_owned": "yes"}}),
        ("POST", "basket", {"json": {"product_ids": ["A"], "colour": "red"}}),
    ],
)
async def test_bad_questions_are_422(shop: Shop, method: str, path: str, more: dict[str, Any]) -> None:
    answer = await shop.ask(method, path, **more)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["errors"]


async def test_an_empty_basket_is_a_fair_question(shop: Shop) -> None:
    await shop.base()
    assert sources(await shop.basket(product_ids=[]))[0] == ("A", "trending")


async def test_absent_and_null_are_the_same_in_a_basket(shop: Shop) -> None:
    await shop.base()
    nulls = dict.fromkeys(("customer_id", "limit", "exclude", "exclude_owned", "min_support", "backfill"))
    plain = await shop.basket(product_ids=["A", "B"])
    assert (await shop.basket(product_ids=["A", "B"], **nulls))["items"] == plain["items"]


async def test_shops_do_not_see_each_other(shop: Shop) -> None:
    await shop.base()
    other = Shop(shop.service, shop.t0, "other")
    assert (await other.get("products/A"))["items"] == []
    await other.orders(other.order("O1", "AX", customer_id="c1"))
    assert ids(await other.get("products/A")) == ["X"]
    assert ids(await shop.get("products/A")) == ["B", "C", "D"]
    assert (await other.ask("GET", "orders/O2/post-purchase")).status_code == 404


async def test_scopes_and_credentials(shop: Shop) -> None:
    async with shop.service.client(scopes=frozenset({"loyalty:read"})) as stranger:
        assert (await stranger.get("/v1/recommendations/products/A")).status_code == 403
    async with shop.service.anonymous() as nobody:
        assert (await nobody.get("/v1/recommendations/products/A")).status_code == 401


async def test_trending_forgets(shop: Shop, clock: Clock) -> None:
    clock.now = shop.later(days=28)
    await shop.orders(*[shop.order(f"x{number}", "X") for number in range(8)])
    await shop.orders(*[shop.order(f"y{number}", "Y", at=clock.now - timedelta(seconds=1)) for number in range(3)])
    items = (await shop.get("customers/x", kind="trending"))["items"]
    assert [(item["product_id"], round(item["score"], 3)) for item in items] == [("Y", 3.0), ("X", 2.0)]
