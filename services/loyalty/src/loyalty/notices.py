"""What loyalty tells the other services: events of ``comeback.loyalty.v1``, written to the outbox with their effect."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

from comeback_contracts.envelope import DATA_TYPE, SPEC_VERSION, Draft, Origin, encode
from comeback_contracts.instants import format_instant
from comeback_contracts.topics import LOYALTY
from comeback_kit import outbox
from comeback_kit.db import Connection
from comeback_kit.events import OutgoingEvent
from loyalty.books import Book

SOURCE: Final = "comeback/loyalty"


def transaction_id(customer_id: str, seq: int) -> str:
    """The public id of a member's transaction; unique in the shop."""
    return f"{_digest(customer_id)}-{seq}"


@lru_cache(maxsize=16_384)
def _digest(customer_id: str) -> str:
    return blake2b(customer_id.encode(), digest_size=8).hexdigest()


class Notices:
    """The events of one database transaction, in the order in which they happened."""

    def __init__(self, now: datetime) -> None:
        self._time = format_instant(now)
        self._events: list[OutgoingEvent] = []
        self._times: dict[tuple[str, str], int] = {}

    def numbered(self, shop_id: str, what: str) -> str:
        """A name for what may happen several times in one transaction: the second time is another event."""
        times = self._times[shop_id, what] = self._times.get((shop_id, what), 0) + 1
        return what if times == 1 else f"{what}:{times}"

    def points(
        self,
        kind: str,
        book: Book,
        points: int,
        seq: int,
        *,
        order_id: str | None = None,
        reason: str | None = None,
        origin: Origin | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """``points.<kind>`` of a transaction that has just been posted."""
        number = transaction_id(book.customer_id, seq)
        data: dict[str, Any] = {
            "customer_id": book.customer_id,
            "points": points,
            "balance": book.balance,
            "transaction_id": number,
        }
        if order_id is not None:
            data["order_id"] = order_id
        if reason is not None:
            data["reason"] = reason
        if more:
            data.update(more)
        self.tell(f"points.{kind}", book.shop_id, book.customer_id, data, what=number, origin=origin)

    def tell(
        self,
        kind: str,
        shop_id: str,
        customer_id: str,
        data: Mapping[str, Any],
        *,
        what: str,
        origin: Origin | None = None,
    ) -> None:
        """An event about a member. ``what`` names the happening once; ``origin`` is the event that it follows from."""
        trace = None if origin is None else origin.traceparent
        event = Draft(
            id=f"{kind}:{what}" if origin is None else f"{origin.id}:{kind}:{what}",
            source=SOURCE,
            type=kind,
            time=self._time,
            shopid=shop_id,
            subject=customer_id,
            data=data,
            specversion=SPEC_VERSION,
            datacontenttype=DATA_TYPE,
            traceparent=trace,
        )
        headers = None if trace is None else {"traceparent": trace}
        self._events.append(OutgoingEvent(LOYALTY, f"{shop_id}:{customer_id}", encode(event), headers))

    def take(self) -> list[OutgoingEvent]:
        """The events so far, for the caller to put into the outbox."""
        events, self._events = self._events, []
        return events

    async def send(self, tx: Connection) -> None:
        """Put them into the outbox of this transaction."""
        if self._events:
            await outbox.add(tx, self.take())
