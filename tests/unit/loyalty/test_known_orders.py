"""What is known of an order: read as it stands or through the reader, it merges alike."""

import random
from typing import Any

import msgspec
import pytest

from comeback_contracts.guest import guest_id
from comeback_contracts.order_merge import from_event, merge
from comeback_contracts.order_reading import snapshot_in
from comeback_kit.errors import PoisonEvent
from comeback_kit.events import Event
from comeback_kit.log.port import Record
from gateway.entries import Checked, Origin, entries_of
from loyalty.order_states import Known, buyer_in, state_in
from tests.unit.contracts.events import order_event
from tests.unit.loyalty.orders import line, order

TIME = "2026-03-04T10:00:00Z"


def event(data: Any, time: str = TIME) -> Event:
    raw = msgspec.Raw(msgspec.json.encode(data))
    return Event(id="e", source="api", type="order.paid", time=time, shopid="s", data=raw)


def plain(**fields: Any) -> dict[str, Any]:
    given = {name: value for name, value in order(**fields).items() if name != "refunds"}
    return {"order": given}


def test_an_order_that_came_as_it_stands_and_one_that_was_read_merge_alike() -> None:
    first, later = plain(), plain(state="cancelled", updated_at="2026-03-05T10:00:00Z")
    assert snapshot_in(msgspec.json.encode(first)) is not None
    unread, read = state_in(event(first)), Known.of(from_event(first, TIME))
    for other in (state_in(event(later)), Known.of(from_event(later, TIME))):
        assert unread.merged_with(other).state == read.merged_with(other).state == from_event(later, TIME)
        assert other.merged_with(unread) is other


def test_the_same_event_again_changes_nothing() -> None:
    known = state_in(event(plain()))
    assert known.merged_with(state_in(event(plain()))) is known
    assert known.merged_with(Known.of(from_event(plain(), TIME))) is known
    assert Known.stored(known.document).merged_with(known).state == known.state


def test_known_orders_merge_as_their_states_do() -> None:
    rng = random.Random(5)
    for _ in range(2_000):
        (a, at), (b, bt) = order_event(rng), order_event(rng)
        found = state_in(event(a, at)).merged_with(state_in(event(b, bt)))
        told = [from_event(data, time) for data, time in ((a, at), (b, bt))]
        for one in told:
            for each in one.get("lines") or ():
                each.pop("attributes", None)
        assert found.state == merge(*told)
        assert msgspec.json.decode(found.document) == found.state
        assert found.has_snapshot == ("updated_at" in found.state)


def test_what_a_line_says_beyond_the_contract_is_not_kept() -> None:
    known = state_in(event({"order": plain()["order"] | {"lines": [{**line("1", 5), "attributes": {"for": "Otto"}}]}}))
    assert b"Otto" not in known.document
    noted = state_in(event({"order": plain()["order"] | {"attributes": {"gift": "for Otto"}}}))
    assert b"Otto" in noted.document
    assert b"Otto" not in noted.without_notes().document
    assert known.without_notes() is known


def test_data_without_an_order_is_poison() -> None:
    with pytest.raises(PoisonEvent, match="holds no order"):
        state_in(event({"order": {"order_id": ""}}))


@pytest.mark.parametrize(
    ("customer", "seen"),
    [
        ({"customer_id": "Ada \u00fc"}, '"Ada \u00fc"'),
        ({"country": "DE", "customer_id": "ada"}, '"ada"'),
        ({"email": "ada@example.com"}, f'"{guest_id(b"secret", email="ada@example.com")}"'),
        (None, "s:1"),
        ({"country": "DE"}, "s:1"),
    ],
)
def test_the_buyer_is_seen_in_an_event_as_the_gateway_writes_it_and_else_the_key_serves(
    customer: Any, seen: str
) -> None:
    told = {**plain()["order"], "order_id": "1", "customer": customer}
    entry = entries_of(Checked("e", "order.paid", TIME, {"order": told}), Origin("s", "api", b"secret"))[-1]
    assert buyer_in(Record(entry.topic, 0, 1, entry.key.encode(), entry.value)) == seen.encode()


def test_whatever_is_no_event_has_its_key_for_a_buyer() -> None:
    assert buyer_in(Record("orders", 0, 1, b"s:1", b'\xff "customer":{')) == b"s:1"
