"""The calls of a customer's own token: each has an ETag, and asks the database little."""

from typing import Any

import pytest

from loyalty import history
from tests.service.loyalty.test_customers import customer, merged
from tests.service.loyalty.world import Json, World

PATHS = ("", "/transactions", "/rewards", "/redemptions", "/ways-to-earn")
EVERY = pytest.mark.parametrize("path", PATHS, ids=["me", *(path[1:] for path in PATHS[1:])])
RULES: list[Json] = [
    {"id": "base"},
    {"id": "visit", "kind": "fixed", "points": 5, "limit": {"times": 1, "period": "day"}},
    {"id": "tagged", "kind": "fixed", "points": 5, "when": {"customer_tags": ["vip"]}},
]
MOST = 2  # statements a call, without BEGIN and COMMIT


@EVERY
async def test_every_answer_has_a_tag_and_is_sent_again_only_when_it_changed(shop: World, path: str) -> None:
    await shop.program(rules=RULES)
    await shop.order("1", 50_000)
    me = shop.service.customer("c1")
    first = await me.get(f"/v1/loyalty/me{path}")
    tag = first.headers["ETag"]
    assert (first.status_code, first.headers["Cache-Control"]) == (200, "private, no-cache")
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await me.get(f"/v1/loyalty/me{path}", headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert (again.headers["ETag"], again.headers["Cache-Control"]) == (tag, "private, no-cache")
    await shop.pay(450, "2")
    await shop.program(rules=RULES[:1])
    changed = await me.get(f"/v1/loyalty/me{path}", headers={"If-None-Match": tag})
    assert (changed.status_code, changed.json() != first.json()) == (200, True)
    assert changed.headers["ETag"] != tag


@EVERY
async def test_somebody_unknown_has_a_tag_too(shop: World, path: str) -> None:
    me = shop.service.customer("nobody")
    first = await me.get(f"/v1/loyalty/me{path}")
    again = await me.get(f"/v1/loyalty/me{path}", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)


@EVERY
@pytest.mark.parametrize("who", ["c1", "old", "nobody"])
async def test_a_call_asks_under_three_statements(shop: World, asked: list[str], path: str, who: str) -> None:
    await shop.program(rules=RULES)
    await shop.order("1", 50_000)
    await shop.take(customer(shop, tags=["vip"]))
    await shop.order("2", 10_000, customer="old")
    await shop.take(merged(shop, "old", "c1"))
    await shop.pay(100, "3")
    me = shop.service.customer(who)
    first = await me.get(f"/v1/loyalty/me{path}")
    asked.clear()
    again = await me.get(f"/v1/loyalty/me{path}")
    assert again.status_code == 200
    assert again.json() == first.json()
    assert len(asked) <= MOST, "\n".join(asked)


async def test_the_first_call_after_a_change_of_the_program_tells_the_new_one(shop: World) -> None:
    await shop.order("1", 10_000)
    me = shop.service.customer("c1")
    await me.get("/v1/loyalty/me/ways-to-earn")
    shop.service.runtime.state.clear()
    await shop.program(rules=RULES)
    for _ in range(2):
        items = (await shop.get("me/ways-to-earn", client=me))["items"]
        assert [(one["rule_id"], one["available"]) for one in items] == [
            ("base", True),
            ("visit", True),
            ("tagged", False),
        ]


@pytest.mark.parametrize("mine", [True, False], ids=["me", "member"])
async def test_balances_after_chain_with_what_is_posted_meanwhile(
    shop: World, monkeypatch: pytest.MonkeyPatch, mine: bool
) -> None:
    await shop.adjust(100)
    page = history.transactions

    async def meddled(*given: Any, **named: Any) -> Any:
        monkeypatch.undo()
        await shop.adjust(-30)
        return await page(*given, **named)

    monkeypatch.setattr(history, "transactions", meddled)
    client = shop.service.customer("c1") if mine else shop.client
    path = "me/transactions" if mine else "members/c1/transactions"
    items = (await shop.get(path, client=client))["items"]
    assert [(one["points"], one["balance_after"]) for one in items] == [(-30, 70), (100, 100)]
