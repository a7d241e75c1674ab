"""What text and ids may hold."""

import pytest
from pydantic import TypeAdapter, ValidationError

from comeback_contracts.ids import Id, is_id
from comeback_contracts.text import Text, TimeZone, Url, has_escaped_nul, is_clean

TEXT: TypeAdapter[str] = TypeAdapter(Text)
ID: TypeAdapter[str] = TypeAdapter(Id)


@pytest.mark.parametrize("good", ["1001", "gid:Shopify:Order:1", "ä", "😀", "a b", "x" * 128, "#1001", "."])
def test_ids(good: str) -> None:
    assert ID.validate_python(good) == good
    assert is_id(good)


@pytest.mark.parametrize("bad", ["", "x" * 129, "a/b", "a\x00", "a\n", "\x7f", "\x85", "\ud800"])
def test_what_is_no_id(bad: str) -> None:
    assert not is_id(bad)
    with pytest.raises(ValidationError):
        ID.validate_python(bad)


@pytest.mark.parametrize("bad", [1, None, True, b"x"])
def test_an_id_is_text(bad: object) -> None:
    with pytest.raises(ValidationError):
        ID.validate_python(bad)


@pytest.mark.parametrize("good", ["", "line\nbreak\ttab", "😀", "x" * 4096])
def test_text(good: str) -> None:
    assert TEXT.validate_python(good) == good
    assert is_clean(good)


@pytest.mark.parametrize("bad", ["\x00", "a\x00b", "\ud800", "a\udfff"])
def test_what_no_database_holds(bad: str) -> None:
    assert not is_clean(bad)
    with pytest.raises(ValidationError):
        TEXT.validate_python(bad)


def test_text_has_a_length() -> None:
    with pytest.raises(ValidationError):
        TEXT.validate_python("x" * 4097)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (rb'{"a":"\u0000"}', True),
        (rb'{"a":"x\\\u0000"}', True),
        (rb'{"a":"\\u0000"}', False),
        (rb'{"a":"\\\\u0000"}', False),
        (rb'{"a":"\\u0000 \u0000"}', True),
        (b'{"a":"u0000"}', False),
    ],
)
def test_an_escaped_nul_is_told_from_a_backslash(document: bytes, expected: bool) -> None:
    assert has_escaped_nul(document) is expected


@pytest.mark.parametrize("bad", ["javascript:alert(1)", "//x.org", "https://a b", "https://", "ftp://x.org"])
def test_addresses_are_http(bad: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Url).validate_python(bad)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Etc/GMT+5"])
def test_time_zones_have_a_form(zone: str) -> None:
    assert TypeAdapter(TimeZone).validate_python(zone) == zone


@pytest.mark.parametrize("zone", ["", "../etc/passwd", "Europe/", "/UTC", "+01:00"])
def test_what_is_no_time_zone(zone: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(TimeZone).validate_python(zone)
