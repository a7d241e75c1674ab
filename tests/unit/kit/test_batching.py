"""Every record is in one batch, lanes keep their order, and no position passes a record that is not settled."""

from collections import Counter
from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from comeback_kit.batching import LANES, Part, Work, in_batches, may_overlap, positions
from comeback_kit.db import Connection
from comeback_kit.events import Event
from comeback_kit.log.port import Record, TopicPartition
from comeback_kit.settling import Context, Subscription


async def nothing(tx: Connection, events: Sequence[Event], context: Context) -> None: ...


def buyer(record: Record) -> bytes:
    return record.value


ORDERS = Subscription("orders", nothing, lane=buyer)
SHOPS = Subscription("shops", nothing)


@st.composite
def polls(draw: st.DrawFn) -> list[Record]:
    """Records of two topics and three partitions, in the order of the log per partition; few keys, few customers."""
    found, ends = [], Counter[tuple[str, int]]()
    drawn = st.tuples(st.sampled_from(["orders", "shops"]), st.integers(0, 8), st.integers(0, 6))
    for topic, key, customer in draw(st.lists(drawn, max_size=60)):
        partition = key % 3
        ends[topic, partition] += draw(st.integers(1, 3))
        found.append(Record(topic, partition, ends[topic, partition], b"%d" % key, b"%d" % customer))
    return found


def place(record: Record) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset


@given(records=polls(), most=st.integers(1, 12))
def test_every_record_is_in_one_batch_and_no_batch_is_too_large(records: list[Record], most: int) -> None:
    work = in_batches(records, [SHOPS, ORDERS], most)
    assert sorted(place(record) for part in work for record in part.records) == sorted(map(place, records))
    assert all(0 < len(part.records) <= most for part in work)
    assert all({record.topic for record in part.records} == {part.subscription.topic} for part in work)
    topics = [part.subscription.topic for part in work]
    assert topics == sorted(topics, reverse=True), "the shops first"


@given(records=polls(), most=st.integers(1, 12))
def test_one_keys_records_and_all_of_a_topic_without_lanes_keep_their_order(records: list[Record], most: int) -> None:
    done = [record for part in in_batches(records, [SHOPS, ORDERS], most) for record in part.records]
    shops = [place(record) for record in records if record.topic == "shops"]
    assert [place(record) for record in done if record.topic == "shops"] == shops
    for key in {record.key for record in records}:
        mine = [place(record) for record in records if record.topic == "orders" and record.key == key]
        assert [place(record) for record in done if record.topic == "orders" and record.key == key] == mine


@given(records=polls(), most=st.integers(1, 12), one_order_each=st.booleans())
def test_batches_that_may_overlap_have_no_key_and_no_customer_of_one_order_in_common(
    records: list[Record], most: int, one_order_each: bool
) -> None:
    if one_order_each:
        records = [msgspec.structs.replace(record, key=b"%d" % number) for number, record in enumerate(records)]
    work = in_batches(records, [SHOPS, ORDERS], most)
    for number in range(1, len(work)):
        if not may_overlap(*work[number - 1 : number + 1]):
            continue
        before, part = work[number - 1 : number + 1]
        assert before.subscription is part.subscription is ORDERS
        assert not {record.key for record in before.records} & {record.key for record in part.records}
        if one_order_each:
            assert not {record.value for record in before.records} & {record.value for record in part.records}


def test_two_consumers_go_through_the_lanes_in_the_same_order() -> None:
    """Each has its own partitions; the customers are everywhere."""
    customers = [b"customer-%d" % number for number in range(200)]
    mine = [Record("orders", 0, at, b"m%d" % at, customer) for at, customer in enumerate(customers)]
    theirs = [Record("orders", 1, at, b"t%d" % at, customer) for at, customer in enumerate(reversed(customers))]
    first, second = in_batches(mine, [ORDERS], 100), in_batches(theirs, [ORDERS], 100)
    assert len(first) == LANES
    assert [{record.value for record in part.records} for part in first] == [
        {record.value for record in part.records} for part in second
    ]


def test_a_batch_that_is_small_enough_is_not_dealt_out() -> None:
    records = [Record("orders", 0, number, b"%d" % number, b"%d" % number) for number in range(50)]
    assert in_batches(records, [ORDERS], 50) == [Part(ORDERS, records)]
    assert len(in_batches(records, [ORDERS], 49)) == LANES


@given(records=polls(), most=st.integers(1, 12), data=st.data())
def test_no_position_passes_a_record_that_is_not_settled(records: list[Record], most: int, data: st.DataObject) -> None:
    work: Work = in_batches(records, [SHOPS, ORDERS], most)
    done = data.draw(st.integers(0, len(work)))
    ends = positions(work, done)
    settled = [record for part in work[:done] for record in part.records]
    left = [record for part in work[done:] for record in part.records]
    assert set(ends) == {TopicPartition(record.topic, record.partition) for record in settled}
    for at, end in ends.items():
        offsets = [record.offset for record in left if (record.topic, record.partition) == at]
        last = max(record.offset for record in settled if (record.topic, record.partition) == at)
        assert end == min([last + 1, *offsets])
