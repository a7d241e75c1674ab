"""One shop in memory."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from recommendations.engine import Purchase, ShopEngine
from recommendations.engine.catalog import Catalog, Product
from recommendations.engine.replenishing import ProductGaps
from recommendations.placement_document import DEFAULTS, SHOP_WIDE, Placement, Rules


@dataclass(slots=True, eq=False)
class ShopMemory:
    """A shop's engine, catalog and placements, and the number up to which they follow the shop's changes.

    ``followed_at``: everything committed by then is in them.
    """

    shop_id: str
    engine: ShopEngine = field(default_factory=ShopEngine)
    catalog: Catalog = field(init=False)
    product_gaps: ProductGaps = field(init=False)
    placements: dict[str, Placement] = field(default_factory=lambda: dict(DEFAULTS))
    rules: Rules = field(default_factory=Rules)
    seq: int = 0
    followed_at: datetime | None = None
    used_at: float = 0.0
    loaded: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.catalog = Catalog(self.engine)
        self.product_gaps = ProductGaps(self.engine)

    def apply(self, row: Any) -> None:
        """Take one change (a row of ``feed.since``)."""
        if row["kind"] == "order":
            self.engine.put(Purchase(row["id"], row["customer_id"], row["at"], tuple(row["product_ids"])))
        elif row["kind"] == "product":
            product = product_of(row["id"], *row["document"])
            if product is None:
                self.catalog.remove(row["id"])
            else:
                self.catalog.put(product)
        elif row["id"] == SHOP_WIDE:
            self.rules = Rules.model_validate(row["document"])
            self._know(self.rules.pins)
        else:
            placement = self.placements[row["id"]] = Placement.model_validate(row["document"])
            self._know(placement.pins)
            if placement.experiment is not None:
                self._know(placement.experiment.variant.pins)

    def as_of(self, now: datetime) -> datetime:
        """The instant whose state an answer shows; not before any order that is in it."""
        newest = self.engine.newest_at
        followed = self.followed_at or now
        return followed if newest is None else max(followed, datetime.fromtimestamp(newest, UTC))

    def title_of(self, product_id: str) -> str:
        """What people call a product: its title where the catalog has one."""
        product = self.catalog.get(product_id)
        return product_id if product is None or product.title is None else product.title

    def _know(self, product_ids: list[str]) -> None:
        """A pinned product needs no sales to be shown."""
        for product_id in product_ids:
            self.engine.product(product_id)

    @property
    def nbytes(self) -> int:
        """About how much memory the shop takes."""
        return self.engine.nbytes + 1000 * len(self.catalog)


def product_of(product_id: str, fields: Mapping[str, Any], deleted_at: str | None) -> Product | None:
    """The present product, or None when nothing was stated of it since it was deleted."""
    since = "" if deleted_at is None else deleted_at[:-1]
    said = {name: value for name, (value, at) in fields.items() if at[:-1] > since and value is not None}
    if not said:
        return None
    lists: dict[str, Any] = {name: tuple(said.pop(name, ())) for name in ("category_ids", "tags")}
    return Product(product_id, **{name: value for name, value in said.items() if name in Product.__slots__}, **lists)
