"""Rewards that are given for reaching a tier: a redemption of no points, with its code."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from comeback_kit import timers
from comeback_kit.db import Connection
from comeback_kit.timers import Timer
from loyalty.ids import RANDOM
from loyalty.ledger import Ledger
from loyalty.redemption_rows import HOLD_TIMER
from loyalty.rewards import Reward, RewardKey

_LIFE: Final = timedelta(days=365)
_REWARDS: Final = """
select r.shop_id, r.reward_id, r.document::text, r.stock_left, r.created_at, r.updated_at
from unnest($1::text[], $2::text[]) u(shop_id, reward_id) join rewards r using (shop_id, reward_id)
where r.deleted_at is null order by r.shop_id, r.reward_id for update of r"""
_STOCK: Final = """
update rewards r set stock_left = r.stock_left - u.count from unnest($1::text[], $2::text[], $3::bigint[])
  u(shop_id, reward_id, count) where r.shop_id = u.shop_id and r.reward_id = u.reward_id"""
_INSERT: Final = """
insert into redemptions (shop_id, redemption_id, customer_id, reward_id, state, asked, points, value, currency, code,
  takes, source, created_at, expires_at)
select shop_id, redemption_id, customer_id, reward_id, 'held', 0, 0, value, currency, code, '[]', 'tier', $8, $9
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[])
  u(shop_id, redemption_id, customer_id, reward_id, value, currency, code)"""
_POOL: Final = """
with free as (
  select code from codes where shop_id = $1 and reward_id = $2 and redemption_id is null
  order by place limit $4 for update skip locked
), paired as (
  select f.code, r.redemption_id from (select code, row_number() over (order by code) as n from free) f
  join unnest($3::text[]) with ordinality r(redemption_id, n) using (n)
)
update codes c set redemption_id = p.redemption_id from paired p where c.shop_id = $1 and c.code = p.code
returning c.redemption_id, c.code"""


def wanted(ledger: Ledger) -> list[RewardKey]:
    """The rewards that the ledger's grants are of."""
    return sorted({(one.book.shop_id, one.reward_id) for one in ledger.grants})


async def give(tx: Connection, ledger: Ledger) -> None:
    """Write the ledger's grants. A reward that is gone, or out of stock or codes, is not given."""
    found = await _rewards(tx, wanted(ledger))
    grants, ledger.grants = ledger.grants, []
    rows = []
    for key, reward in found.items():
        mine = [one for one in grants if (one.book.shop_id, one.reward_id) == key]
        if reward.stock_left is not None:
            mine = mine[: max(0, reward.stock_left)]
        ids = [RANDOM.new_id("red") for _ in mine]
        codes = await _codes(tx, key, reward, ids)
        for one, redemption_id in zip(mine, ids, strict=True):
            if redemption_id in codes:
                value, currency = reward.body.value, reward.body.currency
                code = codes[redemption_id]
                rows.append((key[0], redemption_id, one.book.customer_id, one.reward_id, value, currency, code))
    if not rows:
        return
    ends = ledger.now + _LIFE
    await tx.execute(_INSERT, *[list(column) for column in zip(*rows, strict=True)], ledger.now, ends)
    await timers.schedule(tx, [Timer(row[0], HOLD_TIMER, row[1], ends) for row in rows])
    await _take_stock(tx, rows)


async def _rewards(tx: Connection, keys: Sequence[RewardKey]) -> dict[RewardKey, Reward]:
    rows = await tx.fetch(_REWARDS, [key[0] for key in keys], [key[1] for key in keys])
    return {(row[0], row[1]): Reward.kept(*row[1:]) for row in rows}


async def _codes(tx: Connection, key: RewardKey, reward: Reward, ids: Sequence[str]) -> dict[str, str]:
    if not reward.body.code_pool:
        return {redemption_id: RANDOM.new_code(reward.body.code_prefix) for redemption_id in ids}
    rows = await tx.fetch(_POOL, *key, list(ids), len(ids))
    return {row["redemption_id"]: row["code"] for row in rows}


async def _take_stock(tx: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    counts: dict[RewardKey, int] = {}
    for row in rows:
        counts[row[0], row[3]] = counts.get((row[0], row[3]), 0) + 1
    taken = [(*key, count) for key, count in sorted(counts.items())]
    await tx.execute(_STOCK, *[list(column) for column in zip(*taken, strict=True)])
