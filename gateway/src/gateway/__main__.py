"""``python -m gateway serve | migrate | shops … | keys …``."""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from comeback_kit.command import main
from comeback_kit.db import Database
from comeback_kit.log import open_log
from comeback_kit.log.port import EventLog
from comeback_kit.runtime import system_clock
from gateway import keys, shops
from gateway.admin import Administration
from gateway.app import NAME, check_master_key, create_app, topic_specs, vault_of
from gateway.errors import KeyTaken, ShopUnknown, WrongMasterKey
from gateway.settings import Settings

_PROFILE = ("name", "currency", "time_zone", "locale", "country", "url")
Action = Callable[[Administration, EventLog | None, argparse.Namespace], Awaitable[None]]


def _run(arguments: argparse.Namespace) -> int:
    """Run a command of ours; 1, with the reason on standard error, when it could not be done."""
    try:
        asyncio.run(_with_database(Settings(), arguments))
    except (ValueError, KeyTaken, ShopUnknown, WrongMasterKey) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def _with_database(settings: Settings, arguments: argparse.Namespace) -> None:
    async with AsyncExitStack() as stack:
        db = Database(settings.database_url, NAME, api_pool=1, worker_pool=1)
        await db.open()
        stack.push_async_callback(db.close)
        vault = vault_of(settings)
        await check_master_key(db, vault)
        event_log = None
        if settings.log_url is not None and arguments.publishes:
            event_log = open_log(settings.log_url)
            await event_log.start()
            await event_log.ensure_topics(topic_specs())
            stack.push_async_callback(event_log.stop)
        act: Action = arguments.act
        await act(Administration(db, vault, system_clock), event_log, arguments)


async def _save_shop(admin: Administration, event_log: EventLog | None, arguments: argparse.Namespace) -> None:
    known = await _profiles(admin)
    if arguments.action == "create" and arguments.shop_id in known:
        raise ValueError(f"there is a shop {arguments.shop_id!r} already: use `shops update`")
    if arguments.action == "update" and arguments.shop_id not in known:
        raise ShopUnknown(f"there is no shop {arguments.shop_id!r}")
    given = {name: getattr(arguments, name) for name in _PROFILE if getattr(arguments, name) is not None}
    await admin.save_shop(arguments.shop_id, **given)
    if arguments.customer_secret is not None:
        await admin.set_customer_secret(arguments.shop_id, arguments.customer_secret)
    if arguments.jwks_file is not None:
        await admin.set_jwks(arguments.shop_id, json.loads(arguments.jwks_file.read_text()))
    if arguments.shopify_secret is not None:
        await admin.add_webhook_secret(arguments.shop_id, "shopify", arguments.shopify_secret)
    published = event_log is not None and await admin.publish(event_log)
    print(f"{arguments.shop_id}: saved" + ("" if published else "; a running gateway will tell the services"))


async def _list_shops(admin: Administration, _: EventLog | None, __: argparse.Namespace) -> None:
    for profile in (await _profiles(admin)).values():
        print(f"{profile.shop_id}\t{profile.name}\t{profile.currency}\t{profile.time_zone}\t{profile.locale}")


async def _create_key(admin: Administration, _: EventLog | None, arguments: argparse.Namespace) -> None:
    key = keys.generate()
    await admin.put_key(arguments.shop_id, key, frozenset(arguments.scope or keys.SCOPES - {"admin"}))
    print(key)
    print("shown once: only its hash is kept", file=sys.stderr)


async def _revoke_key(admin: Administration, _: EventLog | None, arguments: argparse.Namespace) -> None:
    if not await admin.revoke_key(arguments.key_id):
        raise ValueError(f"there is no live key {arguments.key_id!r}")
    print(f"{arguments.key_id}: revoked; every gateway refuses it within half a minute")


async def _list_keys(admin: Administration, _: EventLog | None, arguments: argparse.Namespace) -> None:
    async with admin.db.work() as tx:
        for row in await shops.list_keys(tx, arguments.shop_id):
            state = "revoked" if row["revoked_at"] else "live"
            used = row["last_used_at"] or "never"
            print(f"{row['key_id']}\t{state}\t{','.join(row['scopes'])}\tlast used {used}")


async def _profiles(admin: Administration) -> dict[str, shops.Profile]:
    async with admin.db.work() as tx:
        return {saved.profile.shop_id: saved.profile for saved in await shops.list_profiles(tx)}


def commands(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:  # see kit
    shops_parser = actions.add_parser("shops", help="create, change, list shops")
    _add_shops(shops_parser.add_subparsers(dest="action", required=True))
    keys_parser = actions.add_parser("keys", help="create, revoke, list keys")
    _add_keys(keys_parser.add_subparsers(dest="action", required=True))


def _add_shops(actions: Any) -> None:
    for action in ("create", "update"):
        command = actions.add_parser(action)
        command.add_argument("shop_id")
        for name in _PROFILE:
            command.add_argument(f"--{name.replace('_', '-')}")
        command.add_argument("--customer-secret", help="HS256 secret of the customers' tokens, at least 32 bytes")
        command.add_argument("--jwks-file", type=Path, help="public keys of the customers' tokens")
        command.add_argument("--shopify-secret", help="webhook secret; the two newest are active")
        command.set_defaults(run=_run, act=_save_shop, publishes=True)
    actions.add_parser("list").set_defaults(run=_run, act=_list_shops, publishes=False)


def _add_keys(actions: Any) -> None:
    create = actions.add_parser("create")
    create.add_argument("shop_id")
    known = ", ".join(sorted(keys.SCOPES))
    create.add_argument("--scope", action="append", help=f"one of {known}; default: all but admin")
    create.set_defaults(run=_run, act=_create_key, publishes=False)
    revoke = actions.add_parser("revoke")
    revoke.add_argument("key_id")
    revoke.set_defaults(run=_run, act=_revoke_key, publishes=False)
    listing = actions.add_parser("list")
    listing.add_argument("shop_id")
    listing.set_defaults(run=_run, act=_list_keys, publishes=False)


if __name__ == "__main__":
    sys.exit(main(NAME, Settings, create_app, commands))
