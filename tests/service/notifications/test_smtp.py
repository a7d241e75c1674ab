"""The SMTP transport against a real server."""

import asyncio
import socket
from datetime import UTC, datetime

import pytest

from notifications.mime import Mail, to_bytes
from notifications.smtp import SmtpTransport
from notifications.smtp_url import parse_smtp_url
from notifications.transport import Outgoing
from tests.service.notifications.smtp_server import DROP, HANG, Inbox, self_signed, smtp_server, take_password


def transport(
    inbox: Inbox, *, scheme: str = "smtp", user: str = "", query: str = "", timeout: float = 5.0
) -> SmtpTransport:
    url = parse_smtp_url(f"{scheme}://{user}127.0.0.1:{inbox.port}{query}")
    return SmtpTransport(url, connections=2, timeout=timeout)


def outgoing(number: int = 1, recipient: str = "ada@example.com", text: str = "Hällo\n.\n..\n") -> Outgoing:
    mail = Mail(
        message_id=f"<{number}@shop.example>",
        date=datetime(2026, 11, 24, tzinfo=UTC),
        from_name="Röstwerk",
        from_address="no-reply@shop.example",
        to_name="Ada",
        to_address=recipient,
        subject="Grüße",
        text=text,
        html="<p>Hällo</p>\n",
        language="de",
        headers={},
    )
    return Outgoing(f"msg_{number}", mail.from_address, recipient, to_bytes(mail))


async def test_a_mail_arrives_as_it_was_written_over_a_kept_connection() -> None:
    async with smtp_server() as inbox:
        sending = transport(inbox)
        for number in range(3):
            assert (await sending.deliver(outgoing(number))).kind == "sent"
        await sending.close()
    assert inbox.ids() == ["<0@shop.example>", "<1@shop.example>", "<2@shop.example>"]
    assert inbox.connections == 1
    body = inbox.taken[0].get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == "Hällo\n.\n..\n"


@pytest.mark.parametrize(
    ("stage", "answer", "kind", "suppress"),
    [
        ("rcpt", "550 5.1.1 no such user", "bounced", True),
        ("rcpt", "550 5.7.1 no", "bounced", False),
        ("rcpt", "451 4.7.1 greylisted", "retry", False),
        ("data", "554 5.6.0 spam", "bounced", False),
        ("data", "454 4.7.0 throttled", "retry", False),
        ("sender", "530 5.7.0 authenticate first", "away", False),
        ("sender", "452 4.3.1 full", "retry", False),
        ("data", DROP, "retry", False),
        ("rcpt", "hello", "retry", False),  # no reply: what comes after it on this connection is not to be trusted
        ("data", "hello", "retry", False),
        ("rcpt", "250 " + "x" * 10_000, "retry", False),
        ("rcpt", "421 4.3.2 shutting down", "retry", False),
        ("rcpt", "530 5.7.1 Client was not authenticated", "retry", False),
        ("rcpt", "554 5.7.1 <ada@example.com>: Relay access denied", "retry", False),
        ("rcpt", "550 relay not permitted", "retry", False),
    ],
)
async def test_each_answer_has_its_meaning_and_the_next_mail_goes_through(
    stage: str, answer: str, kind: str, suppress: bool
) -> None:
    async with smtp_server() as inbox:
        getattr(inbox, stage).append(answer)
        sending = transport(inbox)
        verdict = await sending.deliver(outgoing())
        assert (verdict.kind, verdict.suppress) == (kind, suppress)
        assert (await sending.deliver(outgoing())).kind == "sent"
        await sending.close()
    assert inbox.ids() == ["<1@shop.example>"]


async def test_a_server_that_never_answers_costs_the_timeout_and_no_more() -> None:
    async with smtp_server() as inbox:
        inbox.data.append(HANG)
        sending = transport(inbox, timeout=0.3)
        async with asyncio.timeout(3):
            assert (await sending.deliver(outgoing())).kind == "retry"
        await sending.close()


async def test_a_server_that_is_not_there_is_away() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        sending = SmtpTransport(parse_smtp_url(f"smtp://127.0.0.1:{taken.getsockname()[1]}"), connections=1, timeout=2)
        assert (await sending.deliver(outgoing())).kind == "away"


async def test_a_connection_that_the_server_closed_meanwhile_is_made_anew() -> None:
    async with smtp_server() as inbox:
        sending = transport(inbox)
        assert (await sending.deliver(outgoing(1))).kind == "sent"
    async with smtp_server(inbox, port=inbox.port):
        assert (await sending.deliver(outgoing(2))).kind == "sent"
        await sending.close()
    assert inbox.ids() == ["<1@shop.example>", "<2@shop.example>"]


async def test_starttls_is_used_where_it_is_offered() -> None:
    async with smtp_server(tls=self_signed()) as inbox:
        sending = transport(inbox, query="?verify=no")
        assert (await sending.deliver(outgoing())).kind == "sent"
        await sending.close()
    assert inbox.tls == [True]


async def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    async with smtp_server(tls=self_signed()) as inbox:
        assert (await transport(inbox).deliver(outgoing())).kind == "away"
    assert not inbox.read


async def test_required_starttls_is_not_gone_without() -> None:
    async with smtp_server() as inbox:
        assert (await transport(inbox, scheme="smtp+starttls").deliver(outgoing())).kind == "away"
    assert not inbox.read


async def test_smtps_speaks_tls_from_the_first_byte() -> None:
    async with smtp_server(tls=self_signed(), implicit=True) as inbox:
        sending = transport(inbox, scheme="smtps", query="?verify=no")
        assert (await sending.deliver(outgoing())).kind == "sent"
        await sending.close()
    assert len(inbox.taken) == 1


@pytest.mark.parametrize(("password", "kind"), [("right", "sent"), ("wrong", "away")])
async def test_the_password_opens_the_server_or_the_server_is_away(password: str, kind: str) -> None:
    options = {"authenticator": take_password("shop", "right"), "auth_require_tls": False}
    async with smtp_server(**options) as inbox:
        sending = transport(inbox, user=f"shop:{password}@")
        assert (await sending.deliver(outgoing())).kind == kind
        await sending.close()


async def test_an_address_beyond_ascii_needs_a_server_that_takes_it() -> None:
    async with smtp_server() as inbox:
        sending = transport(inbox)
        assert (await sending.deliver(outgoing(recipient="用户@example.com"))).kind == "sent"
        await sending.close()
    assert inbox.recipients == ["用户@example.com"]


async def test_many_mails_at_once_share_few_connections() -> None:
    async with smtp_server() as inbox:
        sending = transport(inbox)
        gate = asyncio.Semaphore(sending.width)

        async def one(number: int) -> str:
            async with gate:
                return (await sending.deliver(outgoing(number))).kind

        kinds = await asyncio.gather(*(one(number) for number in range(40)))
        await sending.close()
    assert set(kinds) == {"sent"}
    assert sorted(inbox.ids()) == sorted(f"<{number}@shop.example>" for number in range(40))
    assert inbox.connections <= 2
