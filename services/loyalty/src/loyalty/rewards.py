"""The catalog of rewards: what points can be spent on."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import asyncpg
import msgspec

from comeback_contracts.instants import format_instant
from comeback_kit.db import Connection
from comeback_kit.paging import encode_cursor
from loyalty import audit, cursors
from loyalty.errors import RewardExists, RewardUnknown
from loyalty.ids import Ids
from loyalty.schemas.rewards import RewardAnswer, RewardBody
from loyalty.shop import Shop

_COLUMNS: Final = "reward_id, document, stock_left, created_at, updated_at"
_LIST: Final = f"""
select {_COLUMNS} from rewards where shop_id = $1 and deleted_at is null
  and ($2::timestamptz is null or (created_at, reward_id) < ($2, $3))
order by created_at desc, reward_id desc limit $4"""
_INSERT: Final = f"""
insert into rewards (shop_id, reward_id, document, stock_left, created_at, updated_at) values ($1, $2, $3, $4, $5, $5)
on conflict (shop_id, reward_id) do update set document = excluded.document, stock_left = excluded.stock_left,
  created_at = excluded.created_at, updated_at = excluded.updated_at, deleted_at = null
where rewards.deleted_at is not null
returning {_COLUMNS}"""
# Below 0 more were given out than there were: what comes back next is owed, and no one else's to take.
# Locked in the order of ``granting``: two who put back and take several by one statement never wait for each other.
_MOVE: Final = """
with moved as (
  select shop_id, reward_id, sum(change) as change
  from unnest($1::text[], $2::text[], $3::bigint[]) moved(shop_id, reward_id, change) group by 1, 2
), locked as materialized (
  select shop_id, reward_id, moved.change from moved join rewards r using (shop_id, reward_id)
  where r.stock_left is not null order by shop_id, reward_id for update of r
)
update rewards r set stock_left = r.stock_left + locked.change from locked
where r.shop_id = locked.shop_id and r.reward_id = locked.reward_id and r.stock_left is not null"""

_LOCK: Final = """
select from unnest($1::text[], $2::text[], $3::bool[]) u(shop_id, reward_id, is_given)
join rewards r using (shop_id, reward_id)
where u.is_given or r.stock_left is not null order by r.shop_id, r.reward_id for update of r"""

RewardKey = tuple[str, str]
"""(shop_id, reward_id)"""


@lru_cache(maxsize=1024)
def _body(document: str) -> RewardBody:
    return RewardBody.model_validate(msgspec.json.decode(document))


class Reward:
    """One reward of the catalog."""

    def __init__(
        self, reward_id: str, body: RewardBody, stock_left: int | None, created_at: datetime, updated_at: datetime
    ) -> None:
        self.reward_id = reward_id
        self.body = body
        self.stock_left = stock_left
        self.created_at = created_at
        self.updated_at = updated_at

    @classmethod
    def read(cls, row: asyncpg.Record) -> "Reward":
        """A reward from its row."""
        body = RewardBody.model_validate(row["document"])
        return cls(row["reward_id"], body, row["stock_left"], row["created_at"], row["updated_at"])

    @classmethod
    def kept(cls, reward_id: str, document: str, stock_left: int | None, made: datetime, moved: datetime) -> "Reward":
        """The same from the document's text: one that was read before is not read again."""
        return cls(reward_id, _body(document), stock_left, made, moved)

    def answer(self, **more: Any) -> RewardAnswer:
        """What the API shows of it; ``stock`` is what is left."""
        values = self.body.model_dump(exclude={"reward_id", "stock"})
        return RewardAnswer(
            reward_id=self.reward_id,
            stock=None if self.stock_left is None else max(0, self.stock_left),
            created_at=self.created_at,
            updated_at=self.updated_at,
            **values,
            **more,
        )

    @property
    def is_in_stock(self) -> bool:
        """Whether one is left, or its stock is not counted."""
        return self.stock_left is None or self.stock_left > 0

    def tiers(self, shop: Shop) -> tuple[str, ...]:
        """The levels whose members may take it: those that it names, and those that name it; none means everybody."""
        return (*self.body.tiers, *shop.current.reserved.get(self.reward_id, ()))

    def is_for(self, shop: Shop, level_id: str | None) -> bool:
        """Whether members of a level may take it."""
        tiers = self.tiers(shop)
        return not tiers or level_id in tiers

    def is_open(self, now: datetime) -> bool:
        """Whether it can be taken at this time."""
        return self.why_closed(now) is None

    def why_closed(self, now: datetime) -> str | None:
        """Why it cannot be taken at this time; None where it can."""
        body = self.body
        if not body.active:
            return "the reward is not active"
        if body.valid_from is not None and now < body.valid_from:
            return f"the reward can be taken from {format_instant(body.valid_from)} on (valid_from)"
        if body.valid_until is not None and body.valid_until <= now:
            return f"the reward could be taken until {format_instant(body.valid_until)} (valid_until)"
        return None


async def create(tx: Connection, shop_id: str, body: RewardBody, *, ids: Ids, actor: str, now: datetime) -> Reward:
    """Add a reward. Raises ``RewardExists`` (409)."""
    reward_id = body.reward_id or ids.new_id("reward")
    document = _document(body)
    row = await tx.fetchrow(_INSERT, shop_id, reward_id, document, body.stock, now)
    if row is None:
        raise RewardExists
    await audit.record(tx, shop_id, actor, "reward.created", reward_id, document, now)
    return Reward.read(row)


async def get(tx: Connection, shop_id: str, reward_id: str, *, lock: bool = False) -> Reward:
    """One reward. Raises ``RewardUnknown`` (404), also for a deleted one."""
    row = await tx.fetchrow(
        f"select {_COLUMNS} from rewards where shop_id = $1 and reward_id = $2 and deleted_at is null"
        + (" for update" if lock else ""),
        shop_id,
        reward_id,
    )
    if row is None:
        raise RewardUnknown
    return Reward.read(row)


async def replace(
    tx: Connection, shop_id: str, reward_id: str, body: RewardBody, *, actor: str, now: datetime
) -> Reward:
    """Change a reward; ``stock`` is what is left from now on. Holds that exist keep their price."""
    await get(tx, shop_id, reward_id, lock=True)
    document = _document(body)
    row = await tx.fetchrow(
        f"""update rewards set document = $3, stock_left = $4, updated_at = $5
        where shop_id = $1 and reward_id = $2 returning {_COLUMNS}""",
        shop_id,
        reward_id,
        document,
        body.stock,
        now,
    )
    assert row is not None  # noqa: S101  # locked above
    await audit.record(tx, shop_id, actor, "reward.changed", reward_id, document, now)
    return Reward.read(row)


async def delete(tx: Connection, shop_id: str, reward_id: str, *, actor: str, now: datetime) -> None:
    """Take a reward out of the catalog; codes that were given out stay good."""
    await get(tx, shop_id, reward_id, lock=True)
    await tx.execute(
        "update rewards set deleted_at = $3, updated_at = $3 where shop_id = $1 and reward_id = $2",
        shop_id,
        reward_id,
        now,
    )
    await audit.record(tx, shop_id, actor, "reward.deleted", reward_id, {}, now)


async def page(tx: Connection, shop_id: str, limit: int, cursor: str | None) -> tuple[list[Reward], str | None]:
    """One page of the catalog, newest first."""
    since, after = cursors.instant_and_id(cursor)
    rows = await tx.fetch(_LIST, shop_id, since, after, limit + 1)
    found = [Reward.read(row) for row in rows[:limit]]
    more = len(rows) > limit
    return found, encode_cursor(found[-1].created_at.isoformat(), found[-1].reward_id) if more else None


async def open_ones(tx: Connection, shop_id: str, now: datetime) -> Sequence[Reward]:
    """All rewards that can be taken now, cheapest first."""
    rows = await tx.fetch(f"select {_COLUMNS} from rewards where shop_id = $1 and deleted_at is null", shop_id)
    found = [reward for reward in (Reward.read(row) for row in rows) if reward.is_open(now) and reward.is_in_stock]
    return sorted(found, key=lambda one: (one.body.points, one.reward_id))


async def take_stock(tx: Connection, shop_id: str, reward: Reward) -> bool:
    """Take one of a reward, False when none is left. A reward whose stock is not counted is not even locked."""
    if reward.stock_left is None:
        return True
    status = await tx.execute(
        """update rewards set stock_left = stock_left - 1
        where shop_id = $1 and reward_id = $2 and (stock_left is null or stock_left > 0)""",
        shop_id,
        reward.reward_id,
    )
    return status == "UPDATE 1"


async def lock(tx: Connection, moved: Iterable[RewardKey], given: Iterable[RewardKey]) -> None:
    """Lock in order, after their members, those ``given`` by tiers, and of those ``moved`` whose stock is counted."""
    wanted = dict.fromkeys(moved, False) | dict.fromkeys(given, True)
    rows = [(*key, is_given) for key, is_given in sorted(wanted.items())]
    await tx.execute(_LOCK, *[list(column) for column in zip(*rows, strict=True)])


async def put_stock(tx: Connection, rewards: Sequence[RewardKey], taken: Sequence[RewardKey] = ()) -> None:
    """Put one of each (shop, reward) back: a hold was cancelled or ran out, or a redemption was returned.

    Those ``taken`` were given out by the shop already; where none is left of one, one is owed.
    """
    moved = [*rewards, *taken]
    if moved:
        counts = [1] * len(rewards) + [-1] * len(taken)
        await tx.execute(_MOVE, [shop_id for shop_id, _ in moved], [reward_id for _, reward_id in moved], counts)


def _document(body: RewardBody) -> dict[str, Any]:
    document: dict[str, Any] = body.model_dump(mode="json", exclude={"reward_id", "stock"})
    return document
