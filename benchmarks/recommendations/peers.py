"""Peers, written plainly on numpy and scipy; ALS is `implicit`'s. Products are columns of the catalogue."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy.linalg import lapack

from benchmarks.recommendations.journey import Window

Floats = NDArray[np.float64]
DAY = 86_400.0
TOP = 10


class Shelf:
    """The training orders as matrices."""

    def __init__(self, window: Window) -> None:
        self.names = window.catalogue
        self.column = {name: place for place, name in enumerate(self.names)}
        self.households = sorted({order.customer_id or "" for order in window.train})
        self.row = {name: place for place, name in enumerate(self.households)}
        rows, columns, sizes, ages, owners = [], [], [], [], []
        for place, order in enumerate(window.train):
            kept = [self.column[name] for name in order.product_ids if name in self.column]
            rows += [place] * len(kept)
            columns += kept
            sizes.append(max(len(kept), 1))
            ages.append((window.cut - order.at) / DAY)
            owners.append(self.row[order.customer_id or ""])
        shape = (len(window.train), len(self.names))
        self.baskets = sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)
        self.sizes, self.ages = np.array(sizes, dtype=float), np.array(ages)
        self.owners = sp.csr_matrix(
            (np.ones(shape[0]), (owners, np.arange(shape[0]))), shape=(len(self.households), shape[0])
        )

    def by_household(self, half_life: float | None = None) -> sp.csr_matrix:
        """Household × product counts, decayed where a half-life in days is given."""
        weight = np.ones(len(self.ages)) if half_life is None else np.exp2(-self.ages / half_life)
        return (self.owners @ sp.diags(weight) @ self.baskets).tocsr()

    def popularity(self, half_life: float | None = None) -> Floats:
        weight = np.ones(len(self.ages)) if half_life is None else np.exp2(-self.ages / half_life)
        return np.asarray(weight @ self.baskets).ravel()

    def columns(self, names: Sequence[str]) -> NDArray[np.int64]:
        return np.array([self.column[name] for name in names if name in self.column], dtype=np.int64)

    def best(self, scores: Floats, without: NDArray[np.int64] | None = None) -> list[str]:
        """The ten best; ties go to the lower product id."""
        scores = scores.astype(np.float64, copy=True)
        if without is not None:
            scores[without] = -np.inf
        least = np.partition(scores, -TOP)[-TOP]
        some = np.flatnonzero(scores >= least)
        return [self.names[place] for place in some[np.lexsort((some, -scores[some]))][:TOP]]


class Cosine:
    """Item to item by cosine of the baskets they are in."""

    def __init__(self, shelf: Shelf, rows: sp.csr_matrix | None = None) -> None:
        matrix = shelf.baskets if rows is None else rows
        norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=0)).ravel())
        unit = (matrix @ sp.diags(1.0 / np.maximum(norms, 1e-12))).tocsr()
        self.similar = (unit.T @ unit).tocsr()
        self.similar.setdiag(0.0)

    def scores(self, seeds: NDArray[np.int64]) -> Floats:
        return np.asarray(self.similar[seeds].sum(axis=0)).ravel()


class Ease:
    """EASE^R on the most popular products (a dense inverse of all 27,000 would not fit)."""

    def __init__(self, shelf: Shelf, rows: sp.csr_matrix, penalty: float, most: int = 12_000) -> None:
        popular = np.argsort(-np.asarray((rows > 0).sum(axis=0)).ravel(), kind="stable")[:most]
        self.kept = np.sort(popular)
        self.place = np.full(len(shelf.names), -1)
        self.place[self.kept] = np.arange(len(self.kept))
        some = rows[:, self.kept].astype(np.float32)
        gram = np.asarray((some.T @ some).todense(), dtype=np.float32)
        gram[np.diag_indices_from(gram)] += penalty
        inverse = inverse_of(gram)
        inverse /= -np.diag(inverse)
        np.fill_diagonal(inverse, 0.0)
        self.weights = inverse
        self.size = len(shelf.names)

    def scores(self, seeds: NDArray[np.int64], values: Floats | None = None) -> Floats:
        places = self.place[seeds]
        known = places >= 0
        weight = np.ones(len(seeds)) if values is None else values
        found = np.zeros(self.size)
        found[self.kept] = weight[known].astype(np.float32) @ self.weights[places[known]]
        return found


class Als:
    """Implicit ALS; a row that was not trained is folded in.

    ``alpha`` is the confidence of what was bought. In ``implicit`` 1 is that of what was *not* bought: with it every
    basket is mostly zeros to be reproduced, and the model comes out as popularity.
    """

    def __init__(self, rows: sp.csr_matrix, factors: int, alpha: float, penalty: float) -> None:
        self.model = AlternatingLeastSquares(
            factors=factors, regularization=penalty, alpha=alpha, iterations=15, random_state=7, num_threads=1
        )
        self.model.fit(rows.astype(np.float32), show_progress=False)
        self.size = rows.shape[1]

    def scores(self, seeds: NDArray[np.int64], values: Floats | None = None) -> Floats:
        data = np.ones(len(seeds)) if values is None else values
        row = sp.csr_matrix((data.astype(np.float32), ([0] * len(seeds), seeds)), shape=(1, self.size))
        user = self.model.recalculate_user(0, row)
        return np.asarray(self.model.item_factors @ np.asarray(user).ravel(), dtype=np.float64)


def inverse_of(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """The inverse of a positive definite matrix, whose memory is used: by Cholesky, half the work of ``inv``."""
    factor, failed = lapack.spotrf(np.asfortranarray(matrix), lower=1, overwrite_a=1)
    if not failed:
        half, failed = lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise ValueError("the matrix is not positive definite")
    below = np.tril(half, -1)
    result: NDArray[np.float32] = below + below.T
    result[np.diag_indices_from(result)] = np.diag(half)
    return result


def scaled(values: Floats) -> Floats:
    """Divided by the largest."""
    most = values.max(initial=0.0)
    return values / most if most > 0 else values
