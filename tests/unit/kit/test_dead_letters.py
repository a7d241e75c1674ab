"""A dead letter gives its original back to the byte, which replaying depends on."""

from datetime import UTC, datetime

import msgspec
import pytest

from comeback_kit.dead_letters import Letter, letter
from comeback_kit.log import Record

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [b'{"a": 1}', b'{ "a" :\n 1.50 }', b"[1, 2]", b"null", b"", b"{", b"\xff\xfe", b"[" * 20_000, b'{"a": "\\u0000"}'],
)
def test_the_original_comes_back_to_the_byte(value: bytes) -> None:
    record = Record("things", 2, 7, b"demo:1", value, {"traceparent": "00-1"})
    written = letter("loyalty", record, "too odd", _NOW)
    read = msgspec.json.decode(written.value, type=Letter)
    original = read.original()
    assert (original.topic, original.key, original.value) == ("things", "demo:1", value)
    assert original.headers == {"traceparent": "00-1"}
    assert (read.reason, read.partition, read.offset, read.service) == ("too odd", 2, 7, "loyalty")


def test_a_letter_has_the_original_once() -> None:
    as_json = msgspec.json.decode(letter("loyalty", Record("t", 0, 1, b"k", b'{"a": 1}'), "why", _NOW).value)
    assert "event" in as_json
    assert "value_base64" not in as_json
    as_bytes = msgspec.json.decode(letter("loyalty", Record("t", 0, 1, b"k", b"\xff"), "why", _NOW).value)
    assert "value_base64" in as_bytes
    assert "event" not in as_bytes
