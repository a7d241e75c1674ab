"""Settings of the gateway, read from ``GATEWAY_…`` and validated before anything starts."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_settings import SettingsConfigDict

from comeback_kit.settings import PublicUrl, ServiceSettings

SERVICES: Final = ("loyalty", "feedback", "notifications", "recommendations")


def _long_enough(value: str) -> str:
    if len(value.encode()) < 32:
        raise ValueError("must have at least 32 bytes")
    return value


class Settings(ServiceSettings):
    """What the gateway reads. A service whose URL is not set is answered for with 503."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", extra="ignore", frozen=True)

    internal_private_key: str = Field(
        description="Ed25519 private key (PEM, or its base64 body on one line) that signs the token the services trust"
    )
    master_key: Annotated[str, AfterValidator(_long_enough)] | None = Field(
        default=None,
        description="What shop keys are hashed and shop secrets are encrypted with. Default: derived from the internal "
        "private key; set it before that key is ever replaced",
    )
    loyalty_url: PublicUrl | None = None
    feedback_url: PublicUrl | None = None
    notifications_url: PublicUrl | None = None
    recommendations_url: PublicUrl | None = None
    upstream_limit: int = Field(default=256, ge=1, le=10_000, description="most calls in flight to one service")
    upstream_timeout: float = Field(default=30.0, gt=0, le=600, description="seconds a service may be silent")

    def service_url(self, service: str) -> str | None:
        """Where a service is reached over HTTP, or None."""
        url = getattr(self, f"{service}_url")
        return None if url is None else str(url)
