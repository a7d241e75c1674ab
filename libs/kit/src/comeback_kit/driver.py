"""A short way in the driver: how asyncpg tells an array from one of its elements.

asyncpg asks ``collections.abc`` about every element of every array that it sends: two to four calls into Python, which
are a tenth of what a batch of orders costs. Arrays here are lists and rows in them are tuples, so the types themselves
can answer. The lock file pins the driver's version; ``tests/unit/kit/test_driver.py`` looks for what this relies on.
"""

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
