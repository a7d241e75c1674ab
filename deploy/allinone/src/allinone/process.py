"""One Comeback from start to stop: folder, server, log, services, gateway, first shop; and back in the other order."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
from fastapi import FastAPI

from allinone import banner, databases, server
from allinone.data_dir import AlreadyRunning, DataDir, Keys, NoFolder
from allinone.settings import Settings
from comeback_kit import migrate
from comeback_kit.collector import settle_in
from comeback_kit.log import open_log
from comeback_kit.log.port import EventLog
from comeback_kit.runtime import system_clock


class StartFailed(Exception):
    """Something that whoever starts Comeback can mend; the message says what."""


async def run(settings: Settings) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises ``StartFailed``."""
    stop = asyncio.Event()
    server.on_signals(stop)
    try:
        listening = server.bind(settings.host, settings.port)
    except server.PortTaken as error:
        raise StartFailed(str(error)) from error
    with listening:
        async with comeback(settings) as (app, keys):
            settle_in()
            await server.serve(app, listening, stop, lambda: banner.show(settings, keys, system_clock(), sys.stdout))


@contextlib.asynccontextmanager
async def comeback(settings: Settings) -> AsyncIterator[tuple[FastAPI, Keys]]:
    """A whole Comeback without a listening socket: the gateway's app, every lifespan entered."""
    async with AsyncExitStack() as stack:
        data_dir = DataDir(settings.data_dir)
        try:
            data_dir.acquire()
            stack.callback(data_dir.release)
            keys = data_dir.keys(settings)
            url = await stack.enter_async_context(databases.server(settings, data_dir))
            urls = await databases.prepare(url)
        except (AlreadyRunning, NoFolder, migrate.CannotPrepare, databases.ServerTooOld) as error:
            raise StartFailed(str(error)) from error
        except (asyncpg.PostgresError, OSError) as error:
            raise StartFailed(f"PostgreSQL does not answer ({error})") from error
        log = await _open_log(stack, settings, urls["log"])
        yield await _start(stack, settings, data_dir, keys, urls, log), keys


async def _open_log(stack: AsyncExitStack, settings: Settings, table_url: str) -> EventLog:
    log = open_log(settings.log_url or table_url)
    await log.start()
    stack.push_async_callback(log.stop)
    return log


async def _start(
    stack: AsyncExitStack, settings: Settings, data_dir: DataDir, keys: Keys, urls: dict[str, str], log: EventLog
) -> FastAPI:
    from allinone import services  # noqa: PLC0415  # imports every service: late, so that a mistake in the environment shows at once
    from allinone.first_shop import ensure_first_shop  # noqa: PLC0415
    from gateway.errors import KeyTaken, WrongMasterKey  # noqa: PLC0415

    apps = services.build(settings, data_dir, keys, urls, log)
    try:
        async with contextlib.AsyncExitStack() as starting:
            # All at once: each waits for its own database and log.
            for app in apps.services.values():
                await starting.enter_async_context(app.router.lifespan_context(app))
            await starting.enter_async_context(apps.gateway.router.lifespan_context(apps.gateway))
            stack.push_async_exit(starting.pop_all())
        await ensure_first_shop(apps.gateway, settings, keys)
    except WrongMasterKey as error:
        raise StartFailed(
            f"these databases belong to another data folder than {data_dir.path}: its keys.json is not at hand"
        ) from error
    except KeyTaken as error:
        raise StartFailed(f"COMEBACK_SHOP_KEY: {error}") from error
    return apps.gateway
