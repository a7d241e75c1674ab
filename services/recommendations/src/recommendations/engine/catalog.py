"""What is known of products beside their sales: enough to filter, boost and compare, by product row."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommendations.engine.columns import Column, Floats, Ints
from recommendations.engine.shop import ShopEngine

UNKNOWN = 0


@dataclass(frozen=True, slots=True)
class Product:
    """One product of the catalog. ``price`` in minor units of ``currency``, ``rating`` 0 to 5."""

    product_id: str
    title: str | None = None
    price: int | None = None
    currency: str | None = None
    category_ids: tuple[str, ...] = ()
    product_type: str | None = None
    brand: str | None = None
    image_url: str | None = None
    url: str | None = None
    in_stock: bool = True
    rating: float | None = None
    tags: tuple[str, ...] = ()
    lifetime_days: int | None = None


@dataclass(slots=True)
class _Codes:
    """Texts as numbers from 1; 0 is unknown."""

    numbers: dict[str, int] = field(default_factory=dict)

    def of(self, text: str | None) -> int:
        return UNKNOWN if text is None else self.numbers.setdefault(text, len(self.numbers) + 1)

    def known(self, text: str) -> int:
        return self.numbers.get(text, -1)


class Catalog:
    """The products of one shop. A product that the catalog does not know is in stock and has no traits."""

    def __init__(self, engine: ShopEngine) -> None:
        self.version = 0
        self._engine = engine
        self._products: dict[int, Product] = {}
        self._members: dict[tuple[str, str], set[int]] = {}
        self._codes = {name: _Codes() for name in ("product_type", "brand", "currency")}
        self._columns: dict[str, Column[np.int32]] = {name: Column(np.int32) for name in self._codes}
        self._sorts, self._sort = _Codes(), Column(np.int32)
        self._price: Column[np.float64] = Column(np.float64, fill=-1.0)
        self._rating: Column[np.float64] = Column(np.float64, fill=-1.0)
        self._out: Column[np.int8] = Column(np.int8)
        self._gone: Column[np.int8] = Column(np.int8)

    def __len__(self) -> int:
        return len(self._products)

    def get(self, product_id: str) -> Product | None:
        row = self._engine.products.numbers.get(product_id)
        return None if row is None else self._products.get(row)

    def put(self, product: Product) -> None:
        """Take the present state of one product."""
        row = self._row(product.product_id)
        self._forget(row)
        self._products[row] = product
        self._gone.data[row], self._out.data[row] = 0, not product.in_stock
        self._price.data[row] = -1 if product.price is None else product.price
        self._rating.data[row] = -1.0 if product.rating is None else product.rating
        for name, codes in self._codes.items():
            self._columns[name].data[row] = codes.of(getattr(product, name))
        self._sort.data[row] = self._sorts.of(_sort_of(product))
        for key in _memberships(product):
            self._members.setdefault(key, set()).add(row)
        self.version += 1

    def remove(self, product_id: str) -> None:
        """A deleted product is never offered."""
        row = self._row(product_id)
        self._forget(row)
        self._gone.data[row] = 1
        self.version += 1

    def rows_with(self, trait: str, value: str) -> Ints:
        """The rows of products with a ``brand``, ``product_type``, ``category`` or ``tag``."""
        if trait in self._codes:
            column = self._columns[trait]
            rows = np.flatnonzero(column.data[: column.size] == self._codes[trait].known(value))
            return rows.astype(np.int32)
        members = self._members.get((trait, value), ())
        return np.fromiter(members, dtype=np.int32, count=len(members))

    def unavailable(self, *, in_stock: bool) -> Ints:
        """The rows that cannot be offered: deleted ones, and those out of stock where ``in_stock`` is asked for."""
        gone = self._gone.data[: self._gone.size]
        out = self._out.data[: self._out.size] if in_stock else gone
        return np.flatnonzero(gone | out).astype(np.int32)

    def codes(self, trait: str) -> Ints:
        """The number of each row's ``brand``, ``product_type`` or ``currency``; 0 where unknown."""
        return _padded(self._columns[trait].data[: self._columns[trait].size], self._engine.size)

    def sorts(self) -> Ints:
        """The number of each row's sort, its first category and product type taken together; 0 where neither is
        known.
        """
        return _padded(self._sort.data[: self._sort.size], self._engine.size)

    def prices(self) -> Floats:
        """Prices in minor units by row, -1 where unknown."""
        return _padded(self._price.data[: self._price.size], self._engine.size, -1.0)

    def ratings(self) -> Floats:
        """Ratings by row, -1 where unknown."""
        return _padded(self._rating.data[: self._rating.size], self._engine.size, -1.0)

    def lifetimes(self, rows: Iterable[int]) -> dict[int, int]:
        """How many days those of the products last of which the shop says so."""
        products = ((row, self._products.get(row)) for row in rows)
        return {row: one.lifetime_days for row, one in products if one is not None and one.lifetime_days is not None}

    def category_of(self, row: int) -> str | None:
        """The first category of a product."""
        product = self._products.get(row)
        return product.category_ids[0] if product is not None and product.category_ids else None

    def _row(self, product_id: str) -> int:
        row = self._engine.product(product_id)
        start = self._price.size
        if start <= row:
            columns: list[Column[Any]] = [*self._columns.values(), self._sort, self._price, self._rating]
            columns += [self._out, self._gone]
            for column in columns:
                column.extend(row + 1 - start)
        return row

    def _forget(self, row: int) -> None:
        before = self._products.pop(row, None)
        for key in () if before is None else _memberships(before):
            self._members[key].discard(row)
        for column in self._columns.values():
            column.data[row] = UNKNOWN
        self._sort.data[row] = UNKNOWN
        self._price.data[row] = self._rating.data[row] = -1.0


def _memberships(product: Product) -> list[tuple[str, str]]:
    return [("category", name) for name in product.category_ids] + [("tag", name) for name in product.tags]


def _sort_of(product: Product) -> str | None:
    category = product.category_ids[0] if product.category_ids else None
    if category is None and product.product_type is None:
        return None
    return f"{category or ''}\x00{product.product_type or ''}"


def _padded(values: NDArray[Any], size: int, fill: float = 0) -> NDArray[Any]:
    missing = size - len(values)
    return np.concatenate([values, np.full(missing, fill, dtype=values.dtype)]) if missing > 0 else values
