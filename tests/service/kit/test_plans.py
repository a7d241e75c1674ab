"""The kit's own tables grow with the shop; what is done with a few of their rows, and the cleaning, reads no others."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from starlette.responses import Response

from comeback_kit import idempotency, inbox, janitor, outbox, timers
from comeback_kit.consumer import Context
from comeback_kit.db import Connection, Database
from comeback_kit.events import Event, OutgoingEvent
from comeback_kit.idempotency import Claim
from comeback_kit.log import Entry, TopicSpec
from comeback_kit.log.postgres import PostgresLog
from comeback_kit.outbox import Relay
from comeback_kit.runtime import Runtime, system_clock
from comeback_kit.settings import ServiceSettings
from comeback_kit.timer_runner import TimerRunner
from comeback_kit.timers import DueTimer, Timer
from tests.service.kit.plumbing import OUT, SERVICE, tiny_database
from tests.support.postgres import TestServer
from tests.support.reads import Reads
from tests.support.waiting import eventually

_MANY = 20_000
_FILL = (
    f"insert into inbox select 'demo', 'api', 'e' || n, now() - n * interval '1 s' from generate_series(1, {_MANY}) n",
    f"""insert into timers select 'demo', kind, 'r' || n, at, at, '{{}}'
        from generate_series(1, {_MANY} / 2) n, unnest('{{ask,tell}}'::text[]) kind,
          lateral (select now() + interval '1 day' + n * interval '1 s' as at) due""",
    f"""insert into idempotency select 'demo', 'key:k' || n, 'POST /v1/x', 'k', '', 200, 'application/json', '{{}}',
          now() from generate_series(1, {_MANY}) n""",
    f"""insert into outbox_refused select n, 'things', 'k', '', null, now(), now(), 'too large'
        from generate_series(1, {_MANY}) n""",
    "analyze",
)


@pytest.fixture
async def runtime(postgres: TestServer) -> AsyncIterator[Runtime]:
    """A service whose tables are full; neither consumer, relay nor timers run."""
    url, log_url = await tiny_database(postgres), await postgres.empty()
    db, log = Database(url, SERVICE, api_pool=1), PostgresLog(log_url)
    await db.open()
    await log.start()
    await log.ensure_topics([TopicSpec(OUT)])
    try:
        yield Runtime(SERVICE, ServiceSettings(database_url=url), db, log, system_clock)
    finally:
        await log.stop()
        await db.close()
        await postgres.drop(url)
        await postgres.drop(log_url)


@pytest.fixture
async def reads(runtime: Runtime) -> Reads:
    """The counters, when the tables are full."""
    counters = Reads(runtime.db, runtime.settings.database_url)
    await counters.execute(*_FILL)
    return counters


async def test_claims_timers_answers_and_events_read_only_their_own_rows(runtime: Runtime, reads: Reads) -> None:
    now = runtime.clock()

    async def keyed(number: int) -> None:
        claim = Claim("demo", f"key:k{number}", "POST /v1/y", "k", b"")
        async with runtime.db.request("demo") as tx:
            assert await idempotency.begin(tx, claim, now) is None
            await idempotency.keep(tx, claim, Response(b"{}"), now)

    await reads.batch("claim", lambda tx, n: inbox.claim(tx, [_event(f"e{n}"), _event(f"new{n}")]))
    await reads.batch("schedule", lambda tx, n: timers.schedule(tx, [Timer("demo", "ask", f"r{n + 1}", now)]))
    await reads.judge("due", lambda _: timers.due(runtime, ["ask", "tell"]))
    await reads.judge("run", lambda _: _run_timers(runtime))
    await reads.batch("cancel", lambda tx, n: timers.cancel(tx, "demo", "tell", [f"r{n + 1}"]))
    await reads.judge("keyed", keyed)
    await reads.judge("publish", lambda n: _publish(runtime, n))
    assert reads.excess == {}


async def test_the_janitor_reads_what_is_old_and_nothing_else(runtime: Runtime, reads: Reads) -> None:
    await reads.judge("nothing old", lambda _: janitor.clean(runtime))
    assert reads.excess == {}


async def test_rows_in_the_place_of_pruned_ones_do_not_make_the_janitor_read_the_inbox(
    runtime: Runtime, reads: Reads
) -> None:
    await reads.execute("update inbox set seen_at = seen_at - interval '41 days'", "vacuum full inbox", "analyze")
    await janitor.clean(runtime)
    async with runtime.db.work() as tx:
        assert await tx.fetchval("select count(*) from inbox") == 0
    await reads.execute("vacuum inbox", _FILL[0], "vacuum analyze inbox")
    await reads.judge("nothing old", lambda _: janitor.clean(runtime))
    assert reads.excess == {}


@pytest.mark.parametrize(
    ("old", "most"),
    [
        pytest.param(0, 500, id="nothing old"),
        pytest.param(100, 7_000, id="one page to find the old ones"),
    ],
)
async def test_the_table_log_reads_what_its_readers_ask_for_and_what_is_old(
    postgres: TestServer, old: int, most: int
) -> None:
    url = await postgres.empty()
    log = PostgresLog(url)
    await log.start()
    await log.ensure_topics([TopicSpec("busy", 1, timedelta(days=7)), TopicSpec("quiet", 1, timedelta(days=7))])
    database = await asyncpg.connect(url)
    try:
        for statement in _RECORDS:
            await database.execute(statement)
        await database.execute(_AGED, old)
        before = await _records_read(database)
        await _use(log)
        await eventually(lambda: database.fetchval(_CONNECTIONS), that=lambda others: others == 0)
        assert await _records_read(database) - before < most
        assert (
            await database.fetchval("select count(*) from log_records where record_offset < $1", _MANY)
            == 2 * _MANY - old
        )
    finally:
        await log.stop()
        await database.close()
        await postgres.drop(url)


async def _use(log: PostgresLog) -> None:
    """Append, read and sweep seven times, and close the log: its connections tell their counts when they end."""
    member = log.consumer("late", ["busy"])
    await member.start()
    for number in range(7):
        await log.append([Entry("busy", f"k{number}", b"new")])
        await eventually(lambda: member.poll(10, 0.2))
        await log.sweep()
    await member.stop()
    await log.stop()


async def _records_read(database: "asyncpg.Connection[asyncpg.Record]") -> int:
    await database.execute("select pg_stat_force_next_flush()")
    return int(await database.fetchval(_RECORDS_READ))


_RECORDS = (
    f"""insert into log_records (partition_id, record_offset, key, value)
        select id, n, 'k', 'v' from log_partitions, generate_series(0, {_MANY} - 1) n""",
    f"update log_partitions set next_offset = {_MANY}",
    "insert into log_groups (name) values ('late')",
    f"""insert into log_positions select g.id, p.id, {_MANY} from log_groups g, log_partitions p""",
    "analyze",
)
_AGED = """
update log_records set appended_at = now() - interval '8 days' where partition_id = 1 and record_offset < $1"""
_RECORDS_READ = """
select seq_tup_read + idx_tup_fetch from pg_stat_user_tables where relname = 'log_records'"""
_CONNECTIONS = """
select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
and backend_type = 'client backend'"""


async def _run_timers(runtime: Runtime) -> None:
    rung: list[DueTimer] = []

    async def handle(_: Connection, due: Sequence[DueTimer], __: Context) -> None:
        rung.extend(due)

    async with runtime.db.work() as tx:
        await timers.schedule(tx, [Timer("demo", "ask", "soon", datetime.now(UTC))])
    runner = TimerRunner(runtime, {"ask": handle, "tell": handle})
    await runner.start()
    await eventually(lambda: bool(rung))
    await runner.stop()


async def _publish(runtime: Runtime, number: int) -> None:
    async with runtime.db.work() as tx:
        await outbox.add(tx, [OutgoingEvent(OUT, f"demo:{number}", b"{}")])
    relay = Relay(runtime)
    await relay.start()
    await eventually(lambda: outbox.pending(runtime), that=lambda left: left == 0)
    await relay.stop()


def _event(event_id: str) -> Event:
    return Event(event_id, "api", "thing.seen", "2026-01-01T00:00:00Z", "demo")
