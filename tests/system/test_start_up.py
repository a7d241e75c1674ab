"""How it starts: what a newcomer sees, what it refuses, and what it finds again."""

import asyncio
import json
import os
import re
import socket
import stat
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.comeback import ComebackProcess, new_comeback
from tests.support.order_events import POINTS_PAID, OrderStory
from tests.support.shop import shop_of
from tests.support.waiting import eventually


@pytest.fixture
def fresh() -> Iterator[ComebackProcess]:
    """A Comeback whose key and secrets are made by itself, not started."""
    with new_comeback({}) as process:
        yield process


def _fails(process: ComebackProcess, **environment: str) -> str:
    """Start it, which must fail with code 1; what it says on standard error."""
    code = process.spawn(**environment).wait(60)  # as long as ``start`` gives it
    assert code == 1, process.errors
    assert "Traceback" not in process.errors
    return process.errors


async def test_a_newcomer_copies_the_three_calls_of_the_banner(fresh: ComebackProcess) -> None:
    fresh.data_dir = fresh.folder / "Ann's shop, 100% new"  # any folder that a person would make
    await asyncio.to_thread(fresh.start)
    (key,) = set(re.findall(r"cbk_[a-z0-9]{4,32}_[A-Za-z0-9]{24,128}", fresh.banner))
    assert fresh.base_url in fresh.banner
    calls = [call for call in re.split(r"\n(?=curl )", _after_first_call(fresh.banner)) if call]
    assert len(calls) == 3, fresh.banner
    accepted = json.loads(_run(calls[0]))
    assert accepted["results"][0]["status"] == "accepted"
    async with shop_of(fresh.base_url, key) as shop:
        await shop.caught_up()
    assert json.loads(_run(calls[1]))["balance"] == POINTS_PAID

    def thank_you() -> bool:
        page = json.loads(_run(calls[2]))
        # On a busy machine a part may say "timeout" for once.
        return page["loyalty"].get("points_earned") == POINTS_PAID and "url" in page["feedback"].get("survey", {})

    await eventually(thank_you)


def _after_first_call(banner: str) -> str:
    lines = [line for line in banner.split("\n") if not re.match(r"^\d\. |^Ctrl-C|^$", line)]
    return "\n".join(lines[next(index for index, line in enumerate(lines) if line.startswith("curl ")) :])


def _run(call: str) -> str:
    done = subprocess.run(["bash", "-c", call], capture_output=True, text=True, check=True, timeout=20)
    return done.stdout


@pytest.mark.faults
async def test_the_data_folder_holds_pid_keys_and_data_and_a_restart_finds_them(
    fresh: ComebackProcess, new_id: str
) -> None:
    story = OrderStory(f"{new_id}-1")
    process = fresh.spawn()
    await asyncio.to_thread(fresh.wait_until_up)
    assert (fresh.data_dir / "comeback.pid").read_text() == str(process.pid)
    keys = fresh.data_dir / "keys.json"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    first = json.loads(keys.read_text())
    assert first["shop_key"] in fresh.banner
    async with shop_of(fresh.base_url, _key(fresh)) as shop:
        await shop.accept(story.paid())
    assert await asyncio.to_thread(fresh.interrupt) == 0, fresh.errors
    assert not (fresh.data_dir / "comeback.pid").exists()
    await asyncio.to_thread(fresh.start)
    assert json.loads(keys.read_text()) == first
    assert first["shop_key"] in fresh.banner
    async with shop_of(fresh.base_url, _key(fresh)) as shop:
        await shop.caught_up()
        assert (await shop.member(story.customer))["balance"] == POINTS_PAID


@pytest.mark.faults
async def test_a_second_start_on_the_same_folder_is_refused(fresh: ComebackProcess) -> None:
    await asyncio.to_thread(fresh.start)
    second = ComebackProcess(fresh.folder / "second", {})
    second.folder.mkdir()
    second.data_dir = fresh.data_dir
    said = await asyncio.to_thread(_fails, second)
    assert "another Comeback runs" in said
    assert await asyncio.to_thread(fresh.ready)


async def test_a_taken_port_is_a_clear_error(fresh: ComebackProcess) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", fresh.port))
        taken.listen()
        said = await asyncio.to_thread(_fails, fresh)
    assert str(fresh.port) in said
    assert "COMEBACK_PORT" in said
    assert not (fresh.data_dir / "postgres").exists(), "nothing starts before the port is ours"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COMEBACK_SHOP_KEY", "secret"),
        ("COMEBACK_CUSTOMER_SECRET", "short"),
        ("COMEBACK_SHOP_CURRENCY", "EURO"),
        ("COMEBACK_SHOP_TIME_ZONE", "Mars/Olympus"),
        ("COMEBACK_PORT", "http"),
        ("COMEBACK_LOG_URL", "redis://localhost"),
        ("COMEBACK_LOG_URL", "kafka://"),
        ("COMEBACK_LOG_URL", "kafka://localhost:port"),
        ("COMEBACK_SMTP_URL", "http://localhost:25"),
        ("COMEBACK_SMTP_URL", "smtp://localhost:port"),
        ("COMEBACK_DATABASE_URL", "mysql://localhost"),
    ],
)
async def test_a_mistake_in_the_environment_is_named_before_anything_starts(
    fresh: ComebackProcess, name: str, value: str
) -> None:
    said = await asyncio.to_thread(_fails, fresh, **{name: value})
    assert name in said
    assert not fresh.data_dir.exists()


async def test_a_data_folder_that_cannot_be_one_is_named(fresh: ComebackProcess) -> None:
    fresh.data_dir = fresh.folder / "file" / "data"
    (fresh.folder / "file").write_text("")
    said = await asyncio.to_thread(_fails, fresh)
    assert "COMEBACK_DATA_DIR" in said
    assert "PostgreSQL" not in said


@pytest.mark.faults
async def test_keys_lost_while_their_databases_are_kept_are_a_clear_error(fresh: ComebackProcess) -> None:
    await asyncio.to_thread(fresh.start)
    assert await asyncio.to_thread(fresh.terminate) == 0
    (fresh.data_dir / "keys.json").unlink()
    said = await asyncio.to_thread(_fails, fresh)
    assert "keys.json" in said


@pytest.mark.faults
async def test_a_postgresql_left_by_kill_is_adopted(fresh: ComebackProcess, new_id: str) -> None:
    story = OrderStory(f"{new_id}-1")
    await asyncio.to_thread(fresh.start)
    async with shop_of(fresh.base_url, _key(fresh)) as shop:
        await shop.accept(story.paid())
        await shop.caught_up()
    await asyncio.to_thread(fresh.kill)
    left = fresh.postgres.pid()
    assert left is not None
    os.kill(left, 0)
    await asyncio.to_thread(fresh.start)
    assert fresh.postgres.pid() == left
    async with shop_of(fresh.base_url, _key(fresh)) as shop:
        await shop.caught_up()
        assert (await shop.member(story.customer))["balance"] == POINTS_PAID
    assert await asyncio.to_thread(fresh.terminate) == 0
    assert fresh.postgres.pid() is None


async def test_the_first_shops_currency_and_zone_are_those_of_the_environment(fresh: ComebackProcess) -> None:
    fresh.environment = {"COMEBACK_SHOP_CURRENCY": "JPY", "COMEBACK_SHOP_ID": "tokyo"}
    await asyncio.to_thread(fresh.start)
    story = OrderStory("1")
    paid = story.paid()
    paid["data"]["order"]["currency"] = "JPY"
    async with shop_of(fresh.base_url, _key(fresh)) as shop:
        await shop.accept(paid)
        await shop.caught_up()
        assert (await shop.member(story.customer))["balance"] == POINTS_PAID
        rewards = await shop.read("/v1/loyalty/rewards")
        assert rewards["items"][0]["currency"] == "JPY"


def _key(process: ComebackProcess) -> str:
    return str(json.loads((process.data_dir / "keys.json").read_text())["shop_key"])
