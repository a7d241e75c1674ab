"""What orders say in free text of people who were erased: their attributes. The ledger needs none of them.

Of a line none is ever kept, contact data never stands on the topic of orders, and numbers, titles and codes are the
shop's own words. Rules may ask for attributes: which of them an order met stays known, not what it said.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from comeback_kit.db import Connection
from loyalty.books import Key
from loyalty.orders import OrderKey, OrderRow, lock, rows_of, write
from loyalty.rules.compiled import CompiledProgram
from loyalty.rules.met import met_by
from loyalty.shop import Shop

_EARNED_WITH: Final = """
select distinct shop_id, order_id
from unnest($1::text[], $2::text[]) u(shop_id, customer_id) join lots using (shop_id, customer_id)
where order_id is not null"""


def forget(order: OrderRow, program: CompiledProgram | None) -> bool:
    """Drop an order's notes, in memory; False where it has none. An order that counted did so under the program."""
    known = order.known
    if known is None or known.view.attributes is None:
        return False
    if program is not None and order.kept is not None:
        order.kept = msgspec.structs.replace(order.kept, met=met_by(program, known.view))
    order.known = known.without_notes()
    return True


async def forget_notes(
    tx: Connection, shop: Shop | None, people: Sequence[Key], others: Iterable[OrderKey] = ()
) -> None:
    """Drop the notes of the orders that these locked members of a shop earned with.

    The same with those of the ``others`` that are theirs.
    """
    columns = [list(column) for column in zip(*people, strict=True)]
    earned = {tuple(row) for row in await tx.fetch(_EARNED_WITH, *columns)}
    noted = []
    for order in await lock(tx, earned.union(others), waiting=False):
        if order.key not in earned and (order.shop_id, order.buyer) not in people:
            continue
        version = order.program_version
        if forget(order, None if shop is None or version is None else shop.program(version)):
            noted.append(order)
    await write(tx, rows_of(noted))
