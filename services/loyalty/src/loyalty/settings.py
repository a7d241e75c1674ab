"""Settings of the loyalty service, read from ``LOYALTY_…``."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from comeback_kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """What loyalty reads beside what every service reads."""

    model_config = SettingsConfigDict(env_prefix="LOYALTY_", extra="ignore", frozen=True)

    due_interval: float = Field(
        default=1.0, gt=0, le=3600, description="seconds between looks for members that are due"
    )
    due_batch: int = Field(default=500, ge=1, le=10_000, description="most due members a transaction takes")
    order_hold_minutes: int = Field(default=30, ge=1, le=10_080, description="life of a hold for an order")
    reward_hold_days: int = Field(default=30, ge=1, le=3660, description="life of a hold for a reward's code")
    job_days: int = Field(default=90, ge=1, le=36_600, description="how long the report of a job is kept after its end")
    counter_days: int = Field(
        default=400, ge=31, le=36_600, description="how long counters of limits are kept after the end of their period"
    )
