"""What a batch of the catalog topic does.

Products merge field by field, and a deleted one is gone until it is upserted again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from comeback_contracts.field_merge import Fields, merge_fields, stated
from comeback_contracts.instants import canonical
from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.errors import PoisonEvent
from comeback_kit.events import Event
from recommendations import changes
from recommendations.service_state import state_of

ProductKey = tuple[str, str]  # shop, product


class UpsertedData(msgspec.Struct, frozen=True):
    """``product.upserted``, as far as it is read: the types that must hold, so that memory can rely on them."""

    product_id: str
    title: str | None = None
    price: int | None = None
    currency: str | None = None
    category_ids: list[str] | None = None
    product_type: str | None = None
    brand: str | None = None
    image_url: str | None = None
    url: str | None = None
    in_stock: bool | None = None
    rating: float | None = None
    tags: list[str] | None = None
    lifetime_days: int | None = None
    updated_at: str | None = None


class DeletedData(msgspec.Struct, frozen=True):
    """``product.deleted``."""

    product_id: str
    at: str | None = None


@dataclass(slots=True)
class ProductRow:
    """One product as stored: what was stated of each field and when, and when it was last deleted."""

    fields: Fields = field(default_factory=dict)
    deleted_at: str | None = None


async def take_products(tx: Connection, events: Sequence[Event], context: Context) -> None:
    """Apply a batch of ``product.*`` events. The merge is idempotent."""
    heard: dict[ProductKey, ProductRow] = {}
    for event in events:
        product_id, news = _read(event)
        key = (event.shopid, product_id)
        heard[key] = _merged(heard.get(key), news)
    if not heard:
        return
    sequence = await changes.begin(tx, {shop_id for shop_id, _ in heard})
    stored = await _stored(tx, heard)
    rows = {key: _merged(stored.get(key), news) for key, news in heard.items()}
    changed = {key: row for key, row in rows.items() if row != stored.get(key)}
    if changed:
        await _write(tx, changed, {key: sequence.next(key[0]) for key in sorted(changed)})
        await sequence.close(tx)
        state_of(context.runtime).wake_follower()


def _read(event: Event) -> tuple[str, ProductRow]:
    try:
        if event.type == "product.deleted":
            gone = event.view(DeletedData)
            return gone.product_id, ProductRow(deleted_at=canonical(gone.at or event.time))
        data = event.view(UpsertedData)
        said = msgspec.json.decode(event.data, type=dict[str, object])
        known = {name: value for name, value in said.items() if name in UpsertedData.__struct_fields__}
        return data.product_id, ProductRow(stated(known, event.time, without=("product_id",)))
    except ValueError as error:
        raise PoisonEvent(event, f"the product cannot be read: {error}") from error


def _merged(a: ProductRow | None, b: ProductRow) -> ProductRow:
    if a is None:
        return b
    deleted = [at for at in (a.deleted_at, b.deleted_at) if at is not None]
    return ProductRow(merge_fields(a.fields, b.fields), max(deleted, key=lambda at: at[:-1], default=None))


async def _stored(tx: Connection, products: Collection[ProductKey]) -> dict[ProductKey, ProductRow]:
    rows = await tx.fetch(
        """select p.shop_id, p.product_id, p.fields, p.deleted_at
           from products p join unnest($1::text[], $2::text[]) as w(shop_id, product_id)
             on p.shop_id = w.shop_id and p.product_id = w.product_id""",
        [key[0] for key in products],
        [key[1] for key in products],
    )
    return {(row["shop_id"], row["product_id"]): ProductRow(row["fields"], row["deleted_at"]) for row in rows}


async def _write(tx: Connection, rows: Mapping[ProductKey, ProductRow], numbers: Mapping[ProductKey, int]) -> None:
    keys = sorted(rows)
    await tx.execute(
        """insert into products (shop_id, product_id, fields, deleted_at, seq)
           select * from unnest($1::text[], $2::text[], $3::jsonb[], $4::text[], $5::bigint[])
           on conflict (shop_id, product_id) do update set
             fields = excluded.fields, deleted_at = excluded.deleted_at, seq = excluded.seq""",
        [key[0] for key in keys],
        [key[1] for key in keys],
        [rows[key].fields for key in keys],
        [rows[key].deleted_at for key in keys],
        [numbers[key] for key in keys],
    )
