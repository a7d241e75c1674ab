"""The worked cases of shared/cases/recommendations.md that need nothing but the engine, each under its id."""

import math
from typing import Any

import numpy as np
import pytest

from recommendations.engine import ShopEngine
from recommendations.engine.columns import Floats
from recommendations.engine.suggest import Question, suggest
from tests.unit.recommendations.shops import DAY, T0, base_shop, purchase, scores


def close(pairs: list[tuple[str, float]]) -> list[tuple[str, Any]]:
    return [(name, pytest.approx(score, abs=1e-6)) for name, score in pairs]


def test_case_01_bought_together_carries_support_confidence_and_lift() -> None:
    found = suggest(base_shop(), Question("bought_together", T0, seeds=["A"]))
    assert [(item.product_id, item.source) for item in found] == [
        ("B", "bought_together"),
        ("C", "bought_together"),
        ("D", "trending"),
    ]
    b, c, _ = found
    assert [("B", b.score), ("C", c.score)] == close([("B", 0.116996), ("C", 0.078582)])
    assert (b.reason.seeds, b.reason.support, b.reason.confidence) == (("A",), 3, 0.75)
    assert (c.reason.seeds, c.reason.support, c.reason.confidence) == (("A",), 2, 0.5)
    assert [("B", b.reason.lift), ("C", c.reason.lift)] == close([("B", 0.9375), ("C", 1.25)])


def test_case_01_minimum_support_leaves_only_b_from_co_purchase() -> None:
    found = suggest(base_shop(), Question("bought_together", T0, seeds=["A"], min_support=3))
    assert [(item.product_id, item.source) for item in found] == [
        ("B", "bought_together"),
        ("C", "trending"),
        ("D", "trending"),
    ]


def test_case_02_an_order_delivered_again_changes_no_bit() -> None:
    engine = base_shop()
    before = scores(engine, "A")
    assert not engine.put(purchase("O5", "AB", customer="c5"))
    assert not engine.put(purchase("O5", "BA", customer="c5"))
    assert scores(engine, "A") == before


@pytest.mark.parametrize("times", [1, 2])
def test_case_03_a_cancelled_order_flips_the_list_however_often_it_is_cancelled(times: int) -> None:
    engine = base_shop()
    for _ in range(times):
        engine.remove("O5")
    found = suggest(engine, Question("bought_together", T0, seeds=["A"], backfill=False))
    assert [(item.product_id, item.score) for item in found] == close([("C", 0.083492), ("B", 0.080799)])
    assert [item.reason.support for item in found] == [2, 2]


def test_case_05_new_orders_lead_at_once() -> None:
    engine = base_shop()
    for number in range(3):
        engine.put(purchase(f"N{number}", "AE", T0 + 60))
    found = scores(engine, "A", now=T0 + 60)
    assert found == close([("E", 0.113038), ("B", 0.099863), ("C", 0.067075)])
    assert engine.newest_at == T0 + 60


def test_case_07_weights_halve_in_180_days_and_support_stays() -> None:
    found = suggest(base_shop(), Question("bought_together", T0 + 180 * DAY, seeds=["A"], backfill=False))
    assert [(item.product_id, item.score) for item in found] == close([("B", 0.069640), ("C", 0.045491)])
    assert [item.reason.support for item in found] == [3, 2]


@pytest.mark.parametrize("way", ["exclude", "out of stock", "in the basket"])
def test_case_09_a_product_kept_out_is_absent_and_the_list_is_refilled(way: str) -> None:
    engine = base_shop()
    question = {
        "exclude": Question("bought_together", T0, seeds=["A"], exclude=["B"], limit=2),
        "out of stock": Question("bought_together", T0, seeds=["A"], limit=2, factors=_without(engine, "B")),
        "in the basket": Question("bought_together", T0, seeds=["A", "B"], limit=2),
    }[way]
    assert [item.product_id for item in suggest(engine, question)] == ["C", "D"]


@pytest.mark.parametrize(("exclude_owned", "expected"), [(True, False), (False, True)])
def test_case_10_owned_products_stay_unless_excluded(exclude_owned: bool, expected: bool) -> None:
    engine = base_shop()
    question = Question("for_you", T0, customer_id="c4", exclude_owned=exclude_owned)
    assert ("B" in {item.product_id for item in suggest(engine, question)}) is expected


def test_case_11_unknown_product_and_unknown_customer_get_trending() -> None:
    engine = base_shop()
    for question in (
        Question("bought_together", T0, seeds=["nothing"]),
        Question("also_bought", T0, seeds=["nothing"]),
        Question("for_you", T0, customer_id="nobody"),
        Question("buy_again", T0, customer_id="nobody"),
    ):
        found = suggest(engine, question)
        assert [item.product_id for item in found] == ["A", "B", "C", "D"]
        assert {item.source for item in found} == {"trending"}


def test_case_11_a_shop_without_orders_answers_an_empty_list() -> None:
    for kind in ("bought_together", "also_bought", "for_you", "buy_again", "trending"):
        assert suggest(ShopEngine(), Question(kind, T0, seeds=["A"], customer_id="c1")) == []


def test_case_11_without_back_fill_there_is_nothing_to_say() -> None:
    engine = base_shop()
    for question in (
        Question("bought_together", T0, seeds=["nothing"], backfill=False),
        Question("for_you", T0, customer_id="nobody", backfill=False),
        Question("buy_again", T0, customer_id="nobody", backfill=False),
    ):
        assert suggest(engine, question) == []


@pytest.mark.parametrize(("half_life", "first"), [(14.0, "Y"), (math.inf, "X"), (13.999, "Y")])
def test_case_12_trending_forgets_by_its_half_life(half_life: float, first: str) -> None:
    engine = ShopEngine()
    for number in range(8):
        engine.put(purchase(f"x{number}", "X", T0 - 28 * DAY))
    for number in range(3):
        engine.put(purchase(f"y{number}", "Y", T0))
    found = suggest(engine, Question("trending", T0, half_life_days=half_life))
    assert found[0].product_id == first
    if half_life == 14.0:
        assert {item.product_id: item.score for item in found} == {"X": pytest.approx(2), "Y": pytest.approx(3)}


def test_case_18_equal_scores_go_by_product_id_and_repeat_exactly() -> None:
    engine = ShopEngine()
    for number, products in enumerate(("QZ", "QA", "QM")):
        engine.put(purchase(f"o{number}", products))
    first = suggest(engine, Question("bought_together", T0, seeds=["Q"]))
    assert [item.product_id for item in first] == ["A", "M", "Z"]
    assert suggest(engine, Question("bought_together", T0, seeds=["Q"])) == first


def test_case_21_an_erased_customer_is_unknown_and_the_counts_stay() -> None:
    engine = base_shop()
    before = scores(engine, "A")
    assert engine.forget("c1") == 1
    assert scores(engine, "A") == before
    unknown = suggest(engine, Question("for_you", T0, customer_id="nobody"))
    assert suggest(engine, Question("for_you", T0, customer_id="c1")) == unknown
    assert engine.forget("c1") == 0


def _without(engine: ShopEngine, product_id: str) -> Floats:
    factors = np.ones(engine.size)
    factors[engine.products.numbers[product_id]] = 0.0
    return factors
