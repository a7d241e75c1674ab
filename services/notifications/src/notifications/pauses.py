"""When the dispatcher waits, and how long: nothing to do, the other side away, the database away."""

import asyncio
import contextlib
from typing import Final

from notifications.transport import Verdict

# After the bell rings the transaction that rang it may still be committing, so the first looks come quickly.
_LOOKS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_IDLE: Final = 1.0  # seconds between looks for what other processes made due
_AWAY_FIRST: Final = 0.25
_AWAY_MOST: Final = 5.0  # one attempt costs little, and customers wait


class Pauses:
    """How one dispatcher waits."""

    def __init__(self) -> None:
        self._look = 0
        self._away = 0
        self._rested = True

    @property
    def away(self) -> bool:
        """Whether the last attempt found nobody; then one message at a time is tried."""
        return self._away > 0

    def heard(self, verdict: Verdict) -> None:
        """Learn from an attempt whether the other side is there."""
        if verdict.kind != "away":
            self._away = 0
        elif self._rested:  # what was under way together counts once
            self._away += 1
            self._rested = False

    def busy(self) -> None:
        """There was something to do."""
        self._look = 0

    async def while_away(self) -> None:
        """Rest, longer each time, when the other side was away."""
        if self._away and not self._rested:
            self._rested = True
            await asyncio.sleep(min(_AWAY_FIRST * 2 ** min(self._away - 1, 10), _AWAY_MOST))

    async def idle(self, bell: asyncio.Event) -> None:
        """Wait for the bell, or until it is time to look again."""
        seconds = _LOOKS[self._look] if self._look < len(_LOOKS) else _IDLE
        self._look += 1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await bell.wait()
        if bell.is_set():
            bell.clear()
            self._look = 0
