"""Lists against what was bought, and one method against another on the same questions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recommendations.backtest.metrics import Scores, mean, paired


@dataclass(frozen=True)
class Figure:
    """One method on one task, at 10."""

    task: str
    method: str
    recall: float
    ndcg: float
    hit_rate: float
    coverage: float
    recalls: list[float]
    hits: list[float]


def figure(
    task: str, method: str, lists: Iterable[Sequence[str]], targets: Sequence[frozenset[str]], size: int
) -> Figure:
    """Judge the lists of one method. `size`: products of the catalogue, for the coverage."""
    scores = Scores()
    for found, wanted in zip(lists, targets, strict=True):
        scores.judge(found, wanted)
    return Figure(
        task,
        method,
        mean(scores.recalls),
        mean(scores.ndcgs),
        mean(scores.hits),
        len(scores.offered) / size,
        scores.recalls,
        scores.hits,
    )


def ahead(ours: Figure, other: Figure) -> str:
    """How much recall ours has more, and half of the 95 % interval (paired)."""
    change, half = paired(ours.recalls, other.recalls)
    return f"{change:+.4f} ± {half:.4f}"


def table(figures: Sequence[Figure], ours: str) -> str:
    """Markdown: every method of one task, and how far ours is ahead of it."""
    mine = next(one for one in figures if one.method == ours)
    rows = [
        "| method | R@10 | NDCG@10 | HR@10 | coverage | ours ahead (± 1.96 s.e., paired) |",
        "|---|---|---|---|---|---|",
    ]
    for one in figures:
        difference = "" if one is mine else ahead(mine, one)
        name = f"**{one.method}**" if one is mine else one.method
        rows.append(
            f"| {name} | {one.recall:.4f} | {one.ndcg:.4f} | {one.hit_rate:.4f} | {one.coverage:.3f} | {difference} |"
        )
    return "\n".join(rows)
