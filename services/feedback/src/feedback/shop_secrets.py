"""Each shop's own secrets: keys that sign survey links, and the salt of the hashes that outlive an erasure.

Made the first time a shop needs them and kept in the database, so that every replica signs alike without set-up.
``python -m feedback rotate-keys`` adds a key: new links are signed with it, old ones stay valid.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from comeback_kit.db import Connection


@dataclass(frozen=True, slots=True)
class ShopSecrets:
    """The secrets of one shop. The last of ``link_keys`` signs; all of them verify."""

    salt: bytes
    link_keys: tuple[bytes, ...]

    def customer_hash(self, customer_id: str) -> bytes:
        """What a tombstone keeps instead of the customer's id."""
        return hmac.digest(self.salt, b"customer\x00" + customer_id.encode(), hashlib.sha256)


async def existing(tx: Connection, shop_ids: Iterable[str]) -> dict[str, ShopSecrets]:
    """The secrets of those shops that have some; makes none (a stranger may name any shop)."""
    rows = await tx.fetch(
        "select s.shop_id, s.salt, s.link_keys from secrets s join unnest($1::text[]) as w(shop_id) using (shop_id)",
        sorted(set(shop_ids)),
    )
    return {row["shop_id"]: ShopSecrets(row["salt"], tuple(row["link_keys"])) for row in rows}


async def ensure(tx: Connection, shop_ids: Iterable[str]) -> dict[str, ShopSecrets]:
    """The secrets of these shops, made where a shop has none."""
    wanted = sorted(set(shop_ids))
    found = await existing(tx, wanted)
    missing = [shop_id for shop_id in wanted if shop_id not in found]
    if not missing:
        return found
    await tx.execute(
        """insert into secrets (shop_id, salt, link_keys)
           select shop_id, salt, array[key] from unnest($1::text[], $2::bytea[], $3::bytea[]) as n(shop_id, salt, key)
           on conflict (shop_id) do nothing""",
        missing,
        [secrets.token_bytes(32) for _ in missing],
        [secrets.token_bytes(32) for _ in missing],
    )
    return found | await existing(tx, missing)


async def rotate(tx: Connection, shop_id: str | None = None) -> int:
    """Add a signing key to one shop, or to all; answer how many shops have a new key."""
    rows = await tx.fetch(
        "select shop_id from secrets where $1::text is null or shop_id = $1 order by shop_id", shop_id
    )
    shops = [row["shop_id"] for row in rows]
    await tx.execute(
        """update secrets s set link_keys = s.link_keys || w.key
           from unnest($1::text[], $2::bytea[]) as w(shop_id, key) where s.shop_id = w.shop_id""",
        shops,
        [secrets.token_bytes(32) for _ in shops],
    )
    return len(shops)
