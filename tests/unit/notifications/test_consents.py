import pytest

from notifications.consents import preferences, purposes_of, state_of, subscribed
from notifications.workflows import turned_off_by_one_click


def test_case_54_without_a_statement_transactional_is_sent_and_marketing_is_not() -> None:
    assert preferences({}) == {"orders": True, "points": True, "surveys": True, "marketing": False}


def test_a_required_category_cannot_be_withdrawn() -> None:
    assert subscribed("orders", {"orders": "unsubscribed", "marketing": "unsubscribed"})


@pytest.mark.parametrize(
    ("stated", "invited"),
    [
        ({"surveys": "unsubscribed"}, False),
        ({"marketing": "unsubscribed"}, False),
        ({"marketing": "not_subscribed"}, True),
        ({"marketing": "pending"}, True),
        ({"marketing": "unsubscribed", "surveys": "subscribed"}, True),
    ],
)
def test_who_left_marketing_gets_no_survey_unless_they_chose_surveys(stated: dict[str, str], invited: bool) -> None:
    assert subscribed("surveys", stated) is invited


@pytest.mark.parametrize(
    ("word", "purposes"),
    [
        ("Newsletter", ("marketing",)),
        ("feedback", ("surveys",)),
        ("*", ("points", "surveys", "marketing")),
        ("x", ("x",)),
    ],
)
def test_a_shops_words_for_a_purpose_are_understood(word: str, purposes: tuple[str, ...]) -> None:
    assert purposes_of(word) == purposes


@pytest.mark.parametrize(
    ("word", "state"), [("granted", "subscribed"), ("Revoked", "unsubscribed"), ("pending", "pending")]
)
def test_a_shops_words_for_a_state_are_understood(word: str, state: str) -> None:
    assert state_of(word) == state


@pytest.mark.parametrize("category", ["orders", "points", "surveys", "marketing", "preferences"])
def test_one_click_ends_what_is_promotional_and_the_mails_own_kind_but_never_orders(category: str) -> None:
    off = turned_off_by_one_click(category)
    assert {"surveys", "marketing"} <= set(off)
    assert "orders" not in off
    assert ("points" in off) is (category == "points")
