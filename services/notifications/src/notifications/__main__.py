"""``python -m notifications serve | migrate``."""

import argparse
import asyncio

from comeback_kit import migrate
from comeback_kit.service import serve
from notifications.app import NAME, create_app
from notifications.settings import Settings


def main() -> None:
    """Run the service alone, or bring its database to the newest schema."""
    parser = argparse.ArgumentParser(prog="python -m notifications")
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="run the service")
    serving.add_argument("--host", default="127.0.0.1")
    serving.add_argument("--port", type=int, default=8003)
    commands.add_parser("migrate", help="bring the database to the newest schema")
    given = parser.parse_args()
    settings = Settings()
    if given.command == "migrate":
        asyncio.run(migrate.upgrade(settings.database_url, NAME, NAME))
    else:
        serve(create_app(settings), host=given.host, port=given.port, level=settings.log_level)


if __name__ == "__main__":
    main()
