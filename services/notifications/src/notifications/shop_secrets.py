"""Each shop's own secrets: keys that sign preference links, and the salt of the hashes that outlive an erasure.

Made the first time a shop needs them, kept in the database, so that every replica signs alike without set-up.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from comeback_kit.db import Connection
from notifications.addresses import folded


@dataclass(frozen=True, slots=True)
class ShopSecrets:
    """The secrets of one shop. The last of ``link_keys`` signs; all of them verify."""

    salt: bytes
    link_keys: tuple[bytes, ...]

    def customer_hash(self, customer_id: str) -> bytes:
        """What a tombstone keeps instead of the customer's id."""
        return self._hash("customer", customer_id)

    def address_hash(self, address: str) -> bytes:
        """What a suppression keeps instead of the address; the same for every spelling of a mailbox."""
        return self._hash("address", folded(address))

    def _hash(self, what: str, text: str) -> bytes:
        return hmac.digest(self.salt, f"{what}\x00{text}".encode(), hashlib.sha256)


class SecretStore:
    """The secrets of the shops that this process has met."""

    def __init__(self) -> None:
        self._known: dict[str, ShopSecrets] = {}

    async def of(self, tx: Connection, shop_ids: Iterable[str]) -> dict[str, ShopSecrets]:
        """The secrets of these shops, made where a shop has none."""
        wanted = sorted(set(shop_ids))
        missing = [shop_id for shop_id in wanted if shop_id not in self._known]
        if not missing:
            return {shop_id: self._known[shop_id] for shop_id in wanted}
        found = await _read(tx, missing)
        new = [shop_id for shop_id in missing if shop_id not in found]
        if new:
            await _make(tx, new)
            found |= await _read(tx, new)
        # Those just made are not remembered: the transaction may still be rolled back.
        self._known |= {shop_id: found[shop_id] for shop_id in missing if shop_id not in new}
        return {shop_id: self._known.get(shop_id) or found[shop_id] for shop_id in wanted}

    async def existing(self, tx: Connection, shop_id: str) -> ShopSecrets | None:
        """The secrets of a shop that may not exist; makes none (a stranger may name any shop)."""
        if shop_id not in self._known:
            self._known |= await _read(tx, [shop_id])
        return self._known.get(shop_id)


async def _read(tx: Connection, shop_ids: list[str]) -> dict[str, ShopSecrets]:
    rows = await tx.fetch(
        "select s.shop_id, s.salt, s.link_keys from secrets s join unnest($1::text[]) as w(shop_id) using (shop_id)",
        shop_ids,
    )
    return {row["shop_id"]: ShopSecrets(row["salt"], tuple(row["link_keys"])) for row in rows}


async def _make(tx: Connection, shop_ids: list[str]) -> None:
    await tx.execute(
        """insert into secrets (shop_id, salt, link_keys)
           select shop_id, salt, array[key] from unnest($1::text[], $2::bytea[], $3::bytea[]) as n(shop_id, salt, key)
           on conflict (shop_id) do nothing""",
        shop_ids,
        [secrets.token_bytes(32) for _ in shop_ids],
        [secrets.token_bytes(32) for _ in shop_ids],
    )
