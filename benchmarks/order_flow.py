"""Order events to points, beside pgbench's TPC-B on the same server and beside the database work alone."""

import asyncio
import gc
from collections.abc import Sequence

import uvloop

from benchmarks import drain
from benchmarks.drain import Drained
from benchmarks.loyalty_setup import REALISTIC, loyalty_database
from benchmarks.report import Result
from benchmarks.servers import KafkaBroker, Postgres, folder, postgres, running_broker

TPCB = "pgbench TPC-B"
ALONE = "the same batches with the database work alone"
"""Kafka's rate is divided by it."""


def measure(quick: bool) -> Sequence[Result]:
    """Peer, ours, peer, ours, peer: what else the machine does falls on both."""
    # As the service's own processes do: the replay runs in this one, and must not pay for what they do not.
    gc.collect()
    gc.freeze()
    with (
        postgres() as server,
        running_broker() as broker,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_measure(server, broker, quick=quick))


async def _measure(server: Postgres, broker: KafkaBroker, *, quick: bool) -> list[Result]:
    count, seconds = (6_000, 3) if quick else (30_000, 10)
    peers = [await server.tpcb(seconds)]
    with folder() as path:
        plain = await drain.over_kafka(server, broker.url_for("plain"), path, await loyalty_database(server), count)
        plain_alone = await drain.replayed(server, await loyalty_database(server), count)
        peers.append(await server.tpcb(seconds))
        realistic = await drain.over_kafka(
            server, broker.url_for("rules"), path, await loyalty_database(server, REALISTIC), count
        )
        realistic_alone = await drain.replayed(server, await loyalty_database(server, REALISTIC), count)
        peers.append(await server.tpcb(seconds))
        two = await drain.over_kafka(
            server, broker.url_for("two"), path, await loyalty_database(server, REALISTIC), count, processes=2
        )
    tps = sum(peers) / len(peers)
    spread = f"TPC-B {', '.join(f'{one:,.0f}' for one in peers)} tps"
    return [
        _rate("orders_to_points_kafka", plain, plain.rate / tps, TPCB, 2.5, spread),
        _rate("orders_to_points_replay", plain_alone, plain.rate / plain_alone.rate, ALONE, 0.7),
        _rate("orders_to_points_kafka_realistic", realistic, realistic.rate / tps, TPCB, 2.5),
        _rate("orders_to_points_replay_realistic", realistic_alone, realistic.rate / realistic_alone.rate, ALONE, 0.7),
        _rate("orders_to_points_kafka_two_processes", two, two.rate / realistic.rate, "one process", 1.0),
    ]


def _rate(name: str, drained: Drained, ratio: float, against: str, least: float, more: str = "") -> Result:
    costs = f"CPU an order: consumers {drained.consumer_us:.0f} µs, PostgreSQL {drained.database_us:.0f} µs"
    note = f"{costs}; {more}" if more else costs
    return Result(name, drained.rate, "orders/s", ratio, against, least=least, note=note)
