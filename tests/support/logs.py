"""An empty log per test, on either adapter."""

import uuid
from collections.abc import AsyncIterator

import pytest

from tests.support.kafka import KafkaBroker
from tests.support.postgres import TestServer


@pytest.fixture(params=["table", pytest.param("kafka", marks=pytest.mark.kafka)])
async def either_log_url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The address of an empty log: the test runs once on the table log and once on Kafka."""
    if request.param == "kafka":
        broker: KafkaBroker = request.getfixturevalue("kafka_broker")
        yield broker.url_for(f"t{uuid.uuid4().hex[:8]}")
    else:
        server: TestServer = request.getfixturevalue("postgres")
        url = await server.empty()
        yield url
        await server.drop(url)
