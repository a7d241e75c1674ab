"""SMTP: connections that are kept open, and what a server's answers mean (RFC 5321, RFC 3463)."""

import asyncio
import contextlib
import logging
import re
import time
from typing import Final

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPException,
    SMTPHeloError,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from notifications.addresses import needs_smtputf8
from notifications.mime import clean_text
from notifications.smtp_url import SmtpUrl
from notifications.transport import Outgoing, Verdict

log = logging.getLogger(__name__)

IDLE_SECONDS: Final = 10.0  # after which a connection is asked whether it still lives before it is used
KEEP_SECONDS: Final = 60.0  # after which an unused connection is closed rather than used

_ENHANCED: Final = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
# The mailbox or its domain does not exist, has moved, or takes no mail; 5.1.7 and 5.1.8 speak of the sender.
_NO_SUCH_MAILBOX: Final = frozenset({"0", "1", "2", "3", "4", "6", "10"})
_TOO_BIG: Final = 552
_CLOSING: Final = 421
_LOG_IN_FIRST: Final = 530
_NO_RELAY: Final = re.compile(r"\brelay", re.IGNORECASE)


class _Refused(Exception):
    """The server (or the way to it) refuses us, before any message."""


class SmtpTransport:
    """Delivers through one SMTP server over up to ``width`` connections."""

    def __init__(self, url: SmtpUrl, *, connections: int, timeout: float) -> None:
        self.width = connections
        self._url = url
        self._timeout = timeout
        self._idle: list[tuple[SMTP, float]] = []

    async def deliver(self, mail: Outgoing) -> Verdict:
        """Hand one mail over and read the server's answer."""
        try:
            client = await self._connection()
        except _Refused as error:
            return Verdict("away", str(error))
        options = ["SMTPUTF8"] if needs_smtputf8(mail.recipient) else []
        try:
            await client.sendmail(mail.sender, [mail.recipient], mail.content, mail_options=options)
        except (SMTPException, OSError, TimeoutError) as error:
            verdict = judge(error, mail.recipient)
            self._put_back(client, healthy=_in_step(error))
            return verdict
        except BaseException:
            client.close()
            raise
        self._put_back(client, healthy=True)
        return Verdict("sent", "250")

    async def forget(self, names: list[str]) -> None:
        """Nothing is kept here."""

    async def close(self) -> None:
        """Say goodbye on every idle connection, for at most a second."""
        idle, self._idle = self._idle, []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await asyncio.gather(*(_quit(client) for client, _ in idle))
        for client, _ in idle:
            client.close()

    def _put_back(self, client: SMTP, *, healthy: bool) -> None:
        if healthy and client.is_connected:
            self._idle.append((client, time.monotonic()))
        else:
            client.close()

    async def _connection(self) -> SMTP:
        while self._idle:
            client, since = self._idle.pop()
            if await _alive(client, time.monotonic() - since):
                return client
            client.close()
        return await self._connect()

    async def _connect(self) -> SMTP:
        url = self._url
        client = SMTP(
            hostname=url.host,
            port=url.port,
            use_tls=url.security == "tls",
            start_tls={"tls": False, "starttls": True}.get(url.security),
            validate_certs=url.verify,
            timeout=self._timeout,
        )
        try:
            await client.connect()
            await self._log_in(client)
        except (SMTPException, OSError, TimeoutError) as error:
            client.close()
            raise _Refused(_say_refusal(error)) from error
        except BaseException:
            client.close()
            raise
        return client

    async def _log_in(self, client: SMTP) -> None:
        if self._url.username is None:
            return
        encrypted = client.get_transport_info("sslcontext") is not None
        if not encrypted and not self._url.loopback:
            raise _Refused("the server offers no TLS, and a password does not go over the network without it")
        await client.login(self._url.username, self._url.password or "")


def judge(error: Exception, recipient: str) -> Verdict:
    """What an exception of one attempt means for its message."""
    if isinstance(error, SMTPRecipientsRefused) and error.recipients:
        return _judge_reply(error.recipients[0], recipient)
    if isinstance(error, SMTPNotSupported):
        return Verdict("failed", "the mail server takes no addresses beyond ASCII (SMTPUTF8)")
    if isinstance(error, SMTPSenderRefused) and error.code >= 500 and error.code != _TOO_BIG:
        # 530 "authenticate first", 550 "sender not verified": ours to repair, and the same for every message.
        return Verdict("away", f"the server refuses the sender: {_say(error, recipient)}")
    if isinstance(error, SMTPAuthenticationError | SMTPHeloError | SMTPConnectError):
        return Verdict("away", _say_refusal(error))
    if isinstance(error, SMTPResponseException):
        return _judge_reply(error, recipient)
    return Verdict("retry", f"the connection broke: {type(error).__name__}")


def _judge_reply(error: SMTPResponseException, recipient: str) -> Verdict:
    reply = _say(error, recipient)
    if not 500 <= error.code < 600:
        return Verdict("retry", reply)
    if error.code == _LOG_IN_FIRST or _NO_RELAY.search(error.message):
        # Ours to repair, and no word about the mailbox. Not "away": if it is said of one domain, the others go on.
        return Verdict("retry", reply)
    enhanced = _ENHANCED.search(error.message)
    gone = enhanced is not None and enhanced[1] == "5" and enhanced[2] == "1" and enhanced[3] in _NO_SUCH_MAILBOX
    return Verdict("bounced", reply, suppress=gone)


def _say(error: SMTPResponseException, recipient: str) -> str:
    """The server's words on one line, without the address (they outlive the person's erasure)."""
    cleaned = re.sub(re.escape(recipient), "<recipient>", _words(error), flags=re.IGNORECASE)
    return f"{error.code} {cleaned}"[:300]


def _say_refusal(error: Exception) -> str:
    if isinstance(error, SMTPResponseException):
        return f"the mail server refuses us: {error.code} {_words(error)}"[:300]
    return f"the mail server cannot be reached: {type(error).__name__}"


def _words(error: SMTPResponseException) -> str:
    """What the server said, on one line that a database can hold, whatever bytes it was."""
    readable = str(error.message).encode("utf-8", "replace").decode()
    return " ".join(clean_text(readable).split())


def _in_step(error: Exception) -> bool:
    """Whether the connection can go on: the server has refused something in words that SMTP knows.

    After anything else its next words might be about this mail, and be taken for an answer about the next one.
    """
    if isinstance(error, SMTPRecipientsRefused):
        return all(_in_step(refused) for refused in error.recipients)
    return isinstance(error, SMTPResponseException) and 400 <= error.code < 600 and error.code != _CLOSING


async def _alive(client: SMTP, idle: float) -> bool:
    if not client.is_connected or idle > KEEP_SECONDS:
        return False
    if idle < IDLE_SECONDS:
        return True
    try:
        await client.noop(timeout=5.0)
    except (SMTPException, OSError, TimeoutError):
        return False
    return True


async def _quit(client: SMTP) -> None:
    with contextlib.suppress(SMTPException, OSError, TimeoutError):
        await client.quit(timeout=1.0)
