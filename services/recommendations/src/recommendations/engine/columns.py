"""Arrays that grow, and the names of their rows."""

from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)
Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Rows = NDArray[np.int32] | NDArray[np.int64]


class Column(Generic[Scalar]):
    """A one-dimensional array that grows by half; `data[:size]` is in use, the rest is zero.

    Growing copies: about 1 ms per million rows, and ever more seldom. Views taken before keep the old array, so
    nothing ever dangles.
    """

    __slots__ = ("data", "size")

    def __init__(self, dtype: type[Scalar], capacity: int = 256) -> None:
        self.data: NDArray[Scalar] = np.zeros(capacity, dtype=dtype)
        self.size = 0

    def extend(self, count: int) -> int:
        """Make room for `count` more rows; answers where the first one is."""
        start = self.size
        self.size += count
        if self.size > len(self.data):
            grown = np.zeros(max(self.size, len(self.data) * 3 // 2), dtype=self.data.dtype)
            grown[:start] = self.data[:start]
            self.data = grown
        return start

    @property
    def nbytes(self) -> int:
        return self.data.nbytes


class Names:
    """Texts to small numbers and back; a released number is given to the next new text."""

    __slots__ = ("_free", "numbers", "texts")

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.texts: list[str] = []
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self.numbers)

    def add(self, text: str) -> int:
        """The number of a new text (it must be new)."""
        if self._free:
            number = self._free.pop()
            self.texts[number] = text
        else:
            number = len(self.texts)
            self.texts.append(text)
        self.numbers[text] = number
        return number

    def release(self, text: str) -> None:
        number = self.numbers.pop(text)
        self.texts[number] = ""
        self._free.append(number)


def first_of_each(values: NDArray[Any], scratch: Longs) -> NDArray[np.bool_]:
    """Which entries of `values` stand for their value: exactly one True per distinct value.

    `scratch` is indexed by value and may hold anything.
    """
    order = np.arange(len(values))
    scratch[values] = order
    result: NDArray[np.bool_] = scratch[values] == order
    return result


def tally(values: Rows, weights: Floats, size: int) -> Floats:
    """The sum of the weights of each value below `size`."""
    return np.bincount(values, weights=weights, minlength=size).astype(np.float64, copy=False)
