"""Which of the ranked products get into an answer: places, categories, repeats."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from recommendations.engine.ranking import Ranked


@dataclass(slots=True)
class Places:
    """The free places of one answer. ``per_category`` and ``repeats`` are the most of one category and of products
    that the customer already has; None: no limit.
    """

    limit: int
    per_category: int | None = None
    repeats: int | None = None
    category_of: Callable[[int], str | None] = lambda _: None
    owned: frozenset[int] = frozenset()
    taken: list[int] = field(default_factory=list)
    _categories: dict[str, int] = field(default_factory=dict)
    _repeats: int = 0

    @property
    def free(self) -> int:
        return self.limit - len(self.taken)

    @property
    def picky(self) -> bool:
        """Whether a good score may not be enough."""
        return self.per_category is not None or self.repeats is not None

    def choose(self, ranked: Sequence[Ranked]) -> list[Ranked]:
        """Those that find a place, in their order."""
        return [item for item in ranked if self.free > 0 and self.take(item.row)]

    def take(self, row: int) -> bool:
        """Give a product a place, if there is one for it."""
        category = self.category_of(row) if self.per_category is not None else None
        if category is not None and self._categories.get(category, 0) >= (self.per_category or 0):
            return False
        if self.repeats is not None and row in self.owned:
            if self._repeats >= self.repeats:
                return False
            self._repeats += 1
        if category is not None:
            self._categories[category] = self._categories.get(category, 0) + 1
        self.taken.append(row)
        return True
