"""Shops and keys in memory for at most half a minute, so that a request costs no query and a revocation soon works."""

import asyncio
import contextlib
import hmac
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import asyncpg

from comeback_kit.auth import Principal
from comeback_kit.db import Database
from comeback_kit.runtime import Clock
from gateway import shops
from gateway.customer_tokens import CustomerKeys, keys_from
from gateway.errors import DatabaseAway
from gateway.keys import ShopKeyText
from gateway.vault import Vault

log = logging.getLogger(__name__)

FRESH: Final = 30.0
LAST_USED_EVERY: Final = 30.0
_AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop with its secrets opened. Never logged."""

    profile: shops.Profile
    guest_secret: bytes
    customer_keys: CustomerKeys
    webhook_secrets: Mapping[str, tuple[bytes, ...]]

    def __repr__(self) -> str:
        return f"Shop({self.profile.shop_id!r})"


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A live key: the hash to compare with, and whom it makes."""

    secret_hash: bytes
    principal: Principal


class _Cache(Generic[T]):
    """Answers for ``FRESH`` seconds, absences included; concurrent questions share one query."""

    def __init__(self, load: Callable[[str], Awaitable[T | None]], *, most: int = 10_000) -> None:
        self._load = load
        self._most = most
        self._kept: OrderedDict[str, tuple[T | None, float]] = OrderedDict()
        self._running: dict[str, asyncio.Task[T | None]] = {}

    async def get(self, name: str) -> T | None:
        kept = self._kept.get(name)
        if kept is not None and kept[1] > time.monotonic():
            return kept[0]
        task = self._running.get(name)
        if task is None:
            task = self._running[name] = asyncio.create_task(self._fetch(name))
            task.add_done_callback(_look_at)
        # Shielded: a caller that goes away must not fail the others who wait for the same row.
        return await asyncio.shield(task)

    def forget(self, name: str) -> None:
        self._kept.pop(name, None)
        self._running.pop(name, None)

    async def _fetch(self, name: str) -> T | None:
        asked = time.monotonic()
        task = asyncio.current_task()
        try:
            found = await self._load(name)
            if self._running.get(name) is task:
                self._kept[name] = (found, asked + FRESH)
                self._kept.move_to_end(name)
                if len(self._kept) > self._most:
                    self._kept.popitem(last=False)
            return found
        finally:
            if self._running.get(name) is task:
                del self._running[name]


def _look_at(task: "asyncio.Task[Any]") -> None:
    # Everybody who waited may have gone away: the failure has been seen all the same.
    if not task.cancelled():
        task.exception()


class Directory:
    """Looks up shops and keys; remembers which keys were used."""

    def __init__(self, db: Database, vault: Vault, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._keys: _Cache[KnownKey] = _Cache(self._load_key)
        self._shops: _Cache[Shop] = _Cache(self._load_shop)
        self._used: set[str] = set()

    async def shop(self, shop_id: str) -> Shop | None:
        """A shop, or None. Raises ``DatabaseAway``."""
        return await self._shops.get(shop_id)

    async def caller(self, key: ShopKeyText) -> Principal | None:
        """Whom a key makes; None when it is unknown, revoked or wrong. Raises ``DatabaseAway``."""
        known = await self._keys.get(key.key_id)
        given = self._vault.key_hash(key)
        if known is None or not hmac.compare_digest(known.secret_hash, given):
            return None
        self._used.add(key.key_id)
        return known.principal

    def forget_shop(self, shop_id: str) -> None:
        """Read the shop anew at the next request: it was changed by this process."""
        self._shops.forget(shop_id)

    def forget_key(self, key_id: str) -> None:
        """Read the key anew at the next request: it was changed by this process."""
        self._keys.forget(key_id)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Writes down, every half minute and at the end, which keys were used."""
        task = asyncio.create_task(self._write_used_for_ever())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            with contextlib.suppress(*_AWAY):
                await self.write_used()

    async def write_used(self) -> None:
        """Write down which keys were used since the last time."""
        used, self._used = self._used, set()
        if used:
            async with asyncio.timeout(2.0), self._db.work() as tx:
                await shops.mark_used(tx, sorted(used), self._clock())

    async def _write_used_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LAST_USED_EVERY)
            try:
                await self.write_used()
            except _AWAY:
                log.warning("could not write down which keys were used")

    async def _load_key(self, key_id: str) -> KnownKey | None:
        row = await self._row(
            "select shop_id, secret_hash, scopes from shop_keys where key_id = $1 and revoked_at is null", key_id
        )
        if row is None:
            return None
        return KnownKey(row["secret_hash"], Principal(row["shop_id"], key_id, "key", frozenset(row["scopes"])))

    async def _load_shop(self, shop_id: str) -> Shop | None:
        row = await self._row(
            """select s.shop_id, s.name, s.currency, s.time_zone, s.locale, s.country, s.url,
                 s.guest_secret, s.customer_secret, s.jwks, w.platforms, w.secrets
               from shops s left join lateral (
                 select array_agg(platform order by created_at desc) as platforms,
                   array_agg(secret order by created_at desc) as secrets
                 from webhook_secrets where shop_id = s.shop_id) w on true
               where s.shop_id = $1""",
            shop_id,
        )
        if row is None:
            return None
        hooks: dict[str, tuple[bytes, ...]] = {}
        for platform, sealed in zip(row["platforms"] or (), row["secrets"] or (), strict=True):
            hooks[platform] = (*hooks.get(platform, ()), self._vault.open(sealed, place(shop_id, platform)))
        customer = row["customer_secret"]
        return Shop(
            profile=shops.Profile(*list(row.values())[:7]),
            guest_secret=self._vault.open(row["guest_secret"], place(shop_id, "guest")),
            customer_keys=keys_from(
                None if customer is None else self._vault.open(customer, place(shop_id, "customer")), row["jwks"]
            ),
            webhook_secrets=hooks,
        )

    async def _row(self, query: str, argument: str) -> Any:
        # The worker role: whose shop it is becomes known only by this query.
        try:
            async with asyncio.timeout(5.0), self._db.work() as tx:
                return await tx.fetchrow(query, argument)
        except _AWAY as error:
            raise DatabaseAway from error


def place(shop_id: str, purpose: str) -> str:
    """What a sealed secret is bound to."""
    return f"{shop_id}\x1f{purpose}"
