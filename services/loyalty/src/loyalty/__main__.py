"""``python -m loyalty serve | migrate | verify``."""

import argparse
import asyncio
import sys

import asyncpg

from comeback_kit import migrate
from comeback_kit.service import serve
from loyalty.app import NAME, create_app
from loyalty.settings import Settings
from loyalty.verify import verify_ledger


def main() -> None:
    """Run the service alone, bring its database to the newest schema, or prove its ledger."""
    parser = argparse.ArgumentParser(prog="python -m loyalty")
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="run the service")
    serving.add_argument("--host", default="127.0.0.1")
    serving.add_argument("--port", type=int, default=8001)
    commands.add_parser("migrate", help="bring the database to the newest schema")
    commands.add_parser("verify", help="check that cached balances and lots equal the replay of the ledger")
    given = parser.parse_args()
    settings = Settings()
    if given.command == "migrate":
        asyncio.run(migrate.upgrade(settings.database_url, NAME, NAME))
    elif given.command == "verify":
        sys.exit(asyncio.run(_verify(settings.database_url)))
    else:
        serve(create_app(settings), host=given.host, port=given.port, level=settings.log_level)


async def _verify(url: str) -> int:
    connection = await asyncpg.connect(url, server_settings={"role": "comeback_loyalty_worker"})
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
    main()
