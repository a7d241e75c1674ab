"""Events that can never be handled, of every kind, between good ones: set aside with a reason, the rest goes on."""

import base64
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from comeback_kit.log import Entry
from tests.support.comeback import ComebackProcess
from tests.support.log_reading import log_at, read_all
from tests.support.order_events import POINTS_AFTER_FIRST_REFUND, OrderStory
from tests.support.shop import Shop

_ORDERS = "comeback.orders.v1"
_DEAD = "comeback.loyalty.dead-letter.v1"


class _Letter(msgspec.Struct):
    """A dead letter as anybody reads it: the original stands in ``event`` where it is JSON, else as base64."""

    reason: str
    service: str
    topic: str
    key: str
    event: msgspec.Raw = msgspec.Raw()
    value_base64: str = ""

    def original(self) -> bytes:
        return bytes(self.event) or base64.b64decode(self.value_base64)


def _document(story: OrderStory, **changes: Any) -> dict[str, Any]:
    event = story.paid()
    return {
        "specversion": "1.0",
        "id": f"{event['id']}-poison",
        "source": "somebody",
        "type": event["type"],
        "time": event["occurred_at"],
        "subject": story.order_id,
        "shopid": "demo",
        "data": event["data"],
        **changes,
    }


def _order(story: OrderStory, **changes: Any) -> bytes:
    order = {**story.paid()["data"]["order"], "customer": {"customer_id": story.customer}, **changes}
    return json.dumps(_document(story, data={"order": order})).encode()


def _line(story: OrderStory, **changes: Any) -> bytes:
    line = story.paid()["data"]["order"]["lines"][0]
    return _order(story, lines=[{**line, **changes}])


def _without_time(story: OrderStory) -> bytes:
    """The event's time stands in for the order's ``updated_at``, and neither says when."""
    order = {name: value for name, value in story.paid()["data"]["order"].items() if name != "updated_at"}
    return json.dumps(_document(story, time="yesterday", data={"order": order})).encode()


def _deep(story: OrderStory) -> bytes:
    text = json.dumps(_document(story, data={"order": "DEEP"}))
    return text.replace('"DEEP"', "[" * 20_000 + "]" * 20_000).encode()


_POISON: dict[str, Callable[[OrderStory], bytes]] = {
    "broken_json": lambda story: json.dumps(_document(story)).encode()[:-7],
    "no_utf8": lambda story: json.dumps(_document(story)).encode().replace(b"somebody", b"some\xff\xfe"),
    "empty": lambda _: b"",
    "no_object": lambda _: b"[1, 2, 3]",
    "no_event": lambda _: b'{"hello": "world"}',
    "unknown_type": lambda story: json.dumps(_document(story, type="order.exploded")).encode(),
    "two_megabytes": lambda story: _order(story, number="9" * 2_000_000),
    "nul_in_id": lambda story: _order(story, order_id="a\x00b"),
    "nul_in_line_id": lambda story: _line(story, line_id="a\x00b"),
    "float_money": lambda story: _order(story, total=25.5),
    "money_beyond_all_bounds": lambda story: _line(story, total=10**30),
    "deep_nesting": _deep,
    "no_time": _without_time,
    "data_is_null": lambda story: json.dumps(_document(story, data=None)).encode(),
    "no_order": lambda story: json.dumps(_document(story, data={})).encode(),
    "lines_are_text": lambda story: _order(story, lines="none"),
}


async def test_poison_is_set_aside_with_its_reason_and_its_partition_moves_on(
    comeback: ComebackProcess, shop: Shop, new_id: str
) -> None:
    stories = {kind: OrderStory(f"{new_id}-{kind}") for kind in _POISON}
    poison = {kind: make(stories[kind]) for kind, make in _POISON.items()}
    await shop.accept_all([story.paid() for story in stories.values()])
    async with log_at(comeback.log_url) as log:
        await log.append([Entry(_ORDERS, f"demo:{stories[kind].order_id}", value) for kind, value in poison.items()])
        await shop.accept_all([story.refunded() for story in stories.values()])
        await shop.caught_up(60.0)
        letters = [msgspec.json.decode(record.value, type=_Letter) for record in await read_all(log, _DEAD)]
    originals = {letter.original(): letter for letter in letters}
    for kind, story in stories.items():
        assert (await shop.member(story.customer))["balance"] == POINTS_AFTER_FIRST_REFUND, kind
        assert poison[kind] in originals, f"{kind} was not set aside"
        letter = originals[poison[kind]]
        assert letter.reason, kind
        assert (letter.topic, letter.service, letter.key) == (_ORDERS, "loyalty", f"demo:{story.order_id}")
    assert len(letters) == len(originals), "a letter was written twice"
    assert (await shop.http.get("/livez")).status_code == 200


@pytest.mark.parametrize("topic", ["comeback.customers.v1", "comeback.loyalty.v1", "comeback.shops.v1"])
async def test_poison_on_the_other_topics_stops_nobody(
    comeback: ComebackProcess, shop: Shop, new_id: str, topic: str
) -> None:
    story = OrderStory(f"{new_id}-1")
    poison = [
        _POISON[kind](story) for kind in ("broken_json", "unknown_type", "data_is_null", "deep_nesting", "no_time")
    ]
    async with log_at(comeback.log_url) as log:
        await log.append([Entry(topic, f"demo:{story.customer}", value) for value in poison])
    await shop.accept(story.paid(), story.refunded())
    await shop.caught_up(60.0)
    assert (await shop.member(story.customer))["balance"] == POINTS_AFTER_FIRST_REFUND
    assert {one["state"] for one in await shop.messages(order_id=story.order_id)} == {"sent"}
