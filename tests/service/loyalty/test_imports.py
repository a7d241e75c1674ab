"""Imports: what they refuse while they run, where they go on, and how they give up."""

import json
from datetime import timedelta
from typing import Any

import pytest

from loyalty import importing
from tests.service.loyalty.test_customers import customer, erased, merged
from tests.service.loyalty.test_program_and_data import import_members
from tests.service.loyalty.world import World

MOST = 2**53 - 1


def lot(points: int, day: int = 1, **more: Any) -> dict[str, Any]:
    return {"points": points, "earned_at": f"2026-01-{day:02}T00:00:00Z", **more}


def rows(*members: dict[str, Any]) -> str:
    return "\n".join(json.dumps(one) for one in members)


async def result_of(shop: World, *members: dict[str, Any]) -> Any:
    """Import, work, and answer what came out."""
    job = await import_members(shop, rows(*members))
    await shop.work()
    found = await shop.get(f"jobs/{job['job_id']}")
    assert found["state"] == "done"
    return found["result"]


@pytest.mark.parametrize("points", ["²", "--5", "9" * 5000, "٥", "1e3"])
async def test_a_number_that_is_none_costs_its_row_and_not_the_whole_file(shop: World, points: str) -> None:
    table = f"customer_id,points,earned_at\nc1,{points},2026-01-01T00:00:00Z\nc2,5,2026-01-01T00:00:00Z\n"
    found = await import_members(shop, table, "text/csv")
    assert (found["accepted"], found["bad_rows"]) == (1, [{"line": 2, "detail": "points must be a whole number"}])


async def test_a_row_of_json_lines_ends_where_its_line_does(shop: World) -> None:
    member = {"customer_id": "c1", "tags": ["new\u2028line", "next\x85line"]}
    body = json.dumps(member, ensure_ascii=False)
    found = await import_members(shop, f"{body}\r\n\r\n[]\n")
    assert found["accepted"] == 1
    assert found["bad_rows"] == [{"line": 3, "detail": "Input should be an object"}]


@pytest.mark.parametrize("late", [False, True], ids=["erased before", "erased between"])
async def test_an_import_brings_nobody_back_who_was_erased(shop: World, late: bool) -> None:
    await shop.order("1", 10_000)
    await shop.take(customer(shop, tags=["vip"], birthday="1990-03-11"))
    shop.clock.now += timedelta(hours=1)
    if not late:
        await shop.take(erased(shop))
    person = {"tags": ["vip"], "birthday": "1990-03-11", "joined": "2020-01-01", "lots": [lot(5)]}
    body = rows({"customer_id": "c2", "lots": [lot(7)]}, {"customer_id": "c1", **person}, {"customer_id": "c3"})
    job = await import_members(shop, body)
    if late:
        await shop.take(erased(shop))
    before = (await shop.snapshot(["lots", "entries"]))["entries"]
    await shop.work()
    found = await shop.get(f"jobs/{job['job_id']}")
    assert (found["state"], found["done"], found["total"]) == ("done", 3, 3)
    (bad,) = found["result"].pop("bad_rows")
    assert found["result"] == {"members": 2, "lots": 1, "rejected": 1}
    assert bad["line"] == 2
    assert "erased" in bad["detail"]
    after = await shop.snapshot(["profiles", "lots", "entries"])
    assert after["profiles"] == []
    assert [one for one in after["entries"] if one["customer_id"] == "c1"] == before
    assert [one["customer_id"] for one in after["lots"]] == ["c1", "c2"]
    await shop.get("members/c1", status=404)


async def test_an_import_finds_who_was_erased_under_another_name_and_who_came_back(shop: World) -> None:
    await shop.take(merged(shop, "guest:1", "c1"))
    await shop.take(erased(shop))
    found = await result_of(shop, {"customer_id": "guest:1", "lots": [lot(5)], "birthday": "1990-03-11"})
    assert (found["members"], found["lots"], found["rejected"]) == (0, 0, 1)
    assert (await shop.snapshot(["profiles"]))["profiles"] == []
    await shop.take(customer(shop, tags=["new"], at=shop.now + timedelta(minutes=1)))
    found = await result_of(shop, {"customer_id": "guest:1", "lots": [lot(5)]})
    assert found == {"members": 1, "lots": 1}
    assert await shop.balance() == 5


async def test_an_import_of_a_merged_id_says_what_it_says_of_the_account(shop: World) -> None:
    await shop.take(merged(shop, "guest:1", "c1"))
    await result_of(shop, {"customer_id": "guest:1", "tags": ["vip"]})
    assert [one["customer_id"] for one in (await shop.snapshot(["profiles"]))["profiles"]] == ["c1"]


async def test_an_import_gives_nobody_more_points_than_a_number_of_json_can_hold(shop: World) -> None:
    alone = await import_members(shop, rows({"customer_id": "c1", "lots": [lot(MOST), lot(MOST, 2)]}))
    assert (alone["accepted"], alone["rejected"]) == (0, 1)
    assert "9007199254740991" in alone["bad_rows"][0]["detail"]
    full = {"customer_id": "c1", "lots": [lot(MOST)]}
    more = {"customer_id": "c1", "lots": [lot(1, 2)]}
    found = await result_of(shop, full, more, full)
    (bad,) = found.pop("bad_rows")
    assert found == {"members": 2, "lots": 1, "rejected": 1}
    assert bad["line"] == 2
    assert "room" in bad["detail"]
    assert (await shop.member())["balance"] == MOST


async def test_points_that_were_used_before_an_import_count_for_what_was_ever_earned(shop: World) -> None:
    used = {"customer_id": "c1", "lots": [lot(0, earned=MOST)]}
    found = await result_of(shop, used, {"customer_id": "c1", "lots": [lot(1, 2)]})
    assert (found["lots"], found["rejected"]) == (1, 1)
    assert (await shop.member())["lifetime_earned"] == MOST


async def test_an_import_goes_on_where_it_stopped_and_books_each_lot_once(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_CHUNK", 2)
    people = [{"customer_id": f"i{number}", "lots": [lot(number + 1)]} for number in range(5)]
    job = await import_members(shop, rows(*people))
    real, calls = importing._book, 0

    async def once_broken(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        booked = await real(*arguments)
        if calls == 2:
            raise RuntimeError("killed after the second chunk was written and before it was committed")
        return booked

    monkeypatch.setattr(importing, "_book", once_broken)
    await shop.work()
    found = await shop.get(f"jobs/{job['job_id']}")
    assert (found["state"], found["done"], found["result"]) == ("running", 2, None)
    await shop.get("members/i2", status=404)
    await shop.days(1)
    found = await shop.get(f"jobs/{job['job_id']}")
    assert (found["state"], found["done"], found["result"]) == ("done", 5, {"members": 5, "lots": 5})
    assert [await shop.kinds(f"i{number}") for number in range(5)] == [[("earned", n + 1)] for n in range(5)]
    assert (await shop.snapshot(["import_rows"]))["import_rows"] == []
