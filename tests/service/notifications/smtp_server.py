"""A real SMTP server on loopback whose answers a test decides."""

import asyncio
import contextlib
import ipaddress
import ssl
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DROP = "drop the connection"
HANG = "never answer"


@dataclass
class Inbox:
    """What the server got, and what it answers next: an answer is used once, then it says yes."""

    rcpt: deque[str] = field(default_factory=deque)
    data: deque[str] = field(default_factory=deque)
    sender: deque[str] = field(default_factory=deque)
    by_address: dict[str, str] = field(default_factory=dict)
    taken: list[EmailMessage] = field(default_factory=list)  # acknowledged with 250
    read: list[EmailMessage] = field(default_factory=list)  # content came, whatever the answer
    recipients: list[str] = field(default_factory=list)
    connections: int = 0
    tls: list[bool] = field(default_factory=list)
    port: int = 0

    async def handle_EHLO(  # noqa: N802
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.connections += 1
        return responses

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.sender:
            return self.sender.popleft()
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self.by_address.get(address) or (self.rcpt.popleft() if self.rcpt else "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.original_content or b""
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.read.append(message)
        self.tls.append(session.ssl is not None)
        answer = self.data.popleft() if self.data else "250 OK"
        if answer == DROP:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
            return "421 gone"
        if answer == HANG:
            await asyncio.sleep(60)
        if answer.startswith("250"):
            self.taken.append(message)
            self.recipients += envelope.rcpt_tos
        return answer

    def ids(self) -> list[str]:
        """The ``Message-ID`` of every mail taken."""
        return [str(message["Message-ID"]) for message in self.taken]


@contextlib.asynccontextmanager
async def smtp_server(
    inbox: Inbox | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    implicit: bool = False,
    port: int = 0,
    **options: Any,
) -> AsyncIterator[Inbox]:
    """Run the server while the block runs; ``inbox.port`` says where."""
    box = inbox or Inbox()
    sessions: set[SMTP] = set()

    def session() -> SMTP:
        starttls: dict[str, Any] = {} if implicit or tls is None else {"tls_context": tls}
        one = SMTP(box, enable_SMTPUTF8=True, loop=asyncio.get_running_loop(), **starttls, **options)
        sessions.add(one)
        return one

    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, "127.0.0.1", port, ssl=tls if implicit else None)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        for one in sessions:
            if one.transport is not None:
                one.transport.close()
        await server.wait_closed()
        await asyncio.sleep(0.01)  # the aborted transports close their sockets in the loop's next turns


def take_password(user: str, password: str) -> Any:
    """An authenticator that knows one user."""

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        return AuthResult(success=(given.login, given.password) == (user.encode(), password.encode()), handled=False)

    return check


def self_signed() -> ssl.SSLContext:
    """A server context for 127.0.0.1 that no client trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "both.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context.load_cert_chain(file)
    return context
