"""One Comeback per log for all tests that leave it whole; tests that break it start their own."""

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.comeback import ComebackProcess, new_comeback, with_kafka
from tests.support.kafka import KafkaBroker
from tests.support.shop import Shop, shop_of

LOGS = ["table", pytest.param("kafka", marks=pytest.mark.kafka)]


@pytest.fixture(scope="session", params=LOGS)
def comeback(request: pytest.FixtureRequest) -> Iterator[ComebackProcess]:
    """A running Comeback, shared: use ids of your own."""
    environment = None
    if request.param == "kafka":
        broker: KafkaBroker = request.getfixturevalue("kafka_broker")
        environment = with_kafka(broker.url_for(f"s{uuid.uuid4().hex[:8]}"))
    with new_comeback(environment) as process:
        process.start()
        yield process


@pytest.fixture(params=LOGS)
def own_comeback(request: pytest.FixtureRequest) -> Iterator[ComebackProcess]:
    """A Comeback of the test's own, not started yet."""
    environment = None
    if request.param == "kafka":
        broker: KafkaBroker = request.getfixturevalue("kafka_broker")
        environment = with_kafka(broker.url_for(f"s{uuid.uuid4().hex[:8]}"))
    with new_comeback(environment) as process:
        yield process


@pytest.fixture
async def shop(comeback: ComebackProcess) -> AsyncIterator[Shop]:
    """The first shop's server, talking to the shared Comeback."""
    async with shop_of(comeback.base_url) as client:
        yield client


@pytest.fixture
def new_id() -> str:
    """Begins every id of a test."""
    return uuid.uuid4().hex[:10]
