import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications import links
from notifications.links import PreferenceLink

OLD, NEW = b"o" * 32, b"n" * 32
LINK = PreferenceLink("demo", "c1", "surveys")


def test_a_link_reads_back() -> None:
    token = links.sign(LINK, [NEW])
    assert links.verify(token, [NEW]) == LINK
    assert links.shop_claimed(token) == "demo"


def test_case_62_a_token_with_any_one_character_changed_is_refused() -> None:
    token = links.sign(LINK, [NEW])
    for place, char in enumerate(token):
        for other in "Ax0":
            if other != char:
                changed = token[:place] + other + token[place + 1 :]
                assert links.verify(changed, [NEW]) is None
    assert links.verify(token + "é", [NEW]) is None


def test_a_key_that_was_replaced_still_verifies_and_the_last_one_signs() -> None:
    assert links.verify(links.sign(LINK, [OLD]), [OLD, NEW]) == LINK
    assert links.verify(links.sign(LINK, [OLD, NEW]), [NEW]) == LINK
    assert links.verify(links.sign(LINK, [OLD, NEW]), [OLD]) is None


@pytest.mark.parametrize("token", ["", ".", "..", "a.b", "eyJ4IjoxfQ.x", "\x00", "." + "A" * 4000, "é"])
def test_garbage_names_no_shop_and_opens_nothing(token: str) -> None:
    assert links.shop_claimed(token) is None
    assert links.verify(token, [NEW]) is None


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=128))
def test_any_customer_id_survives(customer_id: str) -> None:
    link = PreferenceLink("demo", customer_id, "orders")
    token = links.sign(link, [NEW])
    assert links.verify(token, [NEW]) == link
    assert all(char.isalnum() or char in "-_." for char in token)
