"""What a storefront says became of the items of an answer."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from comeback_kit.db import Connection
from comeback_kit.errors import FieldError, Unprocessable
from recommendations import people
from recommendations.errors import RecommendationUnknown


async def record(
    tx: Connection,
    shop_id: str,
    rec_id: str,
    kind: str,
    product_ids: Sequence[str],
    customer_id: str | None,
    now: datetime,
) -> int:
    """Note that items were ``shown`` or ``clicked``, each once; answers how many were news.

    Raises ``RecommendationUnknown`` for an answer that was not given (to this customer, where one is named), and
    ``Unprocessable`` for products that were not in it.
    """
    answer: Any = await tx.fetchrow(
        "select customer_id, product_ids from answers where shop_id = $1 and rec_id = $2", shop_id, rec_id
    )
    if answer is None or not await _given_to(tx, shop_id, answer["customer_id"], customer_id):
        raise RecommendationUnknown
    offered = set(answer["product_ids"])
    strange = [place for place, name in enumerate(product_ids) if name not in offered]
    if strange:
        errors = [FieldError(f"/product_ids/{place}", "was not in that answer") for place in strange]
        raise Unprocessable("some products were not in that answer", errors=errors)
    rows = await tx.fetch(
        """insert into interactions (shop_id, rec_id, product_id, kind, at)
           select $1, $2, w.product_id, $4, $5 from unnest($3::text[]) as w(product_id)
           on conflict (shop_id, rec_id, product_id, kind) do nothing returning product_id""",
        shop_id,
        rec_id,
        sorted(set(product_ids)),
        kind,
        now,
    )
    return len(rows)


async def _given_to(tx: Connection, shop_id: str, given: str | None, customer_id: str | None) -> bool:
    if customer_id is None:
        return True
    return given is not None and given == (await people.tastes(tx, shop_id, customer_id))[0]
