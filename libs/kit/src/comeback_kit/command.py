"""``python -m <service> serve | migrate``: the commands that every service has."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from urllib.parse import urlsplit

from fastapi import FastAPI
from pydantic import ValidationError

from comeback_kit import migrate
from comeback_kit.service import serve
from comeback_kit.settings import ServiceSettings

# argparse names the type of `add_subparsers()` with an underscore, and no other name for it exists.
Extra = Callable[["argparse._SubParsersAction[argparse.ArgumentParser]"], None]  # noqa: SLF001


def main(
    name: str, settings_type: type[ServiceSettings], create_app: Callable[..., FastAPI], extra: Extra | None = None
) -> int:
    """Run one command and answer the exit code.

    ``extra`` adds a service's own commands: each sets ``run``, a function of the parsed arguments that answers a code.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {name}")
    commands = parser.add_subparsers(required=True)
    serving = commands.add_parser("serve", help="run the service alone")
    serving.add_argument("--host", default="127.0.0.1")
    serving.add_argument("--port", type=int, default=8080)
    serving.set_defaults(run=lambda given: _serve(given, settings_type, create_app))
    migrating = commands.add_parser("migrate", help="make the roles, and bring the database to the newest schema")
    migrating.set_defaults(run=lambda _: _migrate(name, settings_type()))
    if extra is not None:
        extra(commands)
    given = parser.parse_args()
    try:
        return int(given.run(given) or 0)
    except ValidationError as error:
        prefix = settings_type.model_config.get("env_prefix", "")
        for item in error.errors():
            print(f"{prefix}{'_'.join(map(str, item['loc'])).upper()}: {item['msg']}", file=sys.stderr)
    except migrate.CannotPrepare as error:
        print(error, file=sys.stderr)
    return 1


def _serve(given: argparse.Namespace, settings_type: type[ServiceSettings], create_app: Callable[..., FastAPI]) -> int:
    settings = settings_type()
    serve(create_app(settings), host=given.host, port=given.port, level=settings.log_level)
    return 0


def _migrate(name: str, settings: ServiceSettings) -> int:
    asyncio.run(_prepare_and_upgrade(settings.database_url, name))
    return 0


async def _prepare_and_upgrade(url: str, name: str) -> None:
    database = urlsplit(url).path.lstrip("/")
    await migrate.prepare(url, database, name)
    await migrate.upgrade(url, name, name)
