"""Per customer the own orders, and per product how many customers bought it once and again."""

from array import array
from typing import Any

import numpy as np

from recommendations.engine.columns import AnyInts, Column, Ints, Longs, Names
from recommendations.engine.orders import NOBODY, Orders

# Own orders that a read looks at: the newest ones. A customer with more is a reseller or a till.
OWN_ORDERS = 500


class Customers:
    """Who bought what, by slot of `Orders`."""

    def __init__(self, orders: Orders) -> None:
        self.names = Names()
        self.buyers: Column[np.int32] = Column(np.int32)
        self.repeaters: Column[np.int32] = Column(np.int32)
        self._orders = orders
        self._scratch: Column[np.int64] = Column(np.int64)
        self._own: list[array[int]] = []  # slots
        self._lines: list[array[int]] = []  # the products of these orders, one after another

    @property
    def columns(self) -> tuple[Column[Any], ...]:
        """What has a row for every product."""
        return self.buyers, self.repeaters, self._scratch

    def number_of(self, customer_id: str | None) -> int:
        """The customer's row, made when new; `NOBODY` for an order without a customer."""
        if customer_id is None:
            return NOBODY
        number = self.names.numbers.get(customer_id)
        if number is None:
            number = self.names.add(customer_id)
            if number == len(self._own):
                self._own.append(array("i"))
                self._lines.append(array("i"))
        return number

    def known(self, customer_id: str | None) -> int:
        return NOBODY if customer_id is None else self.names.numbers.get(customer_id, NOBODY)

    def insert(self, owner: int, products: AnyInts, slot: int) -> None:
        """Give one order to its customer; call it before the order counts as one of the own ones."""
        if owner == NOBODY:
            return
        before = self._times_bought(owner, products)
        self.buyers.data[products[before == 0]] += 1
        self.repeaters.data[products[before == 1]] += 1
        self._own[owner].append(slot)
        self._lines[owner].frombytes(products.astype(np.int32).tobytes())

    def remove(self, owner: int, products: AnyInts, slot: int) -> None:
        """Take one order from its customer, who is forgotten with the last one."""
        if owner == NOBODY:
            return
        self._own[owner].remove(slot)
        left, _ = self._orders.lines(np.frombuffer(self._own[owner][:], dtype=np.int32))
        self._lines[owner] = array("i", left.tobytes())
        after = self._times_bought(owner, products)
        self.buyers.data[products[after == 0]] -= 1
        self.repeaters.data[products[after == 1]] -= 1
        if not self._own[owner]:
            self.names.release(self.names.texts[owner])

    def own(self, owner: int) -> Ints:
        """The slots of the customer's own orders, the newest `OWN_ORDERS`, in no certain order."""
        if owner == NOBODY:
            return np.empty(0, dtype=np.int32)
        slots = np.frombuffer(self._own[owner][:], dtype=np.int32)
        if len(slots) <= OWN_ORDERS:
            return slots
        return np.array(self._orders.newest(slots, OWN_ORDERS), dtype=np.int32)

    def all_own(self, owner: int) -> list[int]:
        return self._own[owner].tolist()

    @property
    def nbytes(self) -> int:
        own = sum(4 * len(slots) + 80 for slots in (*self._own, *self._lines))
        return own + 240 * len(self.names.texts)

    def _times_bought(self, owner: int, products: AnyInts) -> Longs:
        """In how many own orders each product is."""
        # Only the rows of `products` are cleared: what others gather there is never read.
        scratch = self._scratch.data
        scratch[products] = 0
        np.add.at(scratch, np.array(self._lines[owner], dtype=np.int32), 1)
        return scratch[products]
