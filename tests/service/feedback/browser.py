"""A real browser in front of the running service."""

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from playwright.async_api import Browser, async_playwright

from tests.support.apps import ServiceUnderTest
from tests.support.waiting import eventually

CHROMIUM = "/usr/bin/chromium"


@contextlib.asynccontextmanager
async def served(service: ServiceUnderTest) -> AsyncIterator[str]:
    """The service on a port of this machine; its lifespan is already running."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(service.app, lifespan="off", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            await eventually(lambda: server.started)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Chromium, or a skipped test where there is none (a failed one in CI)."""
    if shutil.which(CHROMIUM) is None:
        message = f"no Chromium at {CHROMIUM}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()
