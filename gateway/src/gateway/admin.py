"""Making and changing shops, keys and secrets: what the command line and ``allinone`` call."""

from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import ValidationError

from comeback_contracts.ids import is_id
from comeback_contracts.shops import ShopUpserted
from comeback_kit.db import Database
from comeback_kit.log.port import EventLog, LogUnavailable
from comeback_kit.runtime import Clock
from gateway import customer_tokens, keys, publishing, shops
from gateway.directory import Directory, place
from gateway.errors import ShopUnknown
from gateway.keys import ShopKeyText
from gateway.shops import Profile, SavedProfile
from gateway.vault import Vault

PLATFORMS: Final = ("shopify",)
_DEFAULTS: Final = {"currency": "EUR", "time_zone": "UTC", "locale": "en"}


@dataclass(frozen=True)
class Administration:
    """``directory``: that of a gateway running in this process, so that it sees changes at once."""

    db: Database
    vault: Vault
    clock: Clock
    directory: Directory | None = None

    async def save_shop(self, shop_id: str, **changes: str | None) -> SavedProfile:
        """Make a shop, or change the given fields of one (``name currency time_zone locale country url``).

        Raises ``ValueError`` for a bad value.
        """
        async with self.db.work() as tx:
            saved = await shops.find_profile(tx, shop_id)
            profile = Profile(shop_id, name=shop_id, **_DEFAULTS) if saved is None else saved.profile
            profile = _checked(replace(profile, **changes))  # type: ignore[arg-type]  # _checked refuses what is no text
            guest_secret = self._seal(shop_id, "guest", keys.random_secret())
            result = await shops.save_profile(tx, profile, guest_secret, self.clock())
        self._forget(shop_id)
        return result

    async def set_customer_secret(self, shop_id: str, secret: str) -> None:
        """Replace the HS256 secret of the shop's customer tokens. Raises ``ValueError`` under 32 bytes."""
        customer_tokens.keys_from(secret.encode(), None)
        async with self.db.work() as tx:
            await _exists(tx, shop_id)
            await shops.set_customer_secret(tx, shop_id, self._seal(shop_id, "customer", secret.encode()))
        self._forget(shop_id)

    async def set_jwks(self, shop_id: str, jwks: dict[str, Any] | None) -> None:
        """Replace the public keys of the shop's customer tokens. Raises ``ValueError`` for what is no JWKS."""
        customer_tokens.keys_from(None, jwks)
        async with self.db.work() as tx:
            await _exists(tx, shop_id)
            await shops.set_jwks(tx, shop_id, jwks)
        self._forget(shop_id)

    async def add_webhook_secret(self, shop_id: str, platform: str, secret: str) -> None:
        """Add a secret that a platform's webhooks may be signed with; the two newest are active."""
        if platform not in PLATFORMS:
            raise ValueError(f"there are no webhooks of {platform!r}; known are {', '.join(PLATFORMS)}")
        if not secret:  # how long it is, is the platform's affair, which makes it
            raise ValueError("a webhook secret must not be empty")
        sealed = self._seal(shop_id, platform, secret.encode())
        fingerprint = self.vault.fingerprint(place(shop_id, platform), secret.encode())
        async with self.db.work() as tx:
            await _exists(tx, shop_id)
            await shops.add_webhook_secret(tx, shop_id, platform, fingerprint, sealed, self.clock())
        self._forget(shop_id)

    async def put_key(self, shop_id: str, key: ShopKeyText, scopes: frozenset[str]) -> None:
        """Store a key. Raises ``ValueError`` for unknown scopes, ``KeyTaken`` when the id is another shop's."""
        keys.check_scopes(scopes)
        async with self.db.work() as tx:
            await _exists(tx, shop_id)
            await shops.put_key(tx, shop_id, key.key_id, self.vault.key_hash(key), scopes, self.clock())
        if self.directory is not None:
            self.directory.forget_key(key.key_id)

    async def revoke_key(self, key_id: str) -> bool:
        """Revoke a key; every gateway refuses it within half a minute. False when there is no such live key."""
        async with self.db.work() as tx:
            done = await shops.revoke_key(tx, key_id, self.clock())
        if self.directory is not None:
            self.directory.forget_key(key_id)
        return done

    async def publish(self, event_log: EventLog) -> bool:
        """Put changed shops on the log now; False when it is away: a running gateway does it later."""
        try:
            await publishing.publish_waiting(self.db, event_log)
        except LogUnavailable:
            return False
        return True

    def _seal(self, shop_id: str, purpose: str, secret: bytes) -> bytes:
        return self.vault.seal(secret, place(shop_id, purpose))

    def _forget(self, shop_id: str) -> None:
        if self.directory is not None:
            self.directory.forget_shop(shop_id)


async def _exists(tx: Any, shop_id: str) -> None:
    if await shops.find_profile(tx, shop_id) is None:
        raise ShopUnknown(f"there is no shop {shop_id!r}")


def _checked(profile: Profile) -> Profile:
    if not is_id(profile.shop_id):
        raise ValueError("a shop's id must have 1 to 128 characters without slash or control characters")
    try:
        ShopUpserted(
            shop_id=profile.shop_id,
            name=profile.name,
            currency=profile.currency,
            time_zone=profile.time_zone,
            locale=profile.locale,
            country=profile.country,
            url=profile.url,
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{first['loc'][0]}: {first['msg']}") from error
    if not shops.is_time_zone(profile.time_zone):
        raise ValueError(f"time_zone: {profile.time_zone!r} is no IANA time zone")
    return profile
