"""Who calls: a shop key, or a customer's token. Whatever is malformed, unknown, revoked or out of time is 401."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from comeback_kit.auth import Principal
from comeback_kit.errors import Forbidden, Unauthorized
from gateway import customer_tokens, keys
from gateway.customer_tokens import InvalidCustomerToken
from gateway.directory import Directory, Shop

_MOST_TOKENS: Final = 10_000


class Authenticator:
    """Turns an ``Authorization`` header into a principal."""

    def __init__(self, directory: Directory, seconds: Callable[[], float] = time.time) -> None:
        self._directory = directory
        self._seconds = seconds
        self._verified: OrderedDict[str, tuple[Principal, float, Shop]] = OrderedDict()

    async def principal(self, authorization: bytes | None) -> Principal:
        """The verified caller. Raises ``Unauthorized``, or ``DatabaseAway`` when it cannot be known now."""
        if authorization is None:
            raise Unauthorized("send `Authorization: Bearer <shop key or customer token>`")
        scheme, _, token = authorization.decode("latin-1").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized("send `Authorization: Bearer <shop key or customer token>`")
        if token.startswith(keys.PREFIX):
            return await self._key(token)
        return await self._customer(token)

    async def _key(self, text: str) -> Principal:
        key = keys.parse(text)
        principal = None if key is None else await self._directory.caller(key)
        if principal is None:
            raise Unauthorized("the shop key is not valid")
        return principal

    async def _customer(self, token: str) -> Principal:
        try:
            seen = customer_tokens.peek(token)
            shop = await self._shop(seen.shop_id)
            now = self._seconds()
            kept = self._verified.get(token)
            if kept is not None and kept[2] is shop and kept[1] + customer_tokens.LEEWAY > now:
                return kept[0]
            subject, expires = customer_tokens.verify(token, seen, shop.customer_keys, now)
        except InvalidCustomerToken as error:
            raise Unauthorized(str(error)) from error
        principal = Principal(seen.shop_id, subject, "customer")
        self._verified[token] = (principal, expires, shop)
        if len(self._verified) > _MOST_TOKENS:
            self._verified.popitem(last=False)
        return principal

    async def _shop(self, shop_id: str) -> Shop:
        shop = await self._directory.shop(shop_id) if 0 < len(shop_id) <= 128 and "\x00" not in shop_id else None
        if shop is None:
            raise InvalidCustomerToken("the JWT's `aud` must be the shop's id")
        return shop


def check_customer_path(principal: Principal, path: str) -> None:
    """A customer's token opens ``/v1/<service>/me`` and below, and the post-purchase call. Raises ``Forbidden``."""
    if principal.kind != "customer":
        return
    parts = path.split("/")  # "", "v1", service, …
    if parts[2] == "post-purchase" or (len(parts) > 3 and parts[3] == "me"):
        return
    raise Forbidden("a customer's token opens only /me paths and the post-purchase call of own orders")
