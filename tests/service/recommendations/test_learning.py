"""What a customer said or gave back, reminders, and what is put down to an answer."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from comeback_contracts import topics
from recommendations import followups
from recommendations.app import create_app
from recommendations.settings import Settings
from tests.service.recommendations.conftest import T0
from tests.service.recommendations.feeding import Shop, ids
from tests.support.apps import Clock, service_app
from tests.support.postgres import TestServer
from tests.support.waiting import eventually


@pytest.fixture
async def working(postgres: TestServer, clock: Clock) -> AsyncIterator[Shop]:
    """A shop whose follow-ups and timers run too."""
    roles = "api,timers"
    async with service_app(
        create_app, Settings, postgres, service="recommendations", clock=clock, roles=roles, follow_seconds=0.02
    ) as service:
        yield Shop(service, T0)


async def settled(shop: Shop) -> None:
    """Everything that follows from the orders so far has happened, due timers included."""
    runtime = shop.service.runtime
    runtime.wake()
    await eventually(lambda: followups.behind(runtime), that=lambda behind: behind == 0)

    async def due() -> int:
        async with runtime.db.work() as tx:
            return int(await tx.fetchval("select count(*) from timers where run_at <= $1", runtime.clock()))

    runtime.wake_timers()
    await eventually(due, that=lambda count: count == 0)


async def reminders(shop: Shop) -> list[dict[str, Any]]:
    async with shop.service.runtime.db.work() as tx:
        rows = await tx.fetch("select value from outbox where topic = $1 order by id", topics.RECOMMENDATIONS)
    return [msgspec.json.decode(row["value"]) for row in rows]


async def review(shop: Shop, product: str, stars: int, at_minutes: int = 0) -> None:
    data = {"review_id": "r1", "product_id": product, "customer_id": "c2", "rating": stars}
    await shop.take(shop.event("review.published", data, at=shop.later(minutes=at_minutes)))


async def test_case_19_a_badly_rated_product_is_not_offered_to_that_customer(shop: Shop) -> None:
    await shop.base()
    assert "C" in ids(await shop.basket(product_ids=["A"], customer_id="c2"))
    await review(shop, "C", 1)
    for answer in (
        await shop.basket(product_ids=["A"], customer_id="c2"),
        await shop.get("customers/c2"),
        await shop.get("customers/c2", kind="trending"),
        await shop.get("orders/O2"),
    ):
        assert "C" not in ids(answer)
    assert "C" in ids(await shop.basket(product_ids=["A"], customer_id="c5"))
    await review(shop, "C", 5, at_minutes=1)
    assert "C" in ids(await shop.basket(product_ids=["A"], customer_id="c2"))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("survey.answered", {"answers": {"product_id": "C", "rating": 1}}),
        ("survey.answered", {"answers": {"product:C": 2, "product:B": 5}}),
        ("activity.recorded", {"activity_id": "a1", "kind": "review", "product_id": "C", "attributes": {"rating": 1}}),
    ],
)
async def test_case_19_however_it_was_said(shop: Shop, kind: str, data: dict[str, Any]) -> None:
    await shop.base()
    at = shop.t0.isoformat()
    more = {"response_id": "r", "survey_id": "s"} if kind == "survey.answered" else {"at": at}
    await shop.take(shop.event(kind, {"customer_id": "c2", **more, **data}))
    found = ids(await shop.basket(product_ids=["A"], customer_id="c2"))
    assert "C" not in found
    assert "B" in found


async def test_case_19_a_product_that_was_refunded_is_not_offered_until_bought_and_kept(working: Shop) -> None:
    shop = working
    await shop.base()
    line = {"line_id": "L2", "quantity": 1, "amount": 1000}
    refund = {"refund_id": "r1", "at": shop.t0.isoformat(), "lines": [line], "amount": 1000}
    at = shop.later(seconds=1).isoformat()
    await shop.orders({"order_id": "O2", "refunds": [refund], "updated_at": at}, type_="order.refunded")
    await settled(shop)
    assert "B" not in ids(await shop.basket(product_ids=["A"], customer_id="c2"))
    assert "B" in ids(await shop.basket(product_ids=["A"], customer_id="c3"))
    await shop.orders(shop.order("O20", "BC", customer_id="c2", at=shop.later(hours=1)))
    await settled(shop)
    assert "B" in ids(await shop.basket(product_ids=["A"], customer_id="c2"))


async def test_case_19_a_second_refund_does_not_bring_back_what_was_forgiven(working: Shop) -> None:
    shop = working
    await shop.base()
    await shop.orders(shop.order("O20", "BD", customer_id="c2", at=shop.later(hours=1)))
    for number in (2, 1):
        line = {"line_id": f"L{number}", "quantity": 1, "amount": 1000}
        refund = {"refund_id": f"r{number}", "at": shop.t0.isoformat(), "lines": [line], "amount": 1000}
        data = {"order_id": "O2", "refunds": [refund], "updated_at": shop.t0.isoformat()}
        await shop.orders(data, type_="order.refunded")
        await settled(shop)
    found = ids(await shop.basket(product_ids=["C"], customer_id="c2"))
    assert "B" in found
    assert "A" not in found


async def test_case_19_what_was_returned_wholly_is_not_offered_until_bought_again(working: Shop, clock: Clock) -> None:
    shop = working
    await shop.base()
    lines = [{"line_id": "L2", "quantity": 1}, {"line_id": "L1", "quantity": 0}]
    data = {"return_id": "r", "order_id": "O2", "lines": lines, "at": shop.later(hours=1).isoformat()}
    requested = shop.event("return.requested", data, at=shop.later(hours=1))
    received = shop.event("return.received", data, at=shop.later(hours=1))
    await shop.take(requested)
    assert "B" in ids(await shop.basket(product_ids=["C"], customer_id="c2"))
    await shop.take(received)
    assert ids(await shop.basket(product_ids=["C"], customer_id="c2")) == ["A", "D"]
    assert "B" in ids(await shop.basket(product_ids=["C"], customer_id="c3"))
    clock.now = max(clock.now, shop.later(hours=2))
    await shop.orders(shop.order("O20", "B", customer_id="c2", at=shop.later(hours=2)))
    await settled(shop)
    await shop.take(received)
    assert "B" in ids(await shop.basket(product_ids=["C"], customer_id="c2"))


async def test_case_19_a_refund_that_is_taken_back_leaves_no_grudge(working: Shop) -> None:
    shop = working
    await shop.base()
    for seconds, amount in ((1, 1000), (2, 0)):
        at = shop.later(seconds=seconds).isoformat()
        lines = [{"line_id": "L2", "quantity": 1, "amount": amount}] if amount else []
        refund = {"refund_id": "r1", "at": at, "lines": lines, "amount": amount}
        await shop.orders({"order_id": "O2", "refunds": [refund], "updated_at": at}, type_="order.refunded")
        await settled(shop)
        found = ids(await shop.get("customers/c2", kind="buy_again"))
        assert ("B" in found) is (amount == 0)


async def test_a_cancelled_order_says_nothing_about_its_products(working: Shop) -> None:
    await working.base()
    at = working.later(minutes=1).isoformat()
    await working.orders(working.order("O2", "AB", customer_id="c2", state="cancelled", updated_at=at))
    await settled(working)
    assert "B" in ids(await working.basket(product_ids=["A"], customer_id="c2"))


async def test_an_order_that_is_refunded_and_then_cancelled_says_nothing_either(working: Shop) -> None:
    await working.base()
    line = {"line_id": "L2", "quantity": 1, "amount": 1000}
    refund = {"refund_id": "r", "at": working.t0.isoformat(), "lines": [line], "amount": 1000}
    data = {"order_id": "O2", "refunds": [refund], "updated_at": working.t0.isoformat()}
    await working.orders(data, type_="order.refunded")
    await settled(working)
    assert "B" not in ids(await working.basket(product_ids=["A"], customer_id="c2"))
    at = working.later(minutes=1).isoformat()
    await working.orders(working.order("O2", "AB", customer_id="c2", state="cancelled", updated_at=at))
    await settled(working)
    assert "B" in ids(await working.basket(product_ids=["A"], customer_id="c2"))


async def test_case_19_an_order_that_is_refunded_without_a_word_on_its_lines_came_back(working: Shop) -> None:
    await working.base()
    at = working.later(minutes=1).isoformat()
    await working.orders(working.order("O2", "AB", customer_id="c2", payment_state="refunded", updated_at=at))
    await settled(working)
    assert ids(await working.basket(product_ids=["C"], customer_id="c2")) == ["D"]
    assert ids(await working.basket(product_ids=["C"], customer_id="c3")) == ["A", "B", "D"]


async def test_case_14_a_product_is_due_once_a_cycle(working: Shop, clock: Clock) -> None:
    shop = working
    for number, day in enumerate((0, 30, 60)):
        clock.now = max(clock.now, shop.later(days=day))
        await shop.orders(shop.order(f"P{number}", ["P"], customer_id="c", at=shop.later(days=day)))

    async def on_day(day: float) -> dict[str, Any] | None:
        clock.now = shop.later(days=day)
        await settled(shop)
        items = (await shop.get("customers/c/replenishment"))["items"]
        return items[0] if items else None

    early = await on_day(80)
    assert early is not None
    assert (early["state"], early["gap_days"], early["due_at"][:10]) == (
        "early",
        30,
        shop.later(days=90).isoformat()[:10],
    )
    assert await reminders(shop) == []
    soon = await on_day(85)
    assert soon is not None
    assert (soon["state"], round(soon["ratio"], 2)) == ("due_soon", 0.83)
    assert len(await reminders(shop)) == 1
    offered = (await shop.get("customers/c", kind="replenishment"))["items"][0]
    assert (offered["product_id"], offered["source"], offered["cycle"]["state"]) == ("P", "replenishment", "due_soon")
    await on_day(86)
    assert len(await reminders(shop)) == 1
    overdue = await on_day(100)
    assert overdue is not None
    assert (overdue["state"], round(overdue["ratio"], 2)) == ("overdue", 1.33)
    assert await on_day(181) is None
    assert len(await reminders(shop)) == 1


async def test_case_14_buying_again_starts_the_next_cycle(working: Shop, clock: Clock) -> None:
    shop = working
    for number, day in enumerate((0, 30, 60, 83)):
        clock.now = max(clock.now, shop.later(days=day))
        await shop.orders(shop.order(f"P{number}", ["P"], customer_id="c", at=shop.later(days=day)))
    clock.now = shop.later(days=84)
    await settled(shop)
    items = (await shop.get("customers/c/replenishment"))["items"]
    assert items[0]["due_at"][:10] == shop.later(days=113).isoformat()[:10]
    clock.now = shop.later(days=109)
    await settled(shop)
    (event,) = await reminders(shop)
    assert event["type"] == "replenishment.due"
    assert event["data"]["product_id"] == "P"
    assert event["data"]["due_at"][:10] == shop.later(days=113).isoformat()[:10]
    assert event["data"]["window_from"] < event["data"]["due_at"] < event["data"]["window_until"]


async def test_case_14_the_same_order_told_again_reminds_nobody_twice(working: Shop, clock: Clock) -> None:
    shop = working
    for number, day in enumerate((0, 30, 60)):
        clock.now = max(clock.now, shop.later(days=day))
        await shop.orders(shop.order(f"P{number}", ["P", "Q"], customer_id="c", at=shop.later(days=day)))
    clock.now = shop.later(days=85)
    await settled(shop)
    assert len(await reminders(shop)) == 2
    at = shop.later(days=85)
    refund = {
        "refund_id": "r",
        "at": at.isoformat(),
        "lines": [{"line_id": "L2", "quantity": 0, "amount": 10}],
        "amount": 10,
    }
    await shop.orders({"order_id": "P2", "refunds": [refund], "updated_at": at.isoformat()}, type_="order.refunded")
    await settled(shop)
    assert len(await reminders(shop)) == 2


@pytest.mark.parametrize("why", ["rated badly", "deleted", "out of stock", "hidden"])
async def test_nobody_is_reminded_of_what_is_not_offered(working: Shop, clock: Clock, why: str) -> None:
    shop = working
    for number, day in enumerate((0, 30, 60)):
        clock.now = max(clock.now, shop.later(days=day))
        await shop.orders(shop.order(f"P{number}", "PQ", customer_id="c2", at=shop.later(days=day)))
    at = shop.later(days=61)
    if why == "rated badly":
        await review(shop, "P", 1)
    elif why == "deleted":
        await shop.take(shop.event("product.deleted", {"product_id": "P", "at": at.isoformat()}, at=at))
    elif why == "out of stock":
        product = {"product_id": "P", "title": "P", "price": 1, "currency": "EUR", "in_stock": False}
        await shop.take(shop.event("product.upserted", {**product, "updated_at": at.isoformat()}))
    else:
        rules = {"hides": [{"trait": "product_id", "value": "P"}]}
        assert (await shop.ask("PUT", "rules", json=rules)).status_code == 200
        await shop.followed()
    clock.now = shop.later(days=85)
    await settled(shop)
    assert [event["data"]["product_id"] for event in await reminders(shop)] == ["Q"]


async def test_an_imported_year_reminds_only_of_what_is_due_now(working: Shop, clock: Clock) -> None:
    shop = working
    clock.now = shop.later(days=400)
    for number, day in enumerate((0, 30, 60)):
        clock.now = max(clock.now, shop.later(days=day))
        await shop.orders(shop.order(f"P{number}", ["P"], customer_id="old", at=shop.later(days=day)))
    for number, day in enumerate((315, 345, 375)):
        clock.now = max(clock.now, shop.later(days=day))
        await shop.orders(shop.order(f"Q{number}", ["P"], customer_id="new", at=shop.later(days=day)))
    await settled(shop)
    assert [event["data"]["customer_id"] for event in await reminders(shop)] == ["new"]


async def test_case_15_bought_once_needs_enough_others_or_the_shops_word(shop: Shop, clock: Clock) -> None:
    await shop.orders(shop.order("Q1", ["Q"], customer_id="c"))
    assert (await shop.get("customers/c/replenishment"))["items"] == []
    for number in range(10):
        for time, day in enumerate((0, 20)):
            clock.now = max(clock.now, shop.later(days=day))
            await shop.orders(shop.order(f"o{number}{time}", ["Q"], customer_id=f"x{number}", at=shop.later(days=day)))
    (cycle,) = (await shop.get("customers/c/replenishment"))["items"]
    assert (cycle["personal"], cycle["gap_days"], cycle["purchases"]) == (False, 20, 1)
    product = {"product_id": "Q", "title": "Q", "price": 1, "currency": "EUR", "lifetime_days": 45}
    await shop.take(shop.event("product.upserted", {**product, "updated_at": shop.t0.isoformat()}))
    (cycle,) = (await shop.get("customers/c/replenishment"))["items"]
    assert cycle["gap_days"] == 45


async def told(shop: Shop, rec_id: str, kind: str, *products: str) -> int:
    body = {"rec_id": rec_id, "kind": kind, "product_ids": list(products)}
    return (await shop.ask("POST", "events", json=body)).status_code


async def report(shop: Shop, **params: Any) -> dict[str, Any]:
    await settled(shop)
    return await shop.get("reports/attribution", **params)


async def test_a_purchase_is_put_down_to_the_answer_and_taken_back_with_its_refund(working: Shop, clock: Clock) -> None:
    shop = working
    await shop.base()
    answer = await shop.basket(product_ids=["A"], customer_id="c2", placement="cart")
    assert await told(shop, answer["rec_id"], "shown", "B", "C") == 202
    assert await told(shop, answer["rec_id"], "clicked", "C") == 202
    assert await told(shop, answer["rec_id"], "clicked", "C") == 202
    clock.now = shop.later(days=2)
    await shop.orders(shop.order("N1", "CX", customer_id="c2", at=clock.now))
    (row,) = (await report(shop, placement="cart"))["items"]
    assert (row["items_shown"], row["items_clicked"], row["items_bought"]) == (2, 1, 1)
    assert (row["conversion"]["count"], row["conversion"]["of"], row["conversion"]["value"]) == (1, 1, 1.0)
    money = {"currency": "EUR", "orders": 1, "revenue": 1000, "taken_back": 0, "net": 1000, "items_taken_back": 0}
    assert row["revenue"] == [money]
    line = {"line_id": "L1", "quantity": 1, "amount": 1000}
    refund = {"refund_id": "r1", "at": clock.now.isoformat(), "lines": [line], "amount": 1000}
    data = {"order_id": "N1", "refunds": [refund], "updated_at": (clock.now + timedelta(seconds=1)).isoformat()}
    for _ in range(2):
        await shop.orders(data, type_="order.refunded")
        (row,) = (await report(shop, placement="cart"))["items"]
        assert row["revenue"] == [{**money, "taken_back": 1000, "net": 0, "items_taken_back": 1}]


@pytest.mark.parametrize(
    ("days", "customer", "counts"), [(6.9, "c2", 1), (7.1, "c2", 0), (1, "c3", 0)], ids=["in time", "too late", "other"]
)
async def test_only_the_same_customer_within_seven_days_counts(
    working: Shop, clock: Clock, days: float, customer: str, counts: int
) -> None:
    await working.base()
    await working.basket(product_ids=["A"], customer_id="c2", placement="cart")
    await working.get("reports/attribution")  # the answer is written before the order comes
    clock.now = working.later(days=days)
    await working.orders(working.order("N1", "C", customer_id=customer, at=clock.now))
    (row,) = (await report(working, placement="cart"))["items"]
    assert row["items_bought"] == counts


@pytest.mark.parametrize("written", [True, False], ids=["answer written", "answer still on its way"])
async def test_an_order_in_the_second_of_its_answer_counts(working: Shop, clock: Clock, written: bool) -> None:
    await working.base()
    clock.now = working.later(seconds=10.4)
    await working.basket(product_ids=["A"], customer_id="c2", placement="cart")
    if written:
        await working.get("reports/attribution")
    await working.orders(working.order("N1", "C", customer_id="c2", at=working.later(seconds=10)))
    (row,) = (await report(working, placement="cart"))["items"]
    assert row["items_bought"] == 1


async def test_an_order_before_its_answer_does_not_count(working: Shop, clock: Clock) -> None:
    await working.base()
    clock.now = working.later(seconds=10.4)
    await working.basket(product_ids=["A"], customer_id="c2", placement="cart")
    for number, seconds in enumerate((9, 10.399)):
        await working.orders(working.order(f"N{number}", "C", customer_id="c2", at=working.later(seconds=seconds)))
    (row,) = (await report(working, placement="cart"))["items"]
    assert row["items_bought"] == 0


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"until": "0001-01-01T00:00:00Z"}, 200),
        ({"since": "0001-01-01T00:00:00Z", "until": "9999-12-31T23:59:59Z"}, 200),
        ({"since": "0001-01-01T00:00:00+14:00"}, 422),
        ({"until": "9999-12-31T23:59:59-14:00"}, 422),
        ({"since": "2026-01-01T00:00:00"}, 422),
        ({"since": "1700000000"}, 422),
    ],
)
async def test_a_report_is_of_instants_of_the_calendar(shop: Shop, params: dict[str, str], status: int) -> None:
    assert (await shop.ask("GET", "reports/attribution", params=params)).status_code == status


async def test_an_order_that_cites_an_answer_counts_without_a_customer(working: Shop, clock: Clock) -> None:
    await working.base()
    answer = await working.get("products/A", placement="product_page")
    await working.get("reports/attribution")
    clock.now = working.later(hours=1)
    await working.orders(working.order("N1", "AB", at=clock.now, attributes={"rec_id": answer["rec_id"]}))
    (row,) = (await report(working, placement="product_page"))["items"]
    assert row["items_bought"] == 1


async def test_clicked_wins_over_shown_later(working: Shop, clock: Clock) -> None:
    await working.base()
    first = await working.basket(product_ids=["A"], customer_id="c2", placement="cart")
    assert await told(working, first["rec_id"], "clicked", "C") == 202
    clock.now = working.later(hours=1)
    await working.get("customers/c2", placement="account")
    await working.get("reports/attribution")
    clock.now = working.later(hours=2)
    await working.orders(working.order("N1", "C", customer_id="c2", at=clock.now))
    rows = {row["placement"]: row["items_bought"] for row in (await report(working))["items"]}
    assert rows == {"cart": 1, "account": 0}


async def test_interactions_are_checked(shop: Shop) -> None:
    await shop.base()
    answer = await shop.get("customers/c2")
    assert await told(shop, "rec_nothing", "shown", "A") == 404
    assert await told(shop, answer["rec_id"], "shown", "unheard-of") == 422
    assert await told(shop, answer["rec_id"], "bought", "A") == 422
    other = Shop(shop.service, shop.t0, "other")
    assert await told(other, answer["rec_id"], "shown", answer["items"][0]["product_id"]) == 404
    body = {"rec_id": answer["rec_id"], "kind": "clicked", "product_ids": [answer["items"][0]["product_id"]]}
    async with shop.service.customer("c2") as mine, shop.service.customer("c3") as stranger:
        assert (await stranger.post("/v1/recommendations/me/events", json=body)).status_code == 404
        assert (await mine.post("/v1/recommendations/me/events", json=body)).json() == {"recorded": 1}


async def test_arms_of_an_experiment_are_compared(working: Shop, clock: Clock) -> None:
    shop = working
    await shop.base()
    experiment = {"experiment_id": "e", "share": 0.5, "variant": {"kind": "trending"}}
    assert (
        await shop.ask("PUT", "placements/account", json={"kind": "trending", "experiment": experiment})
    ).status_code == 200
    await shop.followed()
    arms = {}
    for number in range(30):
        arms[f"x{number}"] = (await shop.get(f"customers/x{number}", placement="account"))["variant"]
    await shop.get("reports/attribution")
    clock.now = shop.later(days=1)
    for customer, arm in arms.items():
        if arm == "b":
            await shop.orders(shop.order(f"N{customer}", "A", customer_id=customer, at=clock.now))
    found = await report(shop, placement="account")
    (comparison,) = found["comparisons"]
    assert comparison["difference"] == 1.0
    assert 0 < comparison["interval"][0] < 1
    assert {row["variant"]: row["customer_conversion"]["value"] for row in found["items"]} == {"a": 0.0, "b": 1.0}


async def test_case_21_erasing_leaves_counts_but_nothing_that_names_the_person(working: Shop, clock: Clock) -> None:
    shop = working
    for number, day in enumerate((0, 30, 60)):
        clock.now = max(clock.now, shop.later(days=day))
        await shop.orders(shop.order(f"P{number}", ["P", "Q"], customer_id="person-1", at=shop.later(days=day)))
    clock.now = shop.later(days=61)
    await shop.get("customers/person-1", placement="account")
    await shop.take(shop.event("review.published", {"product_id": "P", "customer_id": "person-1", "rating": 1}))
    await report(shop)
    erased = {"customer_id": "person-1", "at": shop.later(days=61).isoformat()}
    await shop.take(shop.event("customer.erased", erased))
    await settled(shop)
    async with shop.service.runtime.db.work() as tx:
        tables = [
            row["table_name"]
            for row in await tx.fetch(
                """select table_name from information_schema.tables
                   where table_schema = 'public' and table_type = 'BASE TABLE'"""
            )
        ]
        for table in tables:
            if table != "alembic_version":
                found = await tx.fetchval(f"select count(*) from {table} t where t::text like '%person-1%'")
                assert found == 0, table
    assert (await report(shop))["items"][0]["answers"] == 1
