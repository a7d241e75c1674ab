"""A canonical instant is found without a regular expression only where the careful way would find the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comeback_contracts.instants import canonical
from comeback_contracts.order_reading import _is_canonical, _is_plain

PLAIN = "2026-02-28T23:59:59Z"
PIECES = [*"0123456789-:TtZzW+. \0", "\u0660", "\uff11", "\u00e9"]


def is_canonical(text: str) -> bool:
    try:
        return canonical(text) == text
    except ValueError:
        return False


@given(st.datetimes().map(lambda at: at.replace(microsecond=0).isoformat() + "Z"))
def test_every_whole_second_is_found(text: str) -> None:
    assert _is_plain(text)
    assert is_canonical(text)


@given(
    st.lists(st.tuples(st.integers(0, len(PLAIN) - 1), st.sampled_from(PIECES)), max_size=4),
    st.sampled_from(["", "Z", "0", "+00:00"]),
)
def test_nothing_else_is_taken_for_one(changes: list[tuple[int, str]], more: str) -> None:
    letters = list(PLAIN)
    for place, piece in changes:
        letters[place] = piece
    text = "".join(letters) + more
    assert not _is_plain(text) or is_canonical(text)
    assert _is_canonical(text) is is_canonical(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-W09-6T23:59:59Z",
        "2026-02-29T00:00:00Z",
        "2026-02-28T24:00:00Z",
        "2026-02-28T23:59:60Z",
        "2024-02-29T23:Z\0:59Z",
        "2026-02-28 23:59:59Z",
    ],
)
def test_what_looks_like_one_and_is_none(text: str) -> None:
    assert not _is_plain(text)
    assert not is_canonical(text)
