"""What a batch of the customers topic does: accounts are joined, and people are forgotten."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from comeback_contracts.instants import parse_instant
from comeback_kit import idempotency
from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.errors import PoisonEvent
from comeback_kit.events import Event
from recommendations import belongings, changes, order_lines, order_store, people
from recommendations.changes import Changes
from recommendations.people import CustomerKey
from recommendations.service_state import state_of


class MergedData(msgspec.Struct, frozen=True):
    """``customer.merged``, as far as it matters here."""

    source: str = msgspec.field(name="from")
    into: str


class ErasedData(msgspec.Struct, frozen=True):
    """``customer.erased``."""

    customer_id: str
    at: str | None = None


async def take_customers(tx: Connection, events: Sequence[Event], context: Context) -> None:
    """Apply merges and erasures in log order; contact data is not read. Both are idempotent."""
    relevant = [event for event in events if event.type in ("customer.merged", "customer.erased")]
    if not relevant:
        return
    sequence = await changes.begin(tx, {event.shopid for event in relevant})
    for event in relevant:  # rare, and each may build on the one before
        if event.type == "customer.merged":
            data = event.view(MergedData)
            await _join(tx, (event.shopid, data.source), data.into, sequence)
        else:
            await _erase(tx, event, sequence)
    await sequence.close(tx)
    state_of(context.runtime).wake_follower()


async def _join(tx: Connection, source: CustomerKey, into: str, sequence: Changes) -> None:
    shop_id = source[0]
    root = (await people.accounts(tx, [(shop_id, into)])).get((shop_id, into), into)
    from_root = (await people.accounts(tx, [source])).get(source, source[1])
    if root == from_root:
        return
    await tx.execute(
        """insert into aliases (shop_id, customer_id, into_id) values ($1, $2, $3)
           on conflict (shop_id, customer_id) do update set into_id = excluded.into_id""",
        shop_id,
        from_root,
        root,
    )
    # Accounts that were joined into the joined one follow it, so that one step always leads to the account.
    await tx.execute("update aliases set into_id = $3 where shop_id = $1 and into_id = $2", shop_id, from_root, root)
    rows = await order_store.of_customers(tx, [(shop_id, from_root)])
    for row in rows.values():
        row.customer_id, row.seq = root, sequence.next(shop_id)
    await order_store.write(tx, rows)
    await belongings.move(tx, shop_id, from_root, root)


async def _erase(tx: Connection, event: Event, sequence: Changes) -> None:
    data = event.view(ErasedData)
    at = _instant(event, data.at)
    key = (event.shopid, data.customer_id)
    account = (await people.accounts(tx, [key])).get(key, data.customer_id)
    ids = await _ids_of(tx, event.shopid, account)
    await _bury(tx, {(event.shopid, customer_id): at for customer_id in ids})
    rows = await order_store.of_customers(tx, [(event.shopid, account)])
    forgotten = {name: row for name, row in rows.items() if row.placed_at is None or row.placed_at <= at}
    for row in forgotten.values():
        row.state, row.customer_id = order_lines.without_customer(row.state), None
        row.seq = None if row.seq is None else sequence.next(event.shopid)
    await order_store.write(tx, forgotten)
    bought = {product for row in rows.values() for product in order_lines.all_products(row.state)}
    await belongings.forget(tx, event.shopid, ids, sorted(bought))
    await tx.execute("delete from aliases where shop_id = $1 and into_id = $2", event.shopid, account)
    for customer_id in ids:
        await idempotency.forget(tx, event.shopid, customer_id)


def _instant(event: Event, text: str | None) -> datetime:
    try:
        return event.at if text is None else parse_instant(text)
    except ValueError as error:
        raise PoisonEvent(event, f"at {error}") from error


async def _ids_of(tx: Connection, shop_id: str, account: str) -> list[str]:
    """The account and every id that was joined into it."""
    rows = await tx.fetch("select customer_id from aliases where shop_id = $1 and into_id = $2", shop_id, account)
    return [account, *(row["customer_id"] for row in rows)]


async def _bury(tx: Connection, gone: Mapping[CustomerKey, datetime]) -> None:
    rows = sorted((key[0], people.customer_hash(key), at) for key, at in gone.items())
    await tx.execute(
        """insert into erasures (shop_id, customer_hash, at)
           select * from unnest($1::text[], $2::bytea[], $3::timestamptz[])
           on conflict (shop_id, customer_hash) do update set at = greatest(erasures.at, excluded.at)""",
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
    )
