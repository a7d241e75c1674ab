"""Random histories on PostgreSQL; the invariants of cases §H after every step."""

import asyncio
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.service.loyalty.machine.desk import Desk
from tests.service.loyalty.machine.orders import Orders
from tests.service.loyalty.machine.people import People
from tests.service.loyalty.world import world
from tests.support.postgres import TestServer


class Ledger(Orders, Desk, People):
    """Everything that can happen to a shop's points."""


@pytest.fixture
def machine(postgres: TestServer) -> Iterator[type[Ledger]]:
    with asyncio.Runner() as runner:
        context = world(postgres)
        Ledger.shop = runner.run(context.__aenter__())
        Ledger.runner = runner
        yield Ledger
        runner.run(context.__aexit__(None, None, None))


@pytest.mark.timeout(3000)
def test_the_ledger_is_sound_after_every_step_of_a_random_history(machine: type[Ledger]) -> None:
    histories = int(os.environ.get("LOYALTY_HISTORIES", "24"))  # a small profile; hundreds before a release
    profile = settings(
        max_examples=histories,
        stateful_step_count=24,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=(Phase.generate, Phase.shrink),
    )
    run_state_machine_as_test(machine, settings=profile)
