"""Fixtures of every suite; their code is in ``tests/support``."""

import pytest

pytest_plugins = ["tests.support.kafka", "tests.support.postgres", "tests.support.logs"]


@pytest.hookimpl(trylast=True)  # after the plugin that shuffles
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that may take longest begin first: at the end one process would be at them, and the others done."""
    items.sort(key=_most_seconds, reverse=True)


def _most_seconds(item: pytest.Item) -> float:
    own = item.get_closest_marker("timeout")
    return float(own.args[0]) if own else 0.0
