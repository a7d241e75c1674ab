"""Messages of a customer that was merged: they go to the account, and no message is there twice."""

from collections.abc import Mapping
from typing import Final

from comeback_kit.db import Connection
from notifications.recipients import CustomerKey

# Of two messages with the same key the one that has gone further stays. The other one is dropped where it never left;
# where both left, it is history, and stands under an occasion of its own.
_RANK: Final = "case {0}.state when 'skipped' then 0 when 'waiting' then 1 when 'sending' then 2 else 3 end"

_PAIRS: Final = """
    select o.shop_id, o.id as old_id, n.id as new_id, {old_rank} as old_rank, {new_rank} as new_rank
    from messages o
    join unnest($1::text[], $2::text[], $3::text[]) as w(shop_id, customer_id, into_id)
      on o.shop_id = w.shop_id and o.customer_id = w.customer_id
    join messages n on n.shop_id = o.shop_id and n.order_id = o.order_id and n.customer_id = w.into_id
      and n.workflow = o.workflow and n.occasion = o.occasion
    order by o.shop_id, o.id, n.id for update of o, n""".format(old_rank=_RANK.format("o"), new_rank=_RANK.format("n"))


async def move(tx: Connection, moves: Mapping[CustomerKey, str]) -> None:
    """Move the messages of merged customers (their rows locked) to the accounts they became."""
    for turn in _turns(moves):
        await _move(tx, turn)


def _turns(moves: Mapping[CustomerKey, str]) -> list[dict[CustomerKey, str]]:
    """One customer into an account at a time: two of them may have a message each for the same occasion."""
    turns: list[dict[CustomerKey, str]] = []
    filled: dict[CustomerKey, int] = {}
    for (shop_id, customer_id), into_id in sorted(moves.items()):
        place = filled.get((shop_id, into_id), 0)
        filled[shop_id, into_id] = place + 1
        if place == len(turns):
            turns.append({})
        turns[place][shop_id, customer_id] = into_id
    return turns


async def _move(tx: Connection, moves: Mapping[CustomerKey, str]) -> None:
    columns = ([key[0] for key in moves], [key[1] for key in moves], list(moves.values()))
    pairs = await tx.fetch(_PAIRS, *columns)
    dropped = [
        (pair["shop_id"], pair["new_id"] if pair["old_rank"] > pair["new_rank"] else pair["old_id"])
        for pair in pairs
        if min(pair["old_rank"], pair["new_rank"]) < 3
    ]
    history = [(pair["shop_id"], pair["old_id"]) for pair in pairs if min(pair["old_rank"], pair["new_rank"]) == 3]
    if dropped:
        await tx.execute(
            """delete from messages m using unnest($1::text[], $2::text[]) as w(shop_id, id)
               where m.shop_id = w.shop_id and m.id = w.id""",
            [key[0] for key in dropped],
            [key[1] for key in dropped],
        )
    if history:
        await tx.execute(
            """update messages m set occasion = m.occasion || ' of ' || m.customer_id
               from unnest($1::text[], $2::text[]) as w(shop_id, id)
               where m.shop_id = w.shop_id and m.id = w.id""",
            [key[0] for key in history],
            [key[1] for key in history],
        )
    await tx.execute(
        """with theirs as (
             select m.shop_id, m.id, w.into_id from messages m
             join unnest($1::text[], $2::text[], $3::text[]) as w(shop_id, customer_id, into_id)
               on m.shop_id = w.shop_id and m.customer_id = w.customer_id
             order by m.shop_id, m.id for update of m
           )
           update messages m set customer_id = t.into_id from theirs t where m.shop_id = t.shop_id and m.id = t.id""",
        *columns,
    )
