"""``python -m loyalty serve | migrate | verify``."""

import argparse
import asyncio
import sys

import asyncpg

from comeback_kit.command import main
from comeback_kit.db import role_name
from loyalty.app import NAME, create_app
from loyalty.settings import Settings
from loyalty.verify import verify_ledger


def _commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",  # argparse has no other name for it
) -> None:
    verifying = commands.add_parser("verify", help="check that cached balances and lots equal the replay of the ledger")
    verifying.set_defaults(run=lambda _: asyncio.run(_verify(Settings().database_url)))


async def _verify(url: str) -> int:
    connection = await asyncpg.connect(url, server_settings={"role": role_name(NAME, "worker")})
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            found = await verify_ledger(connection)
    finally:
        await connection.close()
    for one in found:
        print(one)
    print(f"{len(found)} differences" if found else "the ledger is sound")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(NAME, Settings, create_app, _commands))
