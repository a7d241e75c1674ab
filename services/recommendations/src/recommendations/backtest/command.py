"""``python -m recommendations backtest``."""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from comeback_kit.db import Database
from recommendations.backtest.jobs import kinds_of, orders_of
from recommendations.backtest.replay import replay
from recommendations.backtest.report import as_data, as_page
from recommendations.engine import Purchase
from recommendations.engine.question import Kind
from recommendations.settings import Settings


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:  # argparse has no other name for it
    """Add the command to the service's others."""
    parser = commands.add_parser("backtest", help="replay a shop's last days and compare with what was bought")
    parser.add_argument("--shop", required=True, help="shop id")
    parser.add_argument("--days", type=int, default=28, help="how many of the last days are asked for")
    parser.add_argument("--json", type=Path, help="write the result here instead of to the terminal")
    parser.add_argument("--html", type=Path, help="write the page with charts here")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Run one back-test from the service's database; 1 when the shop has no orders."""
    orders, kinds = asyncio.run(_read(Settings(), given.shop))
    if not orders:
        sys.stderr.write(f"shop {given.shop} has no orders\n")
        return 1
    data = as_data(replay(orders, given.days, kinds), given.days)
    text = json.dumps(data, indent=2)
    if given.html is not None:
        given.html.write_text(as_page(data, f"Back-test of {given.shop}"), encoding="utf-8")
    if given.json is not None:
        given.json.write_text(text + "\n", encoding="utf-8")
    else:
        sys.stdout.write(text + "\n")
    return 0


async def _read(settings: Settings, shop_id: str) -> tuple[list[Purchase], dict[str, Kind]]:
    db = Database(settings.database_url, "recommendations")
    await db.open()
    try:
        async with db.request(shop_id) as tx:
            return await orders_of(tx, shop_id), await kinds_of(tx, shop_id)
    finally:
        await db.close()
