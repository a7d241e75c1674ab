"""Pools of unique codes: imported or made, given out one by one."""

from collections.abc import Sequence
from typing import Final

from comeback_kit.db import Connection
from loyalty.errors import CodeTaken, OutOfCodes
from loyalty.ids import Ids
from loyalty.rewards import Reward

_ADD: Final = """
insert into codes (shop_id, reward_id, code) select $1, $2, code from unnest($3::text[]) code
on conflict (shop_id, code) do nothing returning code"""
_GIVE: Final = """
update codes set redemption_id = $3 where shop_id = $1 and code = (
  select code from codes where shop_id = $1 and reward_id = $2 and redemption_id is null
  order by place limit 1 for update skip locked)
returning code"""


async def add(tx: Connection, shop_id: str, reward_id: str, codes: Sequence[str]) -> None:
    """Put codes into a reward's pool. Raises ``CodeTaken`` (409) when one is in use in the shop; none is added then."""
    wanted = sorted(set(codes))
    added = {row["code"] for row in await tx.fetch(_ADD, shop_id, reward_id, wanted)}
    used = await tx.fetch(
        "select code from redemptions join unnest($2::text[]) u(code) using (code) where shop_id = $1", shop_id, wanted
    )
    taken = sorted({*wanted} - added | {row["code"] for row in used})
    if taken:
        many = f"{len(taken)} of the codes are in use already, such as {taken[0]}"
        raise CodeTaken(many if len(taken) > 1 else f"1 of the codes is in use already: {taken[0]}")


async def generate(tx: Connection, shop_id: str, reward_id: str, prefix: str, count: int, ids: Ids) -> Sequence[str]:
    """Make codes for a reward's pool, and answer them."""
    made = [ids.new_code(prefix) for _ in range(count)]
    await add(tx, shop_id, reward_id, made)
    return made


async def free(tx: Connection, shop_id: str, reward_id: str) -> int:
    """How many codes of a pool are left."""
    found: int = await tx.fetchval(
        "select count(*) from codes where shop_id = $1 and reward_id = $2 and redemption_id is null", shop_id, reward_id
    )
    return found


def made(reward: Reward, ids: Ids) -> str:
    """A new code of a reward that has no pool."""
    return ids.new_code(reward.body.code_prefix)


async def give_out(tx: Connection, shop_id: str, reward: Reward, redemption_id: str, ids: Ids) -> str:
    """The code of a new redemption: the next of the pool, or a new one. Raises ``OutOfCodes`` (409)."""
    if not reward.body.code_pool:
        return made(reward, ids)
    code: str | None = await tx.fetchval(_GIVE, shop_id, reward.reward_id, redemption_id)
    if code is None:
        raise OutOfCodes
    return code
