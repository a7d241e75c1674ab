"""The URL of an SMTP server: ``smtp://`` (TLS where it is offered), ``smtp+starttls://`` (or not at all), ``smtps://``."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

Security = Literal["offered", "starttls", "tls"]

_SCHEMES: dict[str, tuple[Security, int]] = {
    "smtp": ("offered", 25),
    "smtp+starttls": ("starttls", 587),
    "smtps": ("tls", 465),
}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class SmtpUrl:
    """Where and how to hand mails over. ``verify`` False takes any certificate (``?verify=no``, test servers)."""

    host: str
    port: int
    security: Security
    username: str | None
    password: str | None
    verify: bool

    @property
    def loopback(self) -> bool:
        """Whether the server is on this machine, so that a password may go there without TLS."""
        return self.host in _LOOPBACK

    def __repr__(self) -> str:
        return f"SmtpUrl({self.host}:{self.port}, {self.security})"


def parse_smtp_url(text: str) -> SmtpUrl:
    """The parts of the URL. Raises ``ValueError`` that says what is wrong without repeating the password."""
    parts = urlsplit(text)
    if parts.scheme not in _SCHEMES:
        raise ValueError("must be smtp://, smtp+starttls:// or smtps://user:password@host:port")
    security, default_port = _SCHEMES[parts.scheme]
    try:
        port = parts.port or default_port
    except ValueError:
        raise ValueError("the port of the SMTP URL must be a number from 1 to 65535") from None
    if not parts.hostname or parts.path not in ("", "/"):
        raise ValueError("the SMTP URL must name a host and no path")
    query = parse_qs(parts.query)
    unknown = set(query) - {"verify"}
    if unknown or query.get("verify", ["yes"]) not in (["yes"], ["no"]):
        raise ValueError("the SMTP URL takes only ?verify=yes or ?verify=no")
    return SmtpUrl(
        host=parts.hostname,
        port=port,
        security=security,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        verify=query.get("verify", ["yes"]) == ["yes"],
    )
