from typing import Any

import pytest
from pydantic import ValidationError

from notifications.composing import sender_for
from notifications.settings import Settings

REQUIRED: dict[str, Any] = {"database_url": "postgresql://localhost/x", "log_url": "postgresql://localhost/x"}


@pytest.mark.parametrize(
    ("mail_from", "public_url", "address"),
    [
        ("shop@Example.com", "https://elsewhere.example", "shop@example.com"),
        ("shop@bücher.example", "https://elsewhere.example", "shop@xn--bcher-kva.example"),
        (None, "https://shop.example/comeback", "no-reply@shop.example"),
        (None, "http://127.0.0.1:8000", "no-reply@localhost"),
        (None, "http://localhost:8000", "no-reply@localhost"),
    ],
)
def test_mails_come_from_the_address_that_is_set_else_from_the_public_host(
    mail_from: str | None, public_url: str, address: str
) -> None:
    settings = Settings(**REQUIRED, mail_from=mail_from, public_url=public_url)
    assert sender_for(settings.mail_from, settings.public_url).address == address


@pytest.mark.parametrize("mail_from", ["shop", "a..b@example.com", "Shop <a@b.example>", "größe@example.com", "a@b@c"])
def test_a_sender_that_no_mail_can_come_from_stops_the_start(mail_from: str) -> None:
    with pytest.raises(ValidationError, match="mail_from"):
        Settings(**REQUIRED, mail_from=mail_from)
