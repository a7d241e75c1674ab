"""From scores to a list."""

from dataclasses import dataclass

import numpy as np

from recommendations.engine.columns import AnyInts, Floats
from recommendations.engine.shop import ShopEngine


@dataclass(frozen=True, slots=True)
class Ranked:
    """One product of an answer."""

    row: int
    product_id: str
    score: float


def best(engine: ShopEngine, rows: AnyInts, scores: Floats, limit: int, excluded: AnyInts) -> list[Ranked]:
    """The `limit` best products with a positive score, but for the excluded ones. Scores that agree in twelve digits
    are equal, and the lower product id goes first: neither arrival nor summation order shows.
    """
    keep = (scores > 0.0) & ~engine.marks(excluded)[rows]
    rows, scores = rows[keep], scores[keep]
    if len(rows) > limit > 0:
        least = np.partition(scores, -limit)[-limit]
        keep = scores >= least * (1.0 - 1e-9)
        rows, scores = rows[keep], scores[keep]
    texts = engine.products.texts
    found = [Ranked(row, texts[row], score) for row, score in zip(rows.tolist(), scores.tolist(), strict=True)]
    found.sort(key=lambda item: (-float(f"{item.score:.11e}"), item.product_id))
    return found[:limit]
