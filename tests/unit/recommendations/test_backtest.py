"""The replay of a shop's own orders, its metrics and its page."""

import random

import pytest

from recommendations.backtest.metrics import Scores, mean, paired
from recommendations.backtest.replay import FREQUENT, OURS, POPULAR, replay
from recommendations.backtest.report import as_data, as_page
from recommendations.engine import Purchase
from recommendations.engine.question import Kind
from recommendations.placement_document import DEFAULTS
from tests.unit.recommendations.shops import DAY, T0

KINDS: dict[str, Kind] = {name: one.kind for name, one in DEFAULTS.items()}


def believable(count: int = 600) -> list[Purchase]:
    """Pairs that go together, and customers with habits."""
    rng = random.Random(5)
    orders = []
    for number in range(count):
        customer = rng.randrange(30)
        pair = rng.randrange(12) if rng.random() < 0.5 else customer % 12
        products = {f"a{pair:02}", f"b{pair:02}"}
        if rng.random() < 0.4:
            products.add(f"x{rng.randrange(20):02}")
        orders.append(Purchase(f"o{number:04}", f"c{customer}", T0 + number * DAY / 6, tuple(sorted(products))))
    return orders


def test_recall_ndcg_and_hits_by_hand() -> None:
    scores = Scores()
    scores.judge(["A", "B", "C"], frozenset({"B", "D"}))
    assert scores.recalls == [0.5]
    assert scores.ndcgs == [pytest.approx((1 / 1.5849625) / (1 + 1 / 1.5849625))]
    assert scores.hits == [1.0]
    scores.judge([], frozenset({"B"}))
    assert (scores.recalls[1], scores.ndcgs[1], scores.hits[1]) == (0.0, 0.0, 0.0)
    scores.judge([f"n{number}" for number in range(10)] + ["Z"], frozenset({"Z"}))
    assert scores.recalls[2] == 0.0  # the eleventh place counts nothing
    assert mean(scores.recalls) == pytest.approx(0.5 / 3)


def test_a_paired_difference_is_narrower_than_its_parts() -> None:
    change, half = paired([0.2, 0.4, 0.9], [0.1, 0.3, 0.8])
    assert change == pytest.approx(0.1)
    assert half == pytest.approx(0.0, abs=1e-12)
    assert paired([1.0], [0.0]) == (1.0, 0.0)


def test_the_replay_is_ahead_where_orders_have_a_pattern_and_repeats_itself() -> None:
    orders = believable()
    result = replay(orders, 28, KINDS)
    again = replay(list(reversed(orders)), 28, KINDS)
    assert as_data(result, 28) == as_data(again, 28)
    data = {one["placement"]: one for one in as_data(result, 28)["placements"]}
    assert set(data) == set(DEFAULTS)
    for placement in ("product_page", "cart", "email"):
        ahead = data[placement]["ahead_of"][POPULAR]
        assert ahead["interval"][0] > 0, placement
    assert data["email"]["methods"][FREQUENT]["recall"] > data["email"]["methods"][POPULAR]["recall"]
    assert 0 < data["cart"]["methods"][OURS]["coverage"] <= 1


def test_nothing_is_known_of_an_order_before_it_is_asked_for() -> None:
    orders = [Purchase(f"o{number}", None, T0 + number, (f"p{number}", f"q{number}")) for number in range(50)]
    data = as_data(replay(orders, 1, KINDS), 1)
    for placement in data["placements"]:
        assert placement["methods"][OURS]["recall"] == 0.0


def test_an_empty_shop_has_an_empty_report() -> None:
    data = as_data(replay([], 28, KINDS), 28)
    assert data["placements"] == []
    assert "no orders" in as_page(data, "Empty")


def test_the_page_has_a_chart_a_table_and_no_foreign_markup() -> None:
    data = as_data(replay(believable(200), 10, KINDS), 10)
    page = as_page(data, "<script>alert(1)</script>")
    assert "<script>" not in page
    assert page.count("<svg") == len(data["placements"]) == page.count("<table>")
    assert "http" not in page.replace("http-equiv", "")


def test_the_page_names_our_method_first_also_when_the_result_was_stored() -> None:
    data = as_data(replay(believable(200), 10, KINDS), 10)
    for placement in data["placements"]:  # as JSONB gives them back
        placement["methods"] = dict(sorted(placement["methods"].items(), key=lambda one: (len(one[0]), one[0])))
    body = as_page(data, "Stored").split("<tbody>")[1]
    assert body.index(OURS) < body.index(POPULAR) < body.index(FREQUENT)
