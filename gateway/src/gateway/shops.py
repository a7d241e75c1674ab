"""Shops, their keys and their secrets: the SQL of the gateway's own database.

Secrets are sealed before they get here and opened by the ``directory``; no function here sees one in the clear.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from comeback_kit.db import Connection
from gateway.errors import KeyTaken

WEBHOOK_SECRETS_KEPT = 2
"""Active at a time per shop and platform, so that a secret can be rotated without losing a delivery."""

_PROFILE: Final = "shop_id, name, currency, time_zone, locale, country, url, revision, updated_at"


@dataclass(frozen=True, slots=True)
class Profile:
    """What the rest of Comeback knows of a shop; published as ``shop.upserted``."""

    shop_id: str
    name: str
    currency: str
    time_zone: str
    locale: str
    country: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class SavedProfile:
    """A profile with its revision (rises with every change) and the instant of the last change."""

    profile: Profile
    revision: int
    updated_at: datetime


def is_time_zone(name: str) -> bool:
    """Whether the IANA zone exists here."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


async def save_profile(
    tx: Connection, profile: Profile, sealed_guest_secret: bytes, at: datetime, *, published: bool = False
) -> SavedProfile:
    """Insert or change a shop, unless a later change has been saved. ``at``: when the shop became so.

    ``published``: the caller puts the change on the log itself, before it commits. The guest secret is taken only by a
    new shop: it is never rotated.
    """
    row = await tx.fetchrow(
        """insert into shops as s (shop_id, name, currency, time_zone, locale, country, url, guest_secret,
             created_at, updated_at, published)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, case when $10 then 1 else 0 end)
           on conflict (shop_id) do update set name = excluded.name, currency = excluded.currency,
             time_zone = excluded.time_zone, locale = excluded.locale, country = excluded.country, url = excluded.url,
             revision = s.revision + 1, updated_at = excluded.updated_at,
             published = case when $10 then s.revision + 1 else s.published end
           where s.updated_at <= excluded.updated_at and
             (s.name, s.currency, s.time_zone, s.locale, s.country, s.url) is distinct from
             (excluded.name, excluded.currency, excluded.time_zone, excluded.locale, excluded.country,
              excluded.url)
           returning revision, updated_at""",
        profile.shop_id,
        profile.name,
        profile.currency,
        profile.time_zone,
        profile.locale,
        profile.country,
        profile.url,
        sealed_guest_secret,
        at,
        published,
    )
    if row is not None:
        return SavedProfile(profile, row["revision"], row["updated_at"])
    saved = await find_profile(tx, profile.shop_id)
    assert saved is not None  # noqa: S101  # the conflict proves that it is there
    return saved


async def find_profile(tx: Connection, shop_id: str) -> SavedProfile | None:
    """One shop's profile."""
    row = await tx.fetchrow(
        f"select {_PROFILE} from shops where shop_id = $1",
        shop_id,
    )
    return None if row is None else _saved(row)


async def list_profiles(tx: Connection) -> list[SavedProfile]:
    """Every shop's profile, by id."""
    rows = await tx.fetch(f"select {_PROFILE} from shops order by shop_id")
    return [_saved(row) for row in rows]


def _saved(row: Any) -> SavedProfile:
    profile = Profile(*(row[name] for name in ("shop_id", "name", "currency", "time_zone", "locale", "country", "url")))
    return SavedProfile(profile, row["revision"], row["updated_at"])


async def set_customer_secret(tx: Connection, shop_id: str, sealed: bytes) -> None:
    """Replace the secret that signs the shop's customer tokens."""
    await tx.execute("update shops set customer_secret = $2 where shop_id = $1", shop_id, sealed)


async def set_jwks(tx: Connection, shop_id: str, jwks: Mapping[str, Any] | None) -> None:
    """Replace the public keys that verify the shop's customer tokens; None removes them."""
    await tx.execute("update shops set jwks = $2 where shop_id = $1", shop_id, jwks)


async def add_webhook_secret(
    tx: Connection, shop_id: str, platform: str, fingerprint: bytes, sealed: bytes, now: datetime
) -> None:
    """Make a webhook secret the newest of its platform; all but the newest two are dropped."""
    await tx.execute("select 1 from shops where shop_id = $1 for update", shop_id)
    await tx.execute(
        """insert into webhook_secrets (shop_id, platform, fingerprint, secret, created_at) values ($1, $2, $3, $4, $5)
           on conflict (shop_id, platform, fingerprint) do update set created_at = excluded.created_at""",
        shop_id,
        platform,
        fingerprint,
        sealed,
        now,
    )
    await tx.execute(
        """delete from webhook_secrets where shop_id = $1 and platform = $2 and fingerprint not in
             (select fingerprint from webhook_secrets where shop_id = $1 and platform = $2
              order by created_at desc, fingerprint limit $3)""",
        shop_id,
        platform,
        WEBHOOK_SECRETS_KEPT,
    )


async def put_key(
    tx: Connection, shop_id: str, key_id: str, secret_hash: bytes, scopes: frozenset[str], now: datetime
) -> None:
    """Store a key, or replace the secret and scopes of the shop's key of that id. Raises ``KeyTaken``.

    A revoked key stays revoked.
    """
    owner = await tx.fetchval(
        """insert into shop_keys as k (key_id, shop_id, secret_hash, scopes, created_at) values ($1, $2, $3, $4, $5)
           on conflict (key_id) do update set
             secret_hash = case when k.shop_id = excluded.shop_id then excluded.secret_hash else k.secret_hash end,
             scopes = case when k.shop_id = excluded.shop_id then excluded.scopes else k.scopes end
           returning shop_id""",
        key_id,
        shop_id,
        secret_hash,
        sorted(scopes),
        now,
    )
    if owner != shop_id:
        raise KeyTaken(f"the key id {key_id} belongs to another shop")


async def revoke_key(tx: Connection, key_id: str, now: datetime) -> bool:
    """Revoke a key for good; False when there is none with this id, or it has been revoked before."""
    done = await tx.fetchval(
        "update shop_keys set revoked_at = $2 where key_id = $1 and revoked_at is null returning true", key_id, now
    )
    return done is not None


async def list_keys(tx: Connection, shop_id: str) -> list[dict[str, Any]]:
    """A shop's keys without their hashes, the oldest first."""
    rows = await tx.fetch(
        """select key_id, scopes, created_at, revoked_at, last_used_at from shop_keys
           where shop_id = $1 order by created_at, key_id""",
        shop_id,
    )
    return [dict(row) for row in rows]


async def mark_used(tx: Connection, key_ids: Sequence[str], now: datetime) -> None:
    """Remember that keys were used."""
    await tx.execute(
        """with used as (select key_id from shop_keys join unnest($1::text[]) as u(key_id) using (key_id)
                         order by key_id for update)
           update shop_keys k set last_used_at = $2 from used where k.key_id = used.key_id""",
        sorted(key_ids),
        now,
    )


async def check_master_key(tx: Connection, fingerprint: bytes) -> bool:
    """Whether this database's secrets were written with the same master key; the first one to ask decides."""
    await tx.execute(
        "insert into master_key (one, fingerprint) values (true, $1) on conflict (one) do nothing", fingerprint
    )
    return bool(await tx.fetchval("select fingerprint = $1 from master_key", fingerprint))
