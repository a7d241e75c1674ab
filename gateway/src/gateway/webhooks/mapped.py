"""What every platform's mapping answers."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Mapped:
    """One event of a webhook, not yet checked. ``what`` is added to the webhook's id where it brings several."""

    type: str
    time: str
    data: dict[str, Any]
    what: str | None = None


class Unmappable(ValueError):
    """The body lacks what an event needs, or holds what cannot be; no repetition heals it. The text says which."""
