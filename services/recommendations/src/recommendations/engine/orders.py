"""The orders themselves: their products one after another in one pool."""

import math

import numpy as np

from recommendations.engine.columns import Column, Floats, Ints, Longs, Names

NOBODY = -1
GONE = -1


class Orders:
    """Every order that counts, by slot. A slot that was freed is used again by an order of the same size, so orders
    that come and go take no memory.
    """

    def __init__(self) -> None:
        self.names = Names()
        self.at: Column[np.float64] = Column(np.float64)
        self.owner: Column[np.int32] = Column(np.int32)
        self.length: Column[np.int32] = Column(np.int32)
        self.start: Column[np.int64] = Column(np.int64)
        self.weight180: Column[np.float64] = Column(np.float64)
        self.weight365: Column[np.float64] = Column(np.float64)
        self.pool: Column[np.int32] = Column(np.int32, 4096)
        self._counting = np.arange(1024)
        self._room: list[int] = []
        self._free: dict[int, list[int]] = {}
        self.slots: dict[str, int] = self.names.numbers

    @property
    def count(self) -> int:
        return len(self.slots)

    @property
    def slots_made(self) -> int:
        return self.at.size

    def rooms(self) -> list[int]:
        """How many places of the pool each slot has, in pool order."""
        return self._room

    def add(self, order_id: str, at: float, owner: int, products: Longs) -> int:
        """Keep one order; its weights are set by the caller."""
        size = len(products)
        free = self._free.get(size)
        slot = self._reuse(order_id, free.pop()) if free else self._append(order_id, size)
        start = int(self.start.data[slot])
        self.pool.data[start : start + size] = products
        self.at.data[slot] = at
        self.owner.data[slot] = owner
        self.length.data[slot] = size
        return slot

    def drop(self, slot: int) -> None:
        """Forget one order and keep its room for the next of that size."""
        start, size = int(self.start.data[slot]), self._room[slot]
        self.pool.data[start : start + size] = GONE
        self.length.data[slot] = 0
        del self.slots[self.names.texts[slot]]
        self.names.texts[slot] = ""
        self._free.setdefault(size, []).append(slot)

    def products(self, slot: int) -> Ints:
        start = int(self.start.data[slot])
        return self.pool.data[start : start + int(self.length.data[slot])]

    def lines(self, slots: Ints) -> tuple[Ints, Ints]:
        """The products of many orders one after another, and how many each order has."""
        lengths = self.length.data[slots]
        ends = np.cumsum(lengths, dtype=np.int64)
        where = np.repeat(self.start.data[slots] - ends + lengths, lengths)
        where += self._numbers(len(where))
        # "clip" only spares the bounds check: every place is inside, and this is the longest step of a read.
        return self.pool.data.take(where, mode="clip"), lengths

    def _numbers(self, count: int) -> Longs:
        """0, 1, 2 … kept, as every read needs them."""
        if count > len(self._counting):
            self._counting = np.arange(2 * count)
        return self._counting[:count]

    def with_product(self, product: int) -> Ints:
        """Every live order with this product, by one pass over the pool; for the rare refill of a ring."""
        places = np.flatnonzero(self.pool.data[: self.pool.size] == product)
        slots = np.searchsorted(self.start.data[: self.start.size], places, side="right") - 1
        return slots.astype(np.int32)

    def newest(self, slots: Ints, count: int) -> list[int]:
        """The `count` newest of these, oldest first; equal times go by order id, so that all replicas agree."""
        at = self.at.data
        if len(slots) > count:
            times = at[slots]
            slots = slots[times >= np.partition(times, -count)[-count]]
        ordered = sorted(slots.tolist(), key=lambda slot: (at[slot], self.names.texts[slot]))
        return ordered[-count:]

    def scale(self, factor180: float, factor365: float) -> None:
        self.weight180.data *= factor180
        self.weight365.data *= factor365

    @property
    def nbytes(self) -> int:
        columns = (self.at, self.owner, self.length, self.start, self.weight180, self.weight365, self.pool)
        return sum(column.nbytes for column in columns) + 240 * len(self.names.texts)

    def _reuse(self, order_id: str, slot: int) -> int:
        self.names.texts[slot] = order_id
        self.slots[order_id] = slot
        return slot

    def _append(self, order_id: str, size: int) -> int:
        slot = self.names.add(order_id)
        for column in (self.at, self.owner, self.length, self.weight180, self.weight365):
            column.extend(1)
        self.start.extend(1)
        self.start.data[slot] = self.pool.extend(size)
        self._room.append(size)
        return slot


def size_weight(size: int) -> float:
    """A large basket says less about each pair in it."""
    return 1.0 / math.sqrt(max(size - 1, 1))


def decayed(at: Floats, now: float, half_life_days: float) -> Floats:
    result: Floats = np.exp2((at - now) / (half_life_days * 86_400.0))
    return result
