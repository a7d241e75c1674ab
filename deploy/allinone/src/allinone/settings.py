"""The environment of ``make run``: everything has a default, everything is checked before anything starts."""

import re
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from comeback_contracts.money import exponent
from comeback_kit.log.kafka_settings import KafkaSettings
from comeback_kit.settings import DatabaseUrl, PublicUrl
from notifications.smtp_url import parse_smtp_url

SHOP_KEY = re.compile(r"cbk_[a-z0-9]{4,32}_[A-Za-z0-9]{24,128}\Z")


def _shop_key(value: str) -> str:
    if not SHOP_KEY.match(value):
        raise ValueError("must look like cbk_<4-32 of a-z 0-9>_<24-128 of A-Z a-z 0-9>")
    return value


def _secret(value: str) -> str:
    if len(value.encode()) < 32:
        raise ValueError("must have at least 32 bytes")
    return value


def _currency(value: str) -> str:
    exponent(value)  # raises for what ISO 4217 does not know
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("must be an IANA time zone such as Europe/Berlin") from error
    return value


def _kafka(value: str) -> str:
    if not value.startswith("kafka://"):
        raise ValueError("must be kafka://host:port[,host:port]; without it the log is a PostgreSQL table")
    KafkaSettings.from_url(value)
    return value


def _smtp(value: str) -> str:
    parse_smtp_url(value)
    return value


class Settings(BaseSettings):
    """``COMEBACK_…``; the contract's §6 has the table."""

    model_config = SettingsConfigDict(env_prefix="COMEBACK_", extra="ignore", frozen=True, env_ignore_empty=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    data_dir: Path = Path(".run")
    database_url: DatabaseUrl | None = None
    log_url: Annotated[str, AfterValidator(_kafka)] | None = None
    public_url: PublicUrl | None = None
    smtp_url: Annotated[str, AfterValidator(_smtp)] | None = None
    shop_id: str = Field(default="demo", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")
    shop_key: Annotated[str, AfterValidator(_shop_key)] | None = None
    customer_secret: Annotated[str, AfterValidator(_secret)] | None = None
    shopify_secret: str | None = Field(default=None, min_length=1)
    shop_currency: Annotated[str, AfterValidator(_currency)] = "EUR"
    shop_time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    log_level: str = Field(default="warning", pattern="^(debug|info|warning|error)$")

    @property
    def address(self) -> str:
        """Where the gateway listens, as a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def base_url(self) -> str:
        """The base of every link in mails and pages."""
        return self.public_url or self.address
