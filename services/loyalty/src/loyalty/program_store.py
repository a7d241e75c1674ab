"""Shops and their program versions: read per batch, compiled once, kept until the shop's revision moves."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from comeback_kit.db import Connection
from loyalty.errors import ProgramUnknown
from loyalty.program.document import Program
from loyalty.shop import Shop

_READ: Final = """
select s.shop_id, s.revision, s.currency, s.time_zone, s.locale
from unnest($1::text[]) u(shop_id) join shops s using (shop_id)"""
_SHARE: Final = """
select pg_advisory_xact_lock_shared(hashtextextended('program:' || u.shop_id, 0)) from unnest($1::text[]) u(shop_id)"""
_LOCK: Final = """
select pg_advisory_xact_lock(hashtextextended('program:' || u.shop_id, 0)) from unnest($1::text[]) u(shop_id)"""
_VERSIONS: Final = """
select p.shop_id, p.version, p.document, p.valid_from
from unnest($1::text[]) u(shop_id) join programs p using (shop_id) order by p.shop_id, p.version"""
_KEPT: Final = 1024


class ShopCache:
    """The shops that this process has used of late."""

    def __init__(self, size: int = _KEPT) -> None:
        self._size = size
        self._shops: OrderedDict[str, Shop] = OrderedDict()

    def get(self, shop_id: str) -> Shop | None:
        """A kept shop, perhaps stale."""
        return self._shops.get(shop_id)

    def keep(self, shop: Shop) -> None:
        """Keep a shop that was read."""
        self._shops[shop.shop_id] = shop
        self._shops.move_to_end(shop.shop_id)
        if len(self._shops) > self._size:
            self._shops.popitem(last=False)


async def load(tx: Connection, cache: ShopCache, shop_ids: Iterable[str], *, settling: bool = False) -> dict[str, Shop]:
    """The shops that are known, with the programs as they are now.

    ``settling`` keeps a PUT of these programs waiting until this transaction has ended, so that no order is settled
    under a version that is replaced at the same moment.
    """
    wanted = sorted(set(shop_ids))
    if settling:
        await tx.execute(_SHARE, wanted)
    found: dict[str, Shop] = {}
    stale: dict[str, Shop] = {}
    for row in await tx.fetch(_READ, wanted):
        kept = cache.get(row["shop_id"])
        if kept is not None and kept.revision == row["revision"]:
            found[kept.shop_id] = kept
        else:
            stale[row["shop_id"]] = Shop(*row)
    if stale:
        for row in await tx.fetch(_VERSIONS, sorted(stale)):
            document = Program.model_validate(row["document"])
            stale[row["shop_id"]].add(row["version"], document, row["valid_from"])
        for shop in stale.values():
            cache.keep(shop)
    return found | stale


async def lock(tx: Connection, shop_ids: Iterable[str]) -> None:
    """Wait for running settlements of these shops, and keep others waiting: before a shop or program is written."""
    await tx.execute(_LOCK, sorted(set(shop_ids)))


async def load_one(tx: Connection, cache: ShopCache, shop_id: str) -> Shop:
    """One shop. Raises ``ProgramUnknown`` (404) before the shop's own event has arrived."""
    found = await load(tx, cache, [shop_id])
    if shop_id not in found:
        raise ProgramUnknown
    return found[shop_id]
