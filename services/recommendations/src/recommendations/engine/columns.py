"""Arrays that grow, and the names of their rows."""

from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)
Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
AnyInts = NDArray[np.int32] | NDArray[np.int64]


class Column(Generic[Scalar]):
    """A one-dimensional array that grows by half; `data[:size]` is in use, the rest is `fill`.

    Growing copies: about 1 ms per million rows, and ever more seldom. Views taken before keep the old array, so
    nothing ever dangles.
    """

    __slots__ = ("data", "fill", "size")

    def __init__(self, dtype: type[Scalar], capacity: int = 256, fill: float = 0) -> None:
        self.data: NDArray[Scalar] = np.full(capacity, fill, dtype=dtype)
        self.fill = fill
        self.size = 0

    def extend(self, count: int) -> int:
        """Make room for `count` more rows; answers where the first one is."""
        start = self.size
        self.size += count
        if self.size > len(self.data):
            self.reserve(max(self.size, len(self.data) * 3 // 2))
        return start

    def reserve(self, capacity: int) -> None:
        """Make the array at least this long."""
        if capacity > len(self.data):
            grown = np.full(capacity, self.fill, dtype=self.data.dtype)
            grown[: len(self.data)] = self.data
            self.data = grown

    @property
    def nbytes(self) -> int:
        return self.data.nbytes


class Rows:
    """Columns of one length: a new row costs one comparison while there is room."""

    __slots__ = ("_capacity", "_columns", "size")

    def __init__(self, *columns: Column[Any]) -> None:
        self._columns = columns
        self._capacity = min(len(column.data) for column in columns)
        self.size = 0

    def add(self) -> int:
        """One more row, of which every column has its fill."""
        row = self.size
        self.size += 1
        if self.size > self._capacity:
            self._capacity = self._capacity * 3 // 2
            for column in self._columns:
                column.reserve(self._capacity)
        return row

    @property
    def nbytes(self) -> int:
        return sum(column.nbytes for column in self._columns)


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


def tally(values: AnyInts, weights: Floats, size: int) -> Floats:
    """The sum of the weights of each value below `size`."""
    return np.bincount(values, weights=weights, minlength=size).astype(np.float64, copy=False)
