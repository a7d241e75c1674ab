"""Settings of the notifications service, read from ``NOTIFICATIONS_…`` and checked before anything starts."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import SettingsConfigDict

from comeback_kit.settings import ServiceSettings
from notifications.addresses import usable
from notifications.smtp_url import SmtpUrl, parse_smtp_url


def _smtp_url(value: str) -> str:
    parse_smtp_url(value)
    return value


def _sender(value: str) -> str:
    address = usable(value)
    if address is None or not address.isascii():  # a server may take no other sender, and then no mail would leave
        raise ValueError("must be an e-mail address without a name, in ASCII before the @: shop@example.com")
    return address


class Settings(ServiceSettings):
    """What the notifications service reads beyond what every service does."""

    model_config = SettingsConfigDict(env_prefix="NOTIFICATIONS_", extra="ignore", frozen=True)

    smtp_url: Annotated[str, AfterValidator(_smtp_url)] | None = Field(
        default=None,
        description="smtp://, smtp+starttls:// or smtps://user:password@host:port; without it mails go to `mail_dir`",
    )
    mail_dir: Path = Field(default=Path(".run/mails"), description="folder of mails while there is no SMTP server")
    mail_from: Annotated[str, AfterValidator(_sender)] | None = Field(
        default=None,
        description="sender address, `no-reply@` the public host if not set; the shop's name stands before it",
    )
    mail_connections: int = Field(default=4, ge=1, le=64, description="SMTP connections, kept open, of this process")
    mail_timeout: float = Field(default=30.0, gt=0, le=300, description="seconds that one SMTP command may take")
    mail_lease: float = Field(
        default=15.0, ge=1, le=600, description="seconds after which another process takes over from one that died"
    )
    mail_retry: float = Field(default=1.0, gt=0, le=3600, description="seconds before the first retry; then doubled")
    mail_retry_most: float = Field(default=900.0, gt=0, le=86_400, description="most seconds between two retries")
    mail_give_up: float = Field(
        default=24.0, gt=0, le=240, description="hours of temporary refusals after which a message has failed"
    )
    mail_kept_days: float = Field(
        default=90.0,
        gt=0,
        le=36_500,
        description="days after which a mail's text and address are removed; that it was sent stays known",
    )

    def smtp(self) -> SmtpUrl | None:
        """Where to hand mails over, or None for the mail folder."""
        return None if self.smtp_url is None else parse_smtp_url(self.smtp_url)
