"""What rules ask about people: tags, birthdays, when they joined. Merged field by field, gone when they are erased."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from comeback_contracts.field_merge import Fields, merge_fields, stated, values
from comeback_contracts.instants import canonical, parse_instant
from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.errors import PoisonEvent
from comeback_kit.events import Event
from loyalty import (
    customer_locks,
    erasing,
    members,
    merging,
    occasions,
    posting,
    program_store,
    reasons,
    rewarding,
    tiers,
)
from loyalty.books import Key
from loyalty.ledger import Ledger
from loyalty.local_time import local_date
from loyalty.program_store import ShopCache
from loyalty.shop import Shop
from loyalty.views import CustomerErased, CustomerMerged, CustomerUpdated

_READ: Final = """
select u.shop_id, u.customer_id, p.fields, t.erased_at
from unnest($1::text[], $2::text[], $3::bytea[]) u(shop_id, customer_id, customer_hash)
left join profiles p using (shop_id, customer_id)
left join tombstones t using (shop_id, customer_hash)"""
_WRITE: Final = """
insert into profiles (shop_id, customer_id, tags, birthday, joined, fields)
select shop_id, customer_id, coalesce(string_to_array(tags, e'\\x1f'), '{}'), birthday, joined, fields
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[])
  u(shop_id, customer_id, tags, birthday, joined, fields)
on conflict (shop_id, customer_id) do update set tags = excluded.tags, birthday = excluded.birthday,
  joined = excluded.joined, fields = excluded.fields"""

_Row = tuple[str, str, str | None, str | None, str | None, Fields]
_START: Final = """
update members m set due_at = $3
from (select shop_id, customer_id from members join unnest($1::text[], $2::text[]) u(shop_id, customer_id)
    using (shop_id, customer_id)
  where tier_id is null and merged_into is null and erased_at is null and due_at is null
  order by shop_id, customer_id for update) u
where m.shop_id = u.shop_id and m.customer_id = u.customer_id"""
_REVIVE: Final = """
update members m set erased_at = null from unnest($1::text[], $2::text[]) u(shop_id, customer_id)
where m.shop_id = u.shop_id and m.customer_id = u.customer_id and m.erased_at is not null"""


async def take(tx: Connection, events: Sequence[Event], context: Context, cache: ShopCache) -> None:
    """Take a batch of ``customer.*``; safe to repeat and in any order."""
    updates = [one for one in events if one.type in customer_locks.UPDATES]
    shops = await _shops(tx, updates, cache)
    forgetting = {one.shopid for one in events if one.type == "customer.erased"}
    known = await program_store.load(tx, cache, forgetting) if forgetting else {}
    uncounted = await customer_locks.lock(tx, events, context.now)
    sides, erased = Ledger(context.now), set[Key]()
    for part in _up_to_erasures(events):
        await _update(tx, [one for one in part if one.type in customer_locks.UPDATES], shops, context, sides)
        for one in part:
            if one.type == "customer.merged":
                view = one.view(CustomerMerged)
                at = view.at or one.at
                await merging.merge(tx, cache, one.shopid, view.from_, view.into, at=at, sides=sides, erased=erased)
            elif one.type == "customer.erased":
                said = one.view(CustomerErased)
                at, shop = said.at or one.at, known.get(one.shopid)
                await erasing.erase(
                    tx, one.shopid, said.customer_id, at=at, shop=shop, erased=erased, uncounted=uncounted
                )
    await reasons.forget(tx, erased)
    await posting.write_sides(tx, sides)


def _up_to_erasures(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    """The batch in parts that end with an erasure: what is said of somebody afterwards is of who has come back."""
    first = 0
    for place, one in enumerate(events, 1):
        if one.type == "customer.erased" or place == len(events):
            yield events[first:place]
            first = place


async def _shops(tx: Connection, updates: Sequence[Event], cache: ShopCache) -> dict[str, Shop]:
    """The shops of these events; first of all, and for settling where what is said may pay at once."""
    wanted = {one.shopid for one in updates}
    shops = await program_store.load(tx, cache, wanted) if wanted else {}
    if any(occasions.kinds_of(shop) for shop in shops.values()):
        shops = await program_store.load(tx, cache, wanted, settling=True)
    return shops


async def _update(
    tx: Connection, events: Sequence[Event], shops: dict[str, Shop], context: Context, sides: Ledger
) -> None:
    if not events:
        return
    said, kept = await _heard(tx, events, context.now)
    fresh = {key: _after(fields, kept[key][1]) for key, fields in said.items()}
    await _revive(tx, [key for key, fields in fresh.items() if fields and kept[key][1] is not None])
    changed = {}
    for key, fields in fresh.items():
        merged = merge_fields(kept[key][0], fields)
        if merged != kept[key][0]:
            changed[key] = merged
    rows = _rows(changed, {shop_id: shop.current.zone for shop_id, shop in shops.items()})
    await _let_start(tx, [key for key in changed if key[0] in shops and tiers.starts(shops[key[0]], 0)], context.now)
    deeds = [
        deed
        for shop_id, name, _, birthday, joined, _ in rows
        if shop_id in shops
        for deed in occasions.on_the_day(shops[shop_id], name, birthday, joined, context.now)
    ]
    if rows:
        await tx.execute(_WRITE, *[list(column) for column in zip(*rows, strict=True)])
    if deeds:
        await rewarding.reward(tx, deeds, shops, context.now, sides)


async def _heard(
    tx: Connection, events: Sequence[Event], now: datetime
) -> tuple[dict[Key, Fields], dict[Key, tuple[Fields, datetime | None]]]:
    """What is said of whom, and what is kept of them. Late news of a merged id is of the account that it went into."""
    heard = [((one.shopid, one.view(CustomerUpdated).customer_id), _fields(one)) for one in events]
    # Locked, so that nobody is merged between this look and the commit.
    books = await members.lock(tx, {key for key, _ in heard}, now, create=True)
    accounts = {key: books[key].key if key in books else key for key, _ in heard}
    kept = await _read(tx, set(accounts.values()))
    said: dict[Key, Fields] = {}
    for key, fields in heard:
        account = accounts[key]
        if account != key and "registered" in kept[account][0]:
            fields.pop("registered", None)  # when the account joined does not move
        said[account] = merge_fields(said.get(account, {}), fields)
    return said, kept


async def _let_start(tx: Connection, keys: Sequence[Key], now: datetime) -> None:
    """Whoever has no level yet enters the first one, which asks for nothing, when what is due is done next."""
    if keys:
        await tx.execute(_START, [key[0] for key in keys], [key[1] for key in keys], now)


async def _revive(tx: Connection, keys: Sequence[Key]) -> None:
    """Somebody who was erased has come back: something was said of them later than that."""
    if keys:
        await tx.execute(_REVIVE, [key[0] for key in keys], [key[1] for key in keys])


def _fields(event: Event) -> Fields:
    """What the event states of what rules ask; a registration also states when somebody joined."""
    data: dict[str, Any] = msgspec.json.decode(event.data)
    data = {name: value for name, value in data.items() if name in ("birthday", "tags", "updated_at")}
    try:
        fields = stated(data, event.time)
    except ValueError as error:
        raise PoisonEvent(event, f"updated_at {error}") from error
    fields["seen"] = [True, canonical(data.get("updated_at") or event.time)]
    if event.type == "customer.registered":
        fields["registered"] = [event.time, event.time]
    return fields


async def _read(tx: Connection, people: Iterable[Key]) -> dict[Key, tuple[Fields, datetime | None]]:
    keys = sorted(people)
    hashes = [erasing.hash_of(*key) for key in keys]
    rows = await tx.fetch(_READ, [key[0] for key in keys], [key[1] for key in keys], hashes)
    return {(row["shop_id"], row["customer_id"]): (row["fields"] or {}, row["erased_at"]) for row in rows}


def _after(fields: Fields, erased_at: datetime | None) -> Fields:
    """Nothing that was said before a person was erased comes back."""
    if erased_at is None:
        return fields
    return {name: said for name, said in fields.items() if parse_instant(said[1]) > erased_at}


def _rows(changed: Mapping[Key, Fields], zones: Mapping[str, ZoneInfo]) -> list[_Row]:
    """Changed people as they are written: shop, id, tags, birthday, when they joined, fields."""
    rows: list[_Row] = []
    for key, fields in sorted(changed.items()):
        now = values(fields)
        joined = now.get("registered")
        zone = zones.get(key[0], ZoneInfo("UTC"))
        rows.append(
            (
                *key,
                _joined_text(now.get("tags") or ()),
                now.get("birthday"),
                None if joined is None else local_date(parse_instant(joined), zone).isoformat(),
                fields,
            )
        )
    return rows


def _joined_text(tags: Iterable[str]) -> str | None:
    return "\x1f".join(tag.replace("\x1f", " ") for tag in tags) or None
