"""Two short ways in the driver: how asyncpg tells an array from one of its elements, and how it reads instants.

asyncpg asks ``collections.abc`` about every element of every array that it sends: two to four calls into Python, which
are a tenth of what a batch of orders costs. Arrays here are lists and rows in them are tuples, so the types themselves
can answer. The lock file pins the driver's version; ``tests/unit/kit/test_driver.py`` looks for what this relies on.

An instant costs it as much as a dozen texts, because it compares each with infinity and moves it to UTC. A batch has
few that differ, so they are remembered as the microseconds that PostgreSQL takes: its own codec for that form does the
rest. A datetime without a zone is refused, and so is one outside of the years 1 to 9999.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from asyncpg.protocol import protocol

_ARRAYS: Final[tuple[type[Any], ...]] = (list, tuple, set, frozenset, type({}.keys()), type({}.values()))
_NAMES: Final = {"IterableABC": _ARRAYS, "SizedABC": _ARRAYS, "MappingABC": dict}


def shorten() -> None:
    """Let the built-in collections be what asyncpg takes for arrays, and dicts for mappings; it refuses other types.

    Raises ``RuntimeError`` for a driver that does not ask in this way any more.
    """
    for name, types in _NAMES.items():
        if not hasattr(protocol, name):
            raise RuntimeError(f"asyncpg has no {name} any more: look at comeback_kit.driver")
        setattr(protocol, name, types)


_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_INFINITE: Final = {(2**63 - 1,): datetime.max.replace(tzinfo=UTC), (-(2**63),): datetime.min.replace(tzinfo=UTC)}
_MICROSECOND: Final = timedelta(microseconds=1)
_MOST: Final = 2048  # no more than stays in the processor's cache: most instants come a few times and never again


async def remember_instants(connection: Any) -> None:
    """Let a connection send and read ``timestamptz`` by memory."""
    await connection.set_type_codec("timestamptz", schema="pg_catalog", encoder=_sent, decoder=_instant, format="tuple")


class _Sent(dict[datetime, tuple[int]]):
    """Microseconds since 2000 began in UTC. Raises ``TypeError`` without a zone: whose noon it is nobody could say.

    Where clocks are put back, the two instants of one local time are equal to Python: nothing local is remembered. Nor
    does a local time find what is: where it is one of two, it equals no instant in UTC.
    """

    __slots__ = ()

    def __missing__(self, at: datetime) -> tuple[int]:
        is_utc = at.tzinfo is UTC
        utc = at if is_utc or at.tzinfo is None else at.astimezone(UTC)  # the difference tells of a missing zone
        found = ((utc - _EPOCH) // _MICROSECOND,)
        if is_utc:
            if len(self) >= _MOST:
                self.clear()
            self[at] = found
        return found


_sent: Final = _Sent().__getitem__  # without a call into Python


@lru_cache(maxsize=_MOST)
def _instant(microseconds: tuple[int]) -> datetime:
    if microseconds in _INFINITE:  # what the driver's own way makes of the ends of the calendar
        return _INFINITE[microseconds]
    return _EPOCH + timedelta(microseconds=microseconds[0])
