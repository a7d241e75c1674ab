"""Fixtures of every suite; their code is in ``tests/support``."""

pytest_plugins = ["tests.support.kafka", "tests.support.postgres", "tests.support.logs"]
