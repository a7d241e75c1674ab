"""Handing over: what the mail server says, crashes, several processes at once."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from comeback_contracts import topics
from comeback_kit.log.port import TopicSpec
from comeback_kit.log.postgres import PostgresLog
from notifications.dispatch import Dispatcher
from notifications.service_state import state_of
from notifications.transport import Outgoing, Verdict
from tests.service.notifications.smtp_server import DROP, HANG, Inbox, smtp_server
from tests.service.notifications.world import World, ago, customer, order
from tests.service.notifications.world import world as run
from tests.support.apps import Clock
from tests.support.postgres import TestServer
from tests.support.waiting import eventually


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    async with smtp_server() as box:
        yield box


@pytest.fixture
async def mailing(postgres: TestServer, tmp_path: Path, inbox: Inbox) -> AsyncIterator[World]:
    """The service with a real SMTP server."""
    async with run(postgres, tmp_path, smtp_url=f"smtp://127.0.0.1:{inbox.port}") as running:
        yield running


async def test_a_mail_leaves_over_smtp(mailing: World, inbox: Inbox) -> None:
    await mailing.tell(customer(), order())
    assert await mailing.states() == {"order_confirmation": ("sent", None)}
    assert inbox.recipients == ["ada@example.com"]
    assert not mailing.files()


async def test_case_64_and_67_a_hard_bounce_is_not_tried_again_and_nothing_is_sent_there_any_more(
    mailing: World, inbox: Inbox
) -> None:
    inbox.rcpt.append("550 5.1.1 <ada@example.com>: no such user")
    await mailing.tell(customer(), order("o1"))
    (message,) = await mailing.messages()
    assert (message["state"], message["reason"], message["attempts"]) == ("bounced", "refused", 1)
    assert "ada@example.com" not in message["last_reply"]
    await mailing.tell(order("o2"), customer("c2", "ADA@example.com"), order("o3", "c2"))
    states = {one["order_id"]: (one["state"], one["reason"]) for one in await mailing.messages()}
    assert states == {"o1": ("bounced", "refused"), "o2": ("skipped", "suppressed"), "o3": ("skipped", "suppressed")}
    assert not inbox.read
    assert sorted(event.type for event in await mailing.published()) == [
        "message.bounced",
        "message.skipped",
        "message.skipped",
    ]


async def test_a_refusal_of_the_content_bounces_but_suppresses_nobody(mailing: World, inbox: Inbox) -> None:
    inbox.data.append("554 5.7.1 looks like spam")
    await mailing.tell(customer(), order("o1"))
    await mailing.tell(order("o2"))
    states = {one["order_id"]: one["state"] for one in await mailing.messages()}
    assert states == {"o1": "bounced", "o2": "sent"}


async def test_case_65_throttled_twice_then_sent_is_one_copy(mailing: World, inbox: Inbox) -> None:
    inbox.data.extend(["454 4.7.0 throttled", "454 4.7.0 throttled"])
    await mailing.tell(customer(), order())
    (message,) = await mailing.messages()
    assert (message["state"], message["attempts"]) == ("sent", 3)
    assert len(inbox.ids()) == 1


async def test_a_connection_lost_after_the_content_is_sent_again_as_the_same_mail(mailing: World, inbox: Inbox) -> None:
    inbox.data.append(DROP)
    await mailing.tell(customer(), order())
    assert await mailing.states() == {"order_confirmation": ("sent", None)}
    assert len(inbox.read) == 2
    assert len({str(mail["Message-ID"]) for mail in inbox.read}) == 1


async def test_after_a_day_of_temporary_refusals_the_message_has_failed(
    postgres: TestServer, tmp_path: Path, inbox: Inbox
) -> None:
    inbox.by_address["ada@example.com"] = "451 4.7.1 never now"
    url = f"smtp://127.0.0.1:{inbox.port}"
    async with run(postgres, tmp_path, smtp_url=url, mail_give_up=0.0001) as running:
        await running.tell(customer(), order())
        assert await running.states() == {"order_confirmation": ("failed", "undeliverable")}
        assert [event.type for event in await running.published()] == ["message.failed"]


async def test_a_server_that_is_away_is_waited_for_and_nothing_is_lost(postgres: TestServer, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with run(postgres, tmp_path, smtp_url=f"smtp://127.0.0.1:{port}") as running:
        await running.append(customer(), *[order(f"o{number}") for number in range(20)])

        async def refused() -> bool:
            return any(one["last_reply"] for one in await running.messages())

        await eventually(refused)
        async with running.service.anonymous() as client:
            answer = await client.get("/readyz?caught_up=true")
        assert answer.status_code == 503
        assert answer.json()["lags"]["mails"] == 20
        async with smtp_server(port=port) as inbox:
            await running.caught_up()
            assert len(set(inbox.ids())) == len(inbox.ids()) == 20
        assert {one["state"] for one in await running.messages()} == {"sent"}


async def test_the_day_of_refusals_begins_with_the_first_refusal(postgres: TestServer, tmp_path: Path) -> None:
    clock = Clock(ago())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with run(postgres, tmp_path, smtp_url=f"smtp://127.0.0.1:{port}", clock=clock) as running:
        await running.append(customer(), order())

        async def said(words: str) -> bool:
            return any(words in (one["last_reply"] or "") for one in await running.messages())

        await eventually(lambda: said("cannot be reached"))
        clock.now += timedelta(hours=25)  # the server was away, which is no refusal
        async with smtp_server(port=port) as inbox:
            inbox.rcpt.append("451 4.7.1 greylisted")
            await eventually(lambda: said("greylisted"))
            assert await running.states() == {"order_confirmation": ("sending", None)}
            clock.now += timedelta(minutes=1)
            await running.caught_up()
        assert await running.states() == {"order_confirmation": ("sent", None)}


async def test_several_dispatchers_share_the_work_and_hand_each_mail_over_once(mailing: World, inbox: Inbox) -> None:
    runtime = mailing.service.runtime
    others = [Dispatcher(runtime, state_of(runtime)) for _ in range(3)]
    for other in others:
        other.start()
    try:
        await mailing.tell(customer(), *[order(f"o{number}") for number in range(150)])
    finally:
        for other in others:
            await other.stop()
    assert len(inbox.ids()) == len(set(inbox.ids())) == 150


async def test_a_dispatcher_that_stops_gives_back_what_it_has_not_sent(mailing: World, inbox: Inbox) -> None:
    inbox.by_address["slow@example.com"] = "250 OK"
    runtime = mailing.service.runtime
    other = Dispatcher(runtime, state_of(runtime))
    other.start()
    await mailing.append(customer(), *[order(f"o{number}") for number in range(60)])
    await asyncio.sleep(0.05)
    await other.stop()
    await mailing.caught_up()
    assert len(inbox.ids()) == len(set(inbox.ids())) == 60
    left = await mailing.rows("select 1 from messages where state <> 'sent' or claim is not null")
    assert left == []


async def test_a_message_that_cannot_be_composed_fails_alone(mailing: World, inbox: Inbox) -> None:
    await mailing.tell(order("broken", "c2"), order("whole"))
    fields = {"email": ["eve@example.com", "2026-01-01T00:00:00.000000Z"], "first_name": [5, "2026"]}
    async with mailing.service.runtime.db.work() as tx:
        await tx.execute("update customers set fields = $1, email = 'x' where customer_id = 'c2'", fields)
        await tx.execute("update messages set state = 'sending', next_at = now() where order_id = 'broken'")
    await mailing.tell(customer())
    states = {one["order_id"]: (one["state"], one["reason"]) for one in await mailing.messages()}
    assert states == {"broken": ("failed", "not_renderable"), "whole": ("sent", None)}
    assert len(inbox.taken) == 1


async def test_a_mail_that_the_database_cannot_hold_is_marked_without_its_text(mailing: World, inbox: Inbox) -> None:
    await mailing.tell(order("odd"), order("o1"), order("o2"))
    store = state_of(mailing.service.runtime).transport

    class Odd:
        width = 1

        async def deliver(self, mail: Outgoing) -> Verdict:
            verdict = await store.deliver(mail)
            ids = {one["id"] for one in await mailing.messages(order_id="odd")}
            return Verdict(verdict.kind, "\x00" if mail.name in ids else verdict.reply)

        async def forget(self, names: list[str]) -> None:
            await store.forget(names)

        async def close(self) -> None:
            await store.close()

    state_of(mailing.service.runtime).transport = Odd()
    await mailing.tell(customer())
    assert {one["order_id"]: one["state"] for one in await mailing.messages()} == dict.fromkeys(
        ("odd", "o1", "o2"), "sent"
    )
    assert len(inbox.taken) == 3


async def test_the_database_away_for_a_moment_costs_nothing(mailing: World, inbox: Inbox, postgres: TestServer) -> None:
    await mailing.append(customer(), *[order(f"o{number}") for number in range(40)])
    for _ in range(3):
        await asyncio.sleep(0.05)
        await terminate_connections(postgres, mailing)
    await mailing.caught_up()
    assert {one["state"] for one in await mailing.messages()} == {"sent"}
    assert len(set(inbox.ids())) == 40


async def terminate_connections(postgres: TestServer, mailing: World) -> None:
    """Cut every connection of the service to its database, as a restart of the server does."""
    connection = await asyncpg.connect(postgres.url)
    try:
        name = mailing.service.database_url.split("?", maxsplit=1)[0].rsplit("/", 1)[1]
        await connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
    finally:
        await connection.close()


async def test_header_injection_by_names_and_titles_reaches_nobody(mailing: World, inbox: Inbox) -> None:
    evil = "Ada\r\nBcc: eve@evil.example"
    await mailing.tell(
        customer(first_name=evil, last_name="x\nTo: eve@evil.example"), order(number="1\r\nBcc: e@evil.example")
    )
    (mail,) = inbox.taken
    assert inbox.recipients == ["ada@example.com"]
    assert mail["Bcc"] is None
    assert len(mail.get_all("To") or []) == 1
    await mailing.tell(customer("c2", "eve@example.com\r\nRCPT TO:<eve@evil.example>"), order("o2", "c2"))
    assert (await mailing.messages(order_id="o2"))[0]["state"] == "waiting"


async def test_a_process_killed_while_it_sends_leaves_one_mail_to_the_reader(
    postgres: TestServer, tmp_path: Path
) -> None:
    """SIGKILL between the server's reading and our mark: the mail comes again, under the same ``Message-ID``."""
    database_url = await postgres.fresh("notifications")
    log_url = await postgres.empty()
    log = PostgresLog(log_url)
    await log.start()
    await log.ensure_topics([TopicSpec(name) for name in (topics.CUSTOMERS, topics.ORDERS)])
    async with smtp_server() as inbox:
        environment = {
            **os.environ,
            "NOTIFICATIONS_DATABASE_URL": database_url,
            "NOTIFICATIONS_LOG_URL": log_url,
            "NOTIFICATIONS_SMTP_URL": f"smtp://127.0.0.1:{inbox.port}",
            "NOTIFICATIONS_MAIL_LEASE": "1",
        }
        command = [sys.executable, "-m", "notifications", "serve", "--port", str(_free_port())]
        inbox.data.append(HANG)
        first = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)  # noqa: ASYNC220
        second = None
        try:
            await log.append([customer(), order()])
            await eventually(lambda: len(inbox.read) == 1, within=30)
            first.kill()
            await asyncio.to_thread(first.wait, 15)
            second = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)  # noqa: ASYNC220
            await eventually(lambda: len(inbox.taken) == 1, within=30)
        finally:
            for process in (first, second):
                if process is not None and process.poll() is None:
                    process.terminate()
                    await asyncio.to_thread(process.wait, 15)
            await log.stop()
    assert len(inbox.read) == 2
    assert len({str(mail["Message-ID"]) for mail in inbox.read}) == 1
    await postgres.drop(database_url)
    await postgres.drop(log_url)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
