"""What both adapters promise in quiet times."""

import asyncio
import contextlib
import time
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comeback_kit.log import (
    CommitFailed,
    Entry,
    EntryTooLarge,
    EventLog,
    LogConsumer,
    LogUnavailable,
    Record,
    TopicPartition,
    TopicSpec,
    group_lag,
)
from comeback_kit.log.port import MAX_ENTRY_BYTES
from tests.contract.log.conftest import LogFactory, numbered
from tests.contract.log.reading import by_key, numbers, positions, read
from tests.support.waiting import eventually


async def test_what_was_appended_is_read_whole(log: EventLog) -> None:
    entries = [
        Entry("orders", "shop:1", b'{"a":1}', {"traceparent": "00-abc", "name": "Zoë"}),
        Entry("orders", "shop:1", b"\x00\xff not JSON"),
        Entry("orders", "schlüssel", b""),
    ]
    await log.append(entries)
    member = log.consumer("g", ["orders"])
    await member.start()
    records = await read(member, 3)
    await member.stop()
    assert sorted((r.topic, r.key, r.value, r.headers) for r in records) == sorted(
        (e.topic, e.key.encode(), e.value, e.headers) for e in entries
    )


async def test_entries_of_a_key_are_read_in_the_order_of_appending(log: EventLog) -> None:
    for start in range(0, 300, 50):
        await log.append(numbered("orders", 50, start=start))
    member = log.consumer("g", ["orders"])
    await member.start()
    found = by_key(await read(member, 300, batch=40))
    await member.stop()
    assert found == {f"k{k}".encode(): [n for n in range(300) if n % 7 == k] for k in range(7)}


async def test_a_key_stays_in_one_partition_whoever_appends(log: EventLog, open_another: LogFactory) -> None:
    other = await open_another()
    await log.append(numbered("orders", 50))
    await other.append(numbered("orders", 50))
    member = log.consumer("g", ["orders"])
    await member.start()
    records = await read(member, 100)
    await member.stop()
    assert len({record.partition for record in records}) > 1
    assert len({(record.key, record.partition) for record in records}) == 7


async def test_offsets_rise_and_end_offsets_follow_them(log: EventLog) -> None:
    assert await log.end_offsets(["single"]) == {TopicPartition("single", 0): 0}
    await log.append(numbered("single", 5))
    assert await log.end_offsets(["single"]) == {TopicPartition("single", 0): 5}
    assert len(await log.end_offsets(["orders", "customers"])) == 8
    member = log.consumer("g", ["single"])
    await member.start()
    assert [record.offset for record in await read(member, 5)] == [0, 1, 2, 3, 4]
    await member.stop()


async def test_one_call_may_carry_entries_of_several_topics(log: EventLog) -> None:
    await log.append([*numbered("orders", 20), *numbered("customers", 20), *numbered("single", 20)])
    member = log.consumer("g", ["orders", "customers", "single"])
    await member.start()
    records = await read(member, 60)
    await member.stop()
    assert {topic: sorted(numbers(r for r in records if r.topic == topic)) for topic in ("orders", "single")} == {
        "orders": list(range(20)),
        "single": list(range(20)),
    }


async def test_appends_of_many_callers_at_once_all_arrive_in_their_own_order(log: EventLog) -> None:
    async def caller(number: int) -> None:
        for step in range(20):
            await log.append([Entry("orders", f"k{number}", str(step).encode())])

    await asyncio.gather(*(caller(number) for number in range(30)))
    member = log.consumer("g", ["orders"])
    await member.start()
    found = by_key(await read(member, 600))
    await member.stop()
    assert found == {f"k{number}".encode(): list(range(20)) for number in range(30)}


async def test_a_group_goes_on_where_it_committed(log: EventLog, open_another: LogFactory) -> None:
    await log.append(numbered("single", 10))
    member = log.consumer("g", ["single"])
    await member.start()
    await read(member, 10)
    await member.commit({TopicPartition("single", 0): 4})
    assert await log.committed("g", ["single"]) == {TopicPartition("single", 0): 4}
    await member.stop()
    again = (await open_another()).consumer("g", ["single"])
    await again.start()
    assert numbers(await read(again, 6)) == [4, 5, 6, 7, 8, 9]
    await again.stop()


async def test_groups_do_not_see_each_other(log: EventLog) -> None:
    await log.append(numbered("orders", 40))
    members = [log.consumer(group, ["orders"]) for group in ("loyalty", "feedback")]
    for member in members:
        await member.start()
        records = await read(member, 40)
        await member.commit(positions(records))
        await member.stop()
    assert await group_lag(log, "loyalty", ["orders"]) == {"orders": 0}
    assert await group_lag(log, "nobody", ["orders"]) == {"orders": 40}


async def test_lag_counts_what_is_not_committed(log: EventLog) -> None:
    await log.append(numbered("single", 10))
    member = log.consumer("g", ["single"])
    await member.start()
    await read(member, 10)
    assert await group_lag(log, "g", ["single"]) == {"single": 10}
    await member.commit({TopicPartition("single", 0): 7})
    assert await group_lag(log, "g", ["single", "orders"]) == {"single": 3, "orders": 0}
    assert member.lags() == {TopicPartition("single", 0): 0}
    await member.stop()


async def test_rewind_reads_again_from_the_committed_position(log: EventLog) -> None:
    await log.append(numbered("single", 6))
    member = log.consumer("g", ["single"])
    await member.start()
    await read(member, 6)
    generation = member.generation
    await member.rewind()
    assert member.generation > generation
    assert numbers(await read(member, 6)) == [0, 1, 2, 3, 4, 5]
    await member.commit({TopicPartition("single", 0): 4})
    await member.rewind()
    assert numbers(await read(member, 2)) == [4, 5]
    await member.stop()


async def test_poll_returns_as_soon_as_there_is_a_record(log: EventLog, open_another: LogFactory) -> None:
    other = await open_another()
    member = log.consumer("g", ["single"])
    await member.start()
    await eventually(member.assignment)
    await other.append(numbered("single", 1))
    await read(member, 1)
    waits = []
    for number in range(5):
        polling = asyncio.create_task(read(member, 1))
        await asyncio.sleep(0.2)
        start = time.monotonic()
        await other.append(numbered("single", 1, start=number))
        await polling
        waits.append(time.monotonic() - start)
    await member.stop()
    assert sorted(waits)[2] < 0.15, waits


async def test_poll_answers_empty_in_time_when_there_is_nothing(log: EventLog) -> None:
    member = log.consumer("g", ["orders"])
    await member.start()
    await eventually(member.assignment)
    start = time.monotonic()
    assert await member.poll(100, 0.3) == []
    assert 0.2 < time.monotonic() - start < 1.5
    await member.stop()


async def test_poll_takes_no_more_than_asked_for(log: EventLog) -> None:
    await log.append(numbered("orders", 100))
    member = log.consumer("g", ["orders"])
    await member.start()
    await eventually(member.assignment)
    records: list[Record] = []
    while len(records) < 100:
        page = await member.poll(10, 1.0)
        assert len(page) <= 10
        records += page
    await member.stop()
    assert sorted(numbers(records)) == list(range(100))


async def test_a_member_may_wait_for_a_topic_that_does_not_exist_yet(log: EventLog) -> None:
    member = log.consumer("g", ["later"])
    await member.start()
    assert await member.poll(10, 0.3) == []
    assert await log.ensure_topics([TopicSpec("later", partitions=2)])
    await log.append(numbered("later", 5))
    assert sorted(numbers(await read(member, 5, within=30.0))) == [0, 1, 2, 3, 4]
    await member.stop()


async def test_ensuring_topics_twice_changes_nothing_and_may_add_partitions(log: EventLog) -> None:
    await log.append(numbered("orders", 10))
    assert await log.ensure_topics([TopicSpec("orders"), TopicSpec("single", partitions=3)])
    ends = await log.end_offsets(["orders", "single"])
    assert sum(ends.values()) == 10
    assert sorted(place for place in ends if place.topic == "single") == [TopicPartition("single", n) for n in range(3)]


async def test_appending_to_an_unknown_topic_is_refused_in_time(log: EventLog) -> None:
    start = time.monotonic()
    with pytest.raises(LogUnavailable):
        await log.append([Entry("no-such-topic", "k", b"1")])
    assert time.monotonic() - start < 7.0
    await log.append(numbered("single", 1))


async def test_nothing_is_kept_before_what_comes_first_is(log: EventLog) -> None:
    with pytest.raises(LogUnavailable):
        await log.append(numbered("single", 5), first=[Entry("no-such-topic", "k", b"1")])
    await log.append(numbered("single", 1), first=numbered("orders", 12))
    ends = await log.end_offsets(["single", "orders"])
    assert ends[TopicPartition("single", 0)] == 1
    assert sum(ends.values()) == 13


async def test_an_entry_that_is_too_large_is_named_among_all(log: EventLog) -> None:
    large = Entry("single", "k", bytes(MAX_ENTRY_BYTES + 1))
    with pytest.raises(EntryTooLarge) as refusal:
        await log.append([Entry("single", "k", b"1"), large], first=[large, Entry("orders", "k", b"2")])
    assert refusal.value.indexes == (0, 3)
    assert sum((await log.end_offsets(["single", "orders"])).values()) == 0


async def test_an_entry_that_is_too_large_is_named_and_nothing_is_kept(log: EventLog) -> None:
    large = Entry("single", "k", bytes(MAX_ENTRY_BYTES + 1))
    with pytest.raises(EntryTooLarge) as refusal:
        await log.append([Entry("single", "k", b"1"), large, Entry("orders", "k", b"2"), large])
    assert refusal.value.indexes == (1, 3)
    assert sum((await log.end_offsets(["single", "orders"])).values()) == 0


async def test_entries_far_above_the_events_limit_pass(log: EventLog) -> None:
    big = [Entry("single", "k", bytes([number]) * (3 * 1024 * 1024)) for number in range(1, 4)]
    await log.append(big)
    await log.append([Entry("single", "k", bytes(MAX_ENTRY_BYTES))])
    member = log.consumer("g", ["single"])
    await member.start()
    records = await read(member, 4)
    await member.stop()
    assert [record.value for record in records[:3]] == [entry.value for entry in big]
    assert len(records[3].value) == MAX_ENTRY_BYTES


async def test_appending_nothing_is_nothing(log: EventLog) -> None:
    await log.append([])
    assert sum((await log.end_offsets(["orders"])).values()) == 0


async def test_two_members_share_the_partitions_and_one_takes_over(log: EventLog, open_another: LogFactory) -> None:
    first = log.consumer("g", ["orders"])
    await first.start()
    await _assigned(first, 4)
    second = (await open_another()).consumer("g", ["orders"])
    await second.start()
    await asyncio.gather(_assigned(first, 2), _assigned(second, 2))
    assert not first.assignment() & second.assignment()
    await second.stop()
    await _assigned(first, 4)
    await first.stop()


async def test_a_rebalance_loses_nothing_and_voids_what_was_in_flight(log: EventLog, open_another: LogFactory) -> None:
    await log.append(numbered("orders", 2000))
    other = await open_another()
    done: list[int] = []

    async def work(instance: EventLog, until: int) -> None:
        member = instance.consumer("g", ["orders"])
        await member.start()
        try:
            while len(set(done)) < until:
                records = await member.poll(50, 0.2)
                generation = member.generation
                await asyncio.sleep(0.01)
                if generation != member.generation:
                    continue
                try:
                    await member.commit(positions(records))
                except (CommitFailed, LogUnavailable):
                    continue
                done.extend(numbers(records))
        finally:
            await member.stop()

    async def late() -> None:
        await eventually(lambda: len(done) > 200)
        await work(other, 2000)

    async with asyncio.timeout(60):
        await asyncio.gather(work(log, 900), late())
    assert set(done) == set(range(2000))
    assert len(done) == 2000, "committed work was handed out again"
    assert await group_lag(log, "g", ["orders"]) == {"orders": 0}


async def test_a_poll_that_waits_through_a_rebalance_skips_nothing(log: EventLog, open_another: LogFactory) -> None:
    """The position moves only for what was handed out: every record comes to one of the two, committed in order."""
    first, second = log.consumer("g", ["orders"]), (await open_another()).consumer("g", ["orders"])
    seen: set[int] = set()

    async def work(member: LogConsumer) -> None:
        await member.start()
        while len(seen) < 1200:
            records = await member.poll(40, 2.0)
            generation = member.generation
            await asyncio.sleep(0.005)
            if records and generation == member.generation:
                seen.update(numbers(records))
                with contextlib.suppress(CommitFailed, LogUnavailable):
                    await member.commit(positions(records))
        await member.stop()

    async def load() -> None:
        for start in range(0, 1200, 20):
            await log.append(numbered("orders", 20, keys=40, start=start))
            await asyncio.sleep(0.03)

    async def late() -> None:
        await eventually(lambda: len(seen) > 100)
        await work(second)

    async with asyncio.timeout(60):
        await asyncio.gather(load(), work(first), late())
    assert seen == set(range(1200))


async def test_a_commit_for_partitions_of_another_member_fails(log: EventLog, open_another: LogFactory) -> None:
    first = log.consumer("g", ["orders"])
    await first.start()
    await _assigned(first, 4)
    mine_before = first.assignment()
    second = (await open_another()).consumer("g", ["orders"])
    await second.start()
    await asyncio.gather(_assigned(first, 2), _assigned(second, 2))
    lost = next(iter(mine_before - first.assignment()))
    with pytest.raises(CommitFailed):
        await first.commit({lost: 1})
    await asyncio.gather(first.stop(), second.stop())


async def test_the_revoke_hook_is_awaited_before_partitions_go(log: EventLog, open_another: LogFactory) -> None:
    await log.append(numbered("single", 3))
    told: list[int] = []
    first = log.consumer("g", ["single", "orders"])

    async def on_revoke() -> None:
        await first.commit({TopicPartition("single", 0): 2})
        told.append(first.generation)

    await first.start(on_revoke)
    await read(first, 3)
    generation = first.generation
    second = (await open_another()).consumer("g", ["single", "orders"])
    await second.start()
    await eventually(lambda: told, within=20.0)
    await eventually(lambda: first.assignment() and second.assignment(), within=20.0)
    assert told[0] == generation, "the work in flight could still be committed"
    assert first.generation > generation
    assert (await log.committed("g", ["single"]))[TopicPartition("single", 0)] == 2
    await asyncio.gather(first.stop(), second.stop())


async def test_stopping_is_quick(log: EventLog) -> None:
    member = log.consumer("g", ["orders"])
    await member.start()
    await _assigned(member, 4)
    start = time.monotonic()
    await member.stop()
    await log.stop()
    assert time.monotonic() - start < 3.0


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calls=st.lists(
        st.lists(st.tuples(st.sampled_from("abc"), st.binary(max_size=50)), min_size=1, max_size=20),
        min_size=1,
        max_size=5,
    )
)
async def test_whatever_is_appended_comes_back_in_order_per_key(
    calls: list[list[tuple[str, bytes]]], log: EventLog
) -> None:
    topic = f"p{time.monotonic_ns()}"
    assert await log.ensure_topics([TopicSpec(topic, partitions=3, retention=timedelta(days=1))], timeout=20.0)
    await asyncio.gather(*(log.append([Entry(topic, key, value) for key, value in call]) for call in calls))
    member = log.consumer(topic, [topic])
    await member.start()
    records = await read(member, sum(map(len, calls)))
    await member.stop()
    for call in calls:  # the calls may interleave, each one keeps its order
        for key in "abc":
            rest = iter([record.value for record in records if record.key == key.encode()])
            assert all(value in rest for k, value in call if k == key)


async def _assigned(member: LogConsumer, count: int) -> None:
    await eventually(lambda: len(member.assignment()) == count, within=20.0)
