"""A better product of the same kind: same category, a little dearer, rated at least as well."""

from dataclasses import dataclass

import numpy as np

from recommendations.engine.catalog import Catalog
from recommendations.engine.columns import Floats
from recommendations.engine.shop import ShopEngine


@dataclass(frozen=True, slots=True)
class PriceBand:
    """How much dearer an upsell may be: above ``above`` × and up to ``upto`` × the price of the product at hand."""

    above: float = 1.0
    upto: float = 1.5


DEFAULT_BAND = PriceBand()


def of_product(engine: ShopEngine, catalog: Catalog, seed: str, band: PriceBand) -> Floats:
    """By row the rating of every product that is an upsell from ``seed``, else 0; what sells more wins ties."""
    values = np.zeros(engine.size)
    product = catalog.get(seed)
    if product is None or product.price is None or not product.category_ids:
        return values
    same = np.zeros(engine.size, dtype=np.bool_)
    for category in product.category_ids:
        same[catalog.rows_with("category", category)] = True
    if product.currency is not None:
        other = np.ones(engine.size, dtype=np.bool_)
        other[catalog.rows_with("currency", product.currency)] = False
        same &= ~other
    prices, ratings = catalog.prices(), catalog.ratings()
    dearer = (prices > product.price * band.above) & (prices <= product.price * band.upto)
    good = np.flatnonzero(same & dearer & (ratings > 0) & (ratings >= (product.rating or 0.0)))
    values[good] = ratings[good] + 1e-6 * engine.popularity(good)
    return values
