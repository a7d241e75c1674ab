"""``python -m feedback serve | migrate | rotate-keys``."""

import argparse
import asyncio
import sys

from comeback_kit.command import main
from comeback_kit.db import Database
from feedback import shop_secrets
from feedback.app import NAME, create_app
from feedback.settings import Settings


def _commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:  # argparse has no other name for it
    rotating = commands.add_parser("rotate-keys", help="sign new survey links with a new key; old links stay valid")
    rotating.add_argument("--shop", help="one shop only")
    rotating.set_defaults(run=lambda given: asyncio.run(_rotate(Settings(), given.shop)))


async def _rotate(settings: Settings, shop_id: str | None) -> int:
    database = Database(settings.database_url, NAME)
    await database.open()
    try:
        async with database.work() as tx:
            changed = await shop_secrets.rotate(tx, shop_id)
    finally:
        await database.close()
    print(f"{changed} shops sign with a new key")
    return 0 if changed or shop_id is None else 1


if __name__ == "__main__":
    sys.exit(main(NAME, Settings, create_app, _commands))
