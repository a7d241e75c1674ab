"""Kills and freezes of workers, one every few seconds."""

import asyncio
import random
import signal
import time
from collections import Counter

from tests.soak.deployment import ServiceProcess

_FREEZES = (2, 8, 25)
"""Seconds: shorter than a Kafka session (6 s), longer, and longer than a mail's lease (15 s)."""


async def disturb(workers: list[ServiceProcess], seconds: float, rng: random.Random) -> Counter[str]:
    """Disturb workers at random; all of them run again when it returns. Answers what was done how often."""
    done: Counter[str] = Counter()
    frozen: list[asyncio.Task[None]] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(rng.uniform(2, 6))
        awake = [one for one in workers if not one.is_frozen]
        if not awake:
            continue
        worker = rng.choice(awake)
        if rng.random() < 0.5:
            length = rng.choice(_FREEZES)
            done[f"freeze of {length} s"] += 1
            frozen.append(asyncio.create_task(_freeze(worker, length)))
        else:
            done["kill"] += 1
            worker.kill()
            await asyncio.sleep(rng.uniform(0, 2))
            worker.start()
    await asyncio.gather(*frozen)
    return done


async def _freeze(worker: ServiceProcess, seconds: float) -> None:
    worker.is_frozen = True
    worker.signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    worker.signal(signal.SIGCONT)
    worker.is_frozen = False
