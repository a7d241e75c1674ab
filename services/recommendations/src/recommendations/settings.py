"""Settings of the recommendations service, read from ``RECOMMENDATIONS_…`` and checked before anything starts."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from comeback_kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """What the recommendations service reads beyond what every service does."""

    model_config = SettingsConfigDict(env_prefix="RECOMMENDATIONS_", extra="ignore", frozen=True)

    memory_mb: int = Field(
        default=512, ge=16, le=1_048_576, description="engines kept in memory; beyond it the shops asked longest ago go"
    )
    follow_seconds: float = Field(
        default=0.2, gt=0, le=10, description="how often a replica looks for changes that other processes wrote"
    )
    load_wait_seconds: float = Field(
        default=5.0, gt=0, le=60, description="how long a request waits for its shop to be loaded before it gets 503"
    )
