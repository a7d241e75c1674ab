"""Shops and their program versions: read per batch, compiled once, kept until the shop's revision moves."""

from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import Final

from comeback_kit.db import Connection
from loyalty.errors import ProgramUnknown
from loyalty.program.document import Program
from loyalty.rules.compiled import CompiledProgram, compile_program

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


class Shop:
    """One shop: its settings and every version of its program."""

    def __init__(self, shop_id: str, revision: int, currency: str, time_zone: str, locale: str) -> None:
        self.shop_id = shop_id
        self.revision = revision
        self.currency = currency
        self.time_zone = time_zone
        self.locale = locale
        self.newest = 0
        """The newest version, which is in force now."""
        self._documents: dict[int, Program] = {}
        self._from: list[tuple[datetime | None, int]] = []
        self._compiled: dict[int, CompiledProgram] = {}

    def add(self, version: int, document: Program, valid_from: datetime | None) -> None:
        """A version; call in ascending order. ``valid_from`` None is from ever."""
        self._documents[version] = document
        self._from.append((valid_from, version))
        self.newest = version
        self.__dict__.pop("current", None)

    def version_at(self, at: datetime) -> int:
        """The version in force at an instant."""
        found = self._from[0][1]
        for valid_from, version in self._from[1:]:
            if valid_from is not None and valid_from <= at:
                found = version
        return found

    @property
    def is_sole(self) -> bool:
        """Whether there is only one version, so that no instant need be asked."""
        return len(self._from) == 1

    @cached_property
    def current(self) -> CompiledProgram:
        """The program in force now."""
        return self.program(self.newest)

    def program(self, version: int) -> CompiledProgram:
        """A version, ready to evaluate. An unknown number is read as the newest."""
        found = self._compiled.get(version)
        if found is None:
            document = self._documents.get(version) or self._documents[self.newest]
            found = compile_program(document, currency=self.currency, zone=self.time_zone)
            self._compiled[version] = found
        return found


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
