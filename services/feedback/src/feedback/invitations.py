"""Invitations in the database: one customer and one order to be asked one survey, each once."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

import asyncpg

from comeback_kit.db import Connection
from feedback.decisions import Decision
from feedback.order_store import OrderKey
from feedback.people import PersonKey

HistoryKey: TypeAlias = tuple[str, str, str]  # shop, customer, survey


@dataclass(frozen=True, slots=True)
class Invitation:
    """One invitation as stored; ``decisions.py`` says what its states and reasons mean."""

    shop_id: str
    invitation_id: str
    survey_id: str
    order_id: str
    customer_id: str
    state: str
    reason: str | None
    due_at: datetime | None
    asked_at: datetime | None
    expires_at: datetime
    superseded_by: str | None
    created_at: datetime

    @property
    def order(self) -> OrderKey:
        return self.shop_id, self.order_id

    @property
    def person(self) -> PersonKey:
        return self.shop_id, self.customer_id

    def decided(self, decision: Decision) -> "Invitation":
        """The same invitation after a decision."""
        return replace(self, state=decision.state, reason=decision.reason, due_at=decision.due_at)


_COLUMNS = """i.shop_id, i.invitation_id, i.survey_id, i.order_id, i.customer_id, i.state, i.reason, i.due_at,
    i.asked_at, i.expires_at, i.superseded_by, i.created_at"""


def _invitation(row: asyncpg.Record) -> Invitation:
    return Invitation(**dict(row.items()))


async def lock_of_orders(tx: Connection, orders: Collection[OrderKey]) -> list[Invitation]:
    """The invitations of these orders, locked until the transaction ends, without superseded ones."""
    keys = sorted(orders)
    rows = await tx.fetch(
        f"""select {_COLUMNS} from invitations i
            join unnest($1::text[], $2::text[]) as w(shop_id, order_id)
              on i.shop_id = w.shop_id and i.order_id = w.order_id
            where i.state <> 'superseded'
            order by i.shop_id, i.invitation_id for no key update of i""",
        [key[0] for key in keys],
        [key[1] for key in keys],
    )
    return [_invitation(row) for row in rows]


async def lock_of_people(tx: Connection, people: Iterable[PersonKey]) -> list[Invitation]:
    """The invitations of these customers, locked until the transaction ends, superseded ones too."""
    keys = sorted(set(people))
    rows = await tx.fetch(
        f"""select {_COLUMNS} from invitations i
            join unnest($1::text[], $2::text[]) as w(shop_id, customer_id)
              on i.shop_id = w.shop_id and i.customer_id = w.customer_id
            order by i.shop_id, i.invitation_id for no key update of i""",
        [key[0] for key in keys],
        [key[1] for key in keys],
    )
    return [_invitation(row) for row in rows]


async def read(tx: Connection, shop_id: str, invitation_id: str, *, lock: bool = False) -> Invitation | None:
    """One invitation by its id."""
    row = await tx.fetchrow(
        f"""select {_COLUMNS} from invitations i where shop_id = $1 and invitation_id = $2
            {"for no key update" if lock else ""}""",
        shop_id,
        invitation_id,
    )
    return None if row is None else _invitation(row)


async def read_of_order(tx: Connection, shop_id: str, order_id: str, customer_id: str) -> list[Invitation]:
    """What one customer is, was or will be asked about one order."""
    rows = await tx.fetch(
        f"""select {_COLUMNS} from invitations i
            where shop_id = $1 and order_id = $2 and customer_id = $3 and state <> 'superseded'
            order by invitation_id""",
        shop_id,
        order_id,
        customer_id,
    )
    return [_invitation(row) for row in rows]


async def orders_of(tx: Connection, refs: Sequence[tuple[str, str]]) -> set[OrderKey]:
    """The orders of invitations (shop, invitation), without a lock."""
    rows = await tx.fetch(
        """select i.shop_id, i.order_id from invitations i
           join unnest($1::text[], $2::text[]) as w(shop_id, invitation_id) using (shop_id, invitation_id)""",
        [ref[0] for ref in refs],
        [ref[1] for ref in refs],
    )
    return {(row["shop_id"], row["order_id"]) for row in rows}


async def insert(tx: Connection, new: Sequence[Invitation]) -> None:
    """Insert new invitations; the lock on their orders has made sure that they are new."""
    rows = sorted(new, key=lambda one: (one.shop_id, one.invitation_id))
    await tx.execute(
        """insert into invitations (shop_id, invitation_id, state, reason, due_at, asked_at, expires_at, customer_id,
             superseded_by, survey_id, order_id, created_at)
           select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
             $7::timestamptz[], $8::text[], $9::text[], $10::text[], $11::text[], $12::timestamptz[])""",
        *_changing(rows),
        [one.survey_id for one in rows],
        [one.order_id for one in rows],
        [one.created_at for one in rows],
    )


async def update(tx: Connection, changed: Sequence[Invitation]) -> None:
    """Write invitations that were locked."""
    rows = sorted(changed, key=lambda one: (one.shop_id, one.invitation_id))
    await tx.execute(
        """update invitations i
           set state = w.state, reason = w.reason, due_at = w.due_at, asked_at = w.asked_at,
               expires_at = w.expires_at, customer_id = w.customer_id, superseded_by = w.superseded_by
           from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
             $7::timestamptz[], $8::text[], $9::text[])
             as w(shop_id, invitation_id, state, reason, due_at, asked_at, expires_at, customer_id, superseded_by)
           where i.shop_id = w.shop_id and i.invitation_id = w.invitation_id""",
        *_changing(rows),
    )


async def delete(tx: Connection, gone: Sequence[Invitation]) -> None:
    """Remove invitations that were locked."""
    await tx.execute(
        """delete from invitations i using unnest($1::text[], $2::text[]) as w(shop_id, invitation_id)
           where i.shop_id = w.shop_id and i.invitation_id = w.invitation_id""",
        [one.shop_id for one in gone],
        [one.invitation_id for one in gone],
    )


async def counts(tx: Connection, keys: Collection[HistoryKey]) -> Mapping[HistoryKey, tuple[int, int]]:
    """How often each customer was asked a survey, and how often they answered it."""
    wanted = sorted(keys)
    rows = await tx.fetch(
        """select i.shop_id, i.customer_id, i.survey_id, count(i.asked_at) as asked,
             count(*) filter (where i.state = 'answered') as answered
           from invitations i join unnest($1::text[], $2::text[], $3::text[]) as w(shop_id, customer_id, survey_id)
             using (shop_id, customer_id, survey_id)
           where i.state <> 'superseded'
           group by i.shop_id, i.customer_id, i.survey_id""",
        [key[0] for key in wanted],
        [key[1] for key in wanted],
        [key[2] for key in wanted],
    )
    return {(row["shop_id"], row["customer_id"], row["survey_id"]): (row["asked"], row["answered"]) for row in rows}


def _changing(rows: Sequence[Invitation]) -> tuple[list[Any], ...]:
    return (
        [one.shop_id for one in rows],
        [one.invitation_id for one in rows],
        [one.state for one in rows],
        [one.reason for one in rows],
        [one.due_at for one in rows],
        [one.asked_at for one in rows],
        [one.expires_at for one in rows],
        [one.customer_id for one in rows],
        [one.superseded_by for one in rows],
    )
