"""The dense sequence of a shop's changes, which every replica follows into memory (DESIGN §2, 16)."""

from collections.abc import Iterable

from comeback_kit.db import Connection


class Changes:
    """The numbers that one transaction gives to its changes; ``close`` makes them the shop's last ones."""

    def __init__(self, last: dict[str, int]) -> None:
        self._before = dict(last)
        self._last = last

    def next(self, shop_id: str) -> int:
        """The number of one more change of a shop."""
        self._last[shop_id] += 1
        return self._last[shop_id]

    async def close(self, tx: Connection) -> None:
        """Write the last numbers back. Call it once, when everything else is written."""
        moved = {shop_id: seq for shop_id, seq in self._last.items() if seq != self._before[shop_id]}
        if not moved:
            return
        await tx.execute(
            """update changes c set last_seq = w.last_seq
               from unnest($1::text[], $2::bigint[]) as w(shop_id, last_seq) where c.shop_id = w.shop_id""",
            list(moved),
            list(moved.values()),
        )


async def begin(tx: Connection, shop_ids: Iterable[str]) -> Changes:
    """Lock the sequences of these shops until the transaction ends; the first thing that a writer does.

    One shop's writers run one after another, so they need no other locks, and what one has numbered is committed
    before a later number can be seen.
    """
    rows = await tx.fetch(
        """insert into changes (shop_id) select * from unnest($1::text[])
           on conflict (shop_id) do update set last_seq = changes.last_seq
           returning shop_id, last_seq""",
        sorted(set(shop_ids)),
    )
    return Changes({row["shop_id"]: row["last_seq"] for row in rows})
