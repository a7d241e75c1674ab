"""The program document: defaults, and errors that say what to do."""

from typing import Any

import pytest
from pydantic import ValidationError

from loyalty.program.checks import ProgramInvalid, check_program
from loyalty.program.defaults import default_program, default_reward
from loyalty.program.document import Program


def test_an_empty_document_is_the_default_program() -> None:
    assert Program.model_validate({}) == default_program()
    dumped = default_program().model_dump(mode="json")
    assert Program.model_validate(dumped) == default_program()
    assert [dumped[name] for name in ("earn_on", "rounding", "stacking", "discount_allocation")] == [
        "paid", "floor", "sum", "per_line",
    ]  # fmt: skip
    assert dumped["rules"][0]["when"]["from"] is None
    assert default_reward("EUR") == {"kind": "amount_off", "points": 100, "value": 500, "currency": "EUR"}


def test_the_document_of_the_contract_is_valid_with_its_first_names() -> None:
    document = {
        "points_name": {"one": "star", "other": "stars"},
        "currency_rates": {"USD": "0.92"},
        "rules": [
            {
                "id": "base", "kind": "per_amount", "points": 1, "per": 100, "factor": "1.5", "activity": "review",
                "stackable": True, "priority": 0,
                "when": {"min_amount": 0, "product_ids": [], "skus": [], "category_ids": [], "channels": [],
                         "customer_tags": [], "tiers": [], "from": None, "until": None, "weekdays": [], "hours": [],
                         "attributes": {}},
                "limit": {"times": 1, "period": "order", "points": None},
            }
        ],
        "caps": [{"points": 1000, "period": "order", "over": "trim"}],
        "pending": {"kind": "none", "days": 14, "until": None},
        "expiry": {"kind": "none", "months": 12, "days": None, "round_to": "none", "warn_days": [30, 7]},
        "tiers": {
            "basis": "points", "window": "rolling_12m", "until": "end_of_window", "extra_days": 0, "downgrade": "one",
            "grace": "P0D", "grace_round_to": "none",
            "levels": [{"id": "silver", "name": "Silver", "threshold": 100,
                        "benefits": {"multiplier": "1.2", "reward_ids": [], "free_shipping": False},
                        "entry": {"points": 0, "reward_ids": []}}],
        },
    }  # fmt: skip
    check_program(Program.model_validate(document))


def test_what_is_left_out_of_a_part_has_its_default() -> None:
    rules = [
        {"id": "units", "kind": "per_quantity", "limit": {"points": 5, "period": "day"}},
        {"id": "once", "limit": {"period": "day"}},
        {"id": "both", "limit": {"times": 2, "points": 5}},
    ]
    units, once, both = Program.model_validate({"rules": rules}).rules
    assert units.per == 1
    assert [(rule.limit.times, rule.limit.points) for rule in (units, once, both) if rule.limit] == [
        (None, 5), (1, None), (2, 5),
    ]  # fmt: skip
    level = Program.model_validate({"tiers": {"levels": [{"id": "gold"}]}}).tiers.levels[0]
    assert (level.name, level.threshold, level.benefits.multiplier) == ("gold", 0, "1")


@pytest.mark.parametrize(
    "document",
    [
        {"rules": [{"id": "a", "kind": "multiplier", "factor": 1.5}]},
        {"redemption": {"max_share": 1.5}},
        {"currency_rates": {"USD": 1.5}},
    ],
)
def test_a_decimal_number_that_is_no_text_is_told_how_to_be_one(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r'write the decimal number as text: "1\.5"'):
        Program.model_validate(document)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"unknown": 1}, "/unknown"),
    ({"earn_on": "shipped"}, "/earn_on"),
    ({"rules": [{"kind": "fixed"}]}, "/rules/0/id"),
    ({"rules": [{"id": "a/b"}]}, "/rules/0/id"),
    ({"rules": [{"id": "a", "points": -1}]}, "/rules/0/points"),
    ({"rules": [{"id": "a", "points": 1.5}]}, "/rules/0/points"),
    ({"rules": [{"id": "a", "points": True}]}, "/rules/0/points"),
    ({"rules": [{"id": "a", "points": "1"}]}, "/rules/0/points"),
    ({"rules": [{"id": "a", "per": 0}]}, "/rules/0/per"),
    ({"rules": [{"id": "a", "factor": 1.5}]}, "/rules/0/factor"),
    ({"rules": [{"id": "a", "factor": "0"}]}, "/rules/0/factor"),
    ({"rules": [{"id": "a", "factor": "1e3"}]}, "/rules/0/factor"),
    ({"rules": [{"id": "a", "factor": "1001"}]}, "/rules/0/factor"),
    ({"rules": [{"id": "a", "when": {"hours": [24]}}]}, "/rules/0/when/hours/0"),
    ({"rules": [{"id": "a", "when": {"hours": ["19:00-18:00"]}}]}, "/rules/0/when/hours/0"),
    ({"rules": [{"id": "a", "when": {"weekdays": ["someday"]}}]}, "/rules/0/when/weekdays/0"),
    ({"rules": [{"id": "a", "when": {"weekdays": [8]}}]}, "/rules/0/when/weekdays/0"),
    ({"rules": [{"id": "a", "when": {"from": "tomorrow"}}]}, "/rules/0/when/from"),
    ({"rules": [{"id": "a", "when": {"from": "2026-01-01T10:00:00"}}]}, "/rules/0/when/from"),
    ({"rules": [{"id": "a", "when": {"attributes": {"x": [1]}}}]}, "/rules/0/when/attributes/x"),
    ({"rules": [{"id": "a", "limit": {"times": 0}}]}, "/rules/0/limit/times"),
    ({"currency_rates": {"usd": "1"}}, "/currency_rates/usd"),
    ({"currency_rates": {"USD": 0.92}}, "/currency_rates/USD"),
    ({"currency_rates": {"USD": "-1"}}, "/currency_rates/USD"),
    ({"redemption": {"max_share": "1.1"}}, "/redemption/max_share"),
    ({"redemption": {"points": 0}}, "/redemption/points"),
    ({"tiers": {"grace": "P1H"}}, "/tiers/grace"),
    ({"tiers": {"grace": "PT5H"}}, "/tiers/grace"),
    ({"tiers": {"grace": "P"}}, "/tiers/grace"),
    ({"points_name": {"one": "a\x00"}}, ""),
]


@pytest.mark.parametrize(
    ("document", "pointer"), REFUSED, ids=[f"{pointer}-{place}" for place, (_, pointer) in enumerate(REFUSED)]
)
def test_a_bad_field_is_refused_where_it_stands(document: dict[str, Any], pointer: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Program.model_validate(document)
    found = ["".join(f"/{part}" for part in error["loc"]) for error in refusal.value.errors()]
    assert any(one.startswith(pointer) for one in found)


SILVER = {"levels": [{"id": "silver", "threshold": 100}]}
CONTRADICTIONS: list[tuple[dict[str, Any], str, str]] = [
    ({"rules": [{"id": "a"}, {"id": "a"}]}, "/rules/1/id", "own id"),
    ({"rules": [{"id": "a", "kind": "multiplier"}]}, "/rules/0/factor", "needs a factor"),
    ({"rules": [{"id": "a", "kind": "activity"}]}, "/rules/0/activity", "needs the activity"),
    ({"rules": [{"id": "a", "when": {"tiers": ["gold"]}}], "tiers": SILVER}, "/rules/0/when/tiers/0", "silver"),
    ({"rules": [{"id": "a", "when": {"tiers": ["gold"]}}]}, "/rules/0/when/tiers/0", "none yet"),
    ({"rules": [{"id": "a", "limit": {"times": None}}]}, "/rules/0/limit", "leave limit out"),
    (
        {"rules": [{"id": "a", "kind": "birthday", "when": {"min_amount": 5, "skus": ["x"]}}]},
        "/rules/0/when/min_amount",
        "leave it out",
    ),
    ({"rules": [{"id": "a", "when": {"from": "2026-02-01", "until": "2026-01-01"}}]}, "/rules/0/when/until", "after"),
    ({"caps": [{"points": 5}, {"points": 6}]}, "/caps/1/period", "keep the lower"),
    ({"pending": {"kind": "until"}}, "/pending/until", "say until when"),
    ({"expiry": {"kind": "calendar"}}, "/expiry/round_to", "month_end or year_end"),
    ({"expiry": {"warn_days": [7, 7]}}, "/expiry/warn_days/1", "already"),
    ({"tiers": {"levels": [{"id": "a"}, {"id": "a", "threshold": 5}]}}, "/tiers/levels/1/id", "own id"),
    (
        {"tiers": {"levels": [{"id": "a", "threshold": 5}, {"id": "b", "threshold": 5}]}},
        "/tiers/levels/1/threshold",
        "5",
    ),
]


@pytest.mark.parametrize(("document", "pointer", "advice"), CONTRADICTIONS, ids=[one[1] for one in CONTRADICTIONS])
def test_a_contradiction_is_refused_with_what_to_do(document: dict[str, Any], pointer: str, advice: str) -> None:
    with pytest.raises(ProgramInvalid) as refusal:
        check_program(Program.model_validate(document))
    told = {error.pointer: error.detail for error in refusal.value.errors}
    assert advice in told[pointer]


def test_one_day_from_and_until_is_a_window() -> None:
    check_program(
        Program.model_validate({"rules": [{"id": "a", "when": {"from": "2026-01-01", "until": "2026-01-01"}}]})
    )
