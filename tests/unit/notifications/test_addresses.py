import pytest

from notifications.addresses import folded, usable


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("ada@example.com", "ada@example.com"),
        ("  ada@Example.COM ", "ada@example.com"),
        ("Ada.Lovelace+shop@example.co.uk", "Ada.Lovelace+shop@example.co.uk"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("用户@example.com", "用户@example.com"),
        ("ada@straße.example", "ada@xn--strae-oqa.example"),  # another domain than strasse.example (IDNA 2008)
        ("ada@BÜCHER。example", "ada@xn--bcher-kva.example"),
        ("ada@例え.example", "ada@xn--r8jz45g.example"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_an_address_is_written_as_a_mail_server_takes_it(given: str, written: str) -> None:
    assert usable(given) == written


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "ada",
        "ada@",
        "@example.com",
        "ada@@example.com",
        "ada lovelace@example.com",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada\n@example.com",
        "ada@exa\x00mple.com",
        "<ada@example.com>",
        "ada@example.com,eve@example.com",
        'ada"@example.com',
        ".ada@example.com",
        "a..da@example.com",
        "ada@-example.com",
        "ada@example..com",
        "ada@127.0.0.1",
        "a" * 65 + "@example.com",
        "é" * 33 + "@example.com",  # 66 octets
        "ada\u200b@example.com",
        "ada\u202e@example.com",
        "ada\x85@example.com",
        "ada\x9b@example.com",
        "ada@\u0130\u0307\u200d.example",
        "ada@" + "a" * 64 + ".com",
        "ada@" + ".".join(["abcdefgh"] * 40),
    ],
)
def test_what_cannot_be_written_to_is_no_address(given: str | None) -> None:
    assert usable(given) is None


def test_two_spellings_of_a_mailbox_fold_to_one() -> None:
    assert folded("Ada@Example.com") == folded("ada@example.COM")
