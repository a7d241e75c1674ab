"""What the short way in the driver relies on is still there."""

import abc
from collections.abc import Iterable, Mapping, Sized

import pytest
from asyncpg.protocol import protocol

from comeback_kit import driver


def test_the_driver_asks_built_in_types_once_the_databases_module_is_loaded() -> None:
    import comeback_kit.db  # noqa: F401  # shortens

    for name, kind in (("IterableABC", Iterable), ("SizedABC", Sized), ("MappingABC", Mapping)):
        asked = getattr(protocol, name)
        types = asked if isinstance(asked, tuple) else (asked,)
        assert not any(isinstance(one, abc.ABCMeta) for one in types), "that would be a call into Python an element"
        assert all(issubclass(one, kind) for one in types)


def test_another_driver_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(protocol, "SizedABC")
    with pytest.raises(RuntimeError, match="SizedABC"):
        driver.shorten()
