"""The first shop, as ``allinone`` makes it: whatever is given is taken as it is, again at every start."""

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from comeback_kit.runtime import Runtime
from gateway import keys
from gateway.admin import Administration
from gateway.parts import Parts


@dataclass(frozen=True, slots=True)
class FirstShop:
    """A shop and its secrets. A profile field that is None is left as it is, or has its default in a new shop."""

    shop_id: str
    key: str
    customer_secret: str
    shopify_secret: str
    currency: str | None = None
    time_zone: str | None = None
    name: str | None = None
    locale: str | None = None
    country: str | None = None


async def ensure_shop(app: FastAPI, shop: FirstShop) -> None:
    """Make sure that a running gateway has the shop, its key with all scopes and its secrets; tell the services.

    Doing it again changes nothing. A log that is away is no failure: the shop is published when it comes back.
    Raises ``ValueError`` for a key or secret of the wrong form, ``KeyTaken`` for a key id of another shop.
    """
    parts, runtime = app.state.parts, app.state.runtime
    assert isinstance(parts, Parts)  # noqa: S101  # set by create_app
    assert isinstance(runtime, Runtime)  # noqa: S101  # set by the lifespan
    key = check_key(shop.key)
    admin = Administration(runtime.db, parts.vault, parts.clock, parts.directory)
    given: dict[str, Any] = {
        "name": shop.name,
        "currency": shop.currency,
        "time_zone": shop.time_zone,
        "locale": shop.locale,
        "country": shop.country,
    }
    await admin.save_shop(shop.shop_id, **{name: value for name, value in given.items() if value is not None})
    await admin.set_customer_secret(shop.shop_id, shop.customer_secret)
    await admin.add_webhook_secret(shop.shop_id, "shopify", shop.shopify_secret)
    await admin.put_key(shop.shop_id, key, keys.SCOPES)
    await admin.publish(runtime.log)


def check_key(text: str) -> keys.ShopKeyText:
    """The parts of a key. Raises ``ValueError`` when it has not the form of one."""
    key = keys.parse(text)
    if key is None:
        raise ValueError("a shop key has the form cbk_<4-32 of a-z0-9>_<24-128 of A-Za-z0-9>")
    return key
