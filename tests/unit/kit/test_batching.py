"""Every record is in one batch, lanes keep their order, and no position passes a record that is not settled."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from comeback_kit.batching import LANES, Work, in_batches, may_overlap, positions
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
    """Records of two topics and three partitions, in the order of the log per partition; up to seven customers."""
    found, ends = [], Counter[tuple[str, int]]()
    drawn = st.lists(st.tuples(st.sampled_from(["orders", "shops"]), st.integers(0, 2), st.integers(0, 6)), max_size=60)
    for topic, partition, customer in draw(drawn):
        ends[topic, partition] += draw(st.integers(1, 3))
        found.append(Record(topic, partition, ends[topic, partition], b"k", b"%d" % customer))
    return found


def place(record: Record) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset


@given(records=polls(), most=st.integers(1, 12))
def test_every_record_is_in_one_batch_and_no_batch_is_too_large(records: list[Record], most: int) -> None:
    work = in_batches(records, [SHOPS, ORDERS], most)
    assert sorted(place(record) for _, batch in work for record in batch) == sorted(map(place, records))
    assert all(0 < len(batch) <= most for _, batch in work)
    assert all({record.topic for record in batch} == {subscription.topic} for subscription, batch in work)
    topics = [subscription.topic for subscription, _ in work]
    assert topics == sorted(topics, reverse=True), "the shops first"


@given(records=polls(), most=st.integers(1, 12))
def test_one_customers_records_and_all_of_a_topic_without_lanes_keep_their_order(
    records: list[Record], most: int
) -> None:
    done = [record for _, batch in in_batches(records, [SHOPS, ORDERS], most) for record in batch]
    shops = [place(record) for record in records if record.topic == "shops"]
    assert [place(record) for record in done if record.topic == "shops"] == shops
    for customer in {record.value for record in records}:
        mine = [place(record) for record in records if record.topic == "orders" and record.value == customer]
        assert [place(record) for record in done if record.topic == "orders" and record.value == customer] == mine


@given(records=polls(), most=st.integers(1, 12))
def test_batches_that_may_overlap_have_no_customer_in_common(records: list[Record], most: int) -> None:
    work = in_batches(records, [SHOPS, ORDERS], most)
    for number in range(1, len(work)):
        (before, first), (present, second) = work[number - 1 : number + 1]
        if may_overlap(work, number):
            assert before is present is ORDERS
            assert not {record.value for record in first} & {record.value for record in second}


def test_two_consumers_go_through_the_lanes_in_the_same_order() -> None:
    """Each has its own partitions; the customers are everywhere."""
    customers = [b"customer-%d" % number for number in range(200)]
    mine = [Record("orders", 0, place, b"k", customer) for place, customer in enumerate(customers)]
    theirs = [Record("orders", 1, place, b"k", customer) for place, customer in enumerate(reversed(customers))]
    first, second = in_batches(mine, [ORDERS], 100), in_batches(theirs, [ORDERS], 100)
    assert len(first) == LANES
    assert [{record.value for record in batch} for _, batch in first] == [
        {record.value for record in batch} for _, batch in second
    ]


def test_a_batch_that_is_small_enough_is_not_dealt_out() -> None:
    records = [Record("orders", 0, number, b"k", b"%d" % number) for number in range(50)]
    assert in_batches(records, [ORDERS], 50) == [(ORDERS, records)]
    assert len(in_batches(records, [ORDERS], 49)) == LANES


@given(records=polls(), most=st.integers(1, 12), data=st.data())
def test_no_position_passes_a_record_that_is_not_settled(records: list[Record], most: int, data: st.DataObject) -> None:
    work: Work = in_batches(records, [SHOPS, ORDERS], most)
    done = data.draw(st.integers(0, len(work)))
    ends = positions(work, done)
    settled = [record for _, batch in work[:done] for record in batch]
    left = [record for _, batch in work[done:] for record in batch]
    assert set(ends) == {TopicPartition(record.topic, record.partition) for record in settled}
    for at, end in ends.items():
        offsets = [record.offset for record in left if (record.topic, record.partition) == at]
        last = max(record.offset for record in settled if (record.topic, record.partition) == at)
        assert end == min([last + 1, *offsets])
