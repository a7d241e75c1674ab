"""What the consumer takes for poison before any handler sees it."""

import json

import pytest

from comeback_kit.delivery import Delivery, decode
from comeback_kit.log import Record

_EVENT = {
    "id": "1",
    "source": "api",
    "type": "thing.done",
    "time": "2026-01-01T00:00:00Z",
    "shopid": "demo",
    "data": {"text": "hello"},
}


def _decoded(value: bytes) -> Delivery:
    (delivery,) = decode([Record("things", 0, 7, b"demo:1", value)], frozenset({"thing.done"}))
    return delivery


def _with(text: str) -> bytes:
    return json.dumps({**_EVENT, "data": {"text": text}}).encode()


def test_a_whole_event_goes_to_the_handler() -> None:
    delivery = _decoded(json.dumps(_EVENT).encode())
    assert delivery.reason is None
    assert delivery.event is not None


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\\\x00", "\\\\\x00", "\x00\x00"])
def test_nul_anywhere_in_the_data_is_poison(text: str) -> None:
    delivery = _decoded(_with(text))
    assert "NUL" in (delivery.reason or "")


@pytest.mark.parametrize("text", ["\\u0000", "\\\\u0000", "u0000", "a\\u0000b"])
def test_a_backslash_and_five_characters_are_no_nul(text: str) -> None:
    assert _decoded(_with(text)).reason is None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{",
        b"[]",
        b'{"id": 1}',
        b"\xff\xfe",
        b"[" * 50_000,
        json.dumps({**_EVENT, "type": "thing.exploded"}).encode(),
        json.dumps({**_EVENT, "id": ""}).encode(),
        json.dumps({**_EVENT, "shopid": "9" * 513}).encode(),
        json.dumps({**_EVENT, "data": {"text": "9" * 2_000_000}}).encode(),
    ],
)
def test_what_is_no_event_of_the_topic_is_poison_with_a_reason(value: bytes) -> None:
    assert _decoded(value).reason


def test_a_repeated_event_is_delivered_once() -> None:
    value = json.dumps(_EVENT).encode()
    records = [Record("things", 0, offset, b"demo:1", value) for offset in range(3)]
    assert [delivery.record.offset for delivery in decode(records, None)] == [0]
