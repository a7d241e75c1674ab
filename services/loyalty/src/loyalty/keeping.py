"""What is dropped after a while, because nobody can ask for it any more; the janitor of the kit calls these.

Reports of jobs, and counters of limits in periods that are long over. Everything else stays: the ledger, orders and
redemptions are what happened, lots in which nothing is left get back what a late refund or return gives back (with
their own expiry) and count for tiers, and the audit trail is kept for ever.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from comeback_kit.db import Connection
from comeback_kit.janitor import Prune
from comeback_kit.runtime import Runtime
from loyalty.rules.periods import period_key
from loyalty.state import settings_of

_JOBS: Final = """
with gone as (
  delete from jobs where ctid = any(array(
    select ctid from jobs where state <> 'running' and updated_at < $1 order by updated_at limit $2)) returning 1
)
select count(*) from gone"""
# A key ends with its period; in a limit per order it ends with the order's id, whatever that looks like. Whoever locks
# a member may have read their counters, so the member is locked; somebody else's turn is not waited for.
_COUNTERS: Final = r"""
with seen as materialized (
  select shop_id, customer_id, key, substring(key from '[^:]*$') as period from usage
  where (shop_id, customer_id, key) > ($1, $2, $3) order by shop_id, customer_id, key limit $4
), old as materialized (
  select shop_id, customer_id, key from seen
  where position(':order:' in key) = 0 and (
    period ~ '^\d{4}-\d\d-\d\d$' and period < $5 or period ~ '^\d{4}-W\d\d$' and period < $6
    or period ~ '^\d{4}-\d\d$' and period < $7 or period ~ '^\d{4}$' and period < $8)
), idle as materialized (
  select m.shop_id, m.customer_id
  from (select distinct shop_id, customer_id from old) u join members m using (shop_id, customer_id)
  where m.updated_at < $9 order by m.shop_id, m.customer_id for update of m skip locked
), gone as (
  delete from usage u using old join idle using (shop_id, customer_id)
  where u.shop_id = old.shop_id and u.customer_id = old.customer_id and u.key = old.key
)
select shop_id, customer_id, key, count(*) over () as looked_at from seen
order by shop_id desc, customer_id desc, key desc limit 1"""
_PERIODS: Final = ("day", "week", "month", "year")
_QUIET: Final = timedelta(days=30)
"""Old orders that come in late come one after the other; of whoever was quiet for so long no more are expected."""
_EVERY: Final = timedelta(days=1)
"""Nothing leads to the old counters, for every new one would pay for it: all are looked through, once a day."""
_STATE: Final = "loyalty.counters"
_START: Final = ("", "", "")


@dataclass
class _Walk:
    """How far the counters were looked through, and when that begins again."""

    after: tuple[str, str, str] = _START
    begins: datetime | None = None


async def jobs(tx: Connection, runtime: Runtime, most: int) -> int:
    """Drop jobs that ended long ago."""
    before = runtime.clock() - timedelta(days=settings_of(runtime).job_days)
    return int(await tx.fetchval(_JOBS, before, most))


async def counters(tx: Connection, runtime: Runtime, most: int) -> int:
    """Look at the next counters and drop those of periods that are long over, of members who are quiet.

    Those of limits for ever and per order stay. A refund of an order from such a period counts below zero in it.
    """
    now = runtime.clock()
    walk = runtime.state.setdefault(_STATE, _Walk())
    assert isinstance(walk, _Walk)  # noqa: S101  # nobody else writes this key
    if walk.begins is not None and now < walk.begins:
        return 0
    day = (now - timedelta(days=settings_of(runtime).counter_days)).date()
    first = [period_key(period, day) for period in _PERIODS]
    row = await tx.fetchrow(_COUNTERS, *walk.after, most, *first, now - _QUIET)
    looked_at = 0 if row is None else int(row["looked_at"])
    if row is None or looked_at < most:
        walk.after, walk.begins = _START, now + _EVERY
    else:
        walk.after = (row["shop_id"], row["customer_id"], row["key"])
    return looked_at


PRUNES: Final[tuple[Prune, ...]] = (jobs, counters)
