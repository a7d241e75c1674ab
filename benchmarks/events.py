"""``POST /v1/events`` in batches of 100 orders: events a second that one core of the gateway takes."""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import msgspec
import uvloop

from benchmarks.gateway_process import gateway
from benchmarks.loader import load, post
from benchmarks.loyalty_setup import present
from benchmarks.orders import posted
from benchmarks.report import Result
from benchmarks.servers import Postgres, folder, postgres

_BATCH = 100
_BAR = 5000.0
_CONNECTIONS = 4


def measure(quick: bool) -> Sequence[Result]:
    """On the table log."""
    with (
        postgres() as server,
        folder() as path,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return [runner.run(_measure(server, path, quick=quick))]


async def _measure(server: Postgres, path: Path, *, quick: bool) -> Result:
    async with gateway(server, path) as front:
        bodies = _bodies(50 if quick else 300)
        requests = [post("/v1/events", body, authorization=front.authorization) for body in bodies]
        turn = iter(requests * 50)
        process = front.process
        await load(process.port, lambda: next(turn), seconds=1.0, connections=_CONNECTIONS, wanted=202)
        before, database = process.cpu(), server.cpu()
        loaded = await load(
            process.port,
            lambda: next(turn),
            seconds=2.0 if quick else 8.0,
            connections=_CONNECTIONS,
            wanted=202,
        )
        cpu, database = process.cpu() - before, server.cpu() - database
    events = loaded.answers * _BATCH
    note = (
        f"{events / loaded.seconds:,.0f} events/s by the clock, {cpu / events * 1e6:.0f} µs gateway CPU and "
        f"{database / events * 1e6:.0f} µs PostgreSQL CPU an event, bodies of {len(bodies[0]) // 1000} kB"
    )
    return Result(
        "events_batch_100",
        events / cpu,
        "events/s a core",
        events / cpu / _BAR,
        f"limit of {_BAR:g}",
        least=1,
        note=note,
    )


def _bodies(count: int) -> list[bytes]:
    rng, now = random.Random(7), present()
    return [
        msgspec.json.encode(
            {"events": [posted(batch * _BATCH + one, f"c{rng.randrange(5000)}", now, rng) for one in range(_BATCH)]}
        )
        for batch in range(count)
    ]
