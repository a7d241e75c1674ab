"""Signed links: what opens, what does not (C11), and that no clock takes part."""

import base64
import hashlib
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import Signer

from feedback.links import LONGEST, SurveyLink, shop_claimed, sign, verify

OLD, NEW = b"o" * 32, b"n" * 32
_ALPHABET = string.ascii_letters + string.digits + "-_."
LINK = SurveyLink("demo", "inv_01")
IDS = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="/"), min_size=1, max_size=60)


def test_c11_one_changed_character_anywhere_closes_a_link() -> None:
    """Any other character of the alphabet, also where base64's last one has bits to spare."""
    for link in (LINK, *(SurveyLink("demo", f"inv_{number}") for number in range(16))):
        token = sign(link, [NEW])
        places = range(len(token)) if link == LINK else [len(token) - 1]
        for place in places:
            for other in _ALPHABET:
                if other != token[place]:
                    assert verify(token[:place] + other + token[place + 1 :], [NEW]) is None


def test_c11_a_link_of_the_previous_key_still_opens() -> None:
    token = sign(LINK, [OLD])
    assert verify(token, [OLD, NEW]) == LINK
    assert sign(LINK, [OLD, NEW]) == sign(LINK, [NEW])
    assert verify(token, [NEW]) is None


def test_c11_a_token_for_another_purpose_does_not_open() -> None:
    payload = sign(LINK, [NEW]).split(".")[0]
    other = Signer(NEW, salt="notifications/preferences/1", key_derivation="hmac", digest_method=hashlib.sha256)
    assert verify(other.sign(payload).decode(), [NEW]) is None


def test_a_link_of_another_shops_key_does_not_open() -> None:
    assert verify(sign(LINK, [OLD]), [NEW]) is None


@pytest.mark.parametrize(
    "token", ["", ".", "a.b", "x" * (LONGEST + 1), "W10.x", "[" * 700 + ".x", "\ud800", "é.é", "🙂"]
)
def test_nonsense_is_refused_quietly(token: str) -> None:
    assert verify(token, [NEW]) is None
    assert shop_claimed(token) is None


def test_a_payload_of_another_shape_is_no_link() -> None:
    for payload in ([1, 2], ["demo"], {"shop": "demo"}, "demo", None):
        encoded = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=")
        signer = Signer(NEW, salt="feedback/survey-link/1", key_derivation="hmac", digest_method=hashlib.sha256)
        token = signer.sign(encoded).decode()
        assert verify(token, [NEW]) is None
        assert shop_claimed(token) is None


@given(IDS, IDS)
def test_every_link_comes_back_and_is_the_same_each_time(shop_id: str, invitation_id: str) -> None:
    link = SurveyLink(shop_id, invitation_id)
    token = sign(link, [NEW])
    assert token == sign(link, [NEW])
    assert verify(token, [NEW]) == link
    assert shop_claimed(token) == shop_id
    assert "/" not in token


@given(st.text(max_size=200))
def test_no_text_breaks_the_verification(token: str) -> None:
    assert verify(token, [NEW]) is None
    shop_claimed(token)
