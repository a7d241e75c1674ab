"""The replay: every order of the last days is asked for before it is put in."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from recommendations.backtest.metrics import TOP, Scores
from recommendations.engine import Purchase, ShopEngine
from recommendations.engine.decay import DAY
from recommendations.engine.question import Kind, Question
from recommendations.engine.suggest import suggest

SEED = 20171204
MOST = 4000  # orders that are asked for, spread evenly over the days
OURS, POPULAR, FREQUENT = "recommendations", "popularity", "personal frequency"
METHODS = (OURS, POPULAR, FREQUENT)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of one placement: what is known, and what was bought then."""

    placement: str
    question: Question
    targets: frozenset[str]


@dataclass(slots=True)
class Replay:
    """The methods' scores by placement, and what they were measured on."""

    scores: dict[str, dict[str, Scores]] = field(default_factory=dict)
    train_orders: int = 0
    test_orders: int = 0
    products: int = 0

    def of(self, placement: str) -> dict[str, Scores]:
        return self.scores.setdefault(placement, {method: Scores() for method in METHODS})


class _History:
    """Plain counts for the baselines."""

    def __init__(self) -> None:
        self.own: dict[str, Counter[str]] = {}

    def add(self, order: Purchase) -> None:
        if order.customer_id is not None:
            self.own.setdefault(order.customer_id, Counter()).update(order.product_ids)

    def ranked(self, customer_id: str | None) -> list[str]:
        mine = self.own.get(customer_id or "", Counter())
        return sorted(mine, key=lambda name: (-mine[name], name))


def replay(
    orders: Sequence[Purchase],
    days: float,
    kinds: Mapping[str, Kind],
    *,
    progress: Callable[[float], None] = lambda _: None,
) -> Replay:
    """Ask for every order of the last ``days`` before it is put in; ``kinds`` says what each placement offers.

    ``orders`` in any order; those of equal time go by id. Deterministic: the same orders give the same result.
    """
    timeline = sorted((order for order in orders if order.product_ids), key=lambda order: (order.at, order.order_id))
    result, engine, history = Replay(), ShopEngine(), _History()
    if not timeline:
        return result
    cut = timeline[-1].at - days * DAY
    tests = [place for place, order in enumerate(timeline) if order.at > cut]
    chosen = {tests[place * len(tests) // MOST] for place in range(MOST)} if len(tests) > MOST else set(tests)
    rng = random.Random(SEED)  # noqa: S311  # a reproducible draw, no secret
    for place, order in enumerate(timeline):
        if place in chosen:
            for asked in _questions(order, kinds, rng):
                _ask(engine, history, asked, result)
        engine.put(order)
        history.add(order)
        if place % 500 == 0:
            progress(place / len(timeline))
    result.train_orders, result.test_orders = len(timeline) - len(tests), len(chosen)
    result.products = engine.size
    return result


def _questions(order: Purchase, kinds: Mapping[str, Kind], rng: random.Random) -> list[Asked]:
    """The product page: one product is looked at, the others are bought too. The cart: all but one are in it. The
    customer's own places: what the order was made of.
    """
    asked = []
    products = sorted(order.product_ids)
    for placement, kind in sorted(kinds.items()):
        if kind in ("bought_together", "also_bought", "upsell"):
            if len(products) < 2:
                continue
            one = rng.choice(products)
            rest = [name for name in products if name != one]
            if placement == "product_page":
                asked.append(Asked(placement, Question(kind, order.at, seeds=[one]), frozenset(rest)))
            else:
                question = Question(kind, order.at, seeds=rest, customer_id=order.customer_id)
                asked.append(Asked(placement, question, frozenset([one])))
        elif order.customer_id is not None:
            question = Question(kind, order.at, customer_id=order.customer_id)
            asked.append(Asked(placement, question, frozenset(products)))
    return asked


def _ask(engine: ShopEngine, history: _History, asked: Asked, result: Replay) -> None:
    question, scores = asked.question, result.of(asked.placement)
    popular = [
        item.product_id for item in suggest(engine, Question("trending", question.now, seeds=question.seeds, limit=TOP))
    ]
    known = set(question.seeds)
    frequent = [name for name in history.ranked(question.customer_id) if name not in known][:TOP]
    frequent += [name for name in popular if name not in frequent][: TOP - len(frequent)]
    ours = [item.product_id for item in suggest(engine, question)]
    for method, found in ((OURS, ours), (POPULAR, popular), (FREQUENT, frequent)):
        scores[method].judge(found, asked.targets)
