"""An SMTP server on loopback that refuses now and then, and counts what it took."""

import asyncio
import random
from collections import Counter
from email import message_from_bytes
from typing import Any

from aiosmtpd.controller import Controller

from tests.support.comeback import free_port


class MailSink:
    """``taken`` counts mails by recipient and subject. One in twenty is refused for now, one in a hundred is slow."""

    def __init__(self, rng: random.Random) -> None:
        self.taken: Counter[tuple[str, str]] = Counter()
        self._rng = rng
        self._server = Controller(self, hostname="127.0.0.1", port=free_port())

    @property
    def url(self) -> str:
        """What a service is given as its SMTP server."""
        return f"smtp://127.0.0.1:{self._server.port}"

    def start(self) -> None:
        """Listen, in a thread of its own."""
        self._server.start()

    def stop(self) -> None:
        """Listen no more."""
        self._server.stop()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: ARG002, N802  # aiosmtpd's
        """Called by aiosmtpd with every mail."""
        if self._rng.random() < 0.05:
            return "451 4.7.1 try again later"
        subject = str(message_from_bytes(envelope.content)["subject"])
        self.taken[envelope.rcpt_tos[0], subject] += 1
        if self._rng.random() < 0.01:
            await asyncio.sleep(3)
        return "250 2.0.0 taken"
