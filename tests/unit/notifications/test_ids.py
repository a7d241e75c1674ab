from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from notifications.ids import first_id_at, key_hash, mail_id, message_id

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PART = st.text(max_size=5)


@given(st.tuples(PART, PART, PART, PART, PART), st.tuples(PART, PART, PART, PART, PART))
def test_two_keys_have_one_hash_only_if_they_are_one(
    a: tuple[str, str, str, str, str], b: tuple[str, str, str, str, str]
) -> None:
    assert (key_hash(*a) == key_hash(*b)) is (a == b)


def test_ids_sort_by_time_then_by_place_in_the_batch() -> None:
    key = key_hash("demo", "order_confirmation", "c1", "1001", "")
    ids = [
        message_id(key, NOW, 0),
        message_id(key, NOW, 1),
        message_id(key, NOW, 999),
        message_id(key, NOW + timedelta(milliseconds=1), 0),
    ]
    assert ids == sorted(ids)
    assert len(set(ids)) == 4
    assert all(len(one) == 30 and one.startswith("msg_") for one in ids)


def test_the_first_id_of_an_instant_parts_what_is_older_from_what_is_not() -> None:
    key = key_hash("demo", "order_confirmation", "c1", "1001", "")
    assert message_id(key, NOW - timedelta(milliseconds=1), 999) < first_id_at(NOW) <= message_id(key, NOW, 0)


def test_the_same_key_gives_the_same_message_id_header() -> None:
    key = key_hash("demo", "order_confirmation", "c1", "1001", "")
    again = key_hash("demo", "order_confirmation", "c1", "1001", "")
    other = key_hash("demo", "order_confirmation", "c1", "1002", "")
    assert mail_id(key, "shop.example") == mail_id(again, "shop.example")
    assert mail_id(key, "shop.example") != mail_id(other, "shop.example")
