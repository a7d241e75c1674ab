"""The merge, clause by clause of the contract."""

import itertools
from typing import Any

import pytest

from comeback_contracts.order_merge import OrderState, from_event, has_snapshot, merge

EARLY = "2026-01-01T00:00:00Z"
LATE = "2026-01-02T00:00:00Z"
LATER = "2026-01-03T00:00:00Z"


def order(updated_at: str | None = EARLY, **fields: Any) -> OrderState:
    whole = {
        "order_id": "1001",
        "currency": "EUR",
        "lines": [{"line_id": "a", "quantity": 1, "unit_price": 1000, "total": 1000}],
        "total": 1000,
        "placed_at": EARLY,
        "updated_at": updated_at,
        **fields,
    }
    return from_event({"order": whole}, EARLY)


def refunds(*given: dict[str, Any], updated_at: str | None = None, time: str = EARLY) -> OrderState:
    return from_event({"order": {"order_id": "1001", "refunds": list(given), "updated_at": updated_at}}, time)


def refund(refund_id: str = "r", amount: int = 100, at: str = EARLY, **fields: Any) -> dict[str, Any]:
    return {"refund_id": refund_id, "at": at, "amount": amount, **fields}


def both(a: OrderState, b: OrderState) -> OrderState:
    merged = merge(a, b)
    assert merged == merge(b, a)
    return merged


def test_the_snapshot_with_the_later_updated_at_wins_whole() -> None:
    early = order(EARLY, paid_at=EARLY, tip=50, total=1050, customer={"customer_id": "c"})
    late = order(LATE)
    assert both(early, late) == late
    assert "paid_at" not in both(early, late)
    assert "customer" not in both(early, late)


def test_updated_at_defaults_to_the_time_of_the_event() -> None:
    assert order(None)["updated_at"] == EARLY
    assert refunds(refund(), time=LATE)["refunds"]["r"]["updated_at"] == LATE


def test_instants_are_compared_in_utc() -> None:
    berlin = order("2026-01-01T12:30:00+02:00", number="berlin")
    london = order("2026-01-01T11:00:00Z", number="london")
    assert both(berlin, london)["number"] == "london"
    assert both(order("2026-01-01T10:30:00.000Z"), berlin)["updated_at"] == "2026-01-01T10:30:00Z"


def test_a_fraction_of_a_second_is_later() -> None:
    none, quarter, half = (order(f"2026-01-01T00:00:00{part}Z", number=part) for part in ("", ".25", ".5"))
    assert both(none, quarter)["number"] == ".25"
    assert both(half, quarter)["number"] == ".5"


@pytest.mark.parametrize(
    ("field", "ranks"),
    [
        ("state", ("open", "closed", "cancelled")),
        ("payment_state", ("pending", "paid", "partially_refunded", "refunded", "voided")),
        ("fulfilment_state", ("unfulfilled", "partial", "fulfilled", "delivered")),
    ],
)
def test_at_equal_times_states_go_in_the_order_listed(field: str, ranks: tuple[str, ...]) -> None:
    for low, high in itertools.combinations(("something new", *ranks), 2):
        assert both(order(**{field: low}), order(**{field: high}))[field] == high


@pytest.mark.parametrize(
    "field", ["placed_at", "paid_at", "fulfilled_at", "delivered_at", "estimated_delivery_at", "cancelled_at"]
)
def test_at_equal_times_the_later_of_two_instants_wins(field: str) -> None:
    assert both(order(**{field: "2026-01-05T00:00:00+05:00"}), order(**{field: "2026-01-04T20:00:00Z"}))[field] == (
        "2026-01-04T20:00:00Z"
    )


def test_at_equal_times_the_money_block_is_one_value() -> None:
    cheap = order(total=900, discounts=[{"amount": 100}])
    dear = order(total=1500, shipping=500)
    merged = both(cheap, dear)
    # Texts by bytes: {"currency":"EUR","discounts"… against {"currency":"EUR","lines"…, and "l" is greater than "d".
    assert {name: merged.get(name) for name in ("total", "shipping", "discounts")} == {
        "total": 1500,
        "shipping": 500,
        "discounts": None,
    }


def test_at_equal_times_the_text_decides_by_bytes_and_not_the_number() -> None:
    assert both(order(total=9, tip=9), order(total=9, tip=10))["tip"] == 9


def test_at_equal_times_the_customer_merges_member_by_member() -> None:
    german = order(customer={"customer_id": "a", "locale": "de"})
    merged = both(german, order(customer={"customer_id": "b", "country": "DE"}))
    assert merged["customer"] == {"customer_id": "b", "locale": "de", "country": "DE"}


def test_at_equal_times_absent_is_null_and_loses_to_any_value() -> None:
    assert both(order(paid_at=None, number=None), order(paid_at=EARLY, number=""))["paid_at"] == EARLY
    assert both(order(number=None), order(number=""))["number"] == ""
    assert order(number=None) == order()


def test_at_equal_times_the_greater_canonical_text_wins() -> None:
    # The closing quote takes part: "ab" is greater than "ab!" because " is greater than !.
    assert both(order(number="ab"), order(number="ab!"))["number"] == "ab"
    # UTF-8 bytes, not UTF-16 units: U+1F600 is greater than U+E000.
    assert both(order(number="\ue000"), order(number="😀"))["number"] == "😀"
    assert both(order(is_test=False), order(is_test=True))["is_test"] is True


def test_true_and_1_are_two_values_although_python_takes_them_for_one() -> None:
    one, true = order(attributes={"x": 1}), order(attributes={"x": True})
    assert merge(one, true)["attributes"]["x"] is merge(true, one)["attributes"]["x"] is True


def test_refunds_are_collected_over_all_events() -> None:
    merged = both(order(LATE, refunds=[refund("r1")]), order(EARLY, refunds=[refund("r2")]))
    assert set(merged["refunds"]) == {"r1", "r2"}
    assert merged["updated_at"] == LATE


def test_a_refund_keeps_the_time_of_the_event_that_brought_it() -> None:
    old = refunds(refund(amount=100, at=LATER), updated_at=EARLY)
    new = refunds(refund(amount=50, at=EARLY), updated_at=LATE)
    assert both(old, new)["refunds"]["r"]["amount"] == 50
    # The snapshot is later than both, and repeats neither: it changes nothing about which refund holds.
    assert both(both(old, order(LATER)), new)["refunds"]["r"] == new["refunds"]["r"]


def test_at_equal_times_the_refund_with_the_greater_text_wins_whole() -> None:
    assert both(refunds(refund(amount=9, tax=5)), refunds(refund(amount=10)))["refunds"]["r"]["amount"] == 9
    merged = both(refunds(refund(amount=9, tax=5)), refunds(refund(amount=9)))["refunds"]["r"]
    # …"refund_id":"r"} against …"refund_id":"r","tax":5}: } is greater than the comma.
    assert "tax" not in merged


def test_refunds_alone_never_move_the_snapshot() -> None:
    snapshot = order(EARLY, number="first")
    late_refund = refunds(refund(), updated_at=LATER)
    middle = order(LATE, number="second")
    assert both(both(snapshot, late_refund), middle)["number"] == "second"
    assert both(snapshot, late_refund)["updated_at"] == EARLY


def test_refunds_alone_are_kept_until_the_order_comes() -> None:
    early = both(refunds(refund("r1"), updated_at=LATE), refunds(refund("r2"), updated_at=EARLY))
    assert not has_snapshot(early)
    whole = both(early, order())
    assert has_snapshot(whole)
    assert set(whole["refunds"]) == {"r1", "r2"}


def test_placed_paid_two_refunds_and_cancel_end_in_one_state_in_any_order() -> None:
    events = [
        order(EARLY),
        order("2026-01-01T00:00:01Z", payment_state="paid", paid_at="2026-01-01T00:00:01Z"),
        refunds(refund("r1", 300), updated_at="2026-01-01T00:00:02Z"),
        refunds(refund("r2", 700), updated_at="2026-01-01T00:00:02Z"),
        order("2026-01-01T00:00:03Z", payment_state="refunded", state="cancelled", cancelled_at="2026-01-01T00:00:03Z"),
    ]
    expected = events[-1] | {"refunds": events[2]["refunds"] | events[3]["refunds"]}
    for arrival in itertools.permutations(events):
        merged = arrival[0]
        for event in arrival[1:] + arrival:
            merged = merge(merged, event)
        assert merged == expected


def test_a_later_snapshot_without_news_about_refunds_is_taken_as_it_is() -> None:
    early, late = order(EARLY), order(LATE)
    assert merge(early, late) is late
    assert merge(late, early) is late


def test_two_orders_do_not_merge() -> None:
    with pytest.raises(ValueError, match="two orders"):
        merge(order(), {**order(), "order_id": "1002"})
