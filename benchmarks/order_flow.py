"""Order events to points, beside pgbench's TPC-B on the same server and beside the database work alone."""

import asyncio
import gc
from collections.abc import Sequence
from statistics import median
from typing import Any, Final, NamedTuple

import uvloop

from benchmarks import drain
from benchmarks.drain import Drained
from benchmarks.loyalty_setup import REALISTIC, loyalty_database
from benchmarks.report import Result
from benchmarks.servers import KafkaBroker, Postgres, folder, postgres, running_broker

TPCB: Final = "pgbench TPC-B"
ALONE: Final = "the same batches with the database work alone"
"""Kafka's rate is divided by it."""


class Round(NamedTuple):
    """One turn: one consumer with either program, then without compiled modules, then two consumers.

    ``tps`` is TPC-B before and after.
    """

    plain: Drained
    realistic: Drained
    interpreted: Drained
    two: Drained
    tps: float


def measure(quick: bool) -> Sequence[Result]:
    """Peer, ours, peer, ours, peer: what else the machine does falls on both. Of three rounds the middle one counts."""
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
    # As long as TPC-B: in a run of few seconds autovacuum looks at the new tables once, or not at all.
    count, seconds, turns = (6_000, 3, 1) if quick else (90_000, 10, 3)
    rounds: list[Round] = []
    with folder() as path:

        async def drained(name: str, program: dict[str, Any] | None, **how: Any) -> Drained:
            url = await loyalty_database(server, program)
            found = await drain.over_kafka(server, broker.url_for(name), path, url, count, **how)
            await server.drop(url)
            return found

        peer = await server.tpcb(seconds)
        for turn in range(turns):
            plain, realistic = await drained(f"plain{turn}", None), await drained(f"rules{turn}", REALISTIC)
            interpreted = await drained(f"interpreted{turn}", REALISTIC, interpreted=True)
            two = await drained(f"two{turn}", REALISTIC, processes=2)
            before, peer = peer, await server.tpcb(seconds)
            rounds.append(Round(plain, realistic, interpreted, two, (before + peer) / 2))
    plain_alone = await drain.replayed(server, await loyalty_database(server), count)
    realistic_alone = await drain.replayed(server, await loyalty_database(server, REALISTIC), count)
    tpcb = f"TPC-B {', '.join(f'{one.tps:,.0f}' for one in rounds)} tps"
    plain, realistic = _middle([one.plain for one in rounds]), _middle([one.realistic for one in rounds])
    return [
        _rate("orders_to_points_kafka", plain, [one.plain.rate / one.tps for one in rounds], TPCB, 2.5, tpcb),
        _rate("orders_to_points_replay", plain_alone, [plain.rate / plain_alone.rate], ALONE, 0.7),
        _rate(
            "orders_to_points_kafka_realistic",
            realistic,
            [one.realistic.rate / one.tps for one in rounds],
            TPCB,
            2.5,
        ),
        _rate(
            "orders_to_points_kafka_realistic_interpreted",
            _middle([one.interpreted for one in rounds]),
            [one.interpreted.rate / one.tps for one in rounds],
            TPCB,
        ),
        _rate(
            "orders_to_points_replay_realistic", realistic_alone, [realistic.rate / realistic_alone.rate], ALONE, 0.7
        ),
        _rate(
            "orders_to_points_kafka_two_processes",
            _middle([one.two for one in rounds]),
            [one.two.rate / one.realistic.rate for one in rounds],
            "one process",
            1.0,
            f"× TPC-B: {_listed([one.two.rate / one.tps for one in rounds])}",
        ),
    ]


def _middle(drained: Sequence[Drained]) -> Drained:
    return sorted(drained, key=lambda one: one.rate)[len(drained) // 2]


def _listed(ratios: Sequence[float]) -> str:
    return ", ".join(f"{one:.2f}" for one in ratios)


def _rate(
    name: str, drained: Drained, ratios: Sequence[float], against: str, least: float | None = None, more: str = ""
) -> Result:
    note = f"CPU an order: consumers {drained.consumer_us:.0f} µs, PostgreSQL {drained.database_us:.0f} µs"
    if len(ratios) > 1:
        note += f"; rounds {_listed(ratios)}"
    return Result(
        name, drained.rate, "orders/s", median(ratios), against, least=least, note=f"{note}; {more}" if more else note
    )
