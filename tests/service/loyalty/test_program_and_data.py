"""Program versions and previews, rewards, reports, imports and exports, audit."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.service.loyalty.world import Json, World, instant, line


async def test_the_program_reads_back_and_can_be_sent_as_it_was_read(shop: World) -> None:
    first = await shop.get("program")
    assert (first["version"], first["rules"][0]["per"], first["negative"]) == (1, 100, "clamp")
    same = await shop.client.put("/v1/loyalty/program", json=first)
    assert (same.status_code, same.json()) == (200, first)


async def test_a_put_replaces_the_first_version_until_an_order_was_settled(shop: World) -> None:
    changed = await shop.program(rules=[{"id": "double", "points": 2}])
    assert changed["version"] == 1
    old = shop.now - timedelta(days=400)
    await shop.order("old", 1_000, placed_at=old)
    assert await shop.balance() == 20
    assert (await shop.program())["version"] == 2
    await shop.order("older", 1_000, placed_at=old)
    await shop.order("new", 1_000)
    assert await shop.balance() == 20 + 20 + 10
    versions = (await shop.get("program/versions"))["items"]
    assert [(one["version"], one["valid_from"]) for one in versions] == [(2, "2026-03-10T12:00:00Z"), (1, None)]


BAD_PROGRAMS: list[tuple[dict[str, Any], str]] = [
    ({"surprise": 1}, "/surprise"),
    ({"rounding": "up"}, "/rounding"),
    ({"rules": [{"id": "a"}, {"id": "a"}]}, "/rules/1/id"),
    ({"rules": [{"id": "m", "kind": "multiplier"}]}, "/rules/0/factor"),
    ({"rules": [{"id": "a", "points": 1.5}]}, "/rules/0/points"),
    ({"tiers": {"levels": [{"id": "a", "threshold": 5}, {"id": "b", "threshold": 5}]}}, "/tiers/levels/1/threshold"),
    ({"expiry": {"kind": "calendar"}}, "/expiry/round_to"),
    ({"redemption": {"max_share": "1.5"}}, "/redemption/max_share"),
]


@pytest.mark.parametrize(("document", "pointer"), BAD_PROGRAMS, ids=[one[1] for one in BAD_PROGRAMS])
async def test_a_bad_program_is_422_with_pointers_and_changes_nothing(
    shop: World, document: dict[str, Any], pointer: str
) -> None:
    before = await shop.get("program")
    answer = await shop.client.put("/v1/loyalty/program", json=document)
    assert answer.status_code == 422
    assert pointer in {one["pointer"] for one in answer.json()["errors"]}
    assert await shop.get("program") == before


async def test_a_preview_says_what_a_program_would_have_done_and_writes_nothing(shop: World) -> None:
    for number in range(6):
        await shop.order(str(number), 10_000, customer=f"c{number % 2}")
    before = await shop.snapshot()
    program = {
        "rules": [{"id": "base", "points": 2}, {"id": "first", "kind": "first_purchase", "points": 50}],
        "tiers": {"window": "ever", "levels": [{"id": "silver", "threshold": 500}]},
    }
    found = await shop.post("program/preview", {"program": program, "orders": 100}, status=200)
    orders = found["orders"]
    assert (orders["count"], orders["changed"]) == (6, 6)
    assert (orders["points_before"], orders["points_after"]) == (600, 1300)
    assert found["tiers"]["moves"] == [{"from": None, "to": "silver", "members": 2}]
    assert await shop.snapshot() == before
    await shop.post("program/preview", {"program": {"surprise": 1}}, status=422)


async def test_a_wrong_name_and_a_wrong_list_are_pointed_at_in_the_words_of_json(shop: World) -> None:
    answer = await shop.client.put("/v1/loyalty/program", json={"currency_rates": {"usd": "0.92"}, "rules": None})
    assert answer.status_code == 422
    found = {one["pointer"]: one["detail"] for one in answer.json()["errors"]}
    assert found.keys() == {"/currency_rates/usd", "/rules"}
    assert found["/rules"] == "Input should be a valid list"


async def test_a_large_preview_runs_in_the_background(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loyalty.program_preview.SMALL", 2)
    monkeypatch.setattr("loyalty.program_preview._CHUNK", 2)
    await shop.take(*[shop.order_event(str(number), 10_000, customer=f"c{number}") for number in range(5)])
    job = await shop.post("program/preview", {"program": {"rules": []}, "orders": 3}, status=202)
    assert job["state"] == "running"
    await shop.work()
    done = await shop.get(f"jobs/{job['job_id']}")
    assert (done["state"], done["done"], done["total"]) == ("done", 5, 5)
    assert (done["result"]["orders"]["points_before"], done["result"]["orders"]["points_after"]) == (300, 0)
    await shop.get("jobs/none", status=404)


REWARD = {"reward_id": "r", "kind": "amount_off", "name": "Ten", "points": 10, "value": 1000, "currency": "EUR"}


async def test_the_catalog(shop: World) -> None:
    made = await shop.post("rewards", {**REWARD, "stock": 3}, status=201)
    assert (made["reward_id"], made["stock"], made["active"]) == ("r", 3, True)
    await shop.post("rewards", REWARD, status=409)
    changed = await shop.client.put("/v1/loyalty/rewards/r", json={**REWARD, "points": 20})
    assert (changed.json()["points"], changed.json()["stock"]) == (20, None)
    assert [one["reward_id"] for one in (await shop.get("rewards"))["items"]] == ["r", "amount-off-100"]
    assert (await shop.client.delete("/v1/loyalty/rewards/r")).status_code == 204
    await shop.get("rewards/r", status=404)
    assert (await shop.client.put("/v1/loyalty/rewards/r", json=REWARD)).status_code == 404
    await shop.post("rewards", {"kind": "amount_off", "name": "x", "points": 1}, status=422)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"stock": 0}, "out_of_stock"),
        ({"tiers": ["gold"]}, "tier_required"),
        ({"valid_from": "2027-01-01T00:00:00Z"}, "reward_not_available"),
        ({"valid_until": "2026-01-01T00:00:00Z"}, "reward_not_available"),
        ({"active": False}, "reward_not_available"),
        ({"code_pool": True}, "out_of_codes"),
        ({"points": 11}, "not_enough_points"),
    ],
)
async def test_a_reward_that_cannot_be_taken_is_409(shop: World, more: dict[str, Any], code: str) -> None:
    await shop.post("rewards", {**REWARD, **more})
    await shop.adjust(10)
    before = await shop.snapshot()
    assert (await shop.post("members/c1/redemptions", {"reward_id": "r"}, status=409))["code"] == code
    assert await shop.snapshot() == before


@pytest.mark.parametrize(
    ("more", "detail"),
    [
        (
            {"valid_from": "2027-01-01T00:00:00+01:00"},
            "the reward can be taken from 2026-12-31T23:00:00Z on (valid_from)",
        ),
        (
            {"valid_until": "2026-03-10T12:00:00Z"},
            "the reward could be taken until 2026-03-10T12:00:00Z (valid_until)",
        ),
        ({"active": False}, "the reward is not active"),
    ],
    ids=["not_yet", "over", "inactive"],
)
async def test_a_reward_that_is_not_available_says_why(shop: World, more: Json, detail: str) -> None:
    await shop.post("rewards", {**REWARD, **more})
    await shop.adjust(10)
    assert (await shop.post("members/c1/redemptions", {"reward_id": "r"}, status=409))["detail"] == detail


async def test_a_limit_per_member_counts_what_was_not_given_back(shop: World) -> None:
    await shop.post("rewards", {**REWARD, "limit_per_member": 1, "stock": 5})
    await shop.adjust(100)
    held = await shop.post("members/c1/redemptions", {"reward_id": "r"})
    assert (await shop.post("members/c1/redemptions", {"reward_id": "r"}, status=409))["code"] == "limit_reached"
    await shop.post(f"redemptions/{held['redemption_id']}/cancel")
    assert (await shop.get("rewards/r"))["stock"] == 5
    await shop.post("members/c1/redemptions", {"reward_id": "r"}, status=201)
    assert (await shop.get("rewards/r"))["stock"] == 4


async def test_code_pools_are_imported_and_made(shop: World) -> None:
    await shop.post("rewards", {**REWARD, "code_pool": True, "code_prefix": "TEN-"})
    assert (await shop.post("rewards/r/codes", {"codes": ["A", "B", "B"]}))["free"] == 2
    taken = await shop.post("rewards/r/codes", {"codes": ["B", "C"]}, status=409)
    assert (taken["code"], taken["detail"]) == ("code_taken", "1 of the codes is in use already: B")
    taken = await shop.post("rewards/r/codes", {"codes": ["B", "C", "A"]}, status=409)
    assert taken["detail"] == "2 of the codes are in use already, such as A"
    made = await shop.post("rewards/r/codes", {"generate": 3})
    assert made["free"] == 5
    assert all(code.startswith("TEN-") for code in made["codes"])
    await shop.adjust(100)
    assert (await shop.post("members/c1/redemptions", {"reward_id": "r"}))["code"] == "A"
    await shop.post("rewards/r/codes", {}, status=422)


@pytest.mark.parametrize("body", [{"codes": ["A"]}, {"generate": 2}], ids=["imported", "made"])
async def test_a_reward_without_a_pool_takes_no_codes_that_nobody_would_get(shop: World, body: Json) -> None:
    await shop.post("rewards", REWARD)
    refused = await shop.post("rewards/r/codes", body, status=409)
    assert refused["code"] == "no_code_pool"
    assert "code_pool" in refused["detail"]
    assert (await shop.get("rewards/r/codes"))["free"] == 0
    answer = await shop.client.put("/v1/loyalty/rewards/r", json=REWARD | {"code_pool": True})
    assert answer.status_code == 200, answer.text
    assert (await shop.post("rewards/r/codes", body))["free"] == len(body.get("codes", "12"))


async def test_the_liability_now_and_at_a_past_instant(shop: World) -> None:
    await shop.program(tiers={"window": "ever", "levels": [{"id": "silver", "threshold": 100}]})
    await shop.adjust(100, "a", expires_at="2026-07-01T00:00:00Z")
    await shop.order("1", 10_000, customer="b")
    first = shop.now
    await shop.days(10)
    held = await shop.pay(30, customer_id="a")
    await shop.order("2", 5_000, customer="c")
    now = await shop.get("reports/liability")
    assert (now["points"], now["value"]) == (250, 1250)
    assert [(one["month"], one["tier"], one["points"]) for one in now["by"]] == [
        ("2026-06", None, 100),
        (None, None, 50),
        (None, "silver", 100),
    ]
    await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    assert (await shop.get("reports/liability"))["points"] == 220
    await shop.days(1)
    then = await shop.get("reports/liability", at=instant(first))
    assert then["points"] == 200
    assert [(one["month"], one["tier"], one["points"]) for one in then["by"]] == [
        ("2026-06", None, 100),
        (None, "silver", 100),
    ]
    await shop.move_to(datetime(2026, 8, 1, tzinfo=UTC))
    later = await shop.get("reports/liability")
    assert (later["points"], later["expected_breakage"]) == (150, 150 * 70 // 100)
    csv = await shop.client.get("/v1/loyalty/reports/liability?format=csv")
    assert csv.headers["content-type"].startswith("text/csv")
    assert csv.text.splitlines()[0] == "month,tier,points,value"
    await shop.get("reports/liability", at="yesterday", status=422)


async def test_the_past_replayed_equals_the_present_also_below_zero(shop: World) -> None:
    await shop.program(negative="allow")
    await shop.order("1", 10_000, customer="a")
    await shop.adjust(-160, "a")
    await shop.adjust(90, "b")
    await shop.pay(40, customer_id="b")
    now = await shop.get("reports/liability")
    shop.clock.now += timedelta(seconds=1)
    then = await shop.get("reports/liability", at=instant(shop.now - timedelta(seconds=1)))
    assert (now["points"], now["by"]) == (then["points"], then["by"])
    assert now["points"] == 30


async def test_what_was_earned_and_burnt_per_month(shop: World) -> None:
    await shop.order("1", 10_000)
    await shop.refund("1", 2_000)
    held = await shop.pay(30)
    await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    await shop.move_to(datetime(2026, 4, 2, tzinfo=UTC))
    await shop.order("2", 5_000)
    await shop.adjust(-10)
    rows = (await shop.get("reports/months"))["items"]
    assert [(one["month"], one["earned"], one["clawed_back"], one["spent"], one["adjusted"]) for one in rows] == [
        ("2026-04", 50, 0, 0, -10),
        ("2026-03", 100, 20, 30, 0),
    ]


async def import_members(shop: World, body: str, kind: str = "application/x-ndjson") -> dict[str, Any]:
    answer = await shop.client.post("/v1/loyalty/imports/members", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_an_import_keeps_dates_reports_bad_rows_and_books_nothing_twice(shop: World) -> None:
    good = {
        "customer_id": "i1",
        "tags": ["vip"],
        "lots": [
            {"points": 40, "earned": 100, "earned_at": "2025-12-01T00:00:00Z", "expires_at": "2026-12-01T00:00:00Z"},
            {"points": 7, "earned_at": "2026-01-01T00:00:00Z"},
        ],
    }
    bad = [{"customer_id": ""}, {"customer_id": "x", "lots": [{"points": -1, "earned_at": "2026-01-01T00:00:00Z"}]}]
    body = "\n".join([json.dumps(good), *[json.dumps(one) for one in bad], "{broken", ""])
    found = await import_members(shop, body)
    assert (found["accepted"], found["rejected"]) == (1, 3)
    assert [one["line"] for one in found["bad_rows"]] == [2, 3, 4]
    await shop.work()
    assert (await shop.get(f"jobs/{found['job_id']}"))["result"] == {"members": 1, "lots": 2}
    member = await shop.member("i1")
    assert (member["balance"], member["lifetime_earned"]) == (47, 107)
    assert [(one["remaining"], one["earned_at"][:10], one["expires_at"]) for one in await shop.lots("i1")] == [
        (40, "2025-12-01", "2026-12-01T00:00:00Z"),
        (7, "2026-01-01", None),
    ]
    await shop.transactions("i1")
    before = await shop.snapshot()
    await import_members(shop, body)
    await shop.work()
    assert await shop.snapshot() == before


async def test_an_import_of_csv_and_an_export_that_can_be_imported(shop: World) -> None:
    csv = (
        "customer_id,points,earned_at,expires_at,tags\n"
        "a,10,2026-01-01T00:00:00Z,2027-01-01T00:00:00Z,vip|new\n"
        "a,5,2026-02-01T00:00:00Z,,\n"
        "b,x,2026-02-01T00:00:00Z,,\n"
        "c,3,2026-02-01T00:00:00Z,,\n"
    )
    found = await import_members(shop, csv, "text/csv")
    assert (found["accepted"], [one["line"] for one in found["bad_rows"]]) == (3, [4])
    await shop.work()
    assert (await shop.balance("a"), await shop.balance("c")) == (15, 3)
    for kind, content_type in (("jsonl", "application/x-ndjson"), ("csv", "text/csv")):
        out = await shop.client.get(f"/v1/loyalty/exports/members?format={kind}")
        assert out.status_code == 200
        again = await import_members(shop, out.text.replace("a,", "z,").replace('"a"', '"z"'), content_type)
        assert again["rejected"] == 0
    answer = await shop.client.post(
        "/v1/loyalty/imports/members", content="nonsense\n1", headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == 422


async def test_everything_of_a_member_in_one_document(shop: World) -> None:
    await shop.order("1", 10_000)
    await shop.pay(10)
    found = await shop.get("members/c1/export")
    assert (found["balance"], len(found["entries"]), len(found["redemptions"]), len(found["orders"])) == (90, 2, 1, 1)
    await shop.get("members/nobody/export", status=404)


async def test_the_audit_trail_names_who_did_what(shop: World) -> None:
    await shop.program(rounding="ceil")
    await shop.adjust(5)
    await shop.post("rewards", REWARD)
    await shop.post("members/c1/transfers", {"to": "c2", "points": 1})
    rows = (await shop.get("audit"))["items"]
    actions = [(one["action"], one["target"], one["actor"]) for one in rows]
    assert actions == [
        ("points.transferred", "c1", "test"),
        ("reward.created", "r", "test"),
        ("points.adjusted", "c1", "test"),
        ("program.changed", "1", "test"),
    ]


BAD_ADJUSTMENTS = [
    {"points": 0, "reason": "x"},
    {"points": 1},
    {"points": 1, "reason": ""},
    {"points": "1", "reason": "x"},
    {"points": 1, "reason": "x", "expires_at": "2020-01-01T00:00:00Z"},
    {"points": 1, "reason": "x", "expires_at": "2030-01-01T00:00:00"},
    {"points": 2**60, "reason": "x"},
    {"points": 1, "reason": "a\x00b"},
]


@pytest.mark.parametrize("body", BAD_ADJUSTMENTS, ids=str)
async def test_a_bad_adjustment_is_422(shop: World, body: dict[str, Any]) -> None:
    await shop.post("members/c1/adjustments", body, status=422)
    assert (await shop.snapshot(["entries"]))["entries"] == []


async def test_lists_have_limits_and_cursors(shop: World) -> None:
    for number in range(5):
        await shop.adjust(1, f"m{number}")
        shop.clock.now += timedelta(seconds=1)
    seen: list[str] = []
    cursor = None
    while True:
        page = await shop.get("members", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [one["customer_id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["m4", "m3", "m2", "m1", "m0"]
    for path in ("members", "rewards", "audit", "members/m1/transactions", "members/m1/lots", "members/m1/redemptions"):
        await shop.get(path, limit=0, status=422)
        await shop.get(path, limit=101, status=422)
        await shop.get(path, cursor="!", status=422)
        await shop.get(path, cursor="e30", status=422)
        await shop.get(path, cursor="W251bGxd", status=422)  # [null]
        await shop.get(path, cursor="WyJ4IiwieSIsInoiLCJ3Il0", status=422)  # ["x","y","z","w"]
        await shop.get(path, cursor="WyJ4IiwieSJd", status=422)  # ["x","y"]
        await shop.get(path, cursor="WyJ4Il0", status=422)  # ["x"]


async def test_orders_in_another_currency_need_a_rate(shop: World) -> None:
    await shop.order("1", 10_000, currency="USD")
    assert await shop.balance() == 0
    assert (await shop.get("orders/1/explanation"))["note"] == "currency_without_rate"
    await shop.program(currency_rates={"USD": "0.5"})
    shop.clock.now += timedelta(seconds=5)
    await shop.order("2", lines=[line("1", 10_000)], currency="USD")
    assert await shop.balance() == 50
