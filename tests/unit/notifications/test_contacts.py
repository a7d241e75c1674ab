from hypothesis import given
from hypothesis import strategies as st

from notifications import contacts
from notifications.contacts import Field
from notifications.views import ContactData

TIMES = st.sampled_from([f"2026-01-0{day}T00:00:00.000000Z" for day in range(1, 5)])
FIELDS = st.dictionaries(
    st.sampled_from(contacts.KEPT), st.tuples(st.none() | st.sampled_from(["a", "ab", "b", 'q"', "é"]), TIMES)
)


@given(FIELDS, FIELDS, FIELDS)
def test_merge_is_commutative_associative_and_idempotent(
    a: dict[str, Field], b: dict[str, Field], c: dict[str, Field]
) -> None:
    assert contacts.merge(a, b) == contacts.merge(b, a)
    assert contacts.merge(contacts.merge(a, b), c) == contacts.merge(a, contacts.merge(b, c))
    assert contacts.merge(a, a) == a


def test_an_older_import_overwrites_nothing() -> None:
    now = contacts.fields_of(ContactData(customer_id="c", email="new@example.com"), "2026-02-01T00:00:00.000000Z")
    old = contacts.fields_of(
        ContactData(customer_id="c", email="old@example.com", first_name="Ada"), "2025-01-01T00:00:00.000000Z"
    )
    merged = contacts.merge(now, old)
    assert contacts.usable_email(merged) == "new@example.com"
    assert contacts.value(merged, "first_name") == "Ada"


def test_null_clears_a_field_and_an_absent_one_says_nothing() -> None:
    first = contacts.fields_of(
        ContactData(customer_id="c", email="ada@example.com", first_name="Ada"), "2026-01-01T00:00:00.000000Z"
    )
    cleared = contacts.fields_of(ContactData(customer_id="c", email=None), "2026-01-02T00:00:00.000000Z")
    merged = contacts.merge(first, cleared)
    assert contacts.usable_email(merged) is None
    assert contacts.value(merged, "first_name") == "Ada"


def test_at_equal_times_a_value_beats_null_and_the_greater_text_wins() -> None:
    at = "2026-01-01T00:00:00.000000Z"
    assert contacts.merge({"email": (None, at)}, {"email": ("a@b.example", at)})["email"][0] == "a@b.example"
    assert contacts.merge({"email": ("b@b.example", at)}, {"email": ("a@b.example", at)})["email"][0] == "b@b.example"


def test_what_was_stated_before_an_erasure_does_not_come_back() -> None:
    fields: dict[str, Field] = {
        "email": ("ada@example.com", "2026-01-01T00:00:00.000000Z"),
        "locale": ("de", "2026-01-03T00:00:00.000000Z"),
    }
    assert contacts.after(fields, "2026-01-02T00:00:00.000000Z") == {"locale": ("de", "2026-01-03T00:00:00.000000Z")}
