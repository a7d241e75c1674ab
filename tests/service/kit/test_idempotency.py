"""A keyed request whose look at the kept answers was older than its lock has no second effect."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from starlette.responses import Response

from comeback_kit import idempotency
from comeback_kit.db import Database
from comeback_kit.idempotency import AnsweredMeanwhile, Claim
from tests.support.postgres import TestServer

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
CLAIM = Claim("a", "key:k1", "POST /v1/tiny/notes", "k", b"hash")


@pytest.fixture
async def database(postgres: TestServer) -> AsyncIterator[Database]:
    database = Database(await postgres.fresh("tiny", "tests.support.tiny"), "tiny")
    await database.open()
    yield database
    await database.close()


async def _note(database: Database, note_id: str, answer: bytes, now: datetime) -> None:
    async with database.request("a") as tx:
        await tx.execute("insert into notes values ('a', $1, '', $2)", note_id, now)
        await idempotency.keep(tx, CLAIM, Response(answer, status_code=201), now)


async def test_the_second_effect_is_rolled_back_and_the_first_answer_found(database: Database) -> None:
    await _note(database, "n1", b"one", NOW)
    with pytest.raises(AnsweredMeanwhile):
        await _note(database, "n2", b"two", NOW)
    async with database.request("a") as tx:
        kept = await idempotency.begin(tx, CLAIM, NOW)
        assert kept is not None
        assert (kept.status_code, bytes(kept.body)) == (201, b"one")
        assert await tx.fetchval("select string_agg(note_id, ',') from notes") == "n1"


async def test_an_answer_that_is_a_day_old_gives_way(database: Database) -> None:
    await _note(database, "n1", b"one", NOW)
    later = NOW + timedelta(hours=25)
    async with database.request("a") as tx:
        assert await idempotency.begin(tx, CLAIM, later) is None
    await _note(database, "n2", b"two", later)
    async with database.request("a") as tx:
        kept = await idempotency.begin(tx, CLAIM, later)
        assert kept is not None
        assert bytes(kept.body) == b"two"


async def test_another_shop_has_keys_of_its_own(database: Database) -> None:
    await _note(database, "n1", b"one", NOW)
    async with database.request("b") as tx:
        assert await idempotency.begin(tx, Claim("b", CLAIM.caller, CLAIM.target, CLAIM.key, b"x"), NOW) is None
