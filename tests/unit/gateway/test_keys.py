"""The form of shop keys, and what is kept of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import WrongMasterKey
from gateway.keys import SCOPES, ShopKeyText, check_scopes, generate, parse
from gateway.vault import Vault

MASTER = "a master key of at least 32 bytes!!"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("cbk_demo_" + "a" * 24, ("demo", "a" * 24)),
        ("cbk_" + "0" * 32 + "_" + "Z9z" * 42 + "ab", ("0" * 32, "Z9z" * 42 + "ab")),
        ("cbk_dem_" + "a" * 24, None),
        ("cbk_" + "d" * 33 + "_" + "a" * 24, None),
        ("cbk_demo_" + "a" * 23, None),
        ("cbk_demo_" + "a" * 129, None),
        ("cbk_Demo_" + "a" * 24, None),
        ("cbk_demo_" + "a" * 23 + "-", None),
        ("cbk_demo_" + "a" * 24 + "\n", None),
        (" cbk_demo_" + "a" * 24, None),
        ("cbk_demo_" + "a" * 12 + "_" + "a" * 12, None),
        ("cbk_démo_" + "a" * 24, None),
        ("", None),
    ],
)
def test_only_the_contracts_form_is_a_key(text: str, parts: tuple[str, str] | None) -> None:
    key = parse(text)
    assert (None if key is None else (key.key_id, key.secret)) == parts


def test_a_new_key_has_the_form_and_no_two_are_alike() -> None:
    keys = [generate() for _ in range(200)]
    assert all(parse(str(key)) == key for key in keys)
    assert len({key.key_id for key in keys}) == len({key.secret for key in keys}) == 200


def test_the_secret_of_a_key_is_not_in_its_repr() -> None:
    key = generate()
    assert key.secret not in repr(key)


@given(st.text(max_size=200))
def test_no_text_breaks_the_parser(text: str) -> None:
    key = parse(text)
    assert key is None or str(key) == text


def test_unknown_and_no_scopes_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="loyalty:delete"):
        check_scopes(frozenset({"loyalty:read", "loyalty:delete"}))
    with pytest.raises(ValueError, match="events:write"):
        check_scopes(frozenset())
    assert check_scopes(SCOPES) == SCOPES


def test_the_hash_is_bound_to_id_secret_and_pepper() -> None:
    vault, key = Vault(MASTER), ShopKeyText("demo", "s" * 24)
    assert vault.key_hash(key) == Vault(MASTER).key_hash(ShopKeyText("demo", "s" * 24))
    others = {
        vault.key_hash(ShopKeyText("demo", "s" * 25)),
        vault.key_hash(ShopKeyText("dem0", "s" * 24)),
        Vault(MASTER + "!").key_hash(key),
    }
    assert len(others) == 3
    assert vault.key_hash(key) not in others


def test_a_sealed_secret_opens_only_in_its_place_with_its_master_key() -> None:
    vault = Vault(MASTER)
    sealed = vault.seal(b"secret", "demo/guest")
    assert b"secret" not in sealed
    assert vault.open(sealed, "demo/guest") == b"secret"
    assert vault.seal(b"secret", "demo/guest") != sealed
    for other, place in ((vault, "other/guest"), (Vault(MASTER + "!"), "demo/guest")):
        with pytest.raises(WrongMasterKey):
            other.open(sealed, place)
    with pytest.raises(WrongMasterKey):
        vault.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), "demo/guest")
