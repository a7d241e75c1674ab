"""How good lists were."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

TOP = 10


@dataclass(slots=True)
class Scores:
    """Every list of one method, judged."""

    recalls: list[float] = field(default_factory=list)
    ndcgs: list[float] = field(default_factory=list)
    hits: list[float] = field(default_factory=list)
    offered: set[str] = field(default_factory=set)

    def judge(self, found: Sequence[str], targets: frozenset[str]) -> None:
        """Compare one list with what was bought."""
        places = [place for place, name in enumerate(found[:TOP]) if name in targets]
        ideal = sum(1.0 / math.log2(place + 2) for place in range(min(TOP, len(targets))))
        self.recalls.append(len(places) / len(targets))
        self.ndcgs.append(sum(1.0 / math.log2(place + 2) for place in places) / ideal)
        self.hits.append(1.0 if places else 0.0)
        self.offered.update(found[:TOP])


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def paired(mine: Sequence[float], theirs: Sequence[float]) -> tuple[float, float]:
    """The mean difference of two methods on the same questions, and half of its 95 % interval."""
    changes = [one - other for one, other in zip(mine, theirs, strict=True)]
    if len(changes) < 2:
        return mean(changes), 0.0
    average = mean(changes)
    variance = sum((change - average) ** 2 for change in changes) / (len(changes) - 1)
    return average, 1.96 * math.sqrt(variance / len(changes))
