"""Settings of the feedback service, read from ``FEEDBACK_…`` and checked before anything starts."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from comeback_kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """What the feedback service reads beyond what every service does."""

    model_config = SettingsConfigDict(env_prefix="FEEDBACK_", extra="ignore", frozen=True)

    ask_within_hours: float = Field(
        default=48.0,
        gt=0,
        le=8760,
        description="hours after which it is too late to ask about a delivery: an imported history asks nobody",
    )

    @property
    def ask_within(self) -> timedelta:
        """How long after its moment an order may still be asked about."""
        return timedelta(hours=self.ask_within_hours)
