"""Consents in the database: the latest statement per customer, channel and purpose."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from comeback_kit.db import Connection
from notifications.consents import WITHDRAWN
from notifications.customer_events import Consent
from notifications.recipients import CustomerKey

# At equal times a withdrawal wins: when in doubt, a person is left alone.
_LATER = f"(excluded.at, excluded.state = '{WITHDRAWN}') > (consents.at, consents.state = '{WITHDRAWN}')"


async def state(tx: Connection, said: Sequence[tuple[CustomerKey, Consent]], *, origin: str) -> None:
    """Keep statements; an older one changes nothing. ``origin``: who said it (``event``, ``page``, ``one_click``)."""
    latest: dict[tuple[str, str, str, str], Consent] = {}
    for (shop_id, customer_id), consent in said:
        key = (shop_id, customer_id, consent.channel, consent.purpose)
        kept = latest.get(key)
        if kept is None or _rank(consent) > _rank(kept):
            latest[key] = consent
    keys = sorted(latest)
    await tx.execute(
        f"""insert into consents (shop_id, customer_id, channel, purpose, state, at, origin)
            select *, $7::text
            from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
            on conflict (shop_id, customer_id, channel, purpose) do update
              set state = excluded.state, at = excluded.at, origin = excluded.origin
              where {_LATER}""",
        *(list(column) for column in zip(*keys, strict=True)),
        [latest[key].state for key in keys],
        [latest[key].at for key in keys],
        origin,
    )


async def decide(tx: Connection, key: CustomerKey, decisions: Mapping[str, str], *, now: datetime, origin: str) -> None:
    """Keep what a customer (or the shop for them) decided just now: it is later than anything we had heard."""
    shop_id, customer_id = key
    purposes = sorted(decisions)
    await tx.execute(
        """insert into consents (shop_id, customer_id, channel, purpose, state, at, origin)
           select $1::text, $2::text, 'email', purpose, state, $5::timestamptz, $6::text
           from unnest($3::text[], $4::text[]) as d(purpose, state)
           on conflict (shop_id, customer_id, channel, purpose) do update
             set state = excluded.state, origin = excluded.origin,
                 at = greatest(excluded.at, consents.at + interval '1 microsecond')""",
        shop_id,
        customer_id,
        purposes,
        [decisions[purpose] for purpose in purposes],
        now,
        origin,
    )


async def stated(tx: Connection, shop_id: str, customer_id: str) -> Mapping[str, str]:
    """The state of each purpose of the e-mail channel."""
    rows = await tx.fetch(
        "select purpose, state from consents where shop_id = $1 and customer_id = $2 and channel = 'email'",
        shop_id,
        customer_id,
    )
    return {row["purpose"]: row["state"] for row in rows}


async def move(tx: Connection, moves: Mapping[CustomerKey, str]) -> None:
    """Give the statements of merged customers to the accounts they became; the later of two wins."""
    columns = (
        [key[0] for key in moves],
        [key[1] for key in moves],
        list(moves.values()),
    )
    await tx.execute(
        f"""insert into consents (shop_id, customer_id, channel, purpose, state, at, origin)
            select distinct on (c.shop_id, w.into_id, c.channel, c.purpose)
                   c.shop_id, w.into_id, c.channel, c.purpose, c.state, c.at, c.origin
            from consents c join unnest($1::text[], $2::text[], $3::text[]) as w(shop_id, customer_id, into_id)
              on c.shop_id = w.shop_id and c.customer_id = w.customer_id
            order by c.shop_id, w.into_id, c.channel, c.purpose, c.at desc, c.state = '{WITHDRAWN}' desc
            on conflict (shop_id, customer_id, channel, purpose) do update
              set state = excluded.state, at = excluded.at, origin = excluded.origin
              where {_LATER}""",
        *columns,
    )
    await tx.execute(
        """delete from consents c using unnest($1::text[], $2::text[]) as w(shop_id, customer_id)
           where c.shop_id = w.shop_id and c.customer_id = w.customer_id""",
        *columns[:2],
    )


def _rank(consent: Consent) -> tuple[datetime, bool]:
    return (consent.at, consent.state == WITHDRAWN)
