"""People: tags for rules, guests that join accounts, erasure, activities, birthdays."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from comeback_kit.events import Event
from tests.service.loyalty.world import Json, World, event, instant, line


def customer(shop: World, customer_id: str = "c1", kind: str = "customer.updated", **data: Any) -> Event:
    at = data.pop("at", shop.now)
    return event(kind, {"customer_id": customer_id, "updated_at": instant(at), **data}, at=at)


def merged(shop: World, source: str, target: str) -> Event:
    return event("customer.merged", {"from": source, "into": target, "at": instant(shop.now)}, at=shop.now)


def erased(shop: World, customer_id: str = "c1", at: datetime | None = None) -> Event:
    when = at or shop.now
    return event("customer.erased", {"customer_id": customer_id, "at": instant(when)}, at=when)


def activity(shop: World, activity_id: str, kind: str = "review", customer_id: str = "c1", **data: Any) -> Event:
    body = {"activity_id": activity_id, "customer_id": customer_id, "kind": kind, "at": instant(shop.now), **data}
    return event("activity.recorded", body, at=shop.now, shop=data.get("shop", "demo"))


async def test_a_registered_customer_is_a_member_with_zeros(shop: World) -> None:
    await shop.take(customer(shop, kind="customer.registered", email="a@b.c"))
    assert await shop.numbers() == (0, 0, 0, 0)


async def test_rules_for_tags_see_the_latest_tags(shop: World) -> None:
    await shop.program(rules=[{"id": "vip", "points": 3, "when": {"customer_tags": ["vip"]}}])
    await shop.take(customer(shop, tags=["vip"]))
    old = shop.now.replace(year=2020)
    await shop.take(customer(shop, tags=["old"], at=old))
    await shop.order("1", 10_000)
    assert await shop.balance() == 300
    await shop.take(customer(shop, tags=None, at=shop.now.replace(hour=13)))
    await shop.order("2", 10_000)
    assert await shop.balance() == 300
    await shop.refund("1", 5_000)  # what was fixed when it first counted holds
    assert await shop.balance() == 150


async def test_a_guest_joins_an_account_points_and_all(shop: World) -> None:
    await shop.order("g", 5_000, customer="guest:1")
    await shop.order("a", 10_000, customer="c1")
    held = await shop.pay(20, customer_id="guest:1")
    await shop.take(merged(shop, "guest:1", "c1"))
    assert await shop.numbers() == (130, 0, 20, 0)
    assert (await shop.member("guest:1"))["customer_id"] == "c1"
    kinds = await shop.kinds()
    assert sorted(kinds) == [("earned", 50), ("earned", 100), ("held", -20)]
    await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    before = await shop.snapshot()
    await shop.take(merged(shop, "guest:1", "c1"))
    await shop.take(merged(shop, "c1", "guest:1"))
    assert await shop.snapshot() == before
    shop.clock.now = shop.now.replace(hour=13)
    await shop.refund("g", 5_000)
    await shop.order("late", 1_000, customer="guest:1")
    assert await shop.numbers() == (110, 0, 0, 20)
    assert (await shop.member())["lifetime_earned"] == 130
    explained = await shop.get("orders/g/explanation")
    assert [one["points"] for one in explained["postings"]] == [50, -30]


async def test_an_order_that_comes_back_to_somebody_who_was_merged_finds_its_lot(shop: World) -> None:
    for number, name in enumerate(["a", "b", "a"]):
        await shop.order("1", 10_000, customer=name, updated_at=f"2026-03-10T12:0{number}:00Z")
    await shop.take(merged(shop, "b", "c"))
    await shop.order("1", 20_000, customer="b", updated_at="2026-03-10T12:05:00Z")
    assert (await shop.balance("a"), await shop.balance("c")) == (0, 200)
    (lot,) = await shop.lots("c")
    assert (lot["earned"], lot["remaining"]) == (300, 200)


async def test_an_order_that_loses_its_customer_and_gets_them_back(shop: World) -> None:
    for number, name in enumerate(["a", None, "a"]):
        await shop.order("1", 10_000, customer=name, updated_at=f"2026-03-10T12:0{number}:00Z")
    assert await shop.kinds("a") == [("earned", 100), ("clawed_back", -100), ("earned", 100)]


@pytest.mark.parametrize("sequence", list(itertools.permutations(["a>b", "b>c", "d>b"])), ids=" ".join)
async def test_chains_of_merges_end_in_one_member(shop: World, sequence: tuple[str, ...]) -> None:
    for number, name in enumerate("abcd"):
        await shop.order(str(number), 1_000 * (number + 1), customer=name)
    for one in sequence:
        await shop.take(merged(shop, *one.split(">")))
    for name in "abcd":
        member = await shop.member(name)
        assert (member["customer_id"], member["balance"]) == ("c", 100)
    assert len((await shop.get("members"))["items"]) == 1


async def test_a_merge_keeps_the_higher_tier(shop: World) -> None:
    levels = [{"id": "silver", "threshold": 100}, {"id": "gold", "threshold": 300}]
    await shop.program(tiers={"window": "ever", "levels": levels})
    await shop.order("1", 20_000, customer="guest:1")
    await shop.order("2", 10_000, customer="c1")
    await shop.take(merged(shop, "guest:1", "c1"))
    assert await shop.tier("c1") == "gold"


async def test_a_merge_fills_a_balance_below_zero(shop: World) -> None:
    await shop.program(negative="allow")
    await shop.adjust(10, "a")
    await shop.adjust(-50, "a")
    await shop.adjust(100, "b")
    await shop.take(merged(shop, "a", "b"))
    assert await shop.balance("b") == 60
    assert [one["remaining"] for one in await shop.lots("b")] == [60]


async def test_a_merge_before_any_order_is_an_alias(shop: World) -> None:
    await shop.take(merged(shop, "guest:1", "c1"))
    await shop.order("1", 10_000, customer="guest:1")
    assert await shop.balance("c1") == 100


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
async def test_what_was_said_of_a_merged_id_is_said_of_the_account(shop: World, late: bool) -> None:
    said = customer(shop, "guest:1", tags=["vip"], birthday="1990-03-11")
    alias = merged(shop, "guest:1", "c1")
    await shop.take(customer(shop, "c1", first_name="Zoe", at=shop.now.replace(hour=9)))
    for one in (alias, said) if late else (said, alias):
        await shop.take(one)
    (row,) = (await shop.snapshot(["profiles"]))["profiles"]
    assert (row["customer_id"], row["tags"], row["birthday"]) == ("c1", ["vip"], "1990-03-11")


async def test_an_erased_person_is_gone_and_does_not_come_back_by_old_events(shop: World) -> None:
    await shop.order("1", 10_000)
    update = customer(shop, tags=["vip"], birthday="1990-03-11")
    await shop.take(update)
    shop.clock.now = shop.now.replace(hour=13)
    await shop.take(erased(shop))
    await shop.get("members/c1", status=404)
    await shop.post("members/c1/adjustments", {"points": 1, "reason": "x"}, status=404)
    assert (await shop.get("members"))["items"] == []
    await shop.take(update)
    await shop.take(erased(shop))
    await shop.order("1", 10_000, placed_at=shop.now.replace(hour=12), updated_at="2026-03-10T12:40:00Z")
    await shop.get("members/c1", status=404)
    rows = await shop.snapshot(["profiles", "entries"])
    assert rows["profiles"] == []
    assert len(rows["entries"]) == 1
    await shop.order("2", 5_000, placed_at=shop.now.replace(hour=14))
    assert await shop.balance() == 150


async def test_notes_of_an_order_go_with_the_person_and_the_points_stay(shop: World) -> None:
    """Those of lines are never kept: no rule asks for them."""
    rule = {"id": "gift", "kind": "per_amount", "points": 1, "per": 100, "when": {"attributes": {"gift": "Zebedee"}}}
    await shop.program(rules=[rule])
    noted: dict[str, Any] = {
        "attributes": {"gift": "Zebedee"},
        "lines": [{**line("1", 10_000), "attributes": {"engraving": "Otto"}}],
    }
    await shop.order("1", **noted)
    await shop.order("2", customer="c2", **noted)
    before = (await shop.snapshot(["entries"]))["entries"]
    assert [await shop.balance(one) for one in ("c1", "c2")] == [100, 100]
    await shop.take(erased(shop), erased(shop))
    first, second = (row["state"].decode() for row in (await shop.snapshot(["orders"]))["orders"])
    assert "Zebedee" not in first
    assert "Zebedee" in second
    assert "Otto" not in first + second
    assert (await shop.snapshot(["entries"]))["entries"] == before


async def test_somebody_erased_before_they_were_known_stays_unknown(shop: World) -> None:
    await shop.take(erased(shop))
    await shop.take(customer(shop, tags=["vip"], at=shop.now.replace(hour=11)))
    await shop.get("members/c1", status=404)
    assert (await shop.snapshot(["profiles"]))["profiles"] == []


ACTIVITY_RULES = [
    {"id": "review", "kind": "activity", "activity": "review", "points": 20, "limit": {"times": 2, "period": "day"}},
    {"id": "share", "kind": "activity", "activity": "share", "points": 5},
]


async def test_activities_pay_once_each_and_up_to_their_limit(shop: World) -> None:
    await shop.program(rules=ACTIVITY_RULES)
    first = activity(shop, "r1")
    await shop.take(first, first, activity(shop, "r2"), activity(shop, "r3"), activity(shop, "s1", "share"))
    await shop.take(first)
    assert await shop.balance() == 45
    await shop.days(1)
    await shop.take(activity(shop, "r3"))  # was looked at yesterday, and paid nothing
    await shop.take(activity(shop, "r4"))
    assert await shop.balance() == 65
    assert (await shop.transactions())[0]["reason"] == "activity:review"
    me = shop.service.customer("c1")
    ways = {one["rule_id"]: one for one in (await shop.get("me/ways-to-earn", client=me))["items"]}
    assert (ways["review"]["activity"], ways["review"]["available"]) == ("review", True)


async def test_an_activity_before_its_shop_waits_for_it(shop: World) -> None:
    body = {"activity_id": "r1", "customer_id": "c1", "kind": "review", "at": instant(shop.now)}
    await shop.take(event("activity.recorded", body, at=shop.now, shop="late"))
    await shop.shop("late")
    late = shop.service.client("late")
    answer = await late.put("/v1/loyalty/program", json={"rules": ACTIVITY_RULES})
    assert answer.status_code == 200
    await shop.days(1)
    assert (await shop.get("members/c1", client=late))["balance"] == 20


KINDS = ("share", "review", "survey", "newsletter", "app_download", "account")


async def test_every_kind_of_activity_pays_by_its_own_rule(shop: World) -> None:
    rules = [{"id": kind, "kind": "activity", "activity": kind, "points": 10 + n} for n, kind in enumerate(KINDS)]
    await shop.program(rules=rules)
    for kind in (*KINDS, "dance"):
        await shop.take(activity(shop, f"a-{kind}", kind))
    assert sorted(await shop.kinds()) == [("earned", 10 + n) for n in range(len(KINDS))]


async def test_birthdays_and_anniversaries_pay_once_a_year(shop: World) -> None:
    rules = [
        {"id": "birthday", "kind": "birthday", "points": 50},
        {"id": "joined", "kind": "anniversary", "points": 7},
    ]
    await shop.program(rules=rules)
    await shop.take(
        customer(shop, "c1", birthday="1990-03-20"),
        customer(shop, "c2", kind="customer.registered", birthday="1992-02-29"),
    )
    await shop.move_to(datetime(2026, 3, 20, 1, tzinfo=UTC))
    await shop.days(1)
    assert await shop.kinds("c1") == [("earned", 50)]
    await shop.move_to(datetime(2027, 2, 28, 1, tzinfo=UTC))
    assert await shop.kinds("c2") == [("earned", 50)]
    await shop.move_to(datetime(2027, 3, 10, 1, tzinfo=UTC))
    assert await shop.kinds("c2") == [("earned", 50), ("earned", 7)]
    await shop.move_to(datetime(2027, 3, 20, 1, tzinfo=UTC))
    assert await shop.kinds("c1") == [("earned", 50), ("earned", 50)]


@pytest.mark.parametrize(
    ("guest", "account"),
    [
        ({"birthday": "1990-03-18"}, {"birthday": "1990-04-13"}),
        ({"birthday": "1990-04-13"}, {"birthday": "1990-03-18"}),
        ({"birthday": "1990-04-13"}, {"birthday": None}),
        ({"birthday": None}, {"birthday": "1990-04-13"}),
        ({"tags": ["vip"]}, {"tags": ["b2b"]}),
        ({"tags": ["b2b", "vip"]}, {"tags": ["vip"]}),
        ({"tags": None}, {"tags": ["vip"]}),
        ({"kind": "customer.registered"}, {"kind": "customer.registered"}),
    ],
)
@pytest.mark.parametrize("seconds", [-1, 0, 1], ids=["guest first", "at once", "account first"])
async def test_what_was_said_of_two_ids_does_not_move_when_it_comes_again(
    shop: World, guest: Json, account: Json, seconds: int
) -> None:
    """As when a topic is read again after the inbox has forgotten it."""
    said = [
        customer(shop, "guest:1", at=shop.now + timedelta(seconds=seconds), **guest),
        customer(shop, "c1", at=shop.now, **account),
    ]
    await shop.take(*said)
    await shop.take(merged(shop, "guest:1", "c1"))
    before = (await shop.snapshot(["profiles"]))["profiles"]
    for one in [*said, *reversed(said)]:
        await shop.take(one)
    assert (await shop.snapshot(["profiles"]))["profiles"] == before
    (row,) = before
    wanted = {tag for one in (guest, account) for tag in one.get("tags") or ()}
    assert set(row["tags"]) == wanted
    stated = [one["birthday"] for one in (guest, account) if one.get("birthday")]
    assert row["birthday"] in (stated or [None])


async def test_what_is_known_of_a_guest_outlives_the_next_change_of_the_account(shop: World) -> None:
    rules = [
        {"id": "vip", "points": 3, "when": {"customer_tags": ["vip"]}},
        {"id": "birthday", "kind": "birthday", "points": 50},
        {"id": "joined", "kind": "anniversary", "points": 7},
    ]
    await shop.program(rules=rules)
    a_year_ago = datetime(2025, 3, 21, 12, tzinfo=UTC)
    await shop.take(
        customer(shop, "guest:1", kind="customer.registered", tags=["vip"], birthday="1990-03-20", at=a_year_ago),
        customer(shop, "c1", kind="customer.registered", tags=["b2b"], birthday=None),
    )
    await shop.take(merged(shop, "guest:1", "c1"))
    await shop.take(customer(shop, "c1", last_name="Ada", at=shop.now + timedelta(seconds=1)))
    await shop.order("1", 10_000)
    assert await shop.balance("c1") == 300
    await shop.take(customer(shop, "c1", tags=None, at=shop.now + timedelta(seconds=2)))
    await shop.order("2", 10_000)
    assert await shop.balance("c1") == 300
    await shop.move_to(datetime(2026, 3, 20, 1, tzinfo=UTC))
    await shop.days(3)
    assert await shop.kinds("c1") == [("earned", 300), ("earned", 50), ("earned", 7)]


async def test_an_occasion_of_today_that_is_learned_today_pays_at_once_and_once(shop: World) -> None:
    await shop.order("1", 1_000)
    rules = [
        {"id": "birthday", "kind": "birthday", "points": 50, "when": {"customer_tags": ["vip"]}},
        {"id": "joined", "kind": "anniversary", "points": 7},
    ]
    await shop.program(rules=rules)
    shop.clock.now = shop.now + timedelta(seconds=2)
    today = f"1990-{shop.now:%m-%d}"
    joined = shop.now.replace(year=2024)
    await shop.take(
        customer(shop, "born", birthday=today, tags=["vip"]),
        customer(shop, "tomorrow", birthday=f"1990-{shop.now + timedelta(days=1):%m-%d}", tags=["vip"]),
        customer(shop, "joined", kind="customer.registered", at=joined),
        customer(shop, "new", kind="customer.registered"),
    )
    await shop.take(customer(shop, "born", birthday=today, tags=["vip", "more"], at=shop.now + timedelta(seconds=1)))
    assert [await shop.balance(name) for name in ("born", "tomorrow", "joined", "new")] == [50, 0, 7, 0]


async def test_a_first_purchase_is_the_first_order_that_counts(shop: World) -> None:
    await shop.program(rules=[{"id": "first", "kind": "first_purchase", "points": 100}])
    await shop.order("0", 1_000, payment_state="pending")
    await shop.order("1", 1_000)
    await shop.order("2", 1_000)
    assert await shop.kinds() == [("earned", 100)]
    assert (await shop.transactions())[0]["order_id"] == "1"
    preview = {
        "order_id": "9",
        "currency": "EUR",
        "lines": [{"line_id": "1", "quantity": 1, "unit_price": 1000, "total": 1000}],
        "total": 1000,
        "placed_at": instant(shop.now),
        "updated_at": instant(shop.now),
    }
    assert (await shop.post("earn/preview", {"order": preview, "customer_id": "c1"}))["points"] == 0
    assert (await shop.post("earn/preview", {"order": preview, "customer_id": "new"}))["points"] == 100


async def test_a_cap_per_day_is_shared_by_the_orders_of_a_day(shop: World) -> None:
    await shop.program(caps=[{"points": 150, "period": "day"}])
    await shop.take(*[shop.order_event(str(number), 10_000) for number in range(3)])
    assert await shop.balance() == 150
    await shop.days(1)
    await shop.order("next", 10_000)
    assert await shop.balance() == 250
    await shop.cancel_order("0", 10_000, placed_at=shop.now.replace(day=10), updated_at=instant(shop.now))
    assert await shop.balance() == 150


async def test_an_erasure_drops_the_kept_answers_of_that_person_alone(shop: World) -> None:
    key, body = {"Idempotency-Key": "k"}, {"points": 5, "reason": "hello"}
    for member in ("c1", "c12"):
        await shop.client.post(f"/v1/loyalty/members/{member}/adjustments", json=body, headers=key)
    transfer = {"to": "c1", "points": 1}
    await shop.client.post("/v1/loyalty/members/c12/transfers", json=transfer, headers=key)
    await shop.take(event("customer.erased", {"customer_id": "c1", "at": instant(shop.now)}, at=shop.now))
    gone = await shop.client.post("/v1/loyalty/members/c1/adjustments", json=body, headers=key)
    kept = await shop.client.post("/v1/loyalty/members/c12/adjustments", json=body, headers=key)
    named = await shop.client.post("/v1/loyalty/members/c12/transfers", json=transfer, headers=key)
    assert (gone.status_code, named.status_code) == (404, 404)
    assert (kept.status_code, kept.headers.get("Idempotency-Replay")) == (201, "true")
    assert await shop.balance("c12") == 4


@pytest.mark.parametrize("name", ["guest", "account"])
async def test_an_erasure_under_any_name_of_a_merged_person_forgets_the_person(shop: World, name: str) -> None:
    for member in ("guest", "account"):
        await shop.adjust(10, member)
    await shop.take(
        event("customer.merged", {"from": "guest", "into": "account", "at": instant(shop.now)}, at=shop.now)
    )
    await shop.take(event("customer.erased", {"customer_id": name, "at": instant(shop.now)}, at=shop.now))
    for member in ("guest", "account"):
        await shop.get(f"members/{member}", status=404)
        late = {"customer_id": member, "birthday": "1990-03-11", "updated_at": instant(shop.now - timedelta(days=1))}
        await shop.take(event("customer.updated", late, at=shop.now))
        await shop.get(f"members/{member}", status=404)
    assert (await shop.get("reports/liability"))["points"] == 20
