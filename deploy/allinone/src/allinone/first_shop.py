"""The first shop, from the environment and the data folder's keys."""

from fastapi import FastAPI

from allinone.data_dir import Keys
from allinone.settings import Settings
from gateway.bootstrap import FirstShop, ensure_shop


async def ensure_first_shop(gateway: FastAPI, settings: Settings, keys: Keys) -> None:
    """Make sure that the shop is there, with its key and secrets, and that every service hears of it."""
    await ensure_shop(
        gateway,
        FirstShop(
            shop_id=settings.shop_id,
            key=keys.shop_key,
            customer_secret=keys.customer_secret,
            shopify_secret=keys.shopify_secret,
            currency=settings.shop_currency,
            time_zone=settings.shop_time_zone,
        ),
    )
