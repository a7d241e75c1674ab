"""Typed settings of one service, read from the environment and validated before anything starts."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ALL_ROLES: frozenset[str] = frozenset({"api", "consumer", "relay", "timers"})


def _split_roles(value: object) -> object:
    if isinstance(value, str):
        return frozenset(part.strip() for part in value.split(",") if part.strip())
    return value


def _known_roles(value: frozenset[str]) -> frozenset[str]:
    unknown = value - ALL_ROLES
    if unknown or not value:
        raise ValueError(
            f"roles must be some of {', '.join(sorted(ALL_ROLES))}; got {', '.join(sorted(unknown)) or 'none'}"
        )
    return value


def _database_url(value: str) -> str:
    if not value.startswith(("postgresql://", "postgres://")):
        raise ValueError("must be a postgresql:// URL")
    return value


def _log_url(value: str) -> str:
    if not value.startswith(("kafka://", "postgresql://", "postgres://")):
        raise ValueError("must be kafka://host:port[,host:port] or postgresql://… (the table log)")
    return value


def _no_trailing_slash(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must be an http:// or https:// URL")
    return value.rstrip("/")


DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
LogUrl = Annotated[str, AfterValidator(_log_url)]
PublicUrl = Annotated[str, AfterValidator(_no_trailing_slash)]


class ServiceSettings(BaseSettings):
    """What every service reads; a service subclasses it and sets its own ``env_prefix`` (``LOYALTY_``, …)."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    database_url: DatabaseUrl
    log_url: LogUrl | None = None
    public_url: PublicUrl = "http://127.0.0.1:8000"
    internal_public_key: str | None = Field(
        default=None,
        description="Ed25519 public key (PEM, or one base64 line) that the gateway's tokens are verified with",
    )
    roles: Annotated[frozenset[str], NoDecode, BeforeValidator(_split_roles), AfterValidator(_known_roles)] = ALL_ROLES
    pool_api: int = Field(default=5, ge=1, le=100, description="connections for requests")
    consumer_batch: int = Field(
        default=1000, ge=1, le=10_000, description="most records a transaction of the consumer takes"
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    migrate_on_start: bool = Field(
        default=False, description="run migrations before serving (one machine; else use `migrate`)"
    )
