"""The evidence in words that a shop can show."""

from collections.abc import Callable, Sequence

from recommendations.engine.evidence import Reason

Name = Callable[[str], str]


def text_of(source: str, product_id: str, reason: Reason, name: Name = str) -> str:
    """One sentence with the counts; ``name`` turns a product id into what people call it."""
    product, seeds = name(product_id), _either([name(seed) for seed in reason.seeds])
    if source in ("bought_together", "also_bought") and seeds:
        return f"{reason.support} of {reason.of} who bought {seeds} also bought {product}"
    if source == "for_you" and seeds:
        return f"{reason.support} of {reason.of} orders with {seeds} also had {product}"
    if source in ("buy_again", "replenishment"):
        again = f", together with {seeds}" if seeds else ""
        return f"{product} was in {reason.support} of your {_orders(reason.of)}{again}"
    return f"{product} was in {reason.support} of {_orders(reason.of)}"


def _orders(count: int) -> str:
    return "1 order" if count == 1 else f"{count} orders"


def _either(names: Sequence[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
