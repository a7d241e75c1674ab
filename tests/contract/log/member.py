"""A member of a group in a process of its own, to be killed."""

import asyncio
import sys

from comeback_kit.log import open_log


async def main(url: str, group: str, topic: str) -> None:
    log = open_log(url)
    await log.start()
    member = log.consumer(group, [topic])
    await member.start()
    while not member.assignment():
        await member.poll(10, 0.2)
    await asyncio.sleep(0.2)
    sys.stdout.write(f"assigned {len(member.assignment())}\n")
    sys.stdout.flush()
    while True:
        await member.poll(10, 0.2)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
