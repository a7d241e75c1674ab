"""How long mails are kept."""

from pathlib import Path

from notifications.keeping import remove_old_mails
from tests.service.notifications.world import World, ago, customer, order, world
from tests.support.apps import Clock
from tests.support.postgres import TestServer


async def _subjects(running: World, show: str) -> list[str]:
    async with running.service.client() as client:
        page = (await client.get(f"/mailbox?show={show}")).text
    return [number for number in ("#old", "#new", "#other") if f"order {number} " in page]


async def test_mails_go_after_their_time_and_what_became_of_them_stays(postgres: TestServer, tmp_path: Path) -> None:
    clock = Clock(ago())
    async with world(postgres, tmp_path, clock=clock, mail_kept_days=30) as running:
        await running.tell(customer(), order("old"), customer(shop="shop2"), order("other", shop="shop2"))
        clock.now = ago(days=-29)
        await running.tell(order("new", at=clock.now))
        assert await remove_old_mails(running.service.runtime) == 0
        clock.now = ago(days=-31)
        assert await remove_old_mails(running.service.runtime) == 2
        assert await remove_old_mails(running.service.runtime) == 0
        assert len(running.files()) == 1
        new, old = await running.messages()
        assert (new["order_id"], new["state"], new["to"]) == ("new", "sent", "ada@example.com")
        assert (old["order_id"], old["state"], old["to"]) == ("old", "sent", None)
        assert old["sent_at"] is not None
        assert (await running.get(f"messages/{old['id']}"))["mail"] is None
        assert await _subjects(running, "mails") == ["#new"]
        assert await _subjects(running, "unsent") == []
        # What was sent is not sent again, however old the mail is.
        await running.tell(order("old"))
        assert len(running.files()) == 1


async def test_more_mails_than_one_round_takes_go_too(postgres: TestServer, tmp_path: Path) -> None:
    clock = Clock(ago())
    async with world(postgres, tmp_path, clock=clock) as running:
        await running.tell(customer(), order("o"))
        await running.rows(
            """insert into mails (shop_id, message_id, to_address, from_address, headers, text_body, html_body, sent_at)
               select 'demo', 'msg_00' || number, '', '', '{}', '', '', now() from generate_series(1, 1200) as number
               returning 1"""
        )
        assert await remove_old_mails(running.service.runtime) == 1200
