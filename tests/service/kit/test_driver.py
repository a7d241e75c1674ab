"""Arrays and rows as PostgreSQL gets them by the short way in the driver (``comeback_kit.driver``)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from comeback_kit.db import Database
from tests.service.kit.plumbing import SERVICE, tiny_database
from tests.support.postgres import TestServer

_AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
async def database(postgres: TestServer) -> AsyncIterator[Database]:
    url = await tiny_database(postgres)
    db = Database(url, SERVICE)
    await db.open()
    try:
        yield db
    finally:
        await db.close()
        await postgres.drop(url)


@pytest.mark.parametrize(
    ("kind", "given", "wanted"),
    [
        ("text[]", ["a", None, "", "{x}"], ["a", None, "", "{x}"]),
        ("text[]", ("a", "b"), ["a", "b"]),
        ("text[]", {"a"}, ["a"]),
        ("text[]", {"a": 1, "b": 2}.keys(), ["a", "b"]),
        ("bigint[]", {"a": 1, "b": 2}.values(), [1, 2]),
        ("bigint[]", [], []),
        ("bigint[]", [[1, 2], [3, 4]], [[1, 2], [3, 4]]),
        ("bytea[]", [b"a", b""], [b"a", b""]),
        ("timestamptz[]", [_AT, None], [_AT, None]),
        ("jsonb[]", [{"a": [1]}, None], [{"a": [1]}, None]),
    ],
)
async def test_arrays_come_back_as_they_were(database: Database, kind: str, given: Any, wanted: list[Any]) -> None:
    async with database.work() as tx:
        assert await tx.fetchval(f"select $1::{kind}", given) == wanted


async def test_rows_of_a_composite_type_come_back_as_they_were(database: Database) -> None:
    rows = [("c1", 3, _AT, ["x", None]), ("c2", None, None, [])]
    async with database.work() as tx:
        await tx.execute("create type pg_temp.given as (name text, points bigint, at timestamptz, tags text[])")
        found = await tx.fetch("select * from unnest($1::pg_temp.given[])", rows)
        assert [tuple(row) for row in found] == rows
        as_mapping = {"name": "c1", "points": 3, "at": _AT, "tags": ["x", None]}
        assert tuple((await tx.fetch("select ($1::pg_temp.given).*", as_mapping))[0]) == rows[0]


@pytest.mark.parametrize("given", ["text", 7, iter("ab")])
async def test_what_is_no_array_is_refused_with_a_reason(database: Database, given: Any) -> None:
    async with database.work() as tx:
        with pytest.raises(asyncpg.DataError, match="sized iterable container expected"):
            await tx.fetchval("select $1::text[]", given)


@pytest.mark.parametrize(
    "at",
    [
        _AT,
        datetime(2000, 1, 1, tzinfo=UTC),
        datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 0, 0, 1, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=-5, minutes=-30))),
        datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
    ],
    ids=str,
)
async def test_an_instant_is_the_same_to_postgresql_and_comes_back_in_utc(database: Database, at: datetime) -> None:
    text = at.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    async with database.work() as tx:
        for _ in range(2):  # the second time from memory
            row = await tx.fetchrow(
                "select $1::timestamptz as at, to_char($1::timestamptz at time zone 'UTC', $2) as text",
                at,
                "FMYYYY-MM-DD HH24:MI:SS.US",
            )
            assert row is not None
            assert (row["at"], row["at"].tzinfo, row["text"]) == (at.astimezone(UTC), UTC, text.lstrip("0"))


async def test_the_two_instants_of_an_hour_that_comes_twice_stay_two(database: Database) -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    second = first.replace(fold=1)
    assert first == second, "to Python, which is why they are not remembered"
    in_utc = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1)]
    async with database.work() as tx:
        found = await tx.fetchval("select $1::timestamptz[]", [*in_utc, first, second, first])
    assert found == [in_utc[place] for place in (0, 1, 0, 1, 0)]


async def test_a_local_instant_is_found_by_what_it_is_in_utc(database: Database) -> None:
    local = datetime(2026, 7, 1, 14, tzinfo=ZoneInfo("Europe/Berlin"))
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    async with database.work() as tx:
        assert await tx.fetchval("select $1::timestamptz[]", [local, noon, local]) == [noon] * 3


async def test_more_instants_than_are_remembered_are_still_right(database: Database) -> None:
    many = [_AT + timedelta(seconds=place) for place in range(20_000)]
    async with database.work() as tx:
        assert await tx.fetchval("select $1::timestamptz[]", many + many[:10]) == many + many[:10]


async def test_infinite_timestamps_are_the_ends_of_the_calendar(database: Database) -> None:
    async with database.work() as tx:
        found = await tx.fetchval("select array['-infinity', 'infinity']::timestamptz[]")
    assert found == [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 1, 31, 12),  # noqa: DTZ001
        _AT.date(),
        "2026-01-31T12:00:00Z",
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=5))),
    ],
    ids=str,
)
async def test_what_is_no_instant_is_refused(database: Database, at: Any) -> None:
    async with database.work() as tx:
        with pytest.raises(asyncpg.DataError):
            await tx.fetchval("select $1::timestamptz", at)
