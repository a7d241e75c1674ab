"""Run a soak and print what came of it; exit code 1 when something was lost, wrong or stuck."""

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from allinone.postgres import EmbeddedPostgres
from tests.soak.chaos import disturb
from tests.soak.deployment import Deployment
from tests.soak.mail_sink import MailSink
from tests.support.kafka import running_broker
from tests.support.load import Load, check_effects, under_load
from tests.support.shop import Shop
from tests.support.waiting import eventually

_CUSTOMER_SECRET = "only-of-this-soak-" * 2
_MAILS_AN_ORDER = 2


async def _soak(seconds: float, seed: int, folder: Path) -> list[str]:
    """What is wrong afterwards."""
    rng = random.Random(seed)
    with _postgres(folder) as server, running_broker() as broker, _mails(random.Random(seed)) as mails:
        deployment = Deployment(folder, server, broker.url_for(f"soak-{seed}"), mails.url)
        try:
            await deployment.start()
            async with await _first_shop(deployment) as http:
                shop = Shop(http)
                async with under_load(shop, f"s{seed}", clients=2) as load:
                    done = await disturb(deployment.workers, seconds, rng)
                print(f"{len(load.accepted)} orders accepted, {len(load.refused)} refused; {dict(done)}", flush=True)
                wrong = [f"{one.name} ended by itself" for one in deployment.processes if not one.running]
                return wrong + await _verdict(deployment, shop, load, mails)
        finally:
            for name in deployment.stop():
                print(f"{name} did not end on SIGTERM in time")


async def _verdict(deployment: Deployment, shop: Shop, load: Load, mails: MailSink) -> list[str]:
    wrong, started = [], time.monotonic()
    try:
        await shop.caught_up(within=300.0)
        await eventually(lambda: sum(mails.taken.values()) >= _MAILS_AN_ORDER * len(load.accepted), within=300.0)
        print(f"caught up {time.monotonic() - started:.1f} s after the last order", flush=True)
        await check_effects(shop, load)
        print(await deployment.run("loyalty", "verify"))
    except (AssertionError, RuntimeError) as error:
        wrong.append(str(error)[:2000])
    # A worker that dies between the server's "taken" and its commit sends that mail again; nothing can tell.
    again = sum(count - 1 for count in mails.taken.values())
    print(f"{sum(mails.taken.values())} mails taken, {again} of them a second time")
    return wrong


async def _first_shop(deployment: Deployment) -> httpx.AsyncClient:
    await deployment.run(
        "gateway",
        *("shops", "create", "demo", "--name", "Demo", "--currency", "EUR", "--time-zone", "Europe/Berlin"),
        *("--customer-secret", _CUSTOMER_SECRET),
    )
    key = (await deployment.run("gateway", "keys", "create", "demo")).split()[-1]
    return httpx.AsyncClient(base_url=deployment.base_url, headers={"authorization": f"Bearer {key}"}, timeout=20.0)


@contextlib.contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    server = EmbeddedPostgres(folder / "postgres")
    try:
        yield server.start()
    finally:
        server.stop()


@contextlib.contextmanager
def _mails(rng: random.Random) -> Iterator[MailSink]:
    sink = MailSink(rng)
    sink.start()
    try:
        yield sink
    finally:
        sink.stop()


def main() -> int:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="how long the load and the disturbances last")
    parser.add_argument("--seed", type=int, default=1, help="of what is disturbed when")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="comeback-soak-"))
    folder.chmod(0o755)  # the server runs as another user when this runs as root
    wrong = asyncio.run(_soak(arguments.seconds, arguments.seed, folder))
    for line in wrong:
        print(f"WRONG: {line}", file=sys.stderr)
    print(f"logs: {folder}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
