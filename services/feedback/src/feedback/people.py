"""Customers in the database: the account each is now, their language, when they were last asked.

Whoever decides about a customer locks the row, so that "at most once in 90 days" holds however many orders arrive at
the same moment.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import asyncpg

from comeback_contracts import field_merge
from comeback_kit.db import Connection

PersonKey: TypeAlias = tuple[str, str]  # shop, customer


Stated: TypeAlias = list[Any]
"""``[value, instant]``: a field as ``comeback_contracts.field_merge`` compares it."""


@dataclass(slots=True)
class Person:
    """One customer as stored. ``into_id``: the account they were merged into. ``locale_at``: when it was stated."""

    into_id: str | None = None
    locale: str | None = None
    locale_at: str | None = None
    contacted_at: datetime | None = None

    def state(self, said: Stated | None) -> None:
        """Take what was said of the language, unless something later is known."""
        known = self.stated
        if said is not None and (known is None or field_merge.beats(said, known)):
            self.locale, self.locale_at = said

    @property
    def stated(self) -> Stated | None:
        """What is known of the language, and since when."""
        return None if self.locale_at is None else [self.locale, self.locale_at]


People: TypeAlias = dict[PersonKey, Person]

_COLUMNS = "c.shop_id, c.customer_id, c.into_id, c.locale, c.locale_at, c.contacted_at"


async def lock(tx: Connection, customers: Iterable[PersonKey]) -> People:
    """The rows of these customers (made where there is none) and of their accounts, locked until the end."""
    people: People = {}
    wanted = sorted(set(customers))
    while wanted:
        shops, ids = [key[0] for key in wanted], [key[1] for key in wanted]
        await tx.execute(
            """insert into customers (shop_id, customer_id) select * from unnest($1::text[], $2::text[])
               on conflict (shop_id, customer_id) do nothing""",
            shops,
            ids,
        )
        rows = await tx.fetch(
            f"""select {_COLUMNS} from customers c
                join unnest($1::text[], $2::text[]) as w(shop_id, customer_id)
                  on c.shop_id = w.shop_id and c.customer_id = w.customer_id
                order by c.shop_id, c.customer_id for no key update of c""",
            shops,
            ids,
        )
        people |= {(row["shop_id"], row["customer_id"]): _person(row) for row in rows}
        # A row that an erasure removed while we waited for its lock is made anew.
        wanted = sorted({*_not_followed(people), *(key for key in wanted if key not in people)})
    return people


async def read(tx: Connection, customers: Iterable[PersonKey]) -> People:
    """The same rows without a lock and without making any."""
    people: People = {}
    wanted = sorted(set(customers))
    while wanted:
        rows = await tx.fetch(
            f"""select {_COLUMNS} from customers c
                join unnest($1::text[], $2::text[]) as w(shop_id, customer_id)
                  on c.shop_id = w.shop_id and c.customer_id = w.customer_id""",
            [key[0] for key in wanted],
            [key[1] for key in wanted],
        )
        people |= {(row["shop_id"], row["customer_id"]): _person(row) for row in rows}
        people |= {key: Person() for key in wanted if key not in people}
        wanted = _not_followed(people)
    return people


def _person(row: asyncpg.Record) -> Person:
    return Person(row["into_id"], row["locale"], row["locale_at"], row["contacted_at"])


def _not_followed(people: People) -> list[PersonKey]:
    accounts = {(key[0], person.into_id) for key, person in people.items() if person.into_id is not None}
    return sorted(accounts - set(people))


def root(people: Mapping[PersonKey, Person], key: PersonKey) -> PersonKey:
    """The account that a customer is now."""
    seen = {key}
    while (person := people.get(key)) is not None and person.into_id is not None:
        key = (key[0], person.into_id)
        if key in seen:
            break
        seen.add(key)
    return key


async def write(tx: Connection, people: Mapping[PersonKey, Person]) -> None:
    """Write rows that ``lock`` locked."""
    keys = sorted(people)
    await tx.execute(
        """update customers c
           set into_id = w.into_id, locale = w.locale, locale_at = w.locale_at, contacted_at = w.contacted_at
           from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
             as w(shop_id, customer_id, into_id, locale, locale_at, contacted_at)
           where c.shop_id = w.shop_id and c.customer_id = w.customer_id""",
        [key[0] for key in keys],
        [key[1] for key in keys],
        [people[key].into_id for key in keys],
        [people[key].locale for key in keys],
        [people[key].locale_at for key in keys],
        [people[key].contacted_at for key in keys],
    )


async def everybody(tx: Connection, accounts: Iterable[PersonKey]) -> dict[PersonKey, list[str]]:
    """The ids that each account goes by: its own, and those of all who were merged into it."""
    keys = sorted(set(accounts))
    names = {key: [key[1]] for key in keys}
    if not keys:
        return names
    rows = await tx.fetch(
        """select c.shop_id, c.into_id, c.customer_id
           from customers c join unnest($1::text[], $2::text[]) as w(shop_id, customer_id)
             on c.shop_id = w.shop_id and c.into_id = w.customer_id
           order by c.shop_id, c.customer_id""",
        [key[0] for key in keys],
        [key[1] for key in keys],
    )
    for row in rows:
        names[row["shop_id"], row["into_id"]].append(row["customer_id"])
    return names
