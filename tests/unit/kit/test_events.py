"""The envelope as the kit reads it."""

import json
from datetime import UTC, datetime

import msgspec
import pytest

from comeback_kit.delivery import decode
from comeback_kit.errors import PoisonEvent
from comeback_kit.events import Event
from comeback_kit.log import Record

EVENT = {
    "specversion": "1.0",
    "id": "e1",
    "source": "shopify/demo",
    "type": "order.paid",
    "time": "2026-11-24T10:00:00Z",
    "subject": "1001",
    "shopid": "demo",
    "unknown": {"to": "us"},
    "data": {"n": 1, "more": [1, 2]},
}


class View(msgspec.Struct):
    n: int


def record(document: object, *, offset: int = 0) -> Record:
    value = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Record("things", 0, offset, b"k", value)


def event(**changes: object) -> Event:
    (delivery,) = decode([record(EVENT | changes)], None)
    assert delivery.event is not None, delivery.reason
    return delivery.event


def test_data_is_read_through_a_view_of_the_service() -> None:
    assert event().view(View) == View(1)
    assert bytes(event(data=None).data) == b"null"


def test_data_that_does_not_fit_names_the_event() -> None:
    broken = event(data={"n": 1.5})
    with pytest.raises(PoisonEvent, match="does not fit View") as poison:
        broken.view(View)
    assert poison.value.event is broken


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-24T10:00:00Z", datetime(2026, 11, 24, 10, tzinfo=UTC)),
        ("2026-11-24T12:00:00.25+02:00", datetime(2026, 11, 24, 10, 0, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_time_is_an_instant(text: str, instant: datetime) -> None:
    assert event(time=text).at == instant


@pytest.mark.parametrize("text", ["yesterday", "2026-11-24T10:00:00", "", "2026-13-01T00:00:00Z"])
def test_a_time_that_is_none_names_the_event(text: str) -> None:
    with pytest.raises(PoisonEvent, match="RFC 3339"):
        _ = event(time=text).at


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "not a CloudEvents"),
        (b"{", "not a CloudEvents"),
        (b"\xff", "not a CloudEvents"),
        (b"[1]", "not a CloudEvents"),
        (b"[" * 100_000, "not a CloudEvents"),
        ({"id": "e1"}, "not a CloudEvents"),
        (EVENT | {"id": 5}, "not a CloudEvents"),
        (EVENT | {"id": ""}, "1 to 512"),
        (EVENT | {"id": "a\x00"}, "NUL"),
        (EVENT | {"shopid": "s" * 513}, "1 to 512"),
        (EVENT | {"source": "\x00"}, "NUL"),
        (EVENT | {"type": "order.teleported"}, "unknown type"),
        (EVENT | {"data": "x" * (1024 * 1024)}, "too large"),
    ],
)
def test_poison_is_marked_with_its_reason(document: object, reason: str) -> None:
    (delivery,) = decode([record(document)], frozenset({"order.paid"}))
    assert delivery.event is None
    assert delivery.reason is not None
    assert reason in delivery.reason


def test_repeated_events_of_a_batch_are_taken_once_and_in_order() -> None:
    records = [record(EVENT | {"id": name}, offset=at) for at, name in enumerate(["a", "b", "a", "c", "b"])]
    records += [record(EVENT | {"id": "a", "source": "api"}), record(EVENT | {"id": "a", "shopid": "other"})]
    deliveries = decode(records, None)
    assert [each.event.id for each in deliveries if each.event] == ["a", "b", "c", "a", "a"]
    assert [each.record.offset for each in deliveries[:3]] == [0, 1, 3]


def test_all_poison_is_kept_also_when_it_is_the_same() -> None:
    assert len(decode([record(b"{"), record(b"{")], None)) == 2
