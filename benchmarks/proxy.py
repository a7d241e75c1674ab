"""The gateway's CPU a proxied request, beside nginx's in front of the same upstream."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import uvloop

from benchmarks import nginx_process
from benchmarks.gateway_process import gateway
from benchmarks.loader import get, load
from benchmarks.processes import Process, running
from benchmarks.report import Result
from benchmarks.servers import Postgres, folder, postgres

_PATH = "/v1/loyalty/members/c1"


class Cost:
    """CPU and requests of one process, summed over several turns."""

    def __init__(self) -> None:
        self.cpu = self.seconds = 0.0
        self.answers = 0

    async def turn(self, process: Process, request: bytes, seconds: float) -> None:
        """Load the process for a while."""
        before = process.cpu()
        loaded = await load(process.port, lambda: request, seconds=seconds)
        self.cpu += process.cpu() - before
        self.answers += loaded.answers
        self.seconds += loaded.seconds

    @property
    def us(self) -> float:
        """CPU microseconds a request."""
        return self.cpu / self.answers * 1e6


def measure(quick: bool) -> Sequence[Result]:
    """Turns of both, one after the other."""
    with (
        postgres() as server,
        folder() as path,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return [runner.run(_measure(server, path, quick=quick))]


async def _measure(server: Postgres, path: Path, *, quick: bool) -> Result:
    if nginx_process.program() is None:
        raise RuntimeError("nginx is not installed here (Debian: apt-get install nginx-light)")
    seconds, turns = (1.0, 1) if quick else (3.0, 3)
    ours, peer = Cost(), Cost()
    async with (
        running(path, "upstream", "benchmarks.tiny_upstream", ready="/") as upstream,
        nginx_process.nginx(path, upstream.port) as nginx,
        gateway(server, path, {"GATEWAY_LOYALTY_URL": f"http://127.0.0.1:{upstream.port}"}) as front,
    ):
        request = get(_PATH, authorization=front.authorization)
        for _ in range(turns):
            await peer.turn(nginx, request, seconds)
            await ours.turn(front.process, request, seconds)
    note = f"gateway {ours.answers / ours.seconds:,.0f} requests/s, nginx {peer.us:.1f} µs a request"
    return Result("proxy_cpu", ours.us, "µs CPU/request", ours.us / peer.us, "nginx", most=8, note=note)
