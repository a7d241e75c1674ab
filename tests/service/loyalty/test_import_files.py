"""What a file of an import may hold: equal lines, odd characters, and lines that cannot be read."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from loyalty import import_rows, importing
from tests.service.loyalty.test_program_and_data import import_members
from tests.service.loyalty.world import START, World

HEAD = "customer_id,points,earned_at\n"
GOOD = "good,5,2026-01-01T00:00:00Z\n"


@pytest.mark.parametrize("text", ["--5", "²", "-", "9" * 5000, "1.5"])
async def test_a_number_that_is_none_is_told_by_its_line(shop: World, text: str) -> None:
    found = await import_members(shop, f"{HEAD}bad,{text},2026-01-01T00:00:00Z\n{GOOD}", "text/csv")
    assert (found["accepted"], [one["line"] for one in found["bad_rows"]]) == (1, [2])
    assert "points must be a whole number" in found["bad_rows"][0]["detail"]


async def test_what_follows_a_broken_line_is_read(shop: World) -> None:
    found = await import_members(shop, f'{HEAD}"a"b,5,2026-01-01T00:00:00Z\n{GOOD}', "text/csv")
    assert (found["accepted"], [one["line"] for one in found["bad_rows"]]) == (1, [2])
    found = await import_members(shop, "[" * 20_000 + '\n{"customer_id":"good"}\n')
    assert (found["accepted"], [one["line"] for one in found["bad_rows"]]) == (1, [1])


async def test_a_first_line_that_cannot_be_read_is_422(shop: World) -> None:
    answer = await shop.client.post(
        "/v1/loyalty/imports/members", content='"customer_id\n', headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == 422, answer.text


async def test_equal_lines_add_up_and_the_same_file_again_books_nothing(shop: World) -> None:
    body = HEAD + "c1,100,2026-01-01T00:00:00Z\n" * 2 + GOOD
    for _ in range(2):
        job = await import_members(shop, body, "text/csv")
        await shop.work()
        assert await shop.balance() == 200
    assert (await shop.get(f"jobs/{job['job_id']}"))["result"] == {"members": 3, "lots": 0}


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
async def test_a_tag_with_a_line_separator_comes_back_as_it_went(shop: World, kind: str) -> None:
    await import_members(shop, '{"customer_id":"c1","tags":["a\u2028b","c\x85d","e f"]}\n')
    await shop.work()
    out = await shop.client.get(f"/v1/loyalty/exports/members?format={kind}")
    again = await import_members(shop, out.text.replace("c1", "c2"), f"text/{kind}")
    assert (again["accepted"], again["rejected"]) == (1, 0)
    await shop.work()
    one, other = (await shop.snapshot(["profiles"]))["profiles"]
    assert one["tags"] == other["tags"] == ["a\u2028b", "c\x85d", "e f"]


async def test_what_was_due_of_a_member_is_told_though_an_import_found_it(shop: World) -> None:
    await shop.program(expiry={"kind": "rolling", "days": 10})
    await shop.order("1")
    shop.clock.now = START + timedelta(days=30)
    job = await import_members(shop, f"{HEAD}c1,5,2026-04-01T00:00:00Z\n", "text/csv")
    await shop.timers()
    assert (await shop.get(f"jobs/{job['job_id']}"))["result"] == {"members": 1, "lots": 1}
    assert [one["points"] for one in await shop.told("points.expired")] == [100]
    assert [one["points"] for one in await shop.told("points.earned")] == [100]
    assert await shop.balance() == 5


async def test_of_new_members_on_a_first_level_with_entry_points_nobody_hears(shop: World) -> None:
    """An import brings what they have, not news; what was due of somebody known is told all the same."""
    await shop.adjust(5, "known")
    levels = [{"id": "bronze", "threshold": 0, "entry": {"points": 50}}, {"id": "silver", "threshold": 1_000}]
    await shop.program(tiers={"window": "ever", "levels": levels})
    body = f"{HEAD}known,5,2026-01-01T00:00:00Z\n{GOOD}empty,,\n"
    job = await import_members(shop, body, "text/csv")
    await shop.timers()
    assert (await shop.get(f"jobs/{job['job_id']}"))["result"] == {"members": 3, "lots": 2}
    assert {one["customer_id"] for one in await shop.told("tier.changed")} == {"known"}
    assert {(one["customer_id"], one["points"]) for one in await shop.told("points.earned")} == {("known", 50)}
    for customer_id, balance in (("known", 60), ("good", 55), ("empty", 50)):
        assert (await shop.tier(customer_id), await shop.balance(customer_id)) == ("bronze", balance)
    await shop.work()
    assert len(await shop.told("tier.changed")) == 1
    await shop.check()


@pytest.mark.parametrize("spent", [0, 100])
async def test_what_a_refund_took_back_or_is_owed_is_not_earned_where_it_is_imported(shop: World, spent: int) -> None:
    await shop.program(tiers={"window": "ever", "levels": [{"id": "silver", "threshold": 100}]})
    await shop.order("1")
    if spent:
        held = await shop.pay(spent)
        await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    await shop.refund("1", 6_000)
    await shop.order("2", 500)
    await shop.refund("2", 500)
    out = await shop.client.get("/v1/loyalty/exports/members")
    await import_members(shop, out.text.replace("c1", "c2"))
    await shop.work()
    for customer_id in ("c1", "c2"):
        found = await shop.member(customer_id)
        assert (found["balance"], found["lifetime_earned"] - found["shortfall"]) == (40 if not spent else 0, 40)
    assert await shop.tier("c2") is None


async def test_a_large_file_holds_nobody_up_while_it_is_read(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read beside the loop, and kept in several statements."""
    monkeypatch.setattr(importing, "_SENT", 2)
    parse, threads = import_rows.parse, []

    def noting(*given: Any) -> Any:
        threads.append(threading.current_thread())
        return parse(*given)

    monkeypatch.setattr(import_rows, "parse", noting)
    body = HEAD + "".join(f"m{number},5,2026-01-01T00:00:00Z\n" for number in range(5))
    job = await import_members(shop, body, "text/csv")
    assert threads != [threading.current_thread()]
    await shop.work()
    assert (await shop.get(f"jobs/{job['job_id']}"))["result"] == {"members": 5, "lots": 5}


async def test_a_file_is_read_outside_of_a_transaction_and_one_at_a_time(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL would end a transaction that idles meanwhile, and the rows of many files need a lot of memory."""
    parse, request = import_rows.parse, shop.service.runtime.db.request
    open_now, reading, seen = 0, 0, []

    @contextlib.asynccontextmanager
    async def counted(shop_id: str) -> AsyncIterator[Any]:
        nonlocal open_now
        async with request(shop_id) as tx:
            open_now += 1
            try:
                yield tx
            finally:
                open_now -= 1

    def slowly(*given: Any) -> Any:
        nonlocal reading
        reading += 1
        time.sleep(0.1)
        seen.append((reading, open_now))
        reading -= 1
        return parse(*given)

    monkeypatch.setattr(shop.service.runtime.db, "request", counted)
    monkeypatch.setattr(import_rows, "parse", slowly)
    keys: list[dict[str, str]] = [{}, {"Idempotency-Key": "a"}]
    for key in keys:
        assert (await sent(shop, f"{HEAD}{GOOD}", key)).status_code == 202
    assert seen == [(1, 0), (1, 0)]
    answers = await asyncio.gather(*(sent(shop, f"{HEAD}{GOOD}", {"Idempotency-Key": key}) for key in "bcd"))
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert [most for most, _ in seen] == [1] * 5


async def test_a_keyed_import_is_read_and_booked_once(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    parse, count = import_rows.parse, 0

    def counted(*given: Any) -> Any:
        nonlocal count
        count += 1
        return parse(*given)

    monkeypatch.setattr(import_rows, "parse", counted)
    key = {"Idempotency-Key": "k"}
    first = await sent(shop, f"{HEAD}{GOOD}", key)
    again = await sent(shop, f"{HEAD}{GOOD}", key)
    assert (again.status_code, again.json(), count) == (202, first.json(), 1)
    assert again.headers["Idempotency-Replay"] == "true"
    other = await sent(shop, HEAD, key)
    assert (other.status_code, other.json()["code"], count) == (422, "idempotency_key_reused", 1)
    both = await asyncio.gather(*(sent(shop, f"{HEAD}{GOOD}", {"Idempotency-Key": "m"}) for _ in range(3)))
    assert {answer.status_code for answer in both} <= {202, 409}
    assert len({answer.json()["job_id"] for answer in both if answer.status_code == 202}) == 1
    refused = await sent(shop, "nothing", {"Idempotency-Key": "n"})
    assert refused.status_code == 422
    assert (await sent(shop, f"{HEAD}{GOOD}", {"Idempotency-Key": "n"})).status_code == 202, "a refusal is not kept"
    assert len((await shop.snapshot(["jobs"]))["jobs"]) == 3


async def sent(shop: World, body: str, headers: dict[str, str]) -> httpx.Response:
    kind = {"Content-Type": "text/csv"}
    return await shop.client.post("/v1/loyalty/imports/members", content=body, headers=kind | headers)
