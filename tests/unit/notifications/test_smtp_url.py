import pytest

from notifications.smtp_url import parse_smtp_url


@pytest.mark.parametrize(
    ("text", "host", "port", "security"),
    [
        ("smtp://mail.example", "mail.example", 25, "offered"),
        ("smtp://127.0.0.1:2525", "127.0.0.1", 2525, "offered"),
        ("smtp+starttls://mail.example", "mail.example", 587, "starttls"),
        ("smtps://mail.example", "mail.example", 465, "tls"),
        ("smtps://[::1]:4650", "::1", 4650, "tls"),
    ],
)
def test_the_scheme_decides_port_and_security(text: str, host: str, port: int, security: str) -> None:
    url = parse_smtp_url(text)
    assert (url.host, url.port, url.security, url.verify) == (host, port, security, True)


def test_user_and_password_are_unquoted_and_not_shown() -> None:
    url = parse_smtp_url("smtp://us%40er:p%2Fw%3A@mail.example:587?verify=no")
    assert (url.username, url.password, url.verify) == ("us@er", "p/w:", False)
    assert "p/w:" not in repr(url)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mail.example:25",
        "http://mail.example",
        "smtp://",
        "smtp://:25",
        "smtp://h:70000",
        "smtp://h:x",
        "smtp://h/p",
        "smtp://h?verify=maybe",
        "smtp://h?x=1",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"SMTP|smtp|port"):
        parse_smtp_url(text)
